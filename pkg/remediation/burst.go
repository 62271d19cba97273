package remediation

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/metric"
	"github.com/warder-aws/warder/pkg/notice"
)

// single is how many alerts that are alike are notified one by one within [burst]. The next one says that there are
// more, and so do the tenth, the hundredth and so on: whoever makes many calls must neither hide what else happens
// behind them, nor fill a channel. All of them are in the ledger.
const (
	single = 3
	burst  = 5 * time.Minute
)

// notifies reports whether the one at the place in a row is notified by itself.
func notifies(place int) bool {
	if place <= single+1 {
		return true
	}
	for place%10 == 0 {
		place /= 10
	}
	return place == 1
}

// limit keeps an alert quiet that is one of many alike: of the same control, about the same subject and kind of call,
// with the same title and severity. What is critical is always notified, and so is what the ledger
// cannot count.
func (r *recorder) limit(ctx context.Context, f Finding, entry *ledger.Entry) {
	record := r.event.Record()
	if record == nil || entry.Drill != "" || control.Severity(entry.Severity) == control.Critical {
		return
	}
	subject := entry.UserID
	if subject == "" {
		subject = "name of " + entry.Subject
	}
	name := digest(r.Control.ID, subject, f.Title.String(), f.Alike, record.Name, entry.Severity)
	row, place, err := r.Ledger.AddToBurst(ctx, name, entry.ID, r.now, burst)
	if err != nil {
		r.log.WarnContext(ctx, "alert not counted", "id", entry.ID, "error", notice.Redact(err.Error()))
		return
	}
	if !notifies(place) {
		entry.Notify = quiet
		r.report.skip(metric.SkippedRepeated, 1)
		r.report.note(Skipped, r.render(i18n.T("one of %d alike within %s: recorded, and not notified one by one", place,
			i18n.Period(burst))))
		return
	}
	var more i18n.Message
	switch {
	case place > single:
		more = i18n.T("%d of these within %s. Until %s not all of them are notified one by one; all are in the ledger, "+
			"under the same name.", place, i18n.Period(burst), i18n.Minute(row.Since.Add(burst)))
	case place == 1 && row.Before > single:
		more = i18n.T("%d of these from %s on; not all of them were notified one by one. All are in the ledger, under the "+
			"same name.", row.Before, i18n.Minute(row.BeforeSince))
	default:
		return
	}
	fact := r.fact(Fact{Name: i18n.T("Many alike"), Value: more})
	entry.Facts = append([]notice.Fact{fact}, entry.Facts...)
}

// crowd is how many critical entries of one run with one title are notified one by one as critical, and maxListed how
// many of more than these are named in the notice about all of them.
const (
	crowd     = 5
	maxListed = 50
)

// together puts one critical notice before many critical entries of one run with the same title, which names them all,
// and makes those after the first few high: one report about sixty access keys calls the on-call a few times, and
// each owner once. What fails is critical all the same.
func (r *recorder) together(entries []ledger.Entry) []ledger.Entry {
	alike := map[string][]int{}
	for i, e := range entries {
		if e.Severity == string(control.Critical) && e.Drill == "" {
			alike[e.Title] = append(alike[e.Title], i)
		}
	}
	var all []ledger.Entry
	for i := range entries {
		places := alike[entries[i].Title]
		if len(places) <= crowd || places[0] != i {
			continue
		}
		var subjects, ids []string
		for _, at := range places {
			subjects, ids = append(subjects, entries[at].Subject), append(ids, entries[at].ID)
		}
		group := r.group(entries[i], subjects, ids)
		for _, at := range places[crowd:] {
			entries[at].Group = group.ID
			entries[at].Facts = append(slices.Clone(entries[at].Facts), r.fact(Fact{
				i18n.T("One of many"), i18n.T("%d alike are in one critical notice, %s", len(places), group.ID),
			}))
		}
		all = append(all, group)
	}
	return append(all, entries...)
}

// group is the alert about many entries with the title of the first.
func (r *recorder) group(first ledger.Entry, subjects, ids []string) ledger.Entry {
	group := r.newEntry(digest(r.record.Key, "together", ids), control.Critical)
	group.Subject, group.Notify = r.render(i18n.T("%d resources", len(ids))), notice.Alert
	title := func(of string) i18n.Message { return i18n.T("%s: %d at once", of, len(ids)) }
	r.word(&group, title(first.Title),
		i18n.T("One event is about %d resources of this account. The first %d are notified one by one as critical, the "+
			"others as high. If something cannot be done about one of them, that is critical too.", len(ids), crowd),
		i18n.T("Read the list. Then find out what they have in common: where they were published, or who had them all."))
	if first.Heading != "" {
		group.Heading = title(first.Heading).String()
	}
	listed := i18n.Literal(strings.Join(subjects[:min(len(subjects), maxListed)], ", "))
	if more := len(subjects) - maxListed; more > 0 {
		listed = i18n.T("%s and %d more", listed, more)
	}
	group.Facts = append(group.Facts, r.fact(Fact{i18n.T("Resources"), listed}))
	return group
}

// severityOf is that of a notice about an entry: what failed, or is held, is as severe by itself as it is with others.
func severityOf(entry *ledger.Entry, kind notice.Kind) string {
	if entry.Group != "" && kind != notice.Failure && kind != notice.Held {
		return string(control.High)
	}
	return entry.Severity
}
