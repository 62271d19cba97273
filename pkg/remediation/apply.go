package remediation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/metric"
)

// applier makes changes and verifies them.
type applier struct {
	*session
	// recent are the recent changes to what each step changes, as they were read last, by the step's id.
	recent map[string]*ledger.RecentChanges
}

// errPrerequisite says that something cannot be made because what it needs does not exist, such as the group
// that a user is to join: what it replaces is not taken away then.
var errPrerequisite = errors.New("what the change needs is gone")

// apply makes the change of a step and verifies it. The claim, the change and its end are recorded in that
// order, each before the next: a retry does not make a second time what was made.
func (a *applier) apply(ctx context.Context, entry *ledger.Entry, step *ledger.Step) error {
	end := func(status ledger.Status, why i18n.Message, err error) error {
		step.Status, step.Reason = status, a.render(why)
		return err
	}
	kind, err := a.kind(step.Change)
	if err != nil {
		return end(ledger.Failed, i18n.Error(err), err)
	}
	if step.Status != ledger.Applied {
		needless, err := a.change(ctx, kind, *step)
		switch {
		case change.NotFound(err) && a.lastTry():
			// What AWS does not show to the retries either does not exist: see reader.read.
			err := a.Ledger.Unclaim(ctx, a.recent[step.ID], step.ID, a.now)
			if err == nil && step.Before == "" {
				err = errPrerequisite
			}
			return end(ledger.Skipped, goneSince, err)
		case err != nil:
			return end(ledger.Failed, i18n.Error(err), err)
		case !needless.Empty():
			return end(ledger.Skipped, needless, nil)
		}
		step.Status, step.Reason, step.At = ledger.Applied, "", a.clock()
		if err := a.Ledger.Update(ctx, entry); err != nil {
			return err
		}
	}
	err = verify(ctx, a.Sleep, kind, step.Change)
	var found *mismatch
	var since i18n.Message
	switch {
	case err == nil:
	case errors.As(err, &found) && (found.present == step.Before || change.Between(kind, step.Change, found.present)):
		return end(ledger.Failed, i18n.Error(err), err)
	case errors.As(err, &found) && a.lastTry():
		since = changedSince
	case change.NotFound(err) && a.lastTry():
		since = goneSince
	default:
		// The change was made, and can be undone, whatever comes of the retry.
		return end(ledger.Applied, i18n.Error(err), err)
	}
	if a.recent[step.ID] == nil { // a guard stopped this try before they were read
		if _, err := a.recentChanges(ctx, *step, nil); err != nil {
			return err
		}
	}
	done := ledger.RecentChange{Step: step.ID, At: a.now, Actor: entry.Actor}
	if err := a.Ledger.AddRecentChange(ctx, a.recent[step.ID], done); err != nil {
		return err
	}
	if step.Reason = a.render(since); since.Empty() {
		step.Status = ledger.Verified
	}
	a.report.Metrics.Add(metric.Changes, 1)
	if !a.sweeping() && !a.event.Time.IsZero() {
		// The clocks of two machines may differ by more than the time in between.
		a.report.Metrics.Raise(metric.SecondsToChange, max(a.clock().Sub(a.event.Time).Seconds(), 0))
	}
	return nil
}

// Why nothing is left to be made.
var (
	alreadySo    = i18n.T("it is already in that state")
	changedSince = i18n.T("it has changed since")
	goneSince    = i18n.T("it no longer exists")
)

// claimTime is how long others leave a resource alone that a step has begun with: less than Lambda waits
// before the first retry of what was cut off
// (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html).
const claimTime = 50 * time.Second

// change makes the change, or returns why there is nothing to make. It claims the resource first: of two
// runs that come to the same one at the same moment, the second finds that it is so already.
func (a *applier) change(ctx context.Context, kind change.Kind, step ledger.Step) (needless i18n.Message, err error) {
	for {
		recent := a.recent[step.ID]
		begun := recent.Claimed(step.ID)
		present, err := kind.Read(ctx, step.Change)
		switch {
		case err != nil:
			return needless, err
		case present == step.After && begun:
			// An earlier try made it and was cut off.
			return needless, nil
		case present == step.After:
			needless = alreadySo
		case present != step.Before && step.Before == "" && step.Kind == change.InlineUserPolicy:
			// What comes after it takes a policy whose deny it is to keep.
			return needless, i18n.Fault{Text: changedSince}
		case present != step.Before && (!begun || !change.Between(kind, step.Change, present)):
			needless = changedSince
		default:
			err := a.Ledger.Claim(ctx, recent, step.ID, a.now, a.Now().Add(claimTime))
			if errors.Is(err, ledger.ErrConflict) {
				if _, err := a.recentChanges(ctx, step, recent); err != nil {
					return needless, err
				}
				continue
			}
			if err != nil {
				return needless, err
			}
			return needless, set(ctx, kind, step.Change)
		}
		if begun {
			err = a.Ledger.Unclaim(ctx, recent, step.ID, a.now)
		}
		return needless, err
	}
}

// recentChanges returns the recent changes to what the step changes: as they were just read, if they were.
// While another run has claimed it, it waits: two events about the same resource can be handled at the same
// moment. The wall clock decides how long a claim lasts.
func (a *applier) recentChanges(
	ctx context.Context, step ledger.Step, read *ledger.RecentChanges,
) (ledger.RecentChanges, error) {
	for _, pause := range visibilityBackoff {
		if pause > 0 {
			a.Sleep(ctx, pause)
		}
		if read == nil {
			recent, err := a.Ledger.RecentChanges(ctx, step.Change)
			if err != nil {
				return recent, i18n.Fault{Text: i18n.T("the changes of today cannot be read"), Err: err}
			}
			read = &recent
		}
		if !read.Busy(step.ID, a.Now()) {
			a.recent[step.ID] = read
			return *read, nil
		}
		read = nil
	}
	busy := i18n.T("another run is changing the %s of %q", step.Kind, step.Subject)
	return ledger.RecentChanges{}, i18n.Fault{Text: busy, Err: ledger.ErrHeld}
}

// set makes a change. What is to be taken away and does not exist any more counts as taken away: a client
// whose first request took effect, and whose answer was lost, asks again and gets that answer. Else what
// Warder did would be in no notice, and could not be undone.
func set(ctx context.Context, kind change.Kind, c change.Change) error {
	err := kind.Set(ctx, c)
	if c.After == "" && change.NotFound(err) {
		return nil
	}
	return err
}

// visibilityBackoff is how long a change is given to be seen: IAM is eventually consistent and names no
// bound (https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html).
var visibilityBackoff = []time.Duration{
	0, 100 * time.Millisecond, 400 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second,
}

// mismatch is the error of something that is not what the change made it.
type mismatch struct {
	i18n.Fault
	present string
}

// Unwrap returns the error in words.
func (m *mismatch) Unwrap() error { return m.Fault }

// verify reads what was changed until it is what the change made it.
func verify(ctx context.Context, sleep func(context.Context, time.Duration), kind change.Kind, c change.Change) error {
	present := ""
	for _, pause := range visibilityBackoff {
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
	return &mismatch{i18n.Fault{Text: i18n.T("the change did not take effect: %s", kind.Describe(c, false))}, present}
}
