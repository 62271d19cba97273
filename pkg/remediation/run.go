package remediation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/metric"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/owner"
)

// work is one run at work.
type work struct {
	*Runner
	event  event.Event
	run    ledger.Run
	now    time.Time
	report *Report
	// contacts are the owners that were looked up in this run.
	contacts map[string]owner.Contact
	// tagsOf are the tags of what is no user, by subject, that were looked up in this run.
	tagsOf map[string]map[string]string
	// turns are the keys whose turn it is in this run, by their users.
	turns map[string]string
	// rounds are what was done lately to the things of the steps, by the step's id.
	rounds map[string]*ledger.RecentChanges
	// stopped are the steps that the blast radius held back in this run, tripped when it did.
	stopped []ledger.Step
	tripped time.Time
	// cases are those that were read, as this run left them, by their keys; opened says that all open
	// ones are among them.
	cases  map[string]ledger.Case
	opened bool
	// ahead are the holds on what a sweep found, for planning: right before a change they are read again.
	ahead ledger.GuardState
	// still says that the run's time is its event's, and stands still.
	still bool
	// only is the user of the drill whose event it is, empty for other events; refused says that the
	// planner found something about somebody else.
	only    string
	refused bool
	// planning is how long planning may take; late reports whether nothing more should be begun.
	planning time.Duration
	late     func() bool
	// log has the event in each line; asked says that the halt switch was read in this run.
	log   *slog.Logger
	asked bool
}

// all finishes what an earlier try recorded, then plans and handles what is new.
// One finding that is stuck does not keep the others from being handled.
func (w *work) all(ctx context.Context) error {
	var faults []error
	var unread []string
	known, matters := map[string]bool{}, map[string]bool{}
	for _, key := range w.run.Cases {
		matters[key] = true
	}
	for i, id := range w.run.Entries {
		if w.late() {
			return errors.Join(append(faults, outOfTime(len(w.run.Entries)-i))...)
		}
		entry, found, err := w.Ledger.Entry(ctx, id)
		if err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("the ledger has no entry %s, which its run names", id)
		}
		if entry.Guard != ledger.Unread {
			known[entry.Subject], matters[entry.Case] = true, true
		} else if entry.User && entry.UserID == "" {
			unread = append(unread, entry.Case)
		}
		faults = append(faults, w.finish(ctx, &entry))
	}
	if !w.run.Planned {
		entries, after, err := w.plan(ctx, known, matters)
		faults = append(faults, err)
		if len(entries) > 0 {
			if err := w.Ledger.Record(ctx, &w.run, entries, err == nil); err != nil {
				return errors.Join(append(faults, err)...)
			}
		}
		if after != "" {
			delete(matters, "")
			w.run.After, w.run.Cases = after, slices.Sorted(maps.Keys(matters))
		}
		for i := range entries {
			if w.late() {
				return errors.Join(append(faults, outOfTime(len(entries)-i))...)
			}
			faults = append(faults, w.finish(ctx, &entries[i]))
		}
	}
	if w.run.Planned {
		// What could not be read is planned now, and has a case of its own if it needs one.
		for _, key := range unread {
			faults = append(faults, w.setAside(ctx, key))
		}
	}
	return errors.Join(append(faults, w.tellStopped(ctx))...)
}

func outOfTime(left int) error {
	return fmt.Errorf("out of time: %d findings are left to the retry", left)
}

// plan returns the entries of what the planner finds. Subjects that an earlier try of this run
// dealt with are done with: what can be found about them now is a consequence of what was done.
// A subject that cannot be dealt with whole is left to the retry. matters are those that are known
// to go on. after is the user up to which a sweep came before its time was over, if it was.
func (w *work) plan(ctx context.Context, known, matters map[string]bool) (entries []ledger.Entry, after string, err error) {
	var faults []error
	e := w.event
	if sweep, ok := e.Detail.(*event.Sweep); ok {
		e.Detail = &event.Sweep{Rule: sweep.Rule, After: w.run.After}
	}
	planning, cancel := context.WithTimeout(ctx, w.planning)
	findings, err := Inspect(planning, w.Planner, e, w.openCases, w.now)
	cancel()
	if err != nil {
		faults = append(faults, fmt.Errorf("plan: %w", err))
	}
	if w.only != "" && slices.ContainsFunc(findings, func(f Finding) bool { return stranger(f, w.only) }) {
		w.refused, findings = true, nil
	}
	w.report.Metrics.Add(metric.Findings, len(findings))
	if w.sweeping() {
		w.readAhead(ctx, findings)
	}
	stuck, listed := map[string]bool{}, map[string]bool{}
	for _, finding := range findings {
		if known[finding.subject()] {
			entry, err := w.entry(ctx, finding)
			if err != nil {
				faults = append(faults, err)
			}
			matters[entry.Case] = true
			continue
		}
		matter, wanted, err := w.entries(ctx, finding)
		matters[matter] = true
		if err != nil {
			faults = append(faults, err)
			stuck[finding.subject()] = true
		}
		for _, entry := range wanted {
			if !listed[entry.ID] {
				listed[entry.ID] = true
				entries = append(entries, entry)
			}
		}
	}
	entries = slices.DeleteFunc(entries, func(e ledger.Entry) bool { return stuck[e.Subject] && e.Guard != ledger.Unread })
	// Only a sweep that saw everything can say that something is no longer there.
	if _, sweep := w.event.Detail.(*event.Sweep); sweep && len(faults) == 0 && w.Settings.Mode == control.Enforce {
		fixed, err := w.fixed(ctx, matters)
		entries, faults = append(entries, fixed...), append(faults, err)
	}
	var stopped *Stopped
	if errors.As(err, &stopped) && len(faults) == 1 {
		after = stopped.After
	}
	return entries, after, errors.Join(faults...)
}

// entries makes a finding into what the ledger records of it: nothing when there is nothing to do or
// to tell about it now, and more than one when its exemption is to be told of, too. It returns the
// name of the matter with them.
func (w *work) entries(ctx context.Context, f Finding) (matter string, wanted []ledger.Entry, err error) {
	if len(f.Changes) == 0 {
		if first, err := w.first(ctx, f.Once); err != nil || !first {
			w.noteTold(f.Once)
			return "", nil, err
		}
		entry, err := w.entry(ctx, f)
		entry.Tell = notice.Alert
		return "", []ledger.Entry{entry}, err
	}
	entry, err := w.entry(ctx, f)
	if err != nil {
		wanted, err := w.unread(entry, f, i18n.Fault{Text: i18n.T("the exemption of %q cannot be read", entry.Subject), Err: err})
		return entry.Case, wanted, err
	}
	if f.waits != "" && f.waits == f.matter("") {
		// It was held back when it could not be read whose it is.
		entry.Case = f.waits
	}
	gone, err := w.gone(ctx, entry)
	if err != nil {
		wanted, err := w.unread(entry, f, err)
		return entry.Case, wanted, err
	}
	if f.waits != "" && (gone || f.waits != entry.Case) {
		// The user is gone meanwhile, or another one has got its name.
		return entry.Case, nil, w.setAside(ctx, f.waits)
	}
	reason := metric.SkippedMoot
	var about []ledger.Entry
	why := i18n.Message{}
	if gone {
		why = i18n.T("it is gone already")
	}
	if why.Empty() {
		reason = metric.SkippedExempt
		about, why, err = w.exempt(ctx, entry)
	}
	if err == nil && why.Empty() {
		reason = metric.SkippedUndone
		why, err = w.planned(ctx, entry, f)
	}
	if err != nil {
		wanted, err := w.unread(entry, f, err)
		return entry.Case, wanted, err
	}
	switch enforced := w.Settings.Mode == control.Enforce; {
	case !why.Empty():
		w.report.skip(reason, len(entry.Steps))
		if enforced {
			err = w.setAside(ctx, entry.Case)
		}
		if err == nil && f.Alert {
			wanted, err = w.instead(ctx, entry, f.Once, why)
		} else {
			w.pass(entry, ledger.Skipped, why)
		}
	case !enforced && f.Due.After(w.now):
		w.report.skip(metric.SkippedWaiting, len(entry.Steps))
		w.pass(entry, ledger.Pending, i18n.T("due on %s", i18n.Day(f.Due)))
	case !enforced:
		if why := w.turn(f); !why.Empty() {
			w.report.skip(metric.SkippedWaiting, len(entry.Steps))
			w.pass(entry, ledger.Pending, why)
			break
		}
		once := f.Once
		if once.Key == "" && !f.Fresh {
			once = Once{Key: entry.Case, For: Weekly}
		}
		var first bool
		if first, err = w.first(ctx, once); first {
			wanted = []ledger.Entry{entry}
		} else {
			w.noteTold(once)
		}
	case f.Fresh:
		wanted = []ledger.Entry{entry}
	default:
		wanted, err = w.inTime(ctx, entry, f)
	}
	return entry.Case, append(about, wanted...), err
}

// instead is the alert in place of changes that are not made, and the reason why.
func (w *work) instead(ctx context.Context, entry ledger.Entry, once Once, why i18n.Message) ([]ledger.Entry, error) {
	first, err := w.first(ctx, once)
	if err != nil || !first {
		w.noteTold(once)
		return nil, err
	}
	entry.Case, entry.Steps, entry.UnchangedReason = "", slices.Clone(entry.Steps), cmp.Or(entry.UnchangedReason, w.say(why)+".")
	for i := range entry.Steps {
		entry.Steps[i].Status, entry.Steps[i].Reason = ledger.Skipped, w.say(why)
	}
	return []ledger.Entry{entry}, nil
}

// entry words a finding as the ledger keeps it.
func (w *work) entry(ctx context.Context, f Finding) (ledger.Entry, error) {
	id := digest(w.Control.ID, w.run.Key, f.subject(), f.english(), f.Once.Key, f.Changes)
	entry := ledger.Entry{
		ID: id, Control: w.Control.ID, Run: w.run.Key, Event: w.run.Event, Subject: f.subject(), User: f.User != "", At: w.now,
		Severity: string(cmp.Or(f.Severity, w.Control.Severity)), UnchangedReason: w.say(f.UnchangedReason),
	}
	w.word(&entry, i18n.Or(f.Title, i18n.Lookup(w.Control.Title)), f.Text, f.Advice)
	entry.Heading = cmp.Or(f.heading, entry.Heading)
	for _, fact := range f.Facts {
		entry.Facts = append(entry.Facts, w.fact(fact))
	}
	if f.Alert {
		entry.Tell = notice.Alert
	}
	if record := w.event.Record(); record != nil && f.Fresh {
		entry.Actor = record.Identity.Name()
	}
	incarnation, unread := "", error(nil)
	if f.User != "" {
		contact, err := w.contact(ctx, f.User)
		if err != nil {
			contact = owner.Contact{Missing: i18n.T("could not be read: %s", i18n.Error(err))}
			unread = fmt.Errorf("look up the owner of %q: %w", f.User, err)
		}
		if unread != nil && w.run.Attempts >= tries && len(f.Changes) == 0 {
			// Nobody may be left untold because the owner cannot be read. See unread for changes.
			unread = nil
		}
		entry.Owner, entry.OwnerSlack, entry.UserID, incarnation = contact.Address, contact.Slack, contact.ID, contact.ID
		if !contact.Missing.Empty() {
			entry.Facts = append(entry.Facts, w.fact(Fact{Name: i18n.T("Owner"), Value: contact.Missing}))
		}
		if err == nil {
			// Who cannot be read may only be named like the user of a drill.
			if err := w.mark(ctx, &entry, contact); err != nil {
				return entry, err
			}
		}
	}
	if len(f.Changes) > 0 {
		entry.Case = f.matter(incarnation)
	}
	for i, c := range f.Changes {
		entry.Steps = append(entry.Steps, ledger.Step{Change: c, ID: fmt.Sprintf("%s-%d", id, i+1), Status: ledger.Planned, At: w.now})
	}
	return entry, unread
}

// unread is what becomes, at the last try, of a finding about what cannot be read: the tags of a user or
// a bucket say who owns it and what it is exempt from. Until then it is left to the retry.
//
// It is told and held back, and nothing is decided about it: when the event comes back from the
// on-failure queue, it is planned anew. What the event itself names waits for the next sweep besides, as
// all that is held back does.
func (w *work) unread(entry ledger.Entry, f Finding, why error) ([]ledger.Entry, error) {
	if len(entry.Steps) == 0 || w.run.Attempts < tries {
		return nil, why
	}
	if !f.Fresh {
		entry.Case = ""
	}
	entry.ID, entry.Guard, entry.Tell = digest(entry.ID, ledger.Unread), ledger.Unread, ""
	for i := range entry.Steps {
		entry.Steps[i].ID, entry.Steps[i].Status = fmt.Sprintf("%s-%d", entry.ID, i+1), ledger.Held
		entry.Steps[i].Reason = w.say(i18n.Error(why))
	}
	return []ledger.Entry{entry}, why
}

// gone reports whether whom the entry is about is gone. AWS is eventually consistent
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html): what it does not show, although
// the planner has seen it, may be exempt. Until the last try that is an error.
func (w *work) gone(ctx context.Context, entry ledger.Entry) (bool, error) {
	tags, err := w.tags(ctx, entry)
	unread := func(err error) error {
		return i18n.Fault{Text: i18n.T("the exemption of %q cannot be read", entry.Subject), Err: err}
	}
	switch {
	case err != nil:
		return false, unread(err)
	case tags != nil:
		return false, nil
	case w.run.Attempts < tries:
		return false, unread(errUnseen)
	default:
		return true, nil
	}
}

var errUnseen = errors.New("AWS does not show it")

// tries is how often Lambda runs a function for an asynchronous event: once, and twice again
// (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html).
const tries = 3

// contact looks up who answers for a user, once in a run.
func (w *work) contact(ctx context.Context, user string) (owner.Contact, error) {
	if contact, ok := w.contacts[user]; ok {
		return contact, nil
	}
	contact, err := w.Owners.Owner(ctx, user)
	if err == nil {
		w.contacts[user] = contact
	}
	return contact, err
}

// first reports whether the thing was not told of lately.
func (w *work) first(ctx context.Context, once Once) (bool, error) {
	if once.Key == "" {
		return true, nil
	}
	return w.Ledger.Once(ctx, w.Control.ID+"#"+once.Key, w.run.Key, w.now, w.now.Add(once.For))
}

func (w *work) noteTold(once Once) {
	w.report.skip(metric.SkippedRepeated, 1)
	w.report.note(Skipped, w.say(i18n.T("told already: the same is told of once in %s", i18n.Period(once.For))))
}

// pass reports the steps of an entry that comes to nothing.
func (w *work) pass(entry ledger.Entry, status ledger.Status, reason i18n.Message) {
	for _, step := range entry.Steps {
		step.Status, step.Reason = status, w.say(reason)
		w.reportStep(step)
	}
}

func (w *work) reportStep(step ledger.Step) {
	w.report.Changes = append(w.report.Changes, ReportedChange{step.ID, step.Change, step.Status, step.Reason})
	w.report.note(outcome(step.Status), step.Reason)
}

// finish brings a recorded entry to its end: acts if it may, and tells what was not told.
func (w *work) finish(ctx context.Context, entry *ledger.Entry) error {
	if severity := control.Severity(entry.Severity); severity.Rank() > w.report.Severity.Rank() || len(w.report.Changes)+len(w.report.Notices) == 0 {
		w.report.Severity = severity
	}
	settled, acted := w.act(ctx, entry)
	told := w.tell(ctx, entry, settled, acted != nil)
	for _, step := range entry.Steps {
		w.reportStep(step)
	}
	if told == nil {
		if entry.Tell != "" && entry.Tell != quiet {
			w.report.note(Notified, entry.UnchangedReason)
		}
		told = w.follow(ctx, entry)
	}
	return errors.Join(acted, told)
}

// outcome is a step's status as an outcome of the run.
func outcome(s ledger.Status) Outcome {
	switch s {
	case ledger.Verified, ledger.Applied:
		return Changed
	case ledger.Observed:
		return WouldChange
	case ledger.Skipped, ledger.Held, ledger.Pending, ledger.Undone:
		return Skipped
	default:
		return Failed
	}
}

// act settles the steps of an entry, in order, as far as it can. settled says that it did, and that the
// entry is to be recorded as it is then.
func (w *work) act(ctx context.Context, entry *ledger.Entry) (settled bool, err error) {
	if entry.Guard == ledger.Unread || !slices.ContainsFunc(entry.Steps, func(s ledger.Step) bool { return !s.Status.Settled() }) {
		return false, nil
	}
	instead, reason, failed := w.permit(ctx, entry)
	lacking := false
	for i := range entry.Steps {
		step := &entry.Steps[i]
		if step.Status.Settled() {
			continue
		}
		switch {
		case instead != "" && step.Status != ledger.Applied: // what is made is made, and is only read back
			step.Status, step.Reason = instead, w.say(reason)
			if instead == ledger.Held {
				w.report.skip(metric.SkippedHeld, 1)
			}
		case failed != nil && step.Status != ledger.Applied:
			step.Status, step.Reason = ledger.Failed, w.say(i18n.T("not tried: the change before it failed"))
		case lacking:
			step.Status, step.Reason = ledger.Skipped, w.say(i18n.T("not tried: what the change before it needs is gone"))
			w.report.skip(metric.SkippedMoot, 1)
		default:
			err := w.step(ctx, entry, step)
			if lacking = errors.Is(err, errLacking); !lacking {
				failed = errors.Join(failed, err)
			}
			if step.Status == ledger.Skipped {
				w.report.skip(metric.SkippedMoot, 1)
			}
		}
		step.At = w.clock()
		level := slog.LevelInfo
		if step.Status == ledger.Failed {
			level = slog.LevelError
		}
		w.log.Log(ctx, level, "change", changeAttrs(*step)...)
	}
	return true, failed
}

// changeAttrs are those of the line that a change has in the log.
func changeAttrs(s ledger.Step) []any {
	return []any{"id", s.ID, "kind", s.Kind, "subject", s.Subject, "target", change.Hint(s.Change), "status", s.Status, "reason", s.Reason}
}

// errLacking says that something cannot be made because what it needs is gone, such as the group that a
// user is to join: what follows in its place is not taken away then.
var errLacking = errors.New("what the change needs is gone")

// step makes one change and reads it back.
func (w *work) step(ctx context.Context, entry *ledger.Entry, step *ledger.Step) error {
	kind, err := w.Kinds.Kind(step.Change)
	if err != nil {
		step.Status, step.Reason = ledger.Failed, w.say(i18n.Error(err))
		return err
	}
	fail := func(err error) error {
		step.Status, step.Reason = ledger.Failed, w.say(i18n.Error(err))
		return err
	}
	if step.Status != ledger.Applied {
		moot, err := w.make(ctx, kind, *step)
		switch {
		case change.NotFound(err) && w.run.Attempts >= tries:
			// What AWS does not show to the retries either is gone: see work.gone.
			step.Status, step.Reason = ledger.Skipped, w.say(i18n.T("it is gone already"))
			if err := w.Ledger.Unclaim(ctx, w.rounds[step.ID], step.ID, w.now); err != nil {
				return err
			}
			if step.Before == "" {
				return errLacking
			}
			return nil
		case err != nil:
			return fail(err)
		case !moot.Empty():
			step.Status, step.Reason = ledger.Skipped, w.say(moot)
			return nil
		}
		step.Status, step.Reason, step.At = ledger.Applied, "", w.clock()
		if err := w.Ledger.Update(ctx, entry); err != nil {
			return err
		}
	}
	err = verify(ctx, w.Sleep, kind, step.Change)
	var found *otherwise
	var since i18n.Message
	switch {
	case err == nil:
	case errors.As(err, &found) && found.present == step.Before:
		return fail(err)
	case errors.As(err, &found) && w.run.Attempts >= tries:
		since = i18n.T("it was changed meanwhile")
	case change.NotFound(err) && w.run.Attempts >= tries:
		since = i18n.T("it is gone already")
	default:
		// It was made, and it can be undone, whatever comes of the retry.
		step.Reason = w.say(i18n.Error(err))
		return err
	}
	if w.rounds[step.ID] == nil { // the guards that come before did not let anything through
		if _, err := w.lately(ctx, *step, nil); err != nil {
			return err
		}
	}
	if err := w.Ledger.AddRecentChange(ctx, w.rounds[step.ID], ledger.RecentChange{Step: step.ID, At: w.now, Actor: entry.Actor}); err != nil {
		return err
	}
	if step.Reason = w.say(since); since.Empty() {
		step.Status = ledger.Verified
	}
	w.changed()
	return nil
}

// make makes the change, or returns why there is nothing to make. It claims the thing before: of two
// runs that come to the same one at the same moment, one finds that it is so already.
func (w *work) make(ctx context.Context, kind change.Kind, step ledger.Step) (moot i18n.Message, err error) {
	for {
		rounds := w.rounds[step.ID]
		begun := rounds.Claimed(step.ID)
		present, err := kind.Read(ctx, step.Change)
		switch {
		case err != nil:
			return moot, err
		case present == step.After && begun:
			// An earlier try had begun and was cut off: it is done.
			return moot, nil
		case present == step.After:
			moot = i18n.T("it is so already")
		case present != step.Before:
			moot = i18n.T("it was changed meanwhile")
		default:
			err := w.Ledger.Claim(ctx, rounds, step.ID, w.now, w.Now().Add(atWork))
			if errors.Is(err, ledger.ErrConflict) {
				if _, err := w.lately(ctx, step, rounds); err != nil {
					return moot, err
				}
				continue
			}
			if err != nil {
				return moot, err
			}
			return moot, set(ctx, kind, step.Change)
		}
		if begun {
			err = w.Ledger.Unclaim(ctx, rounds, step.ID, w.now)
		}
		return moot, err
	}
}

// set makes a change. What is to be taken away, was there a moment ago and is gone is taken as done: a
// client whose first request took effect, and whose answer was lost, asks again and gets that answer.
// Else what Warder did would be in no notice, and could not be undone.
func set(ctx context.Context, kind change.Kind, c change.Change) error {
	err := kind.Set(ctx, c)
	if c.After == "" && change.NotFound(err) {
		return nil
	}
	return err
}

// patience is how long a change is given to be seen: IAM is eventually consistent and names no
// bound (https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html).
var patience = []time.Duration{0, 100 * time.Millisecond, 400 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second}

// otherwise is the error of a thing that is not what the change made it.
type otherwise struct {
	fault   i18n.Fault
	present string
}

// Error implements error.
func (o *otherwise) Error() string { return o.fault.Error() }

// Unwrap returns the error in words.
func (o *otherwise) Unwrap() error { return o.fault }

// verify reads the thing until it is what the change made it.
func verify(ctx context.Context, sleep func(context.Context, time.Duration), kind change.Kind, c change.Change) error {
	present := ""
	for _, pause := range patience {
		if pause > 0 {
			sleep(ctx, pause)
		}
		var err error
		if present, err = kind.Read(ctx, c); err != nil {
			return fmt.Errorf("verify: %w", err)
		}
		if present == c.After {
			return nil
		}
	}
	return &otherwise{i18n.Fault{Text: i18n.T("the change did not take: %s", kind.Describe(c, false))}, present}
}

// tell publishes the notice that the entry's state calls for, unless it was sent before, and records the
// entry: settled says that there is something to record in any case. again says that a retry will go on
// with it.
func (w *work) tell(ctx context.Context, entry *ledger.Entry, settled, again bool) error {
	kind := calledFor(entry, again)
	if kind == "" || entry.Notice(kind) != nil {
		if !settled {
			return nil
		}
		return w.Ledger.Update(ctx, entry)
	}
	if kind == notice.Warning {
		// The owner has the whole grace period from now on, whenever the entry was made.
		entry.Due = later(entry.Due, w.clock().Add(w.grace()))
	}
	id, err := w.Topic.Publish(ctx, w.message(entry, kind))
	if err != nil {
		if settled {
			err = errors.Join(err, w.Ledger.Update(ctx, entry))
		}
		return err
	}
	entry.Notifications = append(entry.Notifications, ledger.Notification{Kind: kind, Owner: entry.Owner, Message: id, At: w.clock()})
	w.report.Notices = append(w.report.Notices, ReportedNotice{kind, entry.Severity, entry.Title, entry.Owner})
	w.log.InfoContext(ctx, "notice", "id", entry.ID, "kind", kind, "severity", entry.Severity, "title", entry.Title,
		"subject", entry.Subject, "owner", entry.Owner, "message", id)
	return w.Ledger.Update(ctx, entry)
}

// calledFor is the kind of notice that an entry in its present state calls for, empty for none. What
// is made in part is told as changed when it is settled, and not while a retry goes on with the rest.
func calledFor(entry *ledger.Entry, again bool) notice.Kind {
	has := func(statuses ...ledger.Status) bool {
		return slices.ContainsFunc(entry.Steps, func(s ledger.Step) bool { return slices.Contains(statuses, s.Status) })
	}
	switch {
	case has(ledger.Failed, ledger.Planned), again && has(ledger.Applied):
		return notice.Failure
	case again && has(ledger.Held) && entry.Tell != quiet:
		return notice.Held
	case has(ledger.Verified, ledger.Applied):
		return notice.Changed
	case has(ledger.Observed):
		return notice.WouldChange
	case has(ledger.Held) && entry.Tell != quiet:
		return notice.Held
	case entry.Tell != quiet:
		return entry.Tell
	default:
		return ""
	}
}

// quiet marks an entry that is told of together with others.
const quiet notice.Kind = "quiet"

// message words the entry as a notice.
func (r *Runner) message(entry *ledger.Entry, kind notice.Kind, account, region string) notice.Message {
	m := notice.Message{
		Version: "1", ID: digest(entry.ID, kind), Kind: kind, Thread: cmp.Or(entry.Thread, entry.Case, entry.ID),
		Control: entry.Control, Severity: entry.Severity, Title: entry.Title, Heading: entry.Heading, Text: entry.Text,
		Subject: entry.Subject, Owner: entry.Owner, OwnerSlack: entry.OwnerSlack, Finding: entry.ID, Account: account, Region: region, Time: entry.At,
		Facts: entry.Facts, UnchangedReason: entry.UnchangedReason, Advice: entry.Advice, Event: entry.Run,
		Language: string(r.Settings.Language), Drill: entry.Drill,
	}
	if kind == notice.Warning || kind == notice.Reminder {
		m.Due = entry.Due
	}
	if r.Settings.Runbooks != "" {
		m.Runbook = r.Settings.Runbooks + entry.Control
	}
	done := kind == notice.Changed || kind == notice.Undone
	for _, step := range entry.Steps {
		m.Changes = append(m.Changes, notice.Change{
			ID: step.ID, Kind: step.Kind, Text: r.say(r.Kinds.Describe(step.Change, step.Status.Made())),
			Status: string(step.Status), Reason: step.Reason,
		})
	}
	if done {
		m.Undo = r.undoCommand(entry)
	}
	for _, reference := range r.Control.References {
		m.References = append(m.References, notice.Reference{Title: r.say(cited(reference.Title)), URL: reference.URL})
	}
	return m
}

func (w *work) message(entry *ledger.Entry, kind notice.Kind) notice.Message {
	return w.Runner.message(entry, kind, w.event.Account, w.event.Region)
}

// undoCommand is the command that puts back what was made of the entry's steps, or why there is none.
func (r *Runner) undoCommand(entry *ledger.Entry) string {
	for _, step := range entry.Steps {
		if kind, err := r.Kinds.Kind(step.Change); err == nil && step.Status.Made() && !kind.Final().Empty() {
			return r.say(i18n.T("This cannot be undone: %s.", kind.Final()))
		}
	}
	return r.say(undoCommand(entry.ID))
}

// UndoCommand is the command that puts back one step, empty when it cannot be put back.
func UndoCommand(kinds change.Registry, step ledger.Step) string {
	if kind, err := kinds.Kind(step.Change); err != nil || !kind.Final().Empty() {
		return ""
	}
	return undoCommand(step.ID).String()
}

func undoCommand(id string) i18n.Message { return i18n.T(`make undo ID=%s REASON="why"`, id) }

// say words a text in the language of the deployment, on one line that is not too long, without whole access key ids: what
// of it comes from an event or from the account stays words.
func (r *Runner) say(t i18n.Message) string {
	return notice.Plain(t.In(string(r.Settings.Language)), maxWords)
}

// maxWords is more than any text that Warder words itself, in bytes: names out of events may be longer.
const maxWords = 4000

func (r *Runner) fact(f Fact) notice.Fact {
	return notice.Fact{Name: r.say(f.Name), Value: r.say(f.Value)}
}

// word gives an entry its words.
func (r *Runner) word(e *ledger.Entry, title, text, advice i18n.Message) {
	e.Title, e.Text, e.Advice, e.Heading = r.say(title), r.say(text), r.say(advice), ""
	if english := title.String(); english != e.Title {
		e.Heading = english
	}
}

// cited is the title of a reference. Rules are cited with a remark, which is in English in every
// control.json.
func cited(title string) i18n.Message {
	if rule, ok := strings.CutSuffix(title, " (as cited; check the current text)"); ok {
		return i18n.T("%s (as cited; check the current text)", rule)
	}
	return i18n.Literal(title)
}

// later is the later of two times.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
