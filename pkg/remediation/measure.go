package remediation

import (
	"context"
	"time"

	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/metric"
)

// always are measured in every run, so that there is a zero where there was nothing: a metric without
// values is one of a control that did not run.
var always = []metric.Metric{metric.Findings, metric.Changes, metric.Notices, metric.Failures, metric.Skipped}

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
	// A run that found nothing leaves it to the others: there are sweeps every day.
	if !r.reader.haltRead && (r.sweeping() || len(r.report.Changes)+len(r.report.Notices) > 0) {
		_, err := r.reader.halted(ctx)
		warn(err)
	}
	if !whole || !r.sweeping() {
		return
	}
	r.report.Metrics.Set(metric.Sweeps, 1)
	open, err := r.cases.open(ctx)
	if warn(err); err == nil {
		for _, c := range open {
			r.log.InfoContext(ctx, "case", caseAttrs(c)...)
		}
		r.report.Metrics.Set(metric.OpenCases, float64(len(open)))
	}
	breaker, err := r.Ledger.Breaker(ctx, r.Control.ID)
	if warn(err); err == nil {
		tripped := 0.0
		if !breaker.Tripped.IsZero() {
			tripped = 1
		}
		r.report.Metrics.Set(metric.BreakerOpen, tripped)
	}
}

func caseAttrs(c ledger.Case) []any {
	due := "" // the owner has yet to be notified, or it is done as soon as nothing holds it
	if !c.Due.IsZero() {
		due = c.Due.UTC().Format(time.RFC3339)
	}
	return []any{"id", c.Key, "subject", c.Subject, "title", c.Title, "severity", c.Severity, "owner", c.Owner,
		"opened", c.Opened.UTC().Format(time.RFC3339), "due", due, "held", c.Urgent}
}
