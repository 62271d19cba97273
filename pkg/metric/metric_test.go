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
func line(s *metric.Sheet, dimensions map[string]string) string {
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).
		LogAttrs(context.Background(), slog.LevelInfo, "invocation", s.Attrs(at, dimensions)...)
	return out.String()
}

// read is CloudWatch: it makes the metrics of a line by the words of the specification, or says which of them is not
// kept. A metric is written name{dimension=value}.
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
		sets := directive["Dimensions"].([]any)
		if len(sets) == 0 {
			fault("no dimension set, not even the empty one")
		}
		definitions := directive["Metrics"].([]any)
		if len(definitions) == 0 || len(definitions) > 100 {
			fault("%d metrics in a directive, want 1 to 100", len(definitions))
		}
		for _, set := range sets {
			var dimensions []string
			for _, key := range set.([]any) {
				value, ok := root[key.(string)].(string)
				if !ok || value == "" || len(value) > 1024 {
					fault("dimension %v has the target %v, want a string of 1 to 1024 characters", key, root[key.(string)])
				}
				dimensions = append(dimensions, fmt.Sprintf("%s=%s", key, value))
			}
			if len(dimensions) > 30 {
				fault("%d dimensions, want at most 30", len(dimensions))
			}
			for _, d := range definitions {
				definition := object(t, d, "Name", "Unit")
				name := definition["Name"].(string)
				if !units.MatchString(fmt.Sprint(definition["Unit"])) {
					fault("unit %v of %s is not CloudWatch's", definition["Unit"], name)
				}
				switch value := root[name].(type) {
				case float64:
				case []any:
					if len(value) > 100 {
						fault("%d values of %s, want at most 100", len(value), name)
					}
				default:
					fault("the target of %s is %v, want a number or numbers", name, root[name])
				}
				metrics[name+"{"+strings.Join(dimensions, ",")+"}"] = root[name]
			}
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

func TestALineCarriesMetricsAsTheSpecificationHasThem(t *testing.T) {
	tests := []struct {
		name string
		fill func(*metric.Sheet)
		want map[string]any
	}{
		{"nothing", func(*metric.Sheet) {}, nil},
		{"a zero", func(s *metric.Sheet) { s.Add(metric.Findings, 0) }, map[string]any{"Findings{Control=undo}": 0.0}},
		{
			"a sum",
			func(s *metric.Sheet) { s.Add(metric.Findings, 2); s.Add(metric.Findings, 3) },
			map[string]any{"Findings{Control=undo}": 5.0},
		},
		{
			"a metric of the whole account",
			func(s *metric.Sheet) { s.Set(metric.HaltedHours, 25.5) },
			map[string]any{"HaltedHours{}": 25.5},
		},
		{
			"several values",
			func(s *metric.Sheet) { s.Observe(metric.SecondsToChange, 2); s.Observe(metric.SecondsToChange, 3.5) },
			map[string]any{"SecondsToChange{Control=undo}": []any{2.0, 3.5}},
		},
		{"both kinds", func(s *metric.Sheet) { s.Add(metric.Skipped, 1); s.Add(metric.SkippedExempt, 1) },
			map[string]any{"Skipped{Control=undo}": 1.0, "SkippedExempt{}": 1.0}},
		{"a dimension that the line does not have", func(s *metric.Sheet) {
			s.Set(metric.Metric{Name: "DrillSeconds", Unit: metric.Seconds, By: "Hop"}, 1)
			s.Set(metric.Sweeps, 1)
		}, map[string]any{"Sweeps{Control=undo}": 1.0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s metric.Sheet
			tt.fill(&s)
			if diff := cmp.Diff(tt.want, read(t, line(&s, map[string]string{metric.Control: "undo"}))); diff != "" {
				t.Errorf("metrics (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAllMetricsFitInOneLine(t *testing.T) {
	var s metric.Sheet
	names := map[string]bool{}
	for i, m := range metric.All {
		s.Set(m, float64(i))
		if names[m.Name] {
			t.Errorf("%s is the name of two metrics: a line has one member of a name", m.Name)
		}
		names[m.Name] = true
		if m.Unit == "" || m.Name == metric.Control {
			t.Errorf("metric %+v", m)
		}
	}
	if got := read(t, line(&s, map[string]string{metric.Control: "undo"})); len(got) != len(metric.All) {
		t.Errorf("%d metrics of %d:\n%v", len(got), len(metric.All), got)
	}
}

func TestNoMoreValuesThanALineCanCarry(t *testing.T) {
	var s metric.Sheet
	for i := range 150 {
		s.Observe(metric.SecondsToChange, float64(i))
	}
	got := read(t, line(&s, map[string]string{metric.Control: "undo"}))["SecondsToChange{Control=undo}"].([]any)
	if len(got) != 100 || got[99] != 99.0 {
		t.Errorf("%d values, the last %v, want the first 100", len(got), got[len(got)-1])
	}
}

func TestWhatIsForCloudWatchAloneComesLast(t *testing.T) {
	var s metric.Sheet
	s.Add(metric.Findings, 1)
	text := line(&s, map[string]string{metric.Control: "undo"})
	want := `"msg":"invocation","Control":"undo","Findings":1,"_aws":{"Timestamp":1795230000000,` +
		`"CloudWatchMetrics":[{"Namespace":"Warder","Dimensions":[["Control"]],"Metrics":[{"Name":"Findings",` +
		`"Unit":"Count"}]}]}}`
	if !strings.HasSuffix(strings.TrimSpace(text), want) {
		t.Errorf("line %s\nwant %s at its end", text, want)
	}
}
