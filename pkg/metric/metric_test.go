package metric_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/metric"
)

var at = time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)

// line is the line that carries the sheet, as a function writes it.
func line(s *metric.Sheet) string {
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).
		LogAttrs(context.Background(), slog.LevelInfo, "invocation", s.Attrs(at)...)
	return out.String()
}

// read is CloudWatch: it makes the metrics of a line by the words of the specification, or says which of them is not
// kept. A metric with a dimension would be billed for each of its values.
func read(t *testing.T, text string) map[string]any {
	t.Helper()
	var root map[string]any
	if err := json.Unmarshal([]byte(text), &root); err != nil {
		t.Fatalf("not a JSON object without anything before or after it: %v\n%s", err, text)
	}
	if root["_aws"] == nil {
		return nil
	}
	fault := func(format string, args ...any) { t.Errorf(format+"\n%s", append(args, text)...) }
	meta := object(t, root["_aws"], "Timestamp", "CloudWatchMetrics")
	if stamp, ok := meta["Timestamp"].(float64); !ok || time.UnixMilli(int64(stamp)).UTC() != at {
		fault("Timestamp %v is not %v in milliseconds", meta["Timestamp"], at)
	}
	metrics := map[string]any{}
	for _, d := range meta["CloudWatchMetrics"].([]any) {
		directive := object(t, d, "Namespace", "Dimensions", "Metrics")
		if directive["Namespace"] != "Warder" {
			fault("namespace %v", directive["Namespace"])
		}
		if sets := directive["Dimensions"].([]any); len(sets) != 1 || len(sets[0].([]any)) != 0 {
			fault("dimensions %v, want the empty set alone", sets)
		}
		definitions := directive["Metrics"].([]any)
		if len(definitions) == 0 || len(definitions) > 100 {
			fault("%d metrics in a directive, want 1 to 100", len(definitions))
		}
		for _, d := range definitions {
			definition := object(t, d, "Name", "Unit")
			name := definition["Name"].(string)
			if !units.MatchString(fmt.Sprint(definition["Unit"])) {
				fault("unit %v of %s is not CloudWatch's", definition["Unit"], name)
			}
			if _, ok := root[name].(float64); !ok {
				fault("the target of %s is %v, want a number", name, root[name])
			}
			metrics[name] = root[name]
		}
	}
	return metrics
}

// units is CloudWatch's units, as the specification has them.
var units = regexp.MustCompile(
	`^(Seconds|Microseconds|Milliseconds|Bytes|Kilobytes|Megabytes|Gigabytes|Terabytes|Bits|Kilobits|Megabits|` +
		`Gigabits|Terabits|Percent|Count|` +
		`Bytes/Second|Kilobytes/Second|Megabytes/Second|Gigabytes/Second|Terabytes/Second|Bits/Second|Kilobits/Second|` +
		`Megabits/Second|Gigabits/Second|Terabits/Second|Count/Second|None)$`,
)

// object is a value that must be an object with these members and no others.
func object(t *testing.T, value any, members ...string) map[string]any {
	t.Helper()
	object, ok := value.(map[string]any)
	if !ok || len(object) != len(members) {
		t.Fatalf("%v is not an object with %v alone", value, members)
	}
	for _, name := range members {
		if object[name] == nil {
			t.Fatalf("%v has no %s", value, name)
		}
	}
	return object
}

func TestAttrs(t *testing.T) {
	tests := []struct {
		name    string
		fill    func(*metric.Sheet)
		logged  map[string]float64 // what the log alone has
		watched map[string]any     // what CloudWatch has as well
	}{
		{"nothing", func(*metric.Sheet) {}, nil, nil},
		{"0 of something is nothing", func(s *metric.Sheet) { s.Add(metric.Findings, 0) }, nil, nil},
		{"a sum", func(s *metric.Sheet) { s.Add(metric.Findings, 2); s.Add(metric.Findings, 3) },
			map[string]float64{"Findings": 5}, nil},
		{"the highest", func(s *metric.Sheet) {
			s.Raise(metric.SecondsToChange, 2)
			s.Raise(metric.SecondsToChange, 3.5)
			s.Raise(metric.SecondsToChange, 3)
		}, map[string]float64{"SecondsToChange": 3.5}, nil},
		{"0 seconds", func(s *metric.Sheet) { s.Raise(metric.SecondsToChange, 0) },
			map[string]float64{"SecondsToChange": 0}, nil},
		{"what an alarm watches", func(s *metric.Sheet) { s.Set(metric.HaltedHours, 25.5) }, nil,
			map[string]any{"HaltedHours": 25.5}},
		{"0 ends an alarm", func(s *metric.Sheet) { s.Set(metric.BreakerOpen, 0) }, nil, map[string]any{"BreakerOpen": 0.0}},
		{"both kinds", func(s *metric.Sheet) { s.Add(metric.Skipped, 1); s.Set(metric.BreakerOpen, 1) },
			map[string]float64{"Skipped": 1}, map[string]any{"BreakerOpen": 1.0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s metric.Sheet
			tt.fill(&s)
			text := line(&s)
			if diff := cmp.Diff(tt.watched, read(t, text)); diff != "" {
				t.Errorf("metrics (-want +got):\n%s", diff)
			}
			var has map[string]any
			if err := json.Unmarshal([]byte(text), &has); err != nil {
				t.Fatal(err)
			}
			if got := len(has) - 3; got != len(tt.logged)+len(tt.watched)+min(len(tt.watched), 1) {
				t.Errorf("the line has other members: %s", text)
			}
			for name, want := range tt.logged {
				if has[name] != want {
					t.Errorf("%s is %v, want %v", name, has[name], want)
				}
			}
		})
	}
}

func TestAllMetricsFitInOneLine(t *testing.T) {
	var s metric.Sheet
	names := map[string]bool{}
	for i, m := range append(metric.Logged, metric.Watched...) {
		s.Set(m, float64(i))
		if names[m.Name] {
			t.Errorf("%s is the name of two metrics: a line has one member of a name", m.Name)
		}
		names[m.Name] = true
	}
	if got := read(t, line(&s)); len(got) != len(metric.Watched) {
		t.Errorf("%d metrics of %d:\n%v", len(got), len(metric.Watched), got)
	}
}

func TestWhatIsForCloudWatchAloneComesLast(t *testing.T) {
	var s metric.Sheet
	s.Set(metric.BreakerOpen, 1)
	s.Add(metric.Findings, 1)
	text := line(&s)
	want := `"msg":"invocation","BreakerOpen":1,"Findings":1,"_aws":{"Timestamp":1795230000000,` +
		`"CloudWatchMetrics":[{"Namespace":"Warder","Dimensions":[[]],"Metrics":[{"Name":"BreakerOpen",` +
		`"Unit":"Count"}]}]}}`
	if !strings.HasSuffix(strings.TrimSpace(text), want) {
		t.Errorf("line %s\nwant %s at its end", text, want)
	}
}
