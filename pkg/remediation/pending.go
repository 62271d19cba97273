package remediation

import (
	"context"
	"time"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
)

// Pending gives a sweep to a planner that knows events only: what was held when its event came, because
// Warder was halted or the blast radius was reached, is found again by the next sweep, from the ledger.
// All other events are the planner's.
func Pending(p Planner) Sweeper { return pending{p} }

type pending struct{ Planner }

// Plan implements [Planner].
func (p pending) Plan(ctx context.Context, e event.Event, now time.Time) ([]Finding, error) {
	if _, sweep := e.Detail.(*event.Sweep); sweep {
		return nil, ErrSweep
	}
	return p.Planner.Plan(ctx, e, now)
}

// Sweep implements [Sweeper].
func (pending) Sweep(_ context.Context, _ event.Event, open []ledger.Case, _ time.Time) ([]Finding, error) {
	var findings []Finding
	for _, c := range open {
		if !c.Urgent {
			continue
		}
		f := Finding{
			Title: i18n.Literal(c.Title), Severity: control.Severity(c.Severity), Changes: c.Changes,
			Text:     i18n.T("%s (%s): this was due on %s and was on hold then.", c.Title, c.Subject, i18n.Minute(c.Opened)),
			Handling: Handling{held: &c},
		}
		if c.User {
			f.User = c.Subject
		} else {
			f.Subject = c.Subject
		}
		findings = append(findings, f)
	}
	return findings, nil
}
