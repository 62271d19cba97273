package alertdetectionchange

import (
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/scenario"
)

func TestScenarios(t *testing.T) { scenario.Run(t, Control) }

func FuzzEvents(f *testing.F) { scenario.Fuzz(f, Control) }

func TestSelectors(t *testing.T) {
	field := func(name, how string, values ...any) map[string]any {
		return map[string]any{"field": name, how: values}
	}
	advanced := func(all ...[]map[string]any) event.Fields {
		var selectors []any
		for _, fields := range all {
			var list []any
			for _, f := range fields {
				list = append(list, f)
			}
			selectors = append(selectors, map[string]any{"fieldSelectors": list})
		}
		return event.Fields{"advancedEventSelectors": selectors}
	}
	basic := func(all ...map[string]any) event.Fields {
		var selectors []any
		for _, s := range all {
			selectors = append(selectors, s)
		}
		return event.Fields{"eventSelectors": selectors}
	}
	management := field("eventCategory", "equals", "Management")
	data := field("eventCategory", "equals", "Data")
	for _, tc := range []struct {
		name    string
		request event.Fields
		want    control.Severity
	}{
		{"nothing is said", event.Fields{}, control.Critical},
		{"management events on", basic(map[string]any{"includeManagementEvents": true, "readWriteType": "All"}), ""},
		{"as by default", basic(map[string]any{}), ""},
		{"off", basic(map[string]any{"includeManagementEvents": false, "readWriteType": "All"}), control.Critical},
		{"off in words", basic(map[string]any{"includeManagementEvents": "false"}), control.Critical},
		{"reads only", basic(map[string]any{"includeManagementEvents": true, "readWriteType": "ReadOnly"}), control.Critical},
		{"off in one and on in another", basic(map[string]any{"includeManagementEvents": false},
			map[string]any{"includeManagementEvents": true, "readWriteType": "WriteOnly"}), ""},
		{"without KMS", basic(map[string]any{"includeManagementEvents": true,
			"excludeManagementEventSources": []any{"kms.amazonaws.com"}}), ""},
		{"without IAM", basic(map[string]any{"includeManagementEvents": true,
			"excludeManagementEventSources": []any{"kms.amazonaws.com", "iam.amazonaws.com"}}), control.High},
		{"advanced, all", advanced([]map[string]any{management}), ""},
		{"advanced, writes", advanced([]map[string]any{management, field("readOnly", "equals", "false")}), ""},
		{"advanced, reads", advanced([]map[string]any{management, field("readOnly", "equals", "true")}), control.Critical},
		{"advanced, data only", advanced([]map[string]any{data}), control.Critical},
		{"advanced, both", advanced([]map[string]any{data}, []map[string]any{management}), ""},
		{"advanced, without IAM", advanced([]map[string]any{management,
			field("eventSource", "notEquals", "iam.amazonaws.com")}), control.High},
		{"advanced, without KMS", advanced([]map[string]any{management,
			field("eventSource", "notEquals", "kms.amazonaws.com")}), ""},
		{"advanced, one service", advanced([]map[string]any{management,
			field("eventSource", "equals", "kms.amazonaws.com")}), control.High},
		{"advanced, some and then all", advanced([]map[string]any{management,
			field("eventSource", "equals", "kms.amazonaws.com")}, []map[string]any{management}), ""},
		{"not a list", event.Fields{"eventSelectors": "x"}, control.Critical},
	} {
		if got, _ := selectors(&event.APICall{Record: event.Record{Request: tc.request}}); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestPlanner_AgreesWithTheTable(t *testing.T) {
	for _, fault := range scenario.TableFaults(planner) {
		t.Error(fault)
	}
}

// What somebody does to Warder's own is reported by alert-warder-change, and only by it.
func TestPlanner_LeavesWarderToItsOwnControl(t *testing.T) {
	for group, want := range map[string]int{
		"/aws/lambda/warder-undo": 0, "/aws/lambda/warder": 1, "/aws/lambda/my-warder-undo": 1, "warder-undo": 1,
	} {
		found, err := planner.With(settings.Function{}).Plan(t.Context(), event.Event{Detail: &event.APICall{
			Record: event.Record{Source: "logs.amazonaws.com", Name: "DeleteLogGroup",
				Request: event.Fields{"logGroupName": group}},
		}}, time.Time{})
		if err != nil || len(found) != want {
			t.Errorf("%s: %d findings, want %d (%v)", group, len(found), want, err)
		}
	}
}
