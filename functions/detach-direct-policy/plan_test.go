package detachdirectpolicy

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/iamuser"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
	"github.com/warder-aws/warder/pkg/test/scenario"
)

func TestScenarios(t *testing.T) { scenario.Run(t, Control) }

func FuzzEvents(f *testing.F) { scenario.Fuzz(f, Control) }

// The numbers are those of the runbook.
func TestSweep_LargeAccount(t *testing.T) {
	begin := time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)
	for i, day := range scenario.Sweeps(t, Control, begin, 3, func(now time.Time) fakeaws.State {
		return scenario.Large(begin, now)
	}) {
		t.Logf("day %d: %d calls, %d to the ledger, %d notices: %v", i+1, day.Sum, day.Ledger, len(day.Notices), day.Calls)
		if notified := len(day.Notices); (i == 0) != (notified == 50) {
			t.Errorf("day %d: %d notices; fifty owners are to be notified on the first day", i+1, notified)
		}
		if day.Sum >= 400 || i > 0 && day.Sum+day.Ledger >= 400 {
			t.Errorf("day %d: %d calls and %d to the ledger, want less than 400", i+1, day.Sum, day.Ledger)
		}
	}
}

const readOnly = "arn:aws:iam::aws:policy/ReadOnlyAccess"

func given(groups string) settings.Function {
	return settings.Function{Parameters: json.RawMessage(`{"policyGroups":` + groups + `,"detachUnattachable":false}`)}
}

func TestPlan_EventualConsistency(t *testing.T) {
	attached := &event.APICall{Record: event.Record{
		Name: "AttachUserPolicy", Source: "iam.amazonaws.com",
		Request: event.Fields{"userName": "bob", "policyArn": readOnly},
	}}
	for _, tc := range []struct {
		name   string
		hidden string // the operation that does not see the thing yet
		looks  int    // how often
		late   bool   // or the user is there and the policy comes while the planner waits
		detail event.Detail
		want   []time.Duration
		finds  int
		fails  bool
	}{
		{name: "what IAM shows at once", detail: attached, finds: 1},
		{
			name: "a user that IAM shows after a second", hidden: "iam:ListAttachedUserPolicies", looks: 1, detail: attached,
			want: []time.Duration{time.Second}, finds: 1,
		},
		{
			name: "a user that IAM shows after three seconds", hidden: "iam:ListUserPolicies", looks: 2, detail: attached,
			want: []time.Duration{time.Second, 2 * time.Second}, finds: 1,
		},
		{
			name: "a user that IAM does not show is left to the retry", hidden: "iam:ListAttachedUserPolicies", looks: 3,
			detail: attached, want: []time.Duration{time.Second, 2 * time.Second}, fails: true,
		},
		{
			name: "a policy that IAM shows on the user after a second", late: true, detail: attached,
			want: []time.Duration{time.Second}, finds: 1,
		},
		{
			name: "a document that IAM shows after a second", hidden: "iam:GetPolicy", looks: 1, detail: attached,
			want: []time.Duration{time.Second}, finds: 1,
		},
		{
			name: "a document that IAM does not show is left to the retry", hidden: "iam:GetPolicyVersion", looks: 3,
			detail: attached, want: []time.Duration{time.Second, 2 * time.Second}, fails: true,
		},
		{
			name: "the sweep waits for nobody, but goes slowly", detail: &event.Sweep{}, want: []time.Duration{iamuser.Pace},
			finds: 1,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			user := &fakeaws.User{Attached: []string{readOnly}}
			if tc.late {
				user.Attached = nil
			}
			a := fakeaws.New(fakeaws.State{
				Users: map[string]*fakeaws.User{"bob": user},
				Policies: map[string]fakeaws.Document{
					readOnly: `{"Statement":{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}}`,
				},
			})
			looks := 0
			a.Fault = func(operation string, after bool) error {
				if operation != tc.hidden || after || looks == tc.looks {
					return nil
				}
				looks++
				return &types.NoSuchEntityException{}
			}
			var slept []time.Duration
			p, err := newPlanner(a.IAM(), given(`{}`), func(_ context.Context, d time.Duration) {
				slept = append(slept, d)
				if tc.late {
					if _, err := a.IAM().AttachUserPolicy(
						t.Context(), &iam.AttachUserPolicyInput{UserName: aws.String("bob"), PolicyArn: aws.String(readOnly)},
					); err != nil {
						t.Error(err)
					}
				}
			}, 0)
			if err != nil {
				t.Fatal(err)
			}
			findings, err := p.Plan(t.Context(), event.Event{Detail: tc.detail}, time.Time{})
			if (err != nil) != tc.fails || len(findings) != tc.finds {
				t.Errorf("Plan = %d findings, %v", len(findings), err)
			}
			if diff := cmp.Diff(tc.want, slept); diff != "" {
				t.Errorf("waits (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPlan_ConcurrentUsers(t *testing.T) {
	state := fakeaws.State{Users: map[string]*fakeaws.User{}, Policies: map[string]fakeaws.Document{
		readOnly: `{"Statement":{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}}`,
	}}
	var want []string
	for i := range 40 {
		user := fmt.Sprintf("user-%02d", i)
		state.Users[user] = &fakeaws.User{Attached: []string{readOnly}}
		want = append(want, user)
	}
	a := fakeaws.New(state)
	p, err := newPlanner(a.IAM(), given(`{}`), func(context.Context, time.Duration) {}, iamuser.Concurrency)
	if err != nil {
		t.Fatal(err)
	}
	findings, err := p.Plan(t.Context(), event.Event{Detail: &event.Sweep{}}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range findings {
		got = append(got, f.User)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("users (-want +got):\n%s", diff)
	}
	for _, operation := range []string{"iam:GetPolicy", "iam:GetPolicyVersion"} {
		if n := a.Calls()[operation]; n != 1 {
			t.Errorf("%s is called %d times for one policy", operation, n)
		}
	}
}

func TestPlan_OneUserUnreadable(t *testing.T) {
	a := fakeaws.New(fakeaws.State{
		Users: map[string]*fakeaws.User{
			"alice": {
				Attached: []string{"arn:aws:iam::111122223333:policy/hidden"}, Inline: map[string]fakeaws.Document{"x": `{}`},
			},
			"bob": {Attached: []string{readOnly}},
		},
		Policies: map[string]fakeaws.Document{readOnly: `{"Statement":{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}}`},
	})
	p, err := newPlanner(a.IAM(), given(`{}`), func(context.Context, time.Duration) {}, 0)
	if err != nil {
		t.Fatal(err)
	}
	findings, err := p.Plan(t.Context(), event.Event{Detail: &event.Sweep{}}, time.Time{})
	if err == nil || !strings.Contains(err.Error(), "policy/hidden") {
		t.Errorf("the error does not name the policy: %v", err)
	}
	if len(findings) != 1 || findings[0].User != "bob" {
		t.Errorf("findings = %+v, want one about bob", findings)
	}
}

func TestNewPlanner_PolicyGroups(t *testing.T) {
	for _, tc := range []struct{ name, groups, fault string }{
		{
			"a policy of AWS and one of the account",
			`{"` + readOnly + `":"readers","arn:aws-cn:iam::111122223333:policy/a/b":"b"}`, "",
		},
		{"a name in place of the ARN", `{"ReadOnlyAccess":"readers"}`, `"ReadOnlyAccess" is not the ARN of a managed policy`},
		{"the ARN of a group", `{"arn:aws:iam::111122223333:group/readers":"readers"}`, "is not the ARN of a managed policy"},
		{"no group", `{"` + readOnly + `":""}`, "has no group"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := newPlanner(fakeaws.New(fakeaws.State{}).IAM(), given(tc.groups), nil, 0)
			if (err == nil) != (tc.fault == "") || err != nil && !strings.Contains(err.Error(), tc.fault) {
				t.Errorf("newPlanner: %v, want %q", err, tc.fault)
			}
		})
	}
}

func BenchmarkPlan(b *testing.B) { scenario.Bench(b, Control, "delivered-twice") }

// waiting is a memory of what IAM did not show.
type waiting struct {
	remediation.Memory
	what map[string]bool
}

func (waiting) Saw(types.UserDetail) {}

func (w waiting) Awaited(context.Context) (map[string]bool, error) { return w.what, nil }

// A policy that IAM did not show when the event came is as fresh as then for the sweep that finds it, and does not wait
// if it makes an administrator; what was there before is not.
func TestKeep_Awaited(t *testing.T) {
	const everything = `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
	a := fakeaws.New(fakeaws.State{Users: map[string]*fakeaws.User{
		"alice": {Inline: map[string]fakeaws.Document{"new": everything, "old": everything}},
	}})
	p, err := newPlanner(a.IAM(), given(`{}`), func(context.Context, time.Duration) {}, 0)
	if err != nil {
		t.Fatal(err)
	}
	memory := waiting{what: map[string]bool{direct{change.InlineUserPolicy, "NEW"}.of("ALICE"): true}}
	found, err := p.Keep(t.Context(), event.Event{Detail: &event.Sweep{}}, memory, time.Time{})
	if err != nil || len(found) != 2 {
		t.Fatalf("%d findings, %v", len(found), err)
	}
	for _, f := range found {
		fresh := f.Changes[0].Target == "new"
		if f.Fresh != fresh || (f.Urgency == remediation.Emergency) != fresh {
			t.Errorf("of %s: fresh is %v, urgency %v", f.Changes[0].Target, f.Fresh, f.Urgency)
		}
	}
}
