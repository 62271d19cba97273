package remediation

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/metric"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/settings"
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
// cannot count, unless it has a cause: the event is retried then.
func (r *recorder) limit(ctx context.Context, f Finding, entry *ledger.Entry) error {
	record := r.event.Record()
	if record == nil || entry.Drill != "" || control.Severity(entry.Severity) == control.Critical {
		return nil
	}
	if cause, ok := causeOf(f, record, entry); ok {
		return cause.fold(ctx, r, entry)
	}
	subject := entry.UserID
	if subject == "" {
		subject = "name of " + entry.Subject
	}
	name := digest(r.Control.ID, subject, f.Title.String(), f.Once.Alike, record.Name, entry.Severity)
	row, place, err := r.Ledger.AddToBurst(ctx, name, entry.ID, r.now, burst)
	if err != nil {
		r.log.WarnContext(ctx, "alert not counted", "id", entry.ID, "error", notice.Redact(err.Error()))
		return nil
	}
	if !notifies(place) {
		entry.Notify = quiet
		r.report.skip(metric.SkippedRepeated, 1)
		r.report.note(Skipped, r.render(i18n.T("one of %d alike within %s: recorded, and not notified one by one", place,
			i18n.Period(burst))))
		return nil
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
		return nil
	}
	fact := r.fact(Fact{Name: i18n.T("Many alike"), Value: more})
	entry.Facts = append([]notice.Fact{fact}, entry.Facts...)
	return nil
}

// cause is what several alerts come from that are about nobody who could own them, and are not high.
type cause struct {
	name       []any
	deployment bool // CloudFormation makes the calls, for a template that somebody wrote
}

// causeOf is the cause of an alert: who called, and how it is told; of a deployment, who called. ok is false for one
// that is told by itself: what is about a user is told to its owner, and what is high or worse must not hide behind
// others. Nor must what root does, what nobody is recorded for, who comes in, and what becomes of Warder.
func causeOf(f Finding, record *event.Record, entry *ledger.Entry) (c cause, ok bool) {
	who, severity := record.Identity, control.Severity(entry.Severity)
	if f.User != "" || severity.Rank() >= control.High.Rank() || who.ARN == "" || who.Kind() == event.Root ||
		record.Source == "signin.amazonaws.com" || f.Subject == settings.Product {
		return cause{}, false
	}
	c.name = []any{"cause", who.ARN, who.PrincipalID, entry.Severity}
	c.deployment = who.Service() == "cloudformation.amazonaws.com" && severity == control.Low
	if !c.deployment {
		c.name = append(c.name, f.Title.String(), f.Once.Alike, record.Name)
	}
	return c, true
}

// fold keeps an alert quiet whose cause another alert has told of within [Quiet]. Of a deployment the first says that
// others follow, of other callers the second; the tenth and hundredth and so on say how many there are, of a deployment
// the hundredth.
func (c cause) fold(ctx context.Context, r *recorder, entry *ledger.Entry) error {
	name := digest(append([]any{r.Control.ID}, c.name...)...)
	row, place, err := r.Ledger.AddToBurst(ctx, name, entry.ID, r.now, Quiet)
	until := i18n.Minute(row.Since.Add(Quiet))
	var more Fact
	switch {
	case err != nil:
		return fmt.Errorf("count the alert: %w", err)
	case place == 1 && !c.deployment:
		return nil
	case place == 1:
		more = Fact{i18n.T("Deployment"), i18n.T("What else of low severity CloudFormation does with this role until %s is "+
			"in the ledger, and is not notified one by one.", until)}
	case !c.deployment && (place == 2 || place >= 10 && notifies(place)), place >= 100 && notifies(place):
		more = Fact{i18n.T("Many alike"), i18n.T("%d of these by the same caller. Until %s not all of them are notified one "+
			"by one; all are in the ledger.", place, until)}
	default:
		entry.Notify = quiet
		r.report.skip(metric.SkippedRepeated, 1)
		r.report.note(
			Skipped,
			r.render(i18n.T("one of %d by the same caller within %s: recorded, and not notified one by one",
				place, i18n.Period(Quiet))),
		)
		return nil
	}
	entry.Facts = append([]notice.Fact{r.fact(more)}, entry.Facts...)
	return nil
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
