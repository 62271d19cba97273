package remediation

import (
	"context"
	"log/slog"
	"time"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/metric"
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

func (s *session) skipRepeated(once Once) {
	s.report.skip(metric.SkippedRepeated, 1)
	s.report.note(Skipped, s.render(i18n.T("told already: the same is told of once in %s", i18n.Period(once.For))))
}
