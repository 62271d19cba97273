// Package metric names what Warder measures and writes the values into a line of the log. Logs Insights sums up all of
// them from there. The few that alarms watch are in the embedded metric format as well: CloudWatch Logs makes metrics
// of them, so that a function needs no permission and no call for it.
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

// Unit is one of CloudWatch's.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html
type Unit string

// The units in use. CloudWatch has none for hours.
const (
	Count Unit = "Count"
	None  Unit = "None"
)

// Metric is something that is measured. One without a unit is in the log alone.
//
// CloudWatch bills a metric for the hours in which it gets values, and each value of a dimension as a metric of its
// own: its metrics have no dimension, and no value in a run that has nothing to say.
type Metric struct {
	Name string
	Unit Unit
}

// What a run of a control measures, in the log alone. What is 0 is left out.
var (
	Findings = Metric{Name: "Findings"} // what the planner found
	Changes  = Metric{Name: "Changes"}  // changes made and read back
	Notices  = Metric{Name: "Notices"}  // notices that SNS accepted
	Failures = Metric{Name: "Failures"} // 1 when something was tried and is not so
	Skipped  = Metric{Name: "Skipped"}  // what was rightly not done, or not yet

	// Why something was skipped. The reasons are few and fixed; the log has the texts.
	SkippedRepeated = Metric{Name: "SkippedRepeated"} // handled or notified before
	SkippedWaiting  = Metric{Name: "SkippedWaiting"}  // its owner has time left
	SkippedExempt   = Metric{Name: "SkippedExempt"}   // exempt
	SkippedUndone   = Metric{Name: "SkippedUndone"}   // a person put it back
	SkippedHeld     = Metric{Name: "SkippedHeld"}     // halted, over the blast radius, or put back again and again
	SkippedMoot     = Metric{Name: "SkippedMoot"}     // so already, not found, or changed since

	// SecondsToChange is the longest time from an event to a change that it led to. Sweeps have none: what they change was
	// not waiting for them, or for longer than they know.
	SecondsToChange = Metric{Name: "SecondsToChange"}
)

// DrillSeconds is the longest time that one hop of a drill took.
var DrillSeconds = Metric{Name: "DrillSeconds"}

// What alarms watch.
var (
	// Errors is counted by the filters of the functions' logs, because who has run out of time cannot write a line.
	Errors = Metric{"Errors", Count}
	// BreakerOpen is 1 when a change is not made because the blast radius stopped its control, 0 at release, and once a
	// day how many controls are stopped.
	BreakerOpen = Metric{"BreakerOpen", Count}
	// HaltedHours is for how long the halt switch has been on, in hours; a sweep measures 0 when it is off.
	HaltedHours = Metric{"HaltedHours", None}

	// Unreached is how many changes are not made in a run because nobody responsible can be notified before.
	Unreached = Metric{"Unreached", Count}

	// Once a day, by the daily check.
	OpenCases      = Metric{"OpenCases", Count}      // how many cases were open at the end of the controls' last sweeps
	OverdueSweeps  = Metric{"OverdueSweeps", Count}  // how many controls have not completed a sweep in time
	DeliveryFaults = Metric{"DeliveryFaults", Count} // functions and rules that AWS throttled, or whose events it lost
	SilentRegions  = Metric{"SilentRegions", Count}  // regions whose heartbeats have not arrived
)

// Logged and Watched are every metric of a control and of the daily check: those in the log alone, and CloudWatch's.
var (
	Logged = []Metric{
		Findings, Changes, Notices, Failures, Skipped,
		SkippedRepeated, SkippedWaiting, SkippedExempt, SkippedUndone, SkippedHeld, SkippedMoot, SecondsToChange,
	}
	Watched = []Metric{
		Errors, BreakerOpen, HaltedHours, Unreached, OpenCases, OverdueSweeps, DeliveryFaults, SilentRegions,
	}
)

// Sheet is what was measured, until it is written into a line. The zero Sheet is empty.
type Sheet struct{ values map[Metric]float64 }

// Set makes v the metric's value.
func (s *Sheet) Set(m Metric, v float64) {
	if s.values == nil {
		s.values = map[Metric]float64{}
	}
	s.values[m] = v
}

// Add adds n to the metric's value. Adding 0 adds no value.
func (s *Sheet) Add(m Metric, n int) {
	if n != 0 {
		s.Set(m, s.values[m]+float64(n))
	}
}

// Raise makes v the metric's value if it is the highest so far.
func (s *Sheet) Raise(m Metric, v float64) {
	if has, ok := s.values[m]; !ok || v > has {
		s.Set(m, v)
	}
}

// Value returns the value of a metric; ok is false when it has none.
func (s *Sheet) Value(m Metric) (v float64, ok bool) {
	v, ok = s.values[m]
	return v, ok
}

// Attrs are the attributes that make a line of the log carry the values: each under its name, and last, for CloudWatch
// alone, which of them are its metrics. at is the time of the values; CloudWatch takes those of the last two weeks.
func (s *Sheet) Attrs(at time.Time) []slog.Attr {
	var attrs []slog.Attr
	var watched []definition
	for _, m := range slices.SortedFunc(maps.Keys(s.values), func(a, b Metric) int {
		return strings.Compare(a.Name, b.Name)
	}) {
		attrs = append(attrs, slog.Float64(m.Name, s.values[m]))
		if m.Unit != "" {
			watched = append(watched, definition(m))
		}
	}
	if len(watched) == 0 {
		return attrs
	}
	return append(attrs, slog.Any("_aws", metadata{ //nolint:sloglint // the specification names it so
		Timestamp:         at.UnixMilli(),
		CloudWatchMetrics: []directive{{Namespace: Namespace, Dimensions: [][]string{{}}, Metrics: watched}},
	}))
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
