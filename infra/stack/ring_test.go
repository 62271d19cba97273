package stack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/metric"
)

// A cloud is CloudWatch with the alarms and filters of a template: it takes values and lines of logs, and rings.
type cloud struct {
	template
	values map[string][]sample // by namespace, name and dimension
	states map[string]string   // of the alarms, by name
	rung   map[string]int      // alarms that notified, and how many topics
}

type sample struct {
	at    time.Time
	value float64
}

// born is when the stack was deployed.
var born = time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)

// log is one line in the log of every function.
func (c *cloud) log(t *testing.T, at time.Time, line string) {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal([]byte(line), &fields); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	if matchesPattern(t, c.all("AWS::Logs::MetricFilter")[0].get("FilterPattern").(string), fields) {
		c.add("Warder/Errors", at, 1)
	}
	meta, _ := fields["_aws"].(map[string]any)
	directives, _ := meta["CloudWatchMetrics"].([]any)
	for _, d := range directives {
		for _, m := range d.(map[string]any)["Metrics"].([]any) {
			name := m.(map[string]any)["Name"].(string)
			c.add("Warder/"+name, at, fields[name].(float64))
		}
	}
}

func (c *cloud) add(name string, at time.Time, value float64) {
	c.values[name] = append(c.values[name], sample{at, value})
}

// run evaluates the alarms each minute for so long.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
func (c *cloud) run(t *testing.T, long time.Duration) {
	t.Helper()
	c.states, c.rung = map[string]string{}, map[string]int{}
	for at := born; at.Before(born.Add(long)); at = at.Add(time.Minute) {
		for _, alarm := range c.all("AWS::CloudWatch::Alarm") {
			name := alarm.get("AlarmName").(string)
			before := c.states[name]
			if before == "" {
				before = "INSUFFICIENT_DATA" // as it was made
			}
			now := c.state(t, alarm, at, before)
			actions := map[string]string{"ALARM": "AlarmActions", "OK": "OKActions",
				"INSUFFICIENT_DATA": "InsufficientDataActions"}[now]
			if topics, _ := alarm.get(actions).([]any); now != before && len(topics) > 0 {
				c.rung[name] = len(topics)
			}
			c.states[name] = now
		}
	}
}

// state is the state of an alarm at a time. All periods have to be beyond the threshold.
func (c *cloud) state(t *testing.T, alarm resource, at time.Time, before string) string {
	t.Helper()
	if alarm.get("Metrics") != nil {
		return c.never(t, alarm, at)
	}
	key := fmt.Sprintf("%v/%v", alarm.get("Namespace"), alarm.get("MetricName"))
	if alarm.get("Dimensions") != nil {
		key += " " + text(alarm.get("Dimensions.0.Value"))
	}
	period := time.Duration(alarm.get("Period").(float64)) * time.Second
	beyond, present := 0, 0
	periods := int(alarm.get("EvaluationPeriods").(float64))
	for i := range periods {
		end := at.Add(-time.Duration(i) * period)
		sum, most, has := 0.0, 0.0, false
		for _, v := range c.values[key] {
			if v.at.After(end.Add(-period)) && !v.at.After(end) {
				sum, most, has = sum+v.value, max(most, v.value), true
			}
		}
		if !has {
			continue
		}
		present++
		value := map[any]float64{"Sum": sum, "Maximum": most}[alarm.get("Statistic")]
		threshold := alarm.get("Threshold").(float64)
		if map[any]bool{"GreaterThanOrEqualToThreshold": value >= threshold, "GreaterThanThreshold": value > threshold,
			"LessThanThreshold": value < threshold}[alarm.get("ComparisonOperator")] {
			beyond++
		}
	}
	missing := periods - present
	switch treat := alarm.get("TreatMissingData"); {
	case treat == "breaching" && beyond+missing == periods, beyond == periods:
		return "ALARM"
	case present == 0 && treat == "missing":
		return "INSUFFICIENT_DATA"
	case present == 0 && treat == "ignore":
		return before
	}
	return "OK"
}

// never is the state of the alarm on a daily check that never ran, with days that end when they are looked at and with
// those of the calendar: CloudWatch says of neither that it is so, and the alarm is on when it would be by one of both.
func (c *cloud) never(t *testing.T, alarm resource, at time.Time) string {
	t.Helper()
	if alarm.get("Metrics.0.Expression") != neverChecked {
		t.Fatalf("%v is not known here", alarm.get("Metrics.0.Expression"))
	}
	count := func(i int, from, to time.Time) (n int) {
		stat := fmt.Sprintf("Metrics.%d.MetricStat.Metric.", i)
		key := fmt.Sprintf("%v/%v", alarm.get(stat+"Namespace"), alarm.get(stat+"MetricName"))
		if alarm.get(stat+"Dimensions") != nil {
			key += " " + text(alarm.get(stat+"Dimensions.0.Value"))
		}
		for _, v := range c.values[key] {
			if v.at.After(from) && !v.at.After(to) {
				n++
			}
		}
		return n
	}
	const day = 24 * time.Hour
	periods := int(alarm.get("EvaluationPeriods").(float64))
	for _, last := range []time.Time{at, at.Truncate(day).Add(day)} {
		beyond := 0
		for i := range periods {
			end := last.Add(-time.Duration(i) * day)
			if count(1, end.Add(-day), end) > 0 && count(2, end.Add(-day), end) == 0 {
				beyond++
			}
		}
		if beyond == periods {
			return "ALARM"
		}
	}
	return "OK"
}

// matchesPattern is a filter of CloudWatch Logs, as far as patterns here go: comparisons of texts, && and ||.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
func matchesPattern(t *testing.T, pattern string, line map[string]any) bool {
	t.Helper()
	words := regexp.MustCompile(`&&|\|\||[(){}]|\$[\w.]+|=|"[^"]*"`).FindAllString(pattern, -1)
	next := func() (word string) { word, words = words[0], words[1:]; return word }
	var expression func() bool
	operand := func() bool {
		word := next()
		if word == "(" {
			value := expression()
			if next() != ")" {
				t.Fatalf("pattern %s", pattern)
			}
			return value
		}
		field := any(line)
		for _, name := range strings.Split(word, ".")[1:] {
			object, _ := field.(map[string]any)
			field = object[name]
		}
		if next() != "=" {
			t.Fatalf("pattern %s", pattern)
		}
		want := strings.Trim(next(), `"`)
		has, _ := field.(string)
		prefix, open := strings.CutSuffix(want, "*")
		return has == want || open && strings.HasPrefix(has, prefix)
	}
	expression = func() bool {
		value := operand()
		for len(words) > 0 && (words[0] == "&&" || words[0] == "||") {
			operator, right := next(), false
			right = operand()
			value = operator == "&&" && value && right || operator == "||" && (value || right)
		}
		return value
	}
	if next() != "{" {
		t.Fatalf("pattern %s", pattern)
	}
	return expression()
}

// says is a line as functions write it.
func says(level slog.Level, message string, args ...any) string {
	var out bytes.Buffer
	handler.NewLog(&out).Log(context.Background(), level, message, args...) //nolint:sloglint // says it for many
	return out.String()
}

// measures is the line that carries a value.
func measures(m metric.Metric, value float64) string {
	var sheet metric.Sheet
	sheet.Set(m, value)
	var args []any
	for _, attr := range sheet.Attrs(born) {
		args = append(args, attr)
	}
	return says(slog.LevelInfo, "invocation", args...)
}

// report is Lambda's own line about a run. The examples are those of its documentation.
// https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html#platform-report
func report(status string) string {
	return `{"time":"2026-12-01T09:00:00.000Z","type":"platform.report","record":{"requestId":"6d68ca91-49c9-448d",` +
		`"metrics":{"durationMs":900000,"billedDurationMs":900000,"memorySizeMB":256,"maxMemoryUsedMB":256},` + status + `}}`
}

// ordinary is what is measured while all is well: the check runs each day at 03:40, sweeps say that nothing is halted,
// and now and then an event fails once.
func ordinary(t *testing.T, c *cloud, days int) {
	t.Helper()
	if days > 0 { // the first sweep comes before the first check
		c.log(t, born.Add(time.Hour), measures(metric.HaltedHours, 0))
	}
	for day := range days {
		checked := born.Truncate(24 * time.Hour).Add(time.Duration(day+1)*24*time.Hour + 220*time.Minute)
		c.add("AWS/Lambda/Invocations warder-check-warder", checked, 1)
		for _, m := range []metric.Metric{metric.OpenCases, metric.OverdueSweeps, metric.DeliveryFaults, metric.BreakerOpen} {
			c.log(t, checked, measures(m, 0))
		}
		c.log(t, born.Add(time.Duration(day+1)*24*time.Hour), measures(metric.HaltedHours, 0))
		c.log(t, checked, says(slog.LevelError, "invocation", "error", "denied, and done in the second try"))
		c.log(t, checked, says(slog.LevelError, "change", "status", "failed"))
		c.log(t, checked, report(`"status":"success"`))
		c.log(t, checked, report(`"status":"error","errorType":"errorString"`)) // the function has said so itself
	}
}

func TestAlarms_QuietUntilSomethingIsTrue(t *testing.T) {
	for name, from := range map[string]func() (template, error){"deployed": deployed, "custom": custom} {
		for days := range 3 {
			c := &cloud{template: load(t, from), values: map[string][]sample{}}
			ordinary(t, c, days)
			c.run(t, 20*time.Hour+time.Duration(days)*24*time.Hour)
			if len(c.rung) > 0 {
				t.Errorf("%s: %v ring within %d days", name, c.rung, days)
			}
			for alarm, state := range c.states {
				if state == "ALARM" {
					t.Errorf("%s: %s is on", name, alarm)
				}
			}
		}
	}
}

// Each failure that there is to be found, and the alarms that ring within so long after it.
func TestAlarms_EachFailureRings(t *testing.T) {
	at := born.Add(50 * time.Hour)
	thrice := func(line string) func(*testing.T, *cloud) {
		return func(t *testing.T, c *cloud) {
			for i := range 3 {
				c.log(t, at.Add(time.Duration(i)*5*time.Minute), line)
			}
		}
	}
	once := func(m metric.Metric, value float64) func(*testing.T, *cloud) {
		return func(t *testing.T, c *cloud) { c.log(t, at, measures(m, value)) }
	}
	kept := func(queue string) func(*testing.T, *cloud) {
		return func(_ *testing.T, c *cloud) {
			c.add("AWS/SQS/ApproximateNumberOfMessagesVisible ${"+queue+".QueueName}", at, 1)
		}
	}
	silent := alarms(t, load(t, custom))
	for _, tc := range []struct {
		name   string
		broken func(*testing.T, *cloud)
		within time.Duration
		want   map[string]int // how many topics
	}{
		{"a function returns errors", thrice(says(slog.LevelError, "invocation", "error", "denied")), time.Hour,
			map[string]int{"warder-errors": 2}},
		{"a function does not start", thrice(says(slog.LevelError, "set up", "error", "no settings")), time.Hour,
			map[string]int{"warder-errors": 2}},
		{"a function panics", thrice(says(slog.LevelError, "runtime", "error", "nil map")), time.Hour,
			map[string]int{"warder-errors": 2}},
		{"a function runs out of time", thrice(report(`"status":"timeout"`)), time.Hour, map[string]int{"warder-errors": 2}},
		{"a function runs out of memory", thrice(report(`"status":"error","errorType":"Runtime.OutOfMemory"`)), time.Hour,
			map[string]int{"warder-errors": 2}},
		{"a function ends itself", thrice(report(`"status":"error","errorType":"Runtime.ExitError"`)), time.Hour,
			map[string]int{"warder-errors": 2}},
		{"a runtime that fails", thrice(report(`"status":"failure"`)), time.Hour, map[string]int{"warder-errors": 2}},
		{"an event that failed in all its tries", kept("Failed"), time.Hour, map[string]int{"warder-failed": 3}},
		{"a notice that Slack or a mail server has refused two hundred times", kept("Failed"), time.Hour,
			map[string]int{"warder-failed": 3}},
		{"a notice that did not reach the queue of Slack", kept("Undelivered"), time.Hour,
			map[string]int{"warder-undelivered": 3}},
		{"Slack does not take the token", thrice(says(slog.LevelError, "invocation", "error",
			"notice n: post to Slack: token_revoked")), time.Hour, map[string]int{"warder-errors": 2}},
		{"an event that reached no function", kept("Undelivered"), time.Hour, map[string]int{"warder-undelivered": 3}},
		// Throttled for six hours, an event is in the queue; for less, the daily check says so.
		{"functions that were throttled, records that were lost", once(metric.DeliveryFaults, 1), time.Hour,
			map[string]int{"warder-delivery": 3}},
		{"a sweep that is overdue", once(metric.OverdueSweeps, 1), time.Hour, map[string]int{"warder-no-sweep": 3}},
		{"a region whose heartbeat has not arrived", once(metric.SilentRegions, 1), time.Hour,
			map[string]int{"warder-no-heartbeat": 3}},
		{"a control that stopped itself", once(metric.BreakerOpen, 1), time.Hour, map[string]int{"warder-breaker": 2}},
		{"nobody can be notified of what is due", once(metric.Unreached, 2), time.Hour,
			map[string]int{"warder-unreached": 3}},
		{"halted for a day", once(metric.HaltedHours, 24.2), time.Hour, map[string]int{"warder-halted": 2}},
		{"halted for hours", once(metric.HaltedHours, 23), time.Hour, map[string]int{}},
		{"the check does not run any more", func(_ *testing.T, c *cloud) {
			runs := c.values["AWS/Lambda/Invocations warder-check-warder"]
			c.values["AWS/Lambda/Invocations warder-check-warder"] = slices.DeleteFunc(runs, func(s sample) bool {
				return s.at.After(at)
			})
		}, 30 * time.Hour, map[string]int{"warder-check-warder-missing": 3}},
		{"the check has never run", func(_ *testing.T, c *cloud) {
			delete(c.values, "AWS/Lambda/Invocations warder-check-warder")
		}, 30 * time.Hour, map[string]int{"warder-check-warder-never": 3}},
	} {
		for name := range tc.want {
			delete(silent, name)
		}
		t.Run(tc.name, func(t *testing.T) {
			c := &cloud{template: load(t, custom), values: map[string][]sample{}}
			ordinary(t, c, 4)
			tc.broken(t, c)
			for _, samples := range c.values {
				slices.SortFunc(samples, func(a, b sample) int { return a.at.Compare(b.at) })
			}
			c.run(t, at.Add(tc.within).Sub(born))
			if diff := cmp.Diff(tc.want, c.rung); diff != "" {
				t.Errorf("alarms, and how many topics they notify (-want +got):\n%s", diff)
			}
		})
	}
	if len(silent) > 0 {
		t.Errorf("nothing here rings %v", slices.Sorted(maps.Keys(silent)))
	}
}
