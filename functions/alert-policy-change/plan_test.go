package alertpolicychange

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
	"github.com/warder-aws/warder/pkg/test/scenario"
)

func noSleep(context.Context, time.Duration) {}

func TestScenarios(t *testing.T) { scenario.Run(t, Control) }

func FuzzEvents(f *testing.F) { scenario.Fuzz(f, Control) }

// alternative is the part of a rule's detail that says which calls it delivers.
type alternative struct {
	EventSource []string
	EventName   []any
	ErrorCode   []any
	Or          []alternative `json:"$or"`
}

// names are the event names, and the beginnings of them, that a rule delivers.
func (a alternative) names() []string {
	var names []string
	for _, name := range a.EventName {
		if filter, ok := name.(map[string]any); ok {
			name = filter["prefix"]
		}
		names = append(names, name.(string))
	}
	for _, or := range a.Or {
		names = append(names, or.names()...)
	}
	return names
}

func TestRules_MatchActs(t *testing.T) {
	described, err := control.Parse("alert-policy-change/control.json", Control.Description)
	if err != nil {
		t.Fatal(err)
	}
	var delivered, wanted []string
	for i, raw := range described.Rules {
		var rule struct {
			Source []string
			Detail alternative
		}
		if err := json.Unmarshal(raw, &rule); err != nil {
			t.Fatal(err)
		}
		delivered = append(delivered, rule.Detail.names()...)
		var sources []string
		for _, service := range rule.Detail.EventSource {
			sources = append(sources, "aws."+strings.TrimSuffix(service, ".amazonaws.com"))
			for name := range acts[service] {
				wanted = append(wanted, name)
				if !slices.Contains(rule.Detail.names(), name) {
					t.Errorf("rule %d is about %s and does not deliver %s", i+1, service, name)
				}
			}
		}
		if diff := cmp.Diff(rule.Source, sources); diff != "" {
			t.Errorf("rule %d: source and eventSource differ (-source +eventSource):\n%s", i+1, diff)
		}
		if diff := cmp.Diff([]any{map[string]any{"exists": false}}, rule.Detail.ErrorCode); diff != "" {
			t.Errorf("rule %d delivers calls that failed:\n%s", i+1, diff)
		}
	}
	total := 0
	for _, calls := range acts {
		total += len(calls)
	}
	if total != len(wanted) {
		t.Errorf("acts has %d calls, the rules are about services with %d: a service has no rule, or two", total, len(wanted))
	}
	slices.Sort(delivered)
	slices.Sort(wanted)
	if diff := cmp.Diff(wanted, delivered); diff != "" {
		t.Errorf("the rules deliver other calls than acts names (-acts +rules):\n%s", diff)
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
					f := p.finding(c, a, v)
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
	p := &planner{settings: settings.Function{
		Table: "warder", LedgerKey: "arn:aws:kms:us-east-1:111122223333:key/1", Topic: "arn:aws:sns:us-east-1:111122223333:warder-Notices", Halt: "/warder/halt",
		Roles: []string{"warder-self"},
	}}
	for _, tc := range []struct {
		name, service, call string
		request             event.Fields
		want                bool
	}{
		{
			"a function by name", "lambda", "UpdateFunctionCode20150331v2",
			event.Fields{"functionName": "warder-alert-root-usage"}, true,
		},
		{
			"a function by ARN and version", "lambda", "DeleteFunction20150331",
			event.Fields{"functionName": "arn:aws:lambda:us-east-1:111122223333:function:warder-undo:1"}, true,
		},
		{
			"a function by account and name", "lambda", "DeleteFunction20150331",
			event.Fields{"functionName": "111122223333:function:warder-undo"}, true,
		},
		{
			"a function whose name ends like Warder's", "lambda", "DeleteFunction20150331",
			event.Fields{"functionName": "not-warder-undo"}, false,
		},
		{
			"a function whose alias is named like Warder's", "lambda", "DeleteFunction20150331",
			event.Fields{"functionName": "arn:aws:lambda:us-east-1:111122223333:function:shop:warder-x"}, false,
		},
		{"a role in another case", "iam", "PutRolePolicy", event.Fields{"roleName": "WARDER-Self"}, true},
		{"a role in its folder", "iam", "CreateRole", event.Fields{"roleName": "x", "path": "/warder/"}, true},
		{"a role that begins like one", "iam", "PutRolePolicy", event.Fields{"roleName": "warder-selfish"}, false},
		{"a rule", "events", "DisableRule", event.Fields{"name": "warder-Rule1"}, true},
		{"the targets of a rule", "events", "RemoveTargets", event.Fields{"rule": "warder-Rule1"}, true},
		{"a rule of somebody else", "events", "DisableRule", event.Fields{"name": "wardern"}, false},
		{"the halt switch", "ssm", "PutParameter", event.Fields{"name": "/warder/halt"}, true},
		{"the halt switch among others", "ssm", "DeleteParameters", event.Fields{"names": []any{"/x", "/warder/halt"}}, true},
		{"a parameter below the halt switch", "ssm", "PutParameter", event.Fields{"name": "/warder/halt/x"}, false},
		{"the table", "dynamodb", "DeleteTable", event.Fields{"tableName": "warder"}, true},
		{
			"the table by ARN", "dynamodb", "DeleteTable",
			event.Fields{"tableName": "arn:aws:dynamodb:us-east-1:111122223333:table/warder"}, true,
		},
		{"a table that begins like it", "dynamodb", "DeleteTable", event.Fields{"tableName": "warder-backup"}, false},
		{
			"the topic", "sns", "DeleteTopic", event.Fields{"topicArn": "arn:aws:sns:us-east-1:111122223333:warder-Notices"},
			true,
		},
		{
			"a subscription of the topic", "sns", "Unsubscribe",
			event.Fields{"subscriptionArn": "arn:aws:sns:us-east-1:111122223333:warder-Notices:0a1b"}, true,
		},
		{
			"a topic that begins like it", "sns", "DeleteTopic",
			event.Fields{"topicArn": "arn:aws:sns:us-east-1:111122223333:warder-Notices2"}, false,
		},
		{
			"a subscription of a topic that begins like it", "sns", "Unsubscribe",
			event.Fields{"subscriptionArn": "arn:aws:sns:us-east-1:111122223333:warder-Notices2:0a1b"}, false,
		},
		{"the stack", "cloudformation", "DeleteStack", event.Fields{"stackName": "warder"}, true},
		{
			"the stack by ARN", "cloudformation", "DeleteStack",
			event.Fields{"stackName": "arn:aws:cloudformation:us-east-1:111122223333:stack/warder/0a1b"}, true,
		},
		{"a stack that begins like it", "cloudformation", "DeleteStack", event.Fields{"stackName": "warder-test"}, false},
		{"a role", "iam", "PutRolePolicy", event.Fields{"roleName": "warder-self"}, true},
		{"a role that begins like it", "iam", "PutRolePolicy", event.Fields{"roleName": "warder-self2"}, false},
		{"a new role under Warder's path", "iam", "CreateRole", event.Fields{"roleName": "x", "path": "/warder/"}, true},
		{
			"a new role below a path that begins like it", "iam", "CreateRole",
			event.Fields{"roleName": "x", "path": "/warder/x/"}, false,
		},
		{
			"a version of a policy under Warder's path", "iam", "CreatePolicyVersion",
			event.Fields{"policyArn": "arn:aws:iam::111122223333:policy/warder/deny"}, true,
		},
		{
			"a version of a policy that is named like the path", "iam", "CreatePolicyVersion",
			event.Fields{"policyArn": "arn:aws:iam::111122223333:policy/warder"}, false,
		},
		{"nothing", "lambda", "DeleteFunction20150331", nil, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := &event.APICall{Record: event.Record{Source: tc.service + ".amazonaws.com", Name: tc.call, Request: tc.request}}
			a, ok := find(c)
			if !ok {
				t.Fatalf("acts has no %s", tc.call)
			}
			if got := p.owns(c, a); got != tc.want {
				t.Errorf("owns = %v", got)
			}
		})
	}
}

func BenchmarkPlan(b *testing.B) { scenario.Bench(b, Control, "administrator-policy-attached") }
