package remediation

import (
	"context"
	"log/slog"
	"time"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
)

// session is what the parts of a run share.
type session struct {
	*Runner
	event  event.Event
	record ledger.Run // the run as the ledger has it
	now    time.Time
	frozen bool // the run's time is its event's, and stands still
	report *Report
	log    *slog.Logger // has the event in each line
}

// tries is how often Lambda runs a function for an asynchronous event: once, and twice again
// (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html).
const tries = 3

// lastTry reports whether no retry follows by itself.
func (s *session) lastTry() bool { return s.record.Attempts >= tries }

// clock is the time as it passes during the run.
func (s *session) clock() time.Time {
	if s.frozen {
		return s.now
	}
	return s.Now()
}

func (s *session) enforcing() bool { return s.Settings.Mode == control.Enforce }

func (s *session) sweeping() bool {
	_, sweep := s.event.Detail.(*event.Sweep)
	return sweep
}

// firstTime reports whether nobody was notified of the same thing lately; else it notes that.
func (s *session) firstTime(ctx context.Context, once Once) (bool, error) {
	if once.Key == "" {
		return true, nil
	}
	key := s.Control.ID + "#" + once.Key
	return s.Ledger.Once(ctx, key, s.record.Key, s.now, s.now.Add(once.For))
}

// setSteps gives every step of the entry a status.
func (s *session) setSteps(entry *ledger.Entry, status ledger.Status, why i18n.Message) {
	for i := range entry.Steps {
		entry.Steps[i].Status, entry.Steps[i].Reason = status, s.render(why)
	}
}
