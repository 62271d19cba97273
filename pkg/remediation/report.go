package remediation

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/metric"
	"github.com/warder-aws/warder/pkg/notice"
)

// Outcome is a run in one word.
type Outcome string

// The outcomes of a run. A run with several findings has the one that stands first here.
const (
	Failed      Outcome = "failed"       // something was tried and is not so
	Changed     Outcome = "changed"      // something was changed
	WouldChange Outcome = "would_change" // something would have been changed in enforce
	Notified    Outcome = "notified"     // somebody was notified of something
	Skipped     Outcome = "skipped"      // something was rightly not done; the reason says why
	Nothing     Outcome = "nothing"      // there was nothing to do
)

var order = []Outcome{Nothing, Skipped, Notified, WouldChange, Changed, Failed}

// outcomes are what the statuses of a step mean for the run. Others mean that it failed.
var outcomes = map[ledger.Status]Outcome{
	ledger.Verified: Changed, ledger.Applied: Changed, ledger.Observed: WouldChange, ledger.Undone: Skipped,
	ledger.Skipped: Skipped, ledger.Held: Skipped, ledger.Pending: Skipped,
}

// Report is what a function answers. Its JSON stays compatible: fields are added, never renamed.
type Report struct {
	Control  string           `json:"control"`
	Event    string           `json:"event"`
	Outcome  Outcome          `json:"outcome"`
	Reason   string           `json:"reason"`
	Severity control.Severity `json:"severity"`
	Changes  []ReportedChange `json:"changes"`
	Notices  []ReportedNotice `json:"notices"`
	Metrics  metric.Sheet     `json:"-"` // what was measured in the run. It goes into the log, not into the answer
}

// ReportedChange is a change and how far it came.
type ReportedChange struct {
	ID string `json:"id"`
	change.Change
	Status ledger.Status `json:"status"`
	Reason string        `json:"reason"`
}

// ReportedNotice is a notice that SNS accepted during the run.
type ReportedNotice struct {
	Kind     notice.Kind `json:"kind"`
	Severity string      `json:"severity"`
	Title    string      `json:"title"`
	Owner    string      `json:"owner"`
}

// note raises the report's outcome to o if that stands above it, and keeps the first reason for the outcome.
func (r *Report) note(o Outcome, reason string) {
	switch above := slices.Index(order, o) - slices.Index(order, r.Outcome); {
	case above > 0:
		r.Outcome, r.Reason = o, reason
	case above == 0 && r.Reason == "":
		r.Reason = reason
	}
}

// steps reports the steps of an entry.
func (r *Report) steps(entry *ledger.Entry) {
	for _, step := range entry.Steps {
		r.Changes = append(r.Changes, ReportedChange{step.ID, step.Change, step.Status, step.Reason})
		r.note(cmp.Or(outcomes[step.Status], Failed), step.Reason)
	}
}

// skip counts what was rightly not done, n times for the same reason. What has no reason is not counted.
func (r *Report) skip(reason metric.Metric, n int) {
	if reason.Name != "" {
		r.Metrics.Add(metric.Skipped, n)
		r.Metrics.Add(reason, n)
	}
}

// conclude completes the metrics with what the report says.
func (r *Report) conclude() {
	r.Metrics.Add(metric.Notices, len(r.Notices))
	if r.Outcome == Failed {
		r.Metrics.Add(metric.Failures, 1)
	}
}

// maxReadTime is how long reading what is only measured may take.
const maxReadTime = 5 * time.Second

// measure measures the state that the run leaves behind; whole says that it came to its end. What
// cannot be read is not measured, and stops nothing: the event is handled.
func (r *run) measure(ctx context.Context, whole bool) {
	ctx, cancel := context.WithTimeout(ctx, maxReadTime)
	defer cancel()
	warn := func(err error) {
		if err != nil {
			r.log.WarnContext(ctx, "not measured", "error", err.Error())
		}
	}
	if !whole || !r.sweeping() {
		return
	}
	warn(r.reader.readHalt(ctx))
	open, err := r.cases.open(ctx)
	if warn(err); err != nil {
		return
	}
	for _, c := range open {
		r.log.InfoContext(ctx, "case", caseAttrs(c)...)
	}
	warn(r.Ledger.KeepSweep(ctx, r.Control.ID, ledger.Sweep{At: r.Now(), Open: len(open)}))
}

func caseAttrs(c ledger.Case) []any {
	due := "" // the owner has yet to be notified, or it is done as soon as nothing holds it
	if !c.Due.IsZero() {
		due = c.Due.UTC().Format(time.RFC3339)
	}
	return []any{"id", c.Key, "subject", c.Subject, "title", c.Title, "severity", c.Severity, "owner", c.Owner,
		"opened", c.Opened.UTC().Format(time.RFC3339), "due", due, "held", c.Urgent}
}
