package remedy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
)

// work is one run at work.
type work struct {
	*Runner
	event  event.Event
	run    ledger.Run
	now    time.Time
	report *Report
}

// all finishes what an earlier try recorded, then plans and handles what is new.
// One finding that is stuck does not keep the others from being handled.
func (w *work) all(ctx context.Context) error {
	var faults []error
	known := map[string]bool{}
	for _, id := range w.run.Entries {
		entry, found, err := w.Ledger.Entry(ctx, id)
		if err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("the ledger has no entry %s, which its run names", id)
		}
		known[entry.Subject] = true
		faults = append(faults, w.finish(ctx, entry, true))
	}
	if w.run.Planned {
		return errors.Join(faults...)
	}
	entries, err := w.plan(ctx, known)
	faults = append(faults, err)
	if len(entries) == 0 {
		return errors.Join(faults...)
	}
	if err := w.Ledger.Record(ctx, &w.run, entries, err == nil); err != nil {
		return errors.Join(append(faults, err)...)
	}
	for _, entry := range entries {
		faults = append(faults, w.finish(ctx, entry, false))
	}
	return errors.Join(faults...)
}

// plan returns the entries of what the planner finds. Subjects that an earlier try of this run
// dealt with are done with: what can be found about them now is a consequence of what was done.
// A subject that cannot be dealt with whole is left to the retry.
func (w *work) plan(ctx context.Context, known map[string]bool) ([]ledger.Entry, error) {
	var faults []error
	findings, err := w.Planner.Plan(ctx, w.event, w.now)
	if err != nil {
		faults = append(faults, fmt.Errorf("plan: %w", err))
	}
	var entries []ledger.Entry
	stuck := map[string]bool{}
	for _, finding := range findings {
		if known[finding.subject()] {
			continue
		}
		entry, wanted, err := w.entry(ctx, finding)
		if err != nil {
			faults = append(faults, err)
			stuck[finding.subject()] = true
		}
		if wanted && !slices.ContainsFunc(entries, func(e ledger.Entry) bool { return e.ID == entry.ID }) {
			entries = append(entries, entry)
		}
	}
	entries = slices.DeleteFunc(entries, func(e ledger.Entry) bool { return stuck[e.Subject] })
	return entries, errors.Join(faults...)
}

// entry makes a finding into what the ledger records; wanted is false when it was told of lately.
func (w *work) entry(ctx context.Context, f Finding) (entry ledger.Entry, wanted bool, err error) {
	if once := f.once(); once.Key != "" {
		first, err := w.Ledger.Once(ctx, w.Control.ID+"#"+once.Key, w.run.Key, w.now, w.now.Add(once.For))
		if err != nil {
			return entry, false, err
		}
		// In enforce a change is made however often it was told of.
		if !first && (len(f.Changes) == 0 || w.Settings.Mode != control.Enforce) {
			w.report.note(Skipped, "told already: the same is told of once in "+period(once.For))
			return entry, false, nil
		}
	}
	id := digest(w.Control.ID, w.run.Key, f.subject(), f.Title, f.Once.Key, f.Changes)
	entry = ledger.Entry{
		ID: id, Control: w.Control.ID, Run: w.run.Key, Subject: f.subject(), At: w.now,
		Title: cmp.Or(f.Title, w.Control.Title), Severity: string(cmp.Or(f.Severity, w.Control.Severity)),
		Text: f.Text, Facts: f.Facts, Advice: f.Advice, Left: f.Left,
	}
	if f.User != "" {
		contact, err := w.Owners.Owner(ctx, f.User)
		if err != nil {
			return entry, false, fmt.Errorf("look up the owner of %q: %w", f.User, err)
		}
		entry.Owner = contact.Address
		if contact.Missing != "" {
			entry.Facts = append(slices.Clone(entry.Facts), notice.Fact{Name: "Owner", Value: contact.Missing})
		}
	}
	for i, c := range f.Changes {
		entry.Steps = append(entry.Steps, ledger.Step{Change: c, ID: fmt.Sprintf("%s-%d", id, i+1), Status: ledger.Planned, At: w.now})
	}
	return entry, true, nil
}

// finish brings a recorded entry to its end: acts if it may, and tells what was not told.
func (w *work) finish(ctx context.Context, entry ledger.Entry, resumed bool) error {
	if severity := control.Severity(entry.Severity); severity.Rank() > w.report.Severity.Rank() || len(w.report.Changes)+len(w.report.Notices) == 0 {
		w.report.Severity = severity
	}
	acted := w.act(ctx, &entry, resumed)
	told := w.tell(ctx, &entry)
	for _, step := range entry.Steps {
		w.report.Changes = append(w.report.Changes, ReportedChange{step.ID, step.Change, step.Status, step.Reason})
		w.report.note(outcome(step.Status), step.Reason)
	}
	if told == nil && len(entry.Steps) == 0 {
		w.report.note(Told, entry.Left)
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
	case ledger.Skipped, ledger.Held:
		return Skipped
	default:
		return Failed
	}
}

// act settles the steps of an entry, in order, as far as it can.
func (w *work) act(ctx context.Context, entry *ledger.Entry, resumed bool) error {
	if !slices.ContainsFunc(entry.Steps, func(s ledger.Step) bool { return !s.Status.Settled() }) {
		return nil
	}
	status, reason := w.permit(ctx)
	var failed error
	for i := range entry.Steps {
		step := &entry.Steps[i]
		if step.Status.Settled() {
			continue
		}
		switch {
		case failed != nil:
			step.Status, step.Reason = ledger.Failed, "not tried: the change before it failed"
		case status != ledger.Planned:
			step.Status, step.Reason = status, reason
		default:
			failed = w.step(ctx, entry, step, resumed)
		}
		step.At = w.now
		w.Log.InfoContext(ctx, "change", "id", step.ID, "kind", step.Kind, "subject", step.Subject,
			"status", step.Status, "reason", step.Reason)
	}
	return errors.Join(failed, w.Ledger.Update(ctx, entry))
}

// permit says whether changes may be made: Planned if so, or the status and reason they get instead.
func (w *work) permit(ctx context.Context) (ledger.Status, string) {
	if w.Settings.Mode != control.Enforce {
		return ledger.Observed, ""
	}
	for _, guard := range w.Guards {
		why, err := guard.Check(ctx)
		if err != nil {
			why = notice.Redact(err.Error())
		}
		if why != "" {
			return ledger.Held, why
		}
	}
	return ledger.Planned, ""
}

// step makes one change and reads it back.
func (w *work) step(ctx context.Context, entry *ledger.Entry, step *ledger.Step, resumed bool) error {
	kind, err := w.Kinds.Kind(step.Change)
	if err != nil {
		step.Status, step.Reason = ledger.Failed, err.Error()
		return err
	}
	fail := func(err error) error {
		step.Status, step.Reason = ledger.Failed, notice.Redact(err.Error())
		return err
	}
	if step.Status != ledger.Applied {
		present, err := kind.Read(ctx, step.Change)
		switch {
		case err != nil:
			return fail(err)
		case present == step.After && !resumed:
			step.Status, step.Reason = ledger.Skipped, "it is so already"
			return nil
		case present == step.After:
			// An earlier try recorded its intent and was cut off: it is done.
		case present != step.Before:
			step.Status, step.Reason = ledger.Skipped, "it was changed meanwhile"
			return nil
		default:
			if err := kind.Set(ctx, step.Change); change.Gone(err) {
				step.Status, step.Reason = ledger.Skipped, "it is gone already"
				return nil
			} else if err != nil {
				return fail(err)
			}
		}
		step.Status, step.Reason, step.At = ledger.Applied, "", w.now
		if err := w.Ledger.Update(ctx, entry); err != nil {
			return err
		}
	}
	if err := w.verify(ctx, kind, step.Change); err != nil {
		return fail(err)
	}
	step.Status, step.Reason = ledger.Verified, ""
	return nil
}

// patience is how long a change is given to be seen: IAM is eventually consistent and names no
// bound (https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html).
var patience = []time.Duration{0, 100 * time.Millisecond, 400 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second}

// verify reads the thing until it is what the change made it.
func (w *work) verify(ctx context.Context, kind change.Kind, c change.Change) error {
	for _, pause := range patience {
		if pause > 0 {
			w.Sleep(ctx, pause)
		}
		present, err := kind.Read(ctx, c)
		if err != nil {
			return fmt.Errorf("verify: %w", err)
		}
		if present == c.After {
			return nil
		}
	}
	return fmt.Errorf("verify: the change did not take: %s", kind.Say(c, false))
}

// tell publishes the notice that the entry's state calls for, unless it was sent before.
func (w *work) tell(ctx context.Context, entry *ledger.Entry) error {
	kind, due := due(entry)
	if !due {
		return nil
	}
	if sent := entry.Notice(kind); sent != nil {
		return nil
	}
	id, err := w.Topic.Publish(ctx, w.message(entry, kind))
	if err != nil {
		return err
	}
	entry.Told = append(entry.Told, ledger.Told{Kind: kind, Owner: entry.Owner, Message: id, At: w.now})
	w.report.Notices = append(w.report.Notices, ReportedNotice{kind, entry.Severity, entry.Title, entry.Owner})
	return w.Ledger.Update(ctx, entry)
}

// due is the kind of notice that an entry in its present state calls for.
func due(entry *ledger.Entry) (notice.Kind, bool) {
	if len(entry.Steps) == 0 {
		return notice.Alert, true
	}
	has := func(statuses ...ledger.Status) bool {
		return slices.ContainsFunc(entry.Steps, func(s ledger.Step) bool { return slices.Contains(statuses, s.Status) })
	}
	switch {
	case has(ledger.Failed, ledger.Planned):
		return notice.Failure, true
	case has(ledger.Verified, ledger.Applied):
		return notice.Changed, true
	case has(ledger.Observed):
		return notice.WouldChange, true
	case has(ledger.Held):
		return notice.Held, true
	default:
		return "", false
	}
}

// message words the entry as a notice.
func (w *work) message(entry *ledger.Entry, kind notice.Kind) notice.Message {
	m := notice.Message{
		Version: "1", ID: digest(entry.ID, kind), Kind: kind, Thread: entry.ID,
		Control: entry.Control, Severity: entry.Severity, Title: entry.Title, Text: entry.Text,
		Subject: entry.Subject, Owner: entry.Owner, Account: w.event.Account, Region: w.event.Region, Time: entry.At,
		Facts: entry.Facts, Left: entry.Left, Advice: entry.Advice, Event: entry.Run,
	}
	if w.Settings.Runbooks != "" {
		m.Runbook = w.Settings.Runbooks + entry.Control
	}
	for _, step := range entry.Steps {
		done := step.Status == ledger.Verified || step.Status == ledger.Applied
		m.Changes = append(m.Changes, notice.Change{
			ID: step.ID, Kind: step.Kind, Text: w.Kinds.Say(step.Change, done),
			Status: string(step.Status), Reason: step.Reason,
		})
	}
	for _, reference := range w.Control.References {
		m.References = append(m.References, notice.Reference{Title: reference.Title, URL: reference.URL})
	}
	return m
}

// period words a duration of whole days, hours or minutes.
func period(d time.Duration) string {
	switch {
	case d >= 24*time.Hour:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	case d >= time.Hour:
		return fmt.Sprintf("%d hours", d/time.Hour)
	default:
		return fmt.Sprintf("%d minutes", d/time.Minute)
	}
}
