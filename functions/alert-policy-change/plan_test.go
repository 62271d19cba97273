package alertpolicychange

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/operation"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
	"github.com/warder-aws/warder/pkg/test/scenario"
)

func noSleep(context.Context, time.Duration) {}

func TestScenarios(t *testing.T) { scenario.Run(t, Control) }

func FuzzEvents(f *testing.F) { scenario.Fuzz(f, Control) }

// The rules come from the table of operations: it gives the control every call that acts has words for, and for every
// other one that it gives to the control kinds has.
func TestActs_AgreeWithTheTable(t *testing.T) {
	for service, calls := range acts {
		for name := range calls {
			if o, ok := operation.Find(service, name); !ok || o.Control != "alert-policy-change" || o.What != "iam" {
				t.Errorf("%s of %s is %+v in the table", name, service, o)
			}
		}
	}
	for _, o := range operation.All() {
		if o.Control == "alert-policy-change" && o.What == "iam" && acts[o.Service][o.Name].by == nil {
			t.Errorf("%s of %s has no words", o.Name, o.Service)
		}
	}
	for _, fault := range scenario.TableFaults(others) {
		if !strings.HasSuffix(fault, ": no words for iam") &&
			!strings.HasSuffix(fault, ": content is neither a severity nor a rule") {
			t.Error(fault)
		}
	}
}

// Even an event that says nothing but who called what is notified, in whole sentences.
func TestPlan_WithoutParameters(t *testing.T) {
	p := &planner{api: fakeaws.New(fakeaws.State{}).IAM(), sleep: noSleep}
	for service, calls := range acts {
		for name, a := range calls {
			t.Run(name, func(t *testing.T) {
				c := &event.APICall{Record: event.Record{Name: name, Source: service}}
				assessments, err := a.by(p, t.Context(), c)
				if err != nil {
					t.Fatal(err)
				}
				if name != "TagUser" && name != "UntagUser" && len(assessments) == 0 {
					t.Error("nobody is notified")
				}
				for _, v := range append(assessments, assessment{}) {
					f := p.finding(c, a, v, false)
					title, text := f.Title.String(), f.Text.String()
					if title == "" || len(title) > 60 {
						t.Errorf("title %q: want 1 to 60 characters", title)
					}
					if f.Severity.Rank() < control.Low.Rank() ||
						!slices.Contains([]control.Severity{control.Low, control.Medium, control.High, control.Critical}, f.Severity) {
						t.Errorf("severity %q", f.Severity)
					}
					if strings.ContainsAny(text+f.Subject, "{}") || !strings.HasSuffix(text, ".") || strings.Contains(text, "  ") {
						t.Errorf("text %q, subject %q", f.Text, f.Subject)
					}
					if f.User == "" && f.Subject == "" || f.Advice.Empty() || f.Once.Key == "" {
						t.Errorf("incomplete: %+v", f)
					}
				}
			})
		}
	}
}

func TestQuarantine_PoliciesOfAWS(t *testing.T) {
	for _, tc := range []struct {
		name, arn string
		want      bool
	}{
		{"the present one", "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV3", true},
		{"the first one, in another partition", "arn:aws-us-gov:iam::aws:policy/AWSCompromisedKeyQuarantine", true},
		{
			"one of the account's own that is named alike", "arn:aws:iam::111122223333:policy/AWSCompromisedKeyQuarantineV3",
			false,
		},
		{"one under a path", "arn:aws:iam::aws:policy/x/AWSCompromisedKeyQuarantineV3", false},
		{"another service's", "arn:aws:s3::aws:policy/AWSCompromisedKeyQuarantineV3", false},
		{"the bare name", "AWSCompromisedKeyQuarantineV3", false},
		{"nothing", "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := quarantine(tc.arn); got != tc.want {
				t.Errorf("quarantine(%q) = %v", tc.arn, got)
			}
		})
	}
}

func TestOwns_SimilarNames(t *testing.T) {
	p := &planner{settings: settings.Function{Roles: []string{"warder-self"}}}
	for _, tc := range []struct {
		name, call string
		request    event.Fields
		want       bool
	}{
		{"a role", "PutRolePolicy", event.Fields{"roleName": "warder-self"}, true},
		{"a role in another case", "PutRolePolicy", event.Fields{"roleName": "WARDER-Self"}, true},
		{"a role that begins like it", "PutRolePolicy", event.Fields{"roleName": "warder-self2"}, false},
		{"a new role under Warder's path", "CreateRole", event.Fields{"roleName": "x", "path": "/warder/"}, true},
		{
			"a new role below a path that begins like it", "CreateRole",
			event.Fields{"roleName": "x", "path": "/warder/x/"}, false,
		},
		{
			"a version of a policy under Warder's path", "CreatePolicyVersion",
			event.Fields{"policyArn": "arn:aws:iam::111122223333:policy/warder/deny"}, true,
		},
		{
			"a version of a policy that is named like the path", "CreatePolicyVersion",
			event.Fields{"policyArn": "arn:aws:iam::111122223333:policy/warder"}, false,
		},
		{"nothing", "PutRolePolicy", nil, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := &event.APICall{Record: event.Record{Source: "iam.amazonaws.com", Name: tc.call, Request: tc.request}}
			if got := p.owns(c, acts[c.Source][c.Name]); got != tc.want {
				t.Errorf("owns = %v", got)
			}
		})
	}
}

func BenchmarkPlan(b *testing.B) { scenario.Bench(b, Control, "administrator-policy-attached") }
