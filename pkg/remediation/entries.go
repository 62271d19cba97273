package remediation

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/drill"
	"github.com/warder-aws/warder/pkg/exemption"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/metric"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/owner"
)

// recorder describes what was found as entries of the ledger.
type recorder struct {
	*session
	reader *reader
	owners *owners
}

// newEntry is an entry of this run with nothing in it yet.
func (r *recorder) newEntry(id string, severity control.Severity) ledger.Entry {
	entry := ledger.Entry{
		ID: id, Control: r.Control.ID, Run: r.record.Key, Event: r.record.Event, At: r.now, Severity: string(severity),
	}
	if record := r.event.Record(); record != nil {
		entry.EventRegion = record.Region
	}
	if !r.sweeping() {
		entry.Thread = digest("event", r.record.Key) // whatever control answers the event
	}
	return entry
}

// entry describes a finding. An error says that its owner could not be read.
func (r *recorder) entry(ctx context.Context, f Finding) (ledger.Entry, error) {
	heading := "" // the title in English, where that is known to be another one
	if f.held != nil {
		heading = f.held.Heading
	}
	id := digest(r.Control.ID, r.record.Key, f.subject(), cmp.Or(heading, f.Title.String()), f.Once.Key, f.Changes)
	entry := r.newEntry(id, cmp.Or(f.Severity, r.Control.Severity))
	entry.Subject, entry.User, entry.UnchangedReason = f.subject(), f.User != "", r.render(f.UnchangedReason)
	r.word(&entry, i18n.Or(f.Title, i18n.Lookup(r.Control.Title)), f.Text, f.Advice)
	entry.Heading = cmp.Or(heading, entry.Heading)
	for _, fact := range f.Facts {
		entry.Facts = append(entry.Facts, r.fact(fact))
	}
	entry.Urgency = string(f.Urgency)
	if f.was != "" {
		entry.Facts = append(entry.Facts, r.fact(Fact{Name: i18n.T("Former name"), Value: i18n.Literal(f.was)}))
	}
	if f.Alert {
		entry.Notify = notice.Alert
	}
	if record := r.event.Record(); record != nil && f.Fresh {
		entry.Actor = record.Identity.Name()
	}
	var unread error
	name := "" // the present one
	if f.User != "" {
		contact, err := r.reader.contact(ctx, f.User, f.userID)
		if err = cmp.Or(f.unread, err); err != nil {
			contact = owner.Contact{Missing: i18n.T("could not be read: %s", i18n.Error(err))}
			if !r.lastTry() || len(f.Changes) > 0 {
				// At the last try an alert goes out without its owner: somebody has to know. See unread for changes.
				unread = fmt.Errorf("look up the owner of %q: %w", f.User, err)
			}
		}
		if err == nil && f.Former {
			var changed []notice.Fact
			if contact, changed, err = r.owners.former(ctx, f.User, contact); err != nil {
				return entry, err
			}
			entry.Facts = append(entry.Facts, changed...)
		}
		entry.Owner, entry.OwnerSlack, entry.UserID = contact.Address, contact.Slack, cmp.Or(contact.ID, f.userID)
		name = contact.Name
		if no := i18n.Or(contact.Missing, contact.Invalid); !no.Empty() {
			entry.Facts = append(entry.Facts, r.fact(Fact{Name: i18n.T("Owner"), Value: no}))
		}
		if err == nil {
			// Who cannot be read may only be named like the user of a drill.
			if err := r.markDrill(ctx, &entry, f, contact); err != nil {
				return entry, err
			}
		}
	}
	if f.Redirected {
		entry.Owner, entry.OwnerSlack = f.Recipient, ""
	}
	for i, c := range f.Changes {
		c = f.identified(c, entry.UserID)
		entry.Steps = append(entry.Steps, ledger.Step{Change: c, ID: stepID(id, i), Status: ledger.Planned, At: r.now})
	}
	if len(f.Changes) > 0 {
		f.Changes = changesOf(&entry)
		entry.Case = cmp.Or(f.Key, f.key())
	}
	rename(r.Runner, &entry, name)
	if f.held != nil {
		entry.Text = r.render(i18n.T("%s (%s): this was due on %s and was on hold then.",
			f.held.Title, entry.Subject, i18n.Minute(f.held.Opened)))
	}
	return entry, unread
}

// identified is a change of the finding with the unique id of the user, if it is about the finding's user.
func (f Finding) identified(c change.Change, id string) change.Change {
	if f.User != "" && c.Subject == f.User {
		c.SubjectID = cmp.Or(id, c.SubjectID)
	}
	return c
}

func stepID(entry string, i int) string { return fmt.Sprintf("%s-%d", entry, i+1) }

// markDrill marks an entry about what a drill did to its user, so that nobody takes it for an incident: the ledger
// knows the drill, the user, if it still exists, is the one that the drill made, and the drill itself did it while it
// went on. Who is only named like one, and what others do to its user, is an incident.
func (r *recorder) markDrill(ctx context.Context, entry *ledger.Entry, f Finding, contact owner.Contact) error {
	if !drill.Named(entry.Subject) || !r.event.Drill() && (!r.byDrill(r.event) || !f.Fresh) {
		return nil
	}
	drills, err := r.Ledger.Drills(ctx)
	if err != nil {
		return err
	}
	for _, d := range drills {
		if d.User == entry.Subject && (contact.ID == "" || madeBy(d, contact)) && within(d, r.event) {
			entry.Drill, entry.Title = d.ID, r.render(notice.DrillTitle(entry.Title))
			if entry.Heading != "" {
				entry.Heading = notice.DrillTitle(entry.Heading).String()
			}
			value := i18n.T("%s, a drill that %s started", d.ID, d.By.Describe())
			entry.Facts = append(entry.Facts, r.fact(Fact{Name: i18n.T("Drill"), Value: value}))
		}
	}
	return nil
}

// unread is the entry, at the last try, of a finding about what cannot be read: the tags of a user or a
// bucket say who owns it and what it is exempt from. Until then it is left to the retry.
//
// It is held and its owner is notified, and nothing is decided about it: when the event comes back from the
// on-failure queue, it is planned anew. What the event itself names waits for the next sweep besides.
func (r *recorder) unread(entry ledger.Entry, f Finding, why error) ([]ledger.Entry, error) {
	if len(entry.Steps) == 0 || !r.lastTry() {
		return nil, why
	}
	if !f.Fresh {
		entry.Case = ""
	}
	entry.ID, entry.Guard, entry.Notify = digest(entry.ID, ledger.Unread), ledger.Unread, ""
	for i := range entry.Steps {
		entry.Steps[i].ID = stepID(entry.ID, i)
	}
	r.setSteps(&entry, ledger.Held, i18n.Error(why))
	return []ledger.Entry{entry}, why
}

// unlessRepeated returns the entries of a finding, unless somebody was notified of the same lately.
func (r *recorder) unlessRepeated(ctx context.Context, f Finding, entries []ledger.Entry) ([]ledger.Entry, error) {
	first, err := firstTimeAbout(ctx, r, f)
	if err == nil && first {
		return entries, nil
	}
	if err == nil {
		r.report.skip(metric.SkippedRepeated, 1)
		r.report.note(Skipped, r.render(i18n.T("already notified: the same is notified once in %s", i18n.Period(f.Once.For))))
	}
	return nil, err
}

// firstTimeAbout reports whether nobody was notified of the finding lately. What was said about a user does not count
// for another of the same name: the mark goes by the unique id. Beside it is one under the name, for the last try of a
// run that cannot read whose it is. Controls that only alert have what distinguishes users in their keys.
func firstTimeAbout(ctx context.Context, r *recorder, f Finding) (bool, error) {
	once := f.Once
	if once.Key == "" || f.User == "" || !r.Control.Acts() {
		return r.firstTime(ctx, once)
	}
	id := f.userID
	if id == "" {
		contact, err := r.reader.contact(ctx, f.User, "")
		if err != nil && !r.lastTry() {
			return false, fmt.Errorf("look up the owner of %q: %w", f.User, err)
		}
		id = contact.ID
	}
	named := r.Control.ID + "#" + once.Key + "#" + f.User
	first, err := r.Ledger.OnceFor(ctx, id, named, r.record.Key, r.now, r.now.Add(once.For))
	if err != nil || !first || id == "" {
		return first, err
	}
	once.Key += "#" + id
	return r.firstTime(ctx, once)
}

// lastDays is how many days before an exemption ends its owner is notified.
const lastDays = 7

// exemptionAlert is an alert that the exemption of the entry's subject ends soon, or is none. asked are those that
// people asked for.
func (r *recorder) exemptionAlert(
	ctx context.Context, entry ledger.Entry, asked []exemption.Exemption,
) ([]ledger.Entry, error) {
	tags, err := r.reader.subjectTags(ctx, &entry)
	if err != nil {
		return nil, err
	}
	if alert, err := r.selfSetAlert(ctx, entry); err != nil || len(alert) > 0 {
		return alert, err
	}
	for _, text := range exemption.Values(tags) {
		if alert, err := r.exemptionAlertOf(ctx, entry, text); err != nil || len(alert) > 0 {
			return alert, err
		}
	}
	for _, e := range asked {
		if e.Covers(r.Control.ID, r.now) && e.DaysLeft(r.now) <= lastDays {
			return exemptionEnds(ctx, r, entry, e, digest(e.Control, e.Until, e.By, e.Reason))
		}
	}
	return nil, nil
}

// selfSetAlert is an alert that the entry's subject has exempted itself.
func (r *recorder) selfSetAlert(ctx context.Context, entry ledger.Entry) ([]ledger.Entry, error) {
	if !entry.User || len(exemption.Values(r.reader.contacts[entry.Subject].Tags)) == 0 {
		return nil, nil
	}
	contact := r.reader.contacts[entry.Subject]
	void, err := r.reader.selfSet(ctx, contact.ID, contact.Tags)
	for _, key := range slices.Sorted(maps.Keys(void)) {
		return r.aboutExemption(ctx, entry, control.High,
			Once{Key: "exemption#" + entry.Subject + "#" + digest(key, void[key].Value, "self"), For: Weekly},
			i18n.T("Exemption is not honoured"),
			i18n.T("%s set the tag %s itself, as %s, on %s. An exemption that its subject set itself is none.",
				entry.Subject, key, void[key].By, i18n.Minute(void[key].At)),
			i18n.T("Find out who uses the credentials of the user. If the exemption is right, let somebody else set the tag."))
	}
	return nil, err
}

// exemptionAlertOf is an alert about one exemption.
func (r *recorder) exemptionAlertOf(ctx context.Context, entry ledger.Entry, text string) ([]ledger.Entry, error) {
	var title, body, advice i18n.Message
	once := Once{Key: "exemption#" + cmp.Or(entry.UserID, entry.Subject) + "#" + digest(text), For: Weekly}
	switch e, fault := exemption.Parse(text, r.now); {
	case fault != nil:
		title, advice = i18n.T("Invalid exemption"), i18n.T("Correct the tag's format, or remove the tag.")
		body = i18n.T("The exemption of %s is invalid: %s. Its value is %q.",
			entry.Subject, i18n.Error(fault), notice.Truncate(text, 256))
	case e.Covers(r.Control.ID, r.now) && e.DaysLeft(r.now) <= lastDays:
		return exemptionEnds(ctx, r, entry, e, digest(text))
	default:
		return nil, nil
	}
	return r.aboutExemption(ctx, entry, control.Medium, once, title, body, advice)
}

// exemptionEnds is an alert that an exemption, which the sum stands for, ends soon.
func exemptionEnds(
	ctx context.Context, r *recorder, entry ledger.Entry, e exemption.Exemption, sum string,
) ([]ledger.Entry, error) {
	once := Once{Key: "exemption#" + cmp.Or(entry.UserID, entry.Subject) + "#" + sum, For: 2 * lastDays * day}
	return r.aboutExemption(ctx, entry, control.Medium, once, i18n.T("Exemption ends soon"),
		i18n.T("%s is %s. After that day the control %s applies again: first a notice, then a grace period.",
			entry.Subject, e.Describe(), r.Control.ID),
		i18n.T("Fix it before that day, or renew the exemption."))
}

// aboutExemption makes the entry an alert about an exemption, unless somebody was notified of the same lately.
func (r *recorder) aboutExemption(
	ctx context.Context, entry ledger.Entry, severity control.Severity, once Once, title, body, advice i18n.Message,
) ([]ledger.Entry, error) {
	entry.ID, entry.Guard = digest(entry.Run, entry.Control, entry.Subject, title.String()), ledger.Exemption
	entry.Notify, entry.Severity = notice.Alert, string(severity)
	entry.Steps, entry.Facts, entry.UnchangedReason = nil, nil, ""
	r.word(&entry, title, body, advice)
	if first, err := r.firstTime(ctx, once); err != nil || !first {
		return nil, err
	}
	return []ledger.Entry{entry}, nil
}

// remediated returns the entries that end the open cases that a sweep did not find any more.
func (r *recorder) remediated(ctx context.Context, ongoing map[string]bool) ([]ledger.Entry, error) {
	open, err := r.reader.cases.open(ctx)
	if err != nil {
		return nil, err
	}
	var entries []ledger.Entry
	for _, c := range open {
		if ongoing[c.Key] {
			continue
		}
		if c.UserID != "" {
			contact, err := r.reader.contact(ctx, c.Subject, c.UserID)
			if err != nil {
				return nil, fmt.Errorf("look up the owner of %q: %w", c.Subject, err)
			}
			if contact.Name != "" && contact.Name != c.Subject {
				continue // what the sweep looked at may have had the former name: the next one sees
			}
		}
		e := r.newEntry(digest(r.record.Key, "fixed", c.Key), control.Low)
		e.Subject, e.User, e.UserID, e.Owner, e.OwnerSlack = c.Subject, c.User, c.UserID, c.Owner, c.OwnerSlack
		e.Title, e.Heading, e.Case, e.Thread, e.Notify = c.Title, c.Heading, c.Key, c.Thread, notice.Fixed
		e.Text = r.render(i18n.T("%s (%s): resolved. No action is pending.", c.Title, c.Subject))
		for _, change := range c.Changes {
			e.Facts = append(e.Facts, r.fact(Fact{i18n.T("No longer due"), r.Kinds.Describe(change, false)}))
		}
		if c.Notified.IsZero() {
			e.Notify = quiet
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// anyStep reports whether a step of the entry has one of the statuses.
func anyStep(entry *ledger.Entry, statuses ...ledger.Status) bool {
	return slices.ContainsFunc(entry.Steps, func(s ledger.Step) bool { return slices.Contains(statuses, s.Status) })
}

func changesOf(entry *ledger.Entry) (changes []change.Change) {
	for _, step := range entry.Steps {
		changes = append(changes, step.Change)
	}
	return changes
}
