package alertrootusage

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
	"github.com/warder-aws/warder/pkg/test/scenario"
)

func TestScenarios(t *testing.T) { scenario.Run(t, Control) }

func FuzzEvents(f *testing.F) { scenario.Fuzz(f, Control) }

func TestPlan_IncompleteSummary(t *testing.T) {
	for name, summary := range map[string]map[string]int32{
		"an empty answer":                  nil,
		"an answer without the MFA":        {"AccountAccessKeysPresent": 0},
		"an answer without the access key": {"AccountMFAEnabled": 1},
	} {
		p := &planner{api: fakeaws.New(fakeaws.State{Summary: summary}).IAM()}
		findings, err := p.Plan(context.Background(), event.Event{Detail: &event.Sweep{}}, time.Time{})
		if err == nil || len(findings) > 0 {
			t.Errorf("%s: %d findings and no error", name, len(findings))
		}
	}
}

func TestGrave_Titles(t *testing.T) {
	for act, title := range grave {
		if len(title.String()) > 60 {
			t.Errorf("%s: the title %q has %d characters", act, title, len(title.String()))
		}
		if service, name, ok := strings.Cut(act, ":"); !ok || service == "" || name == "" {
			t.Errorf("%q is not service:name", act)
		}
	}
}

func BenchmarkPlan(b *testing.B) { scenario.Bench(b, Control, "sweep-finds-key-and-no-mfa") }
