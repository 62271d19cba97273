package alertconsolelogin

import (
	"context"
	"strings"
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

// What says that MFA was used is in three places.
func TestPlan_WithMFA(t *testing.T) {
	for name, r := range map[string]event.Record{
		"its own word": {Additional: event.Fields{"MFAUsed": "YES"}},
		"the device": {Additional: event.Fields{"MFAUsed": "No",
			"MFAIdentifier": "arn:aws:iam::111122223333:mfa/alice"}},
		"the session": {Additional: event.Fields{"MFAUsed": "No"},
			Identity: event.Identity{Session: event.Session{MFAAuthenticated: true}}},
	} {
		for _, identity := range []string{"IAMUser", "Root"} {
			r.Name, r.SourceIP, r.Identity.Type = "ConsoleLogin", "203.0.113.24", identity
			device, _ := r.Additional.Text("MFAIdentifier")
			e := event.Event{Account: "111122223333", Detail: &event.SignIn{Record: r, Outcome: "Success",
				MFAIdentifier: device}}
			findings, err := planner{}.Plan(context.Background(), e, time.Time{})
			if err != nil || len(findings) != 1 {
				t.Fatalf("%s: %d findings, %v", name, len(findings), err)
			}
			f := findings[0]
			text := f.Title.String() + f.Text.String() + f.Advice.String()
			for _, fact := range f.Facts {
				if fact.Name.String() == "MFA" && !strings.HasPrefix(fact.Value.String(), "yes") {
					t.Errorf("%s of %s: MFA: %s", name, identity, fact.Value)
				}
			}
			if strings.Contains(text, "without MFA") || strings.Contains(text, "did not use MFA") || f.Severity == "critical" {
				t.Errorf("%s of %s: %s, %s", name, identity, f.Severity, text)
			}
		}
	}
}

// An IAM user may be named root. It is not the root user.
func TestPlan_UserNamedRoot(t *testing.T) {
	e := event.Event{Account: "111122223333", Detail: &event.SignIn{Outcome: "Success", Record: event.Record{
		Name: "ConsoleLogin", SourceIP: "203.0.113.24", Additional: event.Fields{"MFAUsed": "Yes"},
		Identity: event.Identity{Type: "IAMUser", UserName: "root", ARN: "arn:aws:iam::111122223333:user/root"},
	}}}
	findings, err := planner{}.Plan(context.Background(), e, time.Time{})
	if err != nil || len(findings) != 1 {
		t.Fatalf("%d findings, %v", len(findings), err)
	}
	if f := findings[0]; f.User != "root" || f.Subject != "IAM user root" || f.Severity != "low" ||
		f.Title.String() != "IAM user signed in" {
		t.Errorf("%+v", f)
	}
}

func BenchmarkPlan(b *testing.B) { scenario.Bench(b, Control, "iam-user-without-mfa") }
