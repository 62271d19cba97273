package remediation

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/exemption"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/metric"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/settings"
)

const day = 24 * time.Hour

// permit says whether the steps of an entry may be made now: instead is empty if so, and else the
// status they get, with the reason. An error asks for a retry; nothing may be made then either.
//
// It is asked right before the changes are made, on each try: what was planned days ago and comes
// back from a dead-letter queue meets the switch, the exemptions and the holds of today.
func (w *work) permit(ctx context.Context, entry *ledger.Entry) (instead ledger.Status, reason i18n.Message, err error) {
	changes := changesOf(*entry)
	if err := w.Kinds.Narrows(changes); err != nil {
		return ledger.Failed, i18n.Error(err), err
	}
	if w.Settings.Mode != control.Enforce {
		return ledger.Observed, i18n.Message{}, nil
	}
	held := func(err error) (ledger.Status, i18n.Message, error) {
		return ledger.Held, i18n.Error(err), err
	}

	if why, err := w.halted(ctx); err != nil {
		return held(err)
	} else if !why.Empty() {
		return ledger.Held, why, w.once(ctx, entry)
	}
	if gone, err := w.gone(ctx, *entry); err != nil {
		return held(err)
	} else if gone {
		return ledger.Skipped, i18n.T("it is gone already"), nil
	}
	if _, exempt, err := w.exempt(ctx, *entry); err != nil {
		return held(err)
	} else if !exempt.Empty() {
		w.report.skip(metric.SkippedExempt, len(entry.Steps))
		return ledger.Skipped, exempt, nil
	}
	standing, err := w.Ledger.Guards(ctx, w.Control.ID, entry.Case, changes)
	if err != nil {
		return held(i18n.Fault{Text: i18n.T("what the ledger has of %q cannot be read", entry.Subject), Err: err})
	}
	w.know(standing.Case)
	if hold := onHold(standing, changes, w.now); !hold.Empty() {
		w.report.skip(metric.SkippedUndone, len(entry.Steps))
		return ledger.Skipped, hold, nil
	}
	if again, err := w.pingPong(ctx, entry, standing.Rounds); err != nil {
		return held(err)
	} else if !again.Empty() {
		// Its case ends: it starts anew with a notice, if it is still so then. The entry lets go of the case
		// only when that is so, for the retry to find it.
		if err := w.setAside(ctx, entry.Case); err != nil {
			return held(err)
		}
		entry.Case = ""
		return ledger.Held, again, nil
	}
	if full, err := w.blast(ctx, entry, standing.Breaker); err != nil {
		return held(err)
	} else if !full.Empty() {
		entry.Tell = quiet
		return ledger.Held, full, nil
	}
	return "", i18n.Message{}, nil
}

// once has the owner told only once a week that the same thing is held back.
func (w *work) once(ctx context.Context, entry *ledger.Entry) error {
	first, err := w.Ledger.Once(ctx, w.Control.ID+"#held#"+entry.Case, w.run.Key, w.now, w.now.Add(Weekly))
	if err == nil && !first {
		entry.Tell = quiet
	}
	return err
}

// exempt returns why the entry's user, or what else it is about, is exempt from the control, empty
// if it is not, and entries about the exemption: that it ends soon, or that it is none.
func (w *work) exempt(ctx context.Context, entry ledger.Entry) (about []ledger.Entry, why i18n.Message, err error) {
	tags, err := w.tags(ctx, entry)
	if err != nil {
		return nil, i18n.Message{}, i18n.Fault{Text: i18n.T("the exemption of %q cannot be read", entry.Subject), Err: err}
	}
	text, tagged := tags[exemption.Tag]
	if !tagged {
		return nil, i18n.Message{}, nil
	}
	alert := func(title, text, advice i18n.Message, once Once) error {
		e := entry
		e.ID, e.Steps, e.Tell, e.Guard = digest(entry.Run, entry.Control, entry.Subject, title.String()), nil, notice.Alert, ledger.Exemption
		w.word(&e, title, text, advice)
		e.Severity, e.Facts, e.UnchangedReason = string(control.Medium), nil, ""
		first, err := w.first(ctx, once)
		if first {
			about = []ledger.Entry{e}
		}
		return err
	}
	e, fault := exemption.Parse(text, w.now)
	switch {
	case fault != nil:
		err = alert(i18n.T("Exemption not honoured"),
			i18n.T("The exemption of %s is not honoured: %s. It says %q.", entry.Subject, i18n.Error(fault), notice.Truncate(text, 256)),
			i18n.T("Write the tag in its form, or remove it."), Once{Key: "exemption#" + entry.Subject + "#" + digest(text), For: Weekly})
		return about, i18n.Message{}, err
	case !e.Covers(w.Control.ID, w.now):
		return nil, i18n.Message{}, nil
	case e.DaysLeft(w.now) <= lastDays:
		err = alert(i18n.T("Exemption ends soon"),
			i18n.T("%s is %s. After that day the control %s applies again: notice first, then grace.", entry.Subject, e.Describe(), w.Control.ID),
			i18n.T("Put it right before, or have the exemption renewed."), Once{Key: "exemption#" + entry.Subject + "#" + digest(text), For: 2 * lastDays * day})
	}
	return about, e.Describe(), err
}

// tags are those of whom the entry is about, nil if that is gone. What can have none has none.
func (w *work) tags(ctx context.Context, entry ledger.Entry) (map[string]string, error) {
	if entry.User {
		contact, err := w.contact(ctx, entry.Subject)
		if contact.Tags == nil && contact.ID != "" {
			contact.Tags = map[string]string{}
		}
		return contact.Tags, err
	}
	for _, step := range entry.Steps {
		kind, ok := w.Kinds[step.Kind].(change.Tagged)
		if !ok {
			continue
		}
		tags, known := w.tagsOf[step.Subject]
		if !known {
			var err error
			if tags, err = kind.Tags(ctx, step.Change); err != nil {
				return nil, err
			}
			w.tagsOf[step.Subject] = tags
		}
		return tags, nil
	}
	return map[string]string{}, nil
}

// lastDays is how many days before an exemption ends its owner is told.
const lastDays = 7

// planned returns why the entry of a finding is left alone, because a person put the same thing back. It
// reads the entry's case as well, if the finding may go by it.
func (w *work) planned(ctx context.Context, entry ledger.Entry, f Finding) (i18n.Message, error) {
	key, changes := entry.Case, changesOf(entry)
	if _, known := w.cases[key]; known || f.Fresh || w.Settings.Mode != control.Enforce {
		key = ""
	}
	if _, _, known := w.ahead.Held(changes, w.now); known && key == "" {
		return onHold(w.ahead, changes, w.now), nil
	}
	standing, err := w.Ledger.Holds(ctx, w.Control.ID, key, changes)
	if err != nil {
		return i18n.Message{}, i18n.Fault{Text: i18n.T("what the ledger has of %q cannot be read", entry.Subject), Err: err}
	}
	w.know(standing.Case)
	return onHold(standing, changes, w.now), nil
}

// readAhead reads the holds on all that was found, in a call for each hundred. What cannot be read so is
// read one by one: each finding stands for itself.
func (w *work) readAhead(ctx context.Context, findings []Finding) {
	var changes []change.Change
	for _, f := range findings {
		changes = append(changes, f.Changes...)
	}
	if len(findings) < 2 || len(changes) == 0 {
		return
	}
	ahead, err := w.Ledger.Holds(ctx, w.Control.ID, "", changes)
	if err == nil {
		w.ahead = ahead
	}
}

func changesOf(entry ledger.Entry) (changes []change.Change) {
	for _, step := range entry.Steps {
		changes = append(changes, step.Change)
	}
	return changes
}

// onHold words the hold that is in force.
func onHold(s ledger.GuardState, changes []change.Change, now time.Time) i18n.Message {
	hold, held, _ := s.Held(changes, now)
	if !held {
		return i18n.Message{}
	}
	return i18n.T("on hold until %s: undone by %s: %s", i18n.Day(hold.Until), hold.By, hold.Reason)
}

// maxRounds is how often in a day the same thing is put right; after that somebody or something puts
// it back on purpose, and a person has to talk to them.
const maxRounds = 2

// pingPong returns why a step of the entry is not made once more today.
func (w *work) pingPong(ctx context.Context, entry *ledger.Entry, lately []ledger.RecentChanges) (i18n.Message, error) {
	for i, step := range entry.Steps {
		all, err := w.lately(ctx, step, &lately[i])
		if err != nil {
			return i18n.Message{}, err
		}
		rounds := all.Done(step.ID, w.now)
		if len(rounds) < maxRounds {
			continue
		}
		actor := entry.Actor
		for _, round := range rounds {
			if actor == "" {
				actor = round.Actor
			}
		}
		return i18n.T("put right %d times within a day, and %s put it back again", len(rounds), i18n.Or(i18n.Literal(actor), i18n.T("somebody"))), nil
	}
	return i18n.Message{}, nil
}

// atWork is how long others leave a thing alone that a step has begun with: less than Lambda waits
// before the first retry of what was cut off
// (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html).
const atWork = 50 * time.Second

// lately returns what was done to the step's thing: as it was just read, if it was. While another run is at
// it, that is waited for: two events that tell of the same thing can be handled at the same moment. Whose
// turn it is, the wall clock decides.
func (w *work) lately(ctx context.Context, step ledger.Step, read *ledger.RecentChanges) (ledger.RecentChanges, error) {
	for _, pause := range patience {
		if pause > 0 {
			w.Sleep(ctx, pause)
		}
		if read == nil {
			all, err := w.Ledger.RecentChanges(ctx, step.Change)
			if err != nil {
				return all, i18n.Fault{Text: i18n.T("what was done today cannot be read"), Err: err}
			}
			read = &all
		}
		if !read.Busy(step.ID, w.Now()) {
			w.rounds[step.ID] = read
			return *read, nil
		}
		read = nil
	}
	return ledger.RecentChanges{}, i18n.Fault{Text: i18n.T("another run is at the %s of %q", step.Kind, step.Subject), Err: ledger.ErrHeld}
}

// blast returns why the entry's steps would be too many changes for an hour.
func (w *work) blast(ctx context.Context, entry *ledger.Entry, breaker ledger.Breaker) (i18n.Message, error) {
	for _, step := range entry.Steps {
		if step.Status.Settled() || step.Status == ledger.Applied {
			continue
		}
		through, err := w.Ledger.Take(ctx, w.Control.ID, &breaker, step.ID, w.Settings.BlastRadius, w.now)
		if err != nil {
			return i18n.Message{}, i18n.Fault{Text: i18n.T("the blast radius cannot be counted"), Err: err}
		}
		if !through {
			w.stopped, w.tripped = append(w.stopped, entry.Steps...), breaker.Tripped
			w.report.Metrics.Set(metric.BreakerOpen, 1)
			return i18n.T("blast radius: %d changes in an hour are made, and no more until somebody releases %s",
				w.Settings.BlastRadius, w.Control.ID), nil
		}
	}
	return i18n.Message{}, nil
}

// tellStopped tells once what waits since the blast radius was reached.
func (w *work) tellStopped(ctx context.Context) error {
	if len(w.stopped) == 0 {
		return nil
	}
	entry := ledger.Entry{
		ID: digest(w.Control.ID, "blast radius", w.tripped.Unix()), Control: w.Control.ID, Run: w.run.Key, Event: w.run.Event, At: w.now,
		Tell: notice.Alert, Guard: ledger.Stopped, Severity: string(control.High),
	}
	w.word(&entry, i18n.T("Blast radius reached"),
		i18n.T("%s has made %d changes within an hour and has stopped. Nothing more is changed until somebody releases it; what waits is done by the sweep after that.",
			w.Control.ID, w.Settings.BlastRadius),
		i18n.T("Read what waits. If it is right: make release CONTROL=%s REASON=\"why\". If not: set the control to observe, and undo what was done.", w.Control.ID))
	for _, step := range w.stopped {
		entry.Facts = append(entry.Facts, w.fact(Fact{Name: i18n.T("Waits"), Value: w.Kinds.Describe(step.Change, false)}))
	}
	// Earlier runs may have told of it: then the entry is there, and its notice with it.
	entries := []ledger.Entry{entry}
	if err := w.Ledger.Record(ctx, &w.run, entries, w.run.Planned); err != nil {
		return err
	}
	return w.tell(ctx, &entries[0], false, false)
}

// grace is how long an owner has after a notice was delivered.
func (w *work) grace() time.Duration { return time.Duration(w.Settings.Days(settings.GraceDays)) * day }

// inTime opens, reminds of, or acts on the case of a finding.
func (w *work) inTime(ctx context.Context, entry ledger.Entry, f Finding) ([]ledger.Entry, error) {
	if w.grace() == 0 && !f.Due.After(w.now) && w.turn(f).Empty() {
		return []ledger.Entry{entry}, nil
	}
	c, err := w.caseOf(ctx, entry.Case)
	if err != nil {
		return nil, err
	}
	found := !c.Opened.IsZero() && c.Open()
	told := found && !c.Told.IsZero()
	var reason i18n.Message
	if found && c.Urgent || told && !w.now.Before(c.Due) {
		if reason = w.turn(f); reason.Empty() {
			return []ledger.Entry{entry}, nil
		}
	}
	switch {
	case !told:
		reason = i18n.T("its owner is told")
		entry.Tell, entry.Due = notice.Warning, later(f.Due, w.now.Add(w.grace()))
	case w.now.Before(c.Due):
		reason = i18n.T("its owner was told on %s; due on %s", i18n.Day(c.Told), i18n.Day(c.Due))
		if reminder(c, w.now) > 0 {
			entry.Tell, entry.Due = notice.Reminder, c.Due
		}
	}
	w.report.skip(metric.SkippedWaiting, len(entry.Steps))
	if entry.Tell == "" {
		w.pass(entry, ledger.Pending, reason)
		return nil, nil
	}
	for i := range entry.Steps {
		entry.Steps[i].Status, entry.Steps[i].Reason = ledger.Pending, w.say(reason)
	}
	return []ledger.Entry{entry}, nil
}

// turn returns why the finding waits for another one of this run, and takes its turn if it does not.
func (w *work) turn(f Finding) i18n.Message {
	if f.OneKeyPerRun == "" {
		return i18n.Message{}
	}
	if first, taken := w.turns[f.OneKeyPerRun]; taken {
		return i18n.T("the user's other key %s goes first; never both in one run", first)
	}
	w.turns[f.OneKeyPerRun] = change.Hint(f.Changes[0])
	return i18n.Message{}
}

// reminders are the days before the due day on which an owner is told again.
var reminders = []int{1, 3}

// reminder returns which reminder of the case is due, in days; 0 for none. Of two that were missed
// only the later one is sent.
func reminder(c ledger.Case, now time.Time) int {
	for _, days := range reminders {
		if c.Reminded > 0 && c.Reminded <= days {
			return 0
		}
		begin := c.Due.Add(-time.Duration(days) * day)
		// A case that was opened later than that has just been told.
		if !now.Before(begin) && c.Told.Before(begin) {
			return days
		}
	}
	return 0
}

// follow carries the entry's case on, once the entry's notice was accepted: the case begins, is
// reminded of, or ends.
func (w *work) follow(ctx context.Context, entry *ledger.Entry) error {
	// What is told of an exemption is told of in the same thread, and says nothing of the case.
	if entry.Case == "" || entry.Guard != "" && entry.Guard != ledger.Unread || w.Settings.Mode != control.Enforce {
		return nil
	}
	has := func(status ledger.Status) bool {
		return slices.ContainsFunc(entry.Steps, func(s ledger.Step) bool { return s.Status == status })
	}
	return w.revise(ctx, entry.Case, func(c *ledger.Case) {
		if c.Opened.IsZero() || !c.Open() {
			*c = ledger.Case{Control: c.Control, Key: c.Key, Subject: entry.Subject, Opened: entry.At, Entry: entry.ID}
		}
		switch {
		case entry.Tell == notice.Warning:
			// SNS may have taken its time to accept what says when it is due.
			told := entry.Notice(notice.Warning).At
			c.Told, c.Due, c.Reminded = told, later(entry.Due, told.Add(w.grace())), 0
		case entry.Tell == notice.Reminder:
			c.Reminded = max(reminder(*c, w.now), c.Reminded)
		case len(entry.Steps) == 0:
			c.Closed, c.Outcome = w.now, ledger.Fixed
			return
		case has(ledger.Held):
			c.Urgent = true
		case !has(ledger.Failed) && !has(ledger.Planned):
			c.Closed, c.Outcome, c.Made = w.now, ledger.Acted, entry.ID
		}
		c.User, c.Owner, c.OwnerSlack, c.Title, c.Severity = entry.User, entry.Owner, entry.OwnerSlack, entry.Title, entry.Severity
		c.Heading = entry.Heading
		c.Changes = nil
		for _, step := range entry.Steps {
			c.Changes = append(c.Changes, step.Change)
		}
	})
}

// know keeps a case as it was read; one without a key was not.
func (w *work) know(c ledger.Case) {
	if c.Key != "" {
		w.cases[c.Key] = c
	}
}

// caseOf returns a case, which may have ended, or may never have been.
func (w *work) caseOf(ctx context.Context, key string) (ledger.Case, error) {
	if c, known := w.cases[key]; known {
		return c, nil
	}
	c, _, err := w.Ledger.Case(ctx, w.Control.ID, key)
	if err == nil {
		w.know(c)
	}
	return c, err
}

// revise alters a case, which is empty when there is none yet.
func (w *work) revise(ctx context.Context, key string, alter func(*ledger.Case)) error {
	c, err := w.caseOf(ctx, key)
	if err != nil {
		return err
	}
	if c, err = w.Ledger.ReviseCase(ctx, c, alter); err == nil {
		w.know(c)
	}
	return err
}

// openCases returns the cases that are open. A sweep reads all of them, once.
func (w *work) openCases(ctx context.Context) ([]ledger.Case, error) {
	if !w.opened {
		all, err := w.Ledger.OpenCases(ctx, w.Control.ID)
		if err != nil {
			return nil, err
		}
		for _, c := range all {
			w.know(c)
		}
		w.opened = true
	}
	open := slices.DeleteFunc(slices.Collect(maps.Values(w.cases)), func(c ledger.Case) bool { return c.Opened.IsZero() || !c.Open() })
	slices.SortFunc(open, func(a, b ledger.Case) int { return cmp.Or(a.Opened.Compare(b.Opened), cmp.Compare(a.Key, b.Key)) })
	return open, nil
}

// setAside ends the case of something that is exempt or on hold: when that is over, it starts anew
// with a notice.
func (w *work) setAside(ctx context.Context, key string) error {
	if key == "" { // an earlier try of the run did
		return nil
	}
	c, err := w.caseOf(ctx, key)
	if err != nil || c.Opened.IsZero() || !c.Open() {
		return err
	}
	return w.revise(ctx, key, func(c *ledger.Case) { c.Closed, c.Outcome = w.now, ledger.SetAside })
}

// fixed returns the entries that end the open cases whose matter a sweep did not find any more.
// Who was told of it is thanked.
func (w *work) fixed(ctx context.Context, matters map[string]bool) ([]ledger.Entry, error) {
	open, err := w.openCases(ctx)
	if err != nil {
		return nil, err
	}
	var entries []ledger.Entry
	for _, c := range open {
		if matters[c.Key] {
			continue
		}
		e := ledger.Entry{
			ID: digest(w.run.Key, "fixed", c.Key), Control: w.Control.ID, Run: w.run.Key, Event: w.run.Event, At: w.now,
			Subject: c.Subject, User: c.User, Owner: c.Owner, OwnerSlack: c.OwnerSlack, Title: c.Title, Heading: c.Heading, Severity: string(control.Low), Tell: notice.Fixed, Case: c.Key,
			Text: w.say(i18n.T("%s (%s): this is put right, and Warder has nothing left to do about it. Thank you.", c.Title, c.Subject)),
		}
		for _, change := range c.Changes {
			e.Facts = append(e.Facts, w.fact(Fact{Name: i18n.T("No longer due"), Value: w.Kinds.Describe(change, false)}))
		}
		if c.Told.IsZero() {
			e.Tell = quiet
		}
		entries = append(entries, e)
	}
	return entries, nil
}
