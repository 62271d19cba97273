package remediation

import (
	"context"
	"errors"
	"time"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
)

// limits is what a run met of what one control may do in an hour.
type limits struct {
	unreached   []ledger.Step  // what waits because nobody can be notified
	held        []ledger.Step  // what the blast radius held
	trippedAt   time.Time      // when it was reached
	emergencies ledger.Breaker // counts those of the hour
}

// notifyLimits alerts about the limits that the run met. If an earlier run has alerted about one, its entry is
// there, and its notice with it.
func (r *run) notifyLimits(ctx context.Context) error {
	var faults []error
	for _, entry := range []ledger.Entry{
		unreached(r.recorder, r.limits.unreached), r.recorder.stopped(r.limits), r.recorder.crowded(r.limits.emergencies),
	} {
		if entry.ID == "" {
			continue
		}
		entries := []ledger.Entry{entry}
		err := r.Ledger.Record(ctx, &r.record, entries, r.record.Planned)
		if err == nil {
			err = r.notify(ctx, &entries[0], false, false)
		}
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// unreached is an alert, once a week, about what is not changed because nobody responsible can be notified before; it
// is empty if there is nothing. It goes to whoever reads the topic.
func unreached(r *recorder, steps []ledger.Step) (entry ledger.Entry) {
	if len(steps) == 0 {
		return entry
	}
	entry = r.newEntry(digest(r.Control.ID, "unreached", r.now.Unix()/int64(Weekly/time.Second)), control.Critical)
	entry.Notify, entry.Guard = notice.Alert, ledger.Unreached
	r.word(
		&entry,
		i18n.T("Nobody can be notified: nothing is changed"),
		i18n.T("%s would change %d things and does not, because neither their owners nor anybody else can be notified. "+
			"Emergencies are acted on all the same.", r.Control.ID, len(steps)),
		i18n.T(
			"Set notify.emails, owners.default or notify.ses in cdk.json and run make deploy; or correct the addresses that "+
				"mail comes back from.",
		),
	)
	for _, step := range steps {
		entry.Facts = append(entry.Facts, r.fact(Fact{Name: i18n.T("Pending"), Value: r.Kinds.Describe(step.Change, false)}))
	}
	return entry
}

// stopped is an alert about what waits since the blast radius was reached; it is empty if nothing does.
func (r *recorder) stopped(l limits) (entry ledger.Entry) {
	if len(l.held) == 0 {
		return entry
	}
	entry = r.newEntry(digest(r.Control.ID, "blast radius", l.trippedAt.Unix()), control.High)
	entry.Notify, entry.Guard = notice.Alert, ledger.Stopped
	r.word(&entry, i18n.T("Blast radius reached"),
		i18n.T("%s made %d changes within an hour and stopped. It changes nothing more until it is released; the next "+
			"sweep then applies what is pending.",
			r.Control.ID, r.Settings.BlastRadius),
		i18n.T("Read the pending changes. If they are right: make release CONTROL=%s REASON=\"why\". If not: set the "+
			"control to observe, and undo what was changed.", r.Control.ID))
	for _, step := range l.held {
		waits := Fact{Name: i18n.T("Pending"), Value: r.Kinds.Describe(step.Change, false)}
		entry.Facts = append(entry.Facts, r.fact(waits))
	}
	return entry
}

// crowded asks, once an hour, whether so many emergencies are right; it is empty if there are few. Warder acts on
// them meanwhile.
func (r *recorder) crowded(b ledger.Breaker) (entry ledger.Entry) {
	if len(b.Emergencies) <= r.Settings.BlastRadius {
		return entry
	}
	entry = r.newEntry(digest(r.Control.ID, "emergencies", b.EmergenciesSince.Unix()), control.Critical)
	entry.Notify, entry.Guard = notice.Alert, ledger.Crowded
	r.word(&entry, i18n.T("Many emergencies within an hour"),
		i18n.T("%s acted on %d emergencies within an hour. It is still acting: emergencies do not wait for the blast radius.",
			r.Control.ID, len(b.Emergencies)),
		i18n.T("Read the notice of each. If they are right, nothing is to be done here. If not: make halt REASON=\"why\", "+
			"and undo what was changed."))
	return entry
}
