package alertconsolelogin

import (
	"context"
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/test/scenario"
)

func TestScenarios(t *testing.T) { scenario.Run(t, Control) }

func FuzzEvents(f *testing.F) { scenario.Fuzz(f, Control) }

func TestPlan_MFAOfIAMUsersAndRoot(t *testing.T) {
	for identity, missed := range map[string]bool{
		"IAMUser": true, "Root": true,
		"AssumedRole": false, "FederatedUser": false, "SAMLUser": false, "WebIdentityUser": false,
		"IdentityCenterUser": false, "AWSAccount": false, "Unknown": false, "": false,
	} {
		e := event.Event{Account: "111122223333", Detail: &event.SignIn{
			Record: event.Record{
				Name: "ConsoleLogin", SourceIP: "203.0.113.24", Identity: event.Identity{Type: identity},
				Additional: event.Fields{"MFAUsed": "No"},
			},
			Outcome: "Success",
		}}
		findings, err := planner{}.Plan(context.Background(), e, time.Time{})
		if err != nil || len(findings) != 1 {
			t.Fatalf("%s: %d findings, %v", identity, len(findings), err)
		}
		f := findings[0]
		if got := f.Severity == "high" || f.Severity == "critical"; got != missed {
			t.Errorf("%s: %q, %s", identity, f.Title, f.Severity)
		}
		if title := f.Title.String(); len(title) > 60 {
			t.Errorf("%s: the title %q has %d characters", identity, title, len(title))
		}
	}
}

func BenchmarkPlan(b *testing.B) { scenario.Bench(b, Control, "iam-user-without-mfa") }
