package remedy

import (
	"context"
	"time"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/say"
)

// Waiting gives a sweep to a planner that knows events only: what was held back when its event came,
// because Warder was halted or the blast radius was reached, is found again by the next sweep, from
// the ledger. All other events are the planner's. id is that of the control.
func Waiting(p Planner, l *ledger.Ledger, id string) Planner {
	return &waiting{p, l, id}
}

type waiting struct {
	Planner
	ledger *ledger.Ledger
	id     string
}

// Plan implements [Planner].
func (p *waiting) Plan(ctx context.Context, e event.Event, now time.Time) ([]Finding, error) {
	if _, sweep := e.Detail.(*event.Sweep); !sweep {
		return p.Planner.Plan(ctx, e, now)
	}
	open, err := p.ledger.OpenCases(ctx, p.id)
	if err != nil {
		return nil, err
	}
	var findings []Finding
	for _, c := range open {
		if !c.Urgent {
			continue
		}
		f := Finding{
			Title: say.Data(c.Title), heading: c.Heading, Severity: control.Severity(c.Severity), Changes: c.Changes, waits: c.Key,
			Text: say.F("%s (%s): this was to be done on %s and was held back then.", c.Title, c.Subject, say.Minute(c.Opened)),
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
