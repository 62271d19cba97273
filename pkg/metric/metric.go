// Package metric names what Warder measures and writes the values into a line of the log, in the embedded metric
// format: CloudWatch Logs makes metrics of them, so that a function needs no permission and no call for it.
//
// Its names are what the alarms and the dashboard are made from: there is no second list of them. It sends nothing and
// knows no clock.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
package metric

import (
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"
)

// Namespace is that of all of Warder's metrics.
const Namespace = "Warder"

// Control is the dimension whose value is the id of a control.
const Control = "Control"

// Unit is one of CloudWatch's.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html
type Unit string

// The units in use. CloudWatch has none for hours.
const (
	Count   Unit = "Count"
	Seconds Unit = "Seconds"
	None    Unit = "None"
)

// Metric is something that is measured.
//
// CloudWatch bills each pair of a name and a value of its dimension, for the hours in which it gets
// values: a metric has one dimension at most.
type Metric struct {
	Name string
	Unit Unit
	By   string // the dimension; empty when the values are of the whole account
}

// What a control measures at each event, zero when there was nothing.
var (
	Findings = Metric{"Findings", Count, Control} // what the planner found
	Changes  = Metric{"Changes", Count, Control}  // changes made and read back
	Notices  = Metric{"Notices", Count, Control}  // notices that SNS accepted
	Failures = Metric{"Failures", Count, Control} // 1 when something was tried and is not so
	Skipped  = Metric{"Skipped", Count, Control}  // what was rightly not done, or not yet
)

// Why something was skipped, over all controls. The reasons are few and fixed; the log has the texts.
var (
	SkippedRepeated = Metric{"SkippedRepeated", Count, ""} // handled or notified before
	SkippedWaiting  = Metric{"SkippedWaiting", Count, ""}  // its owner has time left
	SkippedExempt   = Metric{"SkippedExempt", Count, ""}   // exempt
	SkippedUndone   = Metric{"SkippedUndone", Count, ""}   // a person put it back
	SkippedHeld     = Metric{"SkippedHeld", Count, ""}     // halted, over the blast radius, or put back again and again
	SkippedMoot     = Metric{"SkippedMoot", Count, ""}     // so already, not found, or changed since
)

// What is not measured at each event.
var (
	// SecondsToChange is the time from an event to the change that it led to, one value a change. Sweeps have none: what
	// they change was not waiting for them, or for longer than they know.
	SecondsToChange = Metric{"SecondsToChange", Seconds, Control}
	Sweeps          = Metric{"Sweeps", Count, Control}    // 1 for each sweep that came to its end
	OpenCases       = Metric{"OpenCases", Count, Control} // how many cases are open at the end of a sweep
	// BreakerOpen is 1 while the control is stopped by its blast radius: then and at the end of each sweep; 0 at
	// release.
	BreakerOpen = Metric{"BreakerOpen", Count, Control}
	HaltedHours = Metric{"HaltedHours", None, ""} // for how long the halt switch has been on, in hours; 0 when it is off
)

// Hop is the dimension whose value is a hop of a drill: package drill has their names.
const Hop = "Hop"

// DrillSeconds is the time that one hop of a drill took, one value a scenario.
var DrillSeconds = Metric{"DrillSeconds", Seconds, Hop}

// All is every metric of a control.
var All = []Metric{
	Findings, Changes, Notices, Failures, Skipped,
	SkippedRepeated, SkippedWaiting, SkippedExempt, SkippedUndone, SkippedHeld, SkippedMoot,
	SecondsToChange, Sweeps, OpenCases, BreakerOpen, HaltedHours,
}

// maxValues is how many values of one metric a line can carry: "Metric targets".
const maxValues = 100

// Sheet is what was measured, until it is written into a line. The zero Sheet is empty.
type Sheet struct{ values map[Metric][]float64 }

// Set makes v the metric's only value.
func (s *Sheet) Set(m Metric, v float64) {
	if s.values == nil {
		s.values = map[Metric][]float64{}
	}
	s.values[m] = []float64{v}
}

// Add adds n to the metric's value. Adding 0 makes it a zero that is written.
func (s *Sheet) Add(m Metric, n int) {
	sum := float64(n)
	if has := s.values[m]; len(has) > 0 {
		sum += has[0]
	}
	s.Set(m, sum)
}

// Observe gives the metric one value more. The first 100 are kept.
func (s *Sheet) Observe(m Metric, v float64) {
	switch has := s.values[m]; {
	case len(has) == 0:
		s.Set(m, v)
	case len(has) < maxValues:
		s.values[m] = append(has, v)
	}
}

// Values returns the values of a metric, nil when it has none.
func (s *Sheet) Values(m Metric) []float64 { return slices.Clone(s.values[m]) }

// Attrs are the attributes that make a line of the log carry the values: the dimensions, the values under their names,
// and last, for CloudWatch alone, which of the attributes are metrics. at is the time of the values; CloudWatch takes
// those of the last two weeks. A metric whose dimension is not among the dimensions is left out, and where nothing is
// left there are no attributes.
func (s *Sheet) Attrs(at time.Time, dimensions map[string]string) []slog.Attr {
	metrics := slices.SortedFunc(maps.Keys(s.values), func(a, b Metric) int { return strings.Compare(a.Name, b.Name) })
	metrics = slices.DeleteFunc(metrics, func(m Metric) bool { return m.By != "" && dimensions[m.By] == "" })
	if len(metrics) == 0 {
		return nil
	}
	var attrs []slog.Attr
	named := map[string]*directive{}
	for _, m := range metrics {
		if named[m.By] == nil {
			named[m.By] = &directive{Namespace: Namespace, Dimensions: [][]string{{}}}
			if m.By != "" {
				named[m.By].Dimensions = [][]string{{m.By}}
				attrs = append(attrs, slog.String(m.By, dimensions[m.By]))
			}
		}
		named[m.By].Metrics = append(named[m.By].Metrics, definition{m.Name, m.Unit})
	}
	for _, m := range metrics {
		if values := s.values[m]; len(values) == 1 {
			attrs = append(attrs, slog.Float64(m.Name, values[0]))
		} else {
			attrs = append(attrs, slog.Any(m.Name, values))
		}
	}
	meta := metadata{Timestamp: at.UnixMilli()}
	for _, by := range slices.Sorted(maps.Keys(named)) {
		meta.CloudWatchMetrics = append(meta.CloudWatchMetrics, *named[by])
	}
	return append(attrs, slog.Any("_aws", meta)) //nolint:sloglint // the specification names it so
}

// metadata is the object that makes a line one with metrics.
type metadata struct {
	Timestamp         int64 // milliseconds since 1970
	CloudWatchMetrics []directive
}

// directive lists which members of the line are metrics, and their dimensions; the empty set is that of none.
type directive struct {
	Namespace  string
	Dimensions [][]string
	Metrics    []definition
}

type definition struct {
	Name string
	Unit Unit
}
