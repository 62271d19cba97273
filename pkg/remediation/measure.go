package remediation

import (
	"context"
	"time"

	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/metric"
)

// always are measured in every run, so that there is a zero where there was nothing: a metric without
// values is one of a control that did not run.
var always = []metric.Metric{metric.Findings, metric.Changes, metric.Notices, metric.Failures, metric.Skipped}

// measure begins the measures of a run.
func (r *Report) measure() {
	for _, m := range always {
		r.Metrics.Add(m, 0)
	}
}

// conclude completes them with what the report says.
func (r *Report) conclude() {
	if len(r.Notices) > 0 {
		r.Metrics.Add(metric.Notices, len(r.Notices))
	}
	if r.Outcome == Failed {
		r.Metrics.Add(metric.Failures, 1)
	}
}

// skip counts what was rightly not done, n times for the same reason.
func (r *Report) skip(reason metric.Metric, n int) {
	r.Metrics.Add(metric.Skipped, n)
	r.Metrics.Add(reason, n)
}

// changed measures one change that was made and read back.
func (w *work) changed() {
	w.report.Metrics.Add(metric.Changes, 1)
	if w.sweeping() || w.event.Time.IsZero() {
		return
	}
	// The clocks of two machines may differ by more than the time in between.
	w.report.Metrics.Observe(metric.SecondsToChange, max(w.clock().Sub(w.event.Time).Seconds(), 0))
}

// halted asks the halt switch, and measures for how long it has been on.
func (w *work) halted(ctx context.Context) (why i18n.Message, err error) {
	w.asked = true
	why, since, err := w.Halt.Check(ctx)
	switch {
	case err != nil:
	case why.Empty():
		w.report.Metrics.Set(metric.HaltedHours, 0)
	case !since.IsZero():
		w.report.Metrics.Set(metric.HaltedHours, max(w.now.Sub(since).Hours(), 0))
	}
	return why, err
}

// glance is how long reading what is only measured may take.
const glance = 5 * time.Second

// take measures the state that the run leaves behind; whole says that it came to its end. What
// cannot be read is not measured, and stops nothing: the event is handled.
func (w *work) take(ctx context.Context, whole bool) {
	ctx, cancel := context.WithTimeout(ctx, glance)
	defer cancel()
	var faults []error
	// A run that came upon nothing leaves it to the others: there are sweeps every day.
	if !w.asked && (w.sweeping() || len(w.report.Changes)+len(w.report.Notices) > 0) {
		_, err := w.halted(ctx)
		faults = append(faults, err)
	}
	if whole && w.sweeping() {
		w.report.Metrics.Set(metric.Sweeps, 1)
		faults = append(faults, w.takeOpen(ctx), w.takeBreaker(ctx))
	}
	for _, err := range faults {
		if err != nil {
			w.log.WarnContext(ctx, "not measured", "error", err.Error())
		}
	}
}

// takeOpen measures the open cases, and writes a line for each.
func (w *work) takeOpen(ctx context.Context) error {
	open, err := w.openCases(ctx)
	if err != nil {
		return err
	}
	for _, c := range open {
		w.log.InfoContext(ctx, "case", caseAttrs(c)...)
	}
	w.report.Metrics.Set(metric.OpenCases, float64(len(open)))
	return nil
}

func caseAttrs(c ledger.Case) []any {
	due := "" // the owner has yet to be told, or it is done as soon as nothing holds it back
	if !c.Due.IsZero() {
		due = c.Due.UTC().Format(time.RFC3339)
	}
	return []any{"id", c.Key, "subject", c.Subject, "title", c.Title, "severity", c.Severity, "owner", c.Owner,
		"opened", c.Opened.UTC().Format(time.RFC3339), "due", due, "held", c.Urgent}
}

// takeBreaker measures whether the control is stopped.
func (w *work) takeBreaker(ctx context.Context) error {
	breaker, err := w.Ledger.Breaker(ctx, w.Control.ID)
	if err != nil {
		return err
	}
	w.report.Metrics.Set(metric.BreakerOpen, 0)
	if !breaker.Tripped.IsZero() {
		w.report.Metrics.Set(metric.BreakerOpen, 1)
	}
	return nil
}

// sweeping reports whether the run is a sweep.
func (w *work) sweeping() bool {
	_, sweep := w.event.Detail.(*event.Sweep)
	return sweep
}
