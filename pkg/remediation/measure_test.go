package remediation_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/metric"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// attached is the event that alice got her policy, on 2026-11-30 at 23:59:18.
const attached = `{"version":"0","id":"00000000-0000-4000-8000-000000000003",
	"detail-type":"AWS API Call via CloudTrail","source":"aws.iam",
	"account":"111122223333","time":"2026-11-30T23:59:18Z","region":"us-east-1","resources":[],
	"detail":{"eventVersion":"1.11",
	"eventSource":"iam.amazonaws.com","eventName":"AttachUserPolicy","eventTime":"2026-11-30T23:59:18Z",
	"eventID":"00000000-0000-4000-9000-000000000003",
	"userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/mallory","userName":"mallory"}}}`

// measured is the metrics of a report, by name.
func measured(report remediation.Report) map[string]float64 {
	values := map[string]float64{}
	for _, m := range append(metric.Logged, metric.Watched...) {
		if v, ok := report.Metrics.Value(m); ok {
			values[m.Name] = v
		}
	}
	return values
}

func TestMetrics_EveryRun(t *testing.T) {
	found := func(change func(*remediation.Finding)) plan {
		return func(event.Event) ([]remediation.Finding, error) {
			f := detach()
			change(&f)
			return []remediation.Finding{f}, nil
		}
	}
	asIs := found(func(*remediation.Finding) {})
	type values = map[string]float64
	// A sweep says that Warder is not halted; nothing else is measured that is 0.
	sweeping := func(others values) values {
		all := values{"HaltedHours": 0}
		maps.Copy(all, others)
		return all
	}
	tests := []struct {
		name   string
		plan   plan
		set    func(*testing.T, *remediation.Runner, *fakeaws.Account)
		before []string // events that were handled before
		event  string
		want   values
	}{
		{"a sweep that finds nothing", finding(), nil, nil, sweep, sweeping(nil)},
		{"an event about nothing", finding(), nil, nil, attached, values{}},
		{"a sweep that changes something: nobody waited for that", asIs, nil, nil, sweep,
			sweeping(values{"Findings": 1.0, "Changes": 1.0, "Notices": 1.0})},
		{"an event that leads to a change 42 seconds later", asIs, nil, nil, attached,
			values{"Findings": 1.0, "Changes": 1.0, "Notices": 1.0, "SecondsToChange": 42}},
		{"an event of a clock that is ahead", asIs, nil, nil, strings.ReplaceAll(attached, "2026-11-30T23:59:18Z",
			"2026-12-01T00:00:05Z"),
			values{"Findings": 1.0, "Changes": 1.0, "Notices": 1.0, "SecondsToChange": 0}},
		{"the same event again", asIs, nil, []string{attached}, attached,
			values{"Skipped": 1.0, "SkippedRepeated": 1.0}},
		{"what was told this week", found(func(f *remediation.Finding) {
			f.Changes, f.Once = nil, remediation.Once{Key: "k", For: remediation.Weekly}
		}), nil, []string{attached}, sweep,
			sweeping(values{"Findings": 1.0, "Skipped": 1.0, "SkippedRepeated": 1.0})},
		{"a planner that fails", func(event.Event) ([]remediation.Finding, error) { return nil, errors.New("denied") }, nil,
			nil, sweep, values{"Failures": 1.0}},
		{"nonsense", asIs, nil, nil, "nonsense", values{"Failures": 1.0}},
		{"an owner with days left", asIs, func(t *testing.T, r *remediation.Runner, _ *fakeaws.Account) {
			r.Settings.Parameters = []byte(`{"graceDays": 7}`)
		}, nil, sweep,
			sweeping(values{"Findings": 1.0, "Notices": 1.0, "Skipped": 1.0, "SkippedWaiting": 1.0})},
		{"an exempt user", asIs, func(_ *testing.T, _ *remediation.Runner, a *fakeaws.Account) {
			a.Alter(fakeaws.State{Users: map[string]*fakeaws.User{"alice": {Attached: []string{readOnly},
				Tags: map[string]string{"warder:exempt": "all until 2027-01-31 by kim for migration"}}}})
		}, nil, sweep, sweeping(values{"Findings": 1.0, "Skipped": 1.0, "SkippedExempt": 1.0})},
		{"what a person put back", asIs, func(t *testing.T, r *remediation.Runner, a *fakeaws.Account) {
			if err := r.Ledger.SetHold(context.Background(), identified(a, detach().Changes[0]),
				ledger.Hold{Until: r.Now().Add(time.Hour), By: caller.Identity{Claimed: "kim"}, Reason: "r"}); err != nil {
				t.Fatal(err)
			}
		}, nil, sweep, sweeping(values{"Findings": 1.0, "Skipped": 1.0, "SkippedUndone": 1.0})},
		{"what is so already", found(func(f *remediation.Finding) { f.Changes[0].Target += "2" }), nil, nil, sweep,
			sweeping(values{"Findings": 1.0, "Skipped": 1.0, "SkippedMoot": 1.0})},
		{"a Warder that was halted a day and an hour ago", asIs,
			func(t *testing.T, r *remediation.Runner, _ *fakeaws.Account) {
				halted(t, r, r.Now().Add(-25*time.Hour))
			}, nil, sweep, sweeping(values{"Findings": 1.0, "Notices": 1.0, "Skipped": 1.0, "SkippedHeld": 1.0,
				"HaltedHours": 25.0})},
		{"a sweep of a halted Warder that has nothing to do", finding(),
			func(t *testing.T, r *remediation.Runner, _ *fakeaws.Account) {
				halted(t, r, r.Now().Add(-90*time.Minute))
			}, nil, sweep, sweeping(values{"HaltedHours": 1.5})},
		{"a change over the blast radius", asIs, func(t *testing.T, r *remediation.Runner,
			_ *fakeaws.Account) {
			spend(t, r, 1)
		}, nil, attached,
			values{"Findings": 1.0, "Notices": 2.0, "Skipped": 1.0, "SkippedHeld": 1.0, "BreakerOpen": 1.0}},
		{"a change of which nobody can be notified", asIs, func(_ *testing.T, r *remediation.Runner, _ *fakeaws.Account) {
			r.Settings.Reach = settings.Reach{}
		}, nil, sweep, sweeping(values{"Findings": 1.0, "Notices": 1.0, "Skipped": 1.0, "SkippedHeld": 1.0,
			"Unreached": 1.0})},
		{"a sweep of a control that is stopped", finding(), func(t *testing.T, r *remediation.Runner, _ *fakeaws.Account) {
			spend(t, r, 2)
		}, nil, sweep, sweeping(nil)},
	}
	emitted := map[string]bool{}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, a, _ := newRunner(t, tt.plan)
			if tt.set != nil {
				tt.set(t, r, a)
			}
			for _, raw := range tt.before {
				if _, err := run(r, "before", raw); err != nil {
					t.Fatal(err)
				}
			}
			report, err := run(r, "a", tt.event)
			if failed := err != nil; failed && tt.want["Failures"] != 1.0 {
				t.Fatal(err)
			}
			got := measured(report)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("metrics (-want +got):\n%s", diff)
			}
			for name := range got {
				emitted[name] = true
			}
		})
	}
	for _, m := range append(metric.Logged, metric.BreakerOpen, metric.HaltedHours, metric.Unreached) {
		if !emitted[m.Name] {
			t.Errorf("%s is not emitted by any run", m.Name)
		}
	}
}

// spend makes changes of the control count, of which one is allowed in an hour.
func spend(t *testing.T, r *remediation.Runner, changes int) {
	t.Helper()
	r.Settings.BlastRadius = 1
	for i := range changes {
		if _, err := r.Ledger.Take(t.Context(), "test", &ledger.Breaker{}, string(rune('a'+i)), 1, r.Now()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMetrics_UnreadableSwitch(t *testing.T) {
	r, _, _ := newRunner(t, finding())
	r.Ledger = ledger.New(&unread{Memory: &ledger.Memory{}, down: true})
	var out bytes.Buffer
	r.Log = slog.New(slog.NewJSONHandler(&out, nil))
	report, err := run(r, "a", sweep)
	if err != nil || report.Outcome != remediation.Nothing {
		t.Errorf("%+v, %v", report, err)
	}
	if got := measured(report); len(got) != 0 {
		t.Errorf("metrics %v", got)
	}
	if _, swept, err := r.Ledger.LastSweep(t.Context(), r.Control.ID); err != nil || !swept {
		t.Errorf("the sweep is not kept: %v", err)
	}
	if !strings.Contains(out.String(), `"level":"WARN","msg":"not measured"`) {
		t.Errorf("log %s", out.String())
	}
}

func TestLog_LinePerChangeNoticeAndOpenCase(t *testing.T) {
	r, _, _ := newRunner(t, func(event.Event) ([]remediation.Finding, error) {
		waits := remediation.Finding{User: "alice", Text: i18n.Literal("Found."),
			Handling: remediation.Handling{Due: time.Date(2026, 12, 8, 0, 0, 0, 0, time.UTC)}, Changes: []change.Change{{
				Kind: change.AccessKeyStatus, Subject: "alice", Target: "AKIAIOSFODNN7EXAMPLE", Before: change.Active,
				After: change.Inactive}}}
		return []remediation.Finding{detach(), waits}, nil
	})
	var out bytes.Buffer
	r.Log = slog.New(slog.NewJSONHandler(&out, nil))
	report, err := run(r, "a", sweep)
	if err != nil {
		t.Fatal(err)
	}
	var got []map[string]any
	for text := range strings.Lines(out.String()) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatal(err)
		}
		if line["event"] != report.Event {
			t.Errorf("line %s has not the event %s", text, report.Event)
		}
		for _, name := range []string{"time", "level", "event", "id", "message"} {
			delete(line, name)
		}
		got = append(got, line)
	}
	want := []map[string]any{
		{"msg": "change", "kind": "managed user policy", "subject": "alice",
			"target": "arn:aws:iam::aws:policy/ReadOnlyAccess", "status": "verified", "reason": ""},
		{"msg": "notice", "kind": "changed", "severity": "medium", "title": "Test", "subject": "alice", "owner": ""},
		{"msg": "notice", "kind": "warning", "severity": "medium", "title": "Test", "subject": "alice", "owner": ""},
		{"msg": "case", "subject": "alice", "title": "Test", "severity": "medium", "owner": "",
			"opened": "2026-12-01T00:00:00Z", "due": "2026-12-08T00:00:00Z", "held": false},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if strings.Contains(out.String(), "AKIAIOSFODNN7EXAMPLE") {
		t.Errorf("a whole access key id in the log: %s", out.String())
	}
}

func TestLog_FailedChange(t *testing.T) {
	r, _, _ := newRunner(t, finding(detach()))
	kind, err := r.Kinds.Kind(change.Change{Kind: change.ManagedUserPolicy})
	if err != nil {
		t.Fatal(err)
	}
	r.Kinds = change.NewRegistry(deaf{kind})
	var out bytes.Buffer
	r.Log = slog.New(slog.NewJSONHandler(&out, nil))
	if _, err := run(r, "a", sweep); err == nil {
		t.Fatal("no error")
	}
	lines := slices.Collect(strings.Lines(out.String()))
	if !strings.Contains(lines[0], `"level":"ERROR","msg":"change"`) ||
		!strings.Contains(lines[0], `"status":"failed","reason":"the change did not take`) {
		t.Errorf("line %s", lines[0])
	}
}
