package scenario

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"golang.org/x/tools/txtar"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/owner"
	"github.com/warder-aws/warder/pkg/remediation"
)

// described is a control that takes every policy off the users.
const described = `{
  "id": "strip-policies", "title": "Policy on a user", "summary": "Takes every policy off.", "severity": "medium",
  "mode": "enforce", "schedule": "rate(1 day)",
  "permissions": [
    { "actions": ["iam:ListUsers"], "resources": ["*"] },
    { "actions": ["iam:DetachUserPolicy", "iam:GetUser", "iam:ListAttachedUserPolicies"],
  "resources": ["arn:${AWS::Partition}:iam::${AWS::AccountId}:user/*"] }
  ],
  "parameters": { "graceDays": { "default": 7, "range": [0, 60],
    "help": "Days that the owner has, counted from the notice" } },
  "references": [{ "title": "None" }]
}`

// stripScenario is about a call at once, of a sweep with notice and grace, and of a user who is exempt.
const stripScenario = `Policies are taken off.

-- account.json --
{"users": {
  "alice": {"tags": {"owner": "alice@example.com"}, "attached": ["arn:aws:iam::aws:policy/ReadOnlyAccess"]},
  "bob": {"tags": {"owner": "bob@example.com",
  "warder:exempt": "all until 2026-12-31 by ciso@example.com for a test"},
  "attached": ["arn:aws:iam::aws:policy/ReadOnlyAccess"]}
}}
-- event-1.json --
{"version": "0", "id": "00000000-0000-4000-8000-000000000001", "detail-type": "AWS API Call via CloudTrail",
  "source": "aws.iam", "account": "111122223333", "time": "2026-12-01T09:00:00Z", "region": "us-east-1",
  "resources": [], "detail": {"eventVersion": "1.11", "userIdentity": {"type": "IAMUser", "userName": "mallory",
  "accountId": "111122223333", "arn": "arn:aws:iam::111122223333:user/mallory"}, "eventTime": "2026-12-01T09:00:00Z",
  "eventSource": "iam.amazonaws.com", "eventName": "AttachUserPolicy", "awsRegion": "us-east-1",
  "sourceIPAddress": "203.0.113.9", "userAgent": "test", "requestParameters": {"userName": "alice",
  "policyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}, "responseElements": null,
  "eventID": "00000000-0000-4000-9000-000000000001", "eventType": "AwsApiCall", "recipientAccountId": "111122223333"}}
-- account-2.json --
{"users": {"alice": {"tags": {"owner": "alice@example.com"}, "attached": ["arn:aws:iam::aws:policy/SecurityAudit"]}}}
-- event-2.json --
{"version": "0", "id": "00000000-0000-4000-8000-000000000002", "detail-type": "Scheduled Event",
  "source": "aws.events", "account": "111122223333", "time": "2026-12-03T03:00:00Z", "region": "us-east-1",
  "resources": [], "detail": {}}
-- event-3.json --
{"version": "0", "id": "00000000-0000-4000-8000-000000000003", "detail-type": "Scheduled Event",
  "source": "aws.events", "account": "111122223333", "time": "2026-12-10T03:00:00Z", "region": "us-east-1",
  "resources": [], "detail": {}}
`

// stripper is the planner of that control.
type stripper struct{ api *iam.Client }

func (p stripper) Plan(ctx context.Context, e event.Event, _ time.Time) ([]remediation.Finding, error) {
	_, fresh := e.Detail.(*event.APICall)
	var findings []remediation.Finding
	users := iam.NewListUsersPaginator(p.api, &iam.ListUsersInput{})
	for users.HasMorePages() {
		page, err := users.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list users: %w", err)
		}
		for _, user := range page.Users {
			out, err := p.api.ListAttachedUserPolicies(ctx, &iam.ListAttachedUserPoliciesInput{UserName: user.UserName})
			if change.NotFound(err) {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("list policies: %w", err)
			}
			for _, policy := range out.AttachedPolicies {
				findings = append(findings, remediation.Finding{User: *user.UserName, Text: i18n.Literal("Found."),
					Handling: remediation.Handling{Fresh: fresh}, Changes: []change.Change{{
						Kind: change.ManagedUserPolicy, Subject: *user.UserName, Target: *policy.PolicyArn, Before: change.Attached,
					}}})
			}
		}
	}
	return findings, nil
}

// matrixOf is what the matrix comes to of Warder as sabotage makes it.
func matrixOf(t *testing.T, sabotage func(*fixture)) tally {
	t.Helper()
	c, err := control.Parse("strip-policies/control.json", []byte(described))
	if err != nil {
		t.Fatal(err)
	}
	s, err := parse(txtar.Parse([]byte(stripScenario)), c)
	if err != nil {
		t.Fatal(err)
	}
	h := &harness{described: c, sabotage: sabotage, Control: handler.Control{
		New: func(s handler.Setup) (remediation.Planner, error) { return stripper{s.IAM}, nil },
	}}
	w := h.start(t, s)
	text := w.play()
	if len(w.falseClaims) > 0 {
		t.Fatalf("without a fault it says what is not so: %v\n%s", w.falseClaims, text)
	}
	return h.matrix(w)
}

func TestMatrix_Holds(t *testing.T) {
	all := matrixOf(t, nil)
	if len(all.wrong) > 0 {
		t.Errorf("%d wrong, of them: %s", len(all.wrong), all.wrong[0])
	}
	for _, f := range faults {
		if all.kinds[f.name] == 0 {
			t.Errorf("no call was %s", f.name)
		}
	}
	if all.cases < 1000 || all.guards < 100 {
		t.Errorf("%d cases, %d of them with a guard", all.cases, all.guards)
	}
}

// A harness that finds nothing proves nothing. Each of these is Warder with one thing wrong with it that
// mismatch only when something else goes wrong.
func TestMatrix_FindsSabotage(t *testing.T) {
	for _, tc := range []struct {
		name     string
		sabotage func(*fixture)
		found    string
	}{
		{
			"a planner that acts before anything is recorded",
			func(w *fixture) { w.runner.Planner = hasty{w.runner.Planner, w} }, "other notices",
		},
		{
			"a planner that takes what it cannot read for nothing",
			func(w *fixture) { w.runner.Planner = careless{w.runner.Planner} }, "another account",
		},
		{
			"an exemption that is none when it cannot be read", func(w *fixture) { w.runner.Owners = nobody{w.runner.Owners} },
			"changed what the guard could not be read for",
		},
		{
			"an exemption that is none when the user is not shown",
			func(w *fixture) { w.runner.Owners = visible{w.runner.Owners} }, "changed what the guard could not be read for",
		},
		{
			"a hold that is none when it cannot be read",
			func(w *fixture) { w.runner.Ledger = sealed(forgetful{memory{w}, "hold#"}) },
			"changed what the guard could not be read for",
		},
		{
			"a breaker that lets through when it cannot be read",
			func(w *fixture) { w.runner.Ledger = sealed(forgetful{memory{w}, "breaker#"}) },
			"changed what the guard could not be read for",
		},
		{"a kind that says it is done when it failed", func(w *fixture) {
			w.runner.Kinds = change.NewRegistry(&boaster{Kind: w.runner.Kinds[change.ManagedUserPolicy]})
		}, "the report says that"},
		{"a kind that says so to the owner", func(w *fixture) {
			w.runner.Kinds = change.NewRegistry(&boaster{Kind: w.runner.Kinds[change.ManagedUserPolicy]})
		}, "says that change"},
		{
			"a kind that puts back what it is not sure of",
			func(w *fixture) { w.runner.Kinds = change.NewRegistry(timid{w.runner.Kinds[change.ManagedUserPolicy]}) },
			"changes were made",
		},
		{
			"a topic that takes what it did not get for sent", func(w *fixture) { w.runner.Topic = lossyTopic{w} },
			"other notices",
		},
		{"notices with another id at each try", func(w *fixture) { w.runner.Topic = &numbered{fixture: w} }, "other notices"},
		{
			"a ledger that has every run as done", func(w *fixture) { w.runner.Ledger = ledger.New(sanguine{seal(memory{w})}) },
			"the run is done",
		},
		{
			"a ledger that loses what is recorded", func(w *fixture) { w.runner.Ledger = sealed(lossy{memory{w}}) },
			"is not there",
		},
		{
			"what was done today that is nothing when it cannot be read",
			func(w *fixture) { w.runner.Ledger = sealed(forgetful{memory{w}, "rounds#"}) },
			"changed what the guard could not be read for",
		},
		{"a guard that nobody hears of", func(w *fixture) { w.runner.Topic = discreet{w} }, "nobody knows"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			all := matrixOf(t, tc.sabotage)
			if !slices.ContainsFunc(all.wrong, func(wrong string) bool { return strings.Contains(wrong, tc.found) }) {
				t.Errorf(
					"%d cases, and none says %q; %d wrong: %.2000s", all.cases, tc.found, len(all.wrong),
					strings.Join(all.wrong[:min(3, len(all.wrong))], "\n"),
				)
			}
		})
	}
}

type hasty struct {
	remediation.Planner
	w *fixture
}

func (p hasty) Plan(ctx context.Context, e event.Event, now time.Time) ([]remediation.Finding, error) {
	findings, err := p.Planner.Plan(ctx, e, now)
	for i, f := range findings {
		if c := f.Changes[0]; c.Subject == "alice" {
			if _, err := p.w.account.IAM().DetachUserPolicy(
				ctx, &iam.DetachUserPolicyInput{UserName: &c.Subject, PolicyArn: &c.Target},
			); err != nil {
				return nil, fmt.Errorf("detach policy: %w", err)
			}
			findings[i].Changes = nil
		}
	}
	return findings, err
}

type careless struct{ remediation.Planner }

func (p careless) Plan(ctx context.Context, e event.Event, now time.Time) ([]remediation.Finding, error) {
	findings, _ := p.Planner.Plan(ctx, e, now)
	return findings, nil
}

type nobody struct{ remediation.Owners }

func (o nobody) ByID(ctx context.Context, id, name string) (owner.Contact, error) {
	if contact, err := o.Owners.ByID(ctx, id, name); err == nil {
		return contact, nil
	}
	return owner.Contact{ID: cmp.Or(id, "AIDAEXAMPLE"), Name: name, Tags: map[string]string{}}, nil
}

type visible struct{ remediation.Owners }

func (o visible) ByID(ctx context.Context, id, name string) (owner.Contact, error) {
	contact, err := o.Owners.ByID(ctx, id, name)
	if err == nil && contact.ID == "" {
		contact.ID, contact.Name, contact.Tags = cmp.Or(id, "AIDAEXAMPLE"), name, map[string]string{}
	}
	return contact, err
}

// forgetful has nothing where a partition cannot be read.
type forgetful struct {
	memory
	partition string
}

func (s forgetful) BatchGet(ctx context.Context, keys ...ledger.Key) ([]ledger.Item, error) {
	items, err := s.memory.BatchGet(ctx, keys...)
	if err != nil && slices.ContainsFunc(keys, func(k ledger.Key) bool {
		return strings.HasPrefix(k.Partition, s.partition)
	}) {
		if items, err = s.store.BatchGet(ctx, keys...); err != nil {
			return nil, err
		}
		for i, item := range items {
			if strings.HasPrefix(item.Partition, s.partition) {
				items[i] = ledger.Item{Partition: item.Partition, Sort: item.Sort}
			}
		}
	}
	return items, err
}

// boaster reads what it has set, whether or not it did.
type boaster struct {
	change.Kind
	set bool
}

func (k *boaster) Set(ctx context.Context, c change.Change) error {
	_ = k.Kind.Set(ctx, c)
	k.set = true
	return nil
}

func (k *boaster) Read(ctx context.Context, c change.Change) (string, error) {
	if k.set {
		return c.After, nil
	}
	return k.Kind.Read(ctx, c)
}

// timid undoes what failed, or seems to have.
type timid struct{ change.Kind }

func (k timid) Set(ctx context.Context, c change.Change) error {
	err := k.Kind.Set(ctx, c)
	if err != nil {
		_ = k.Kind.Set(ctx, c.Inverse())
	}
	return err
}

type lossyTopic struct{ *fixture }

func (t lossyTopic) Publish(ctx context.Context, m notice.Message) (string, error) {
	id, _ := t.fixture.Publish(ctx, m)
	return id, nil
}

type numbered struct {
	*fixture
	n int
}

func (t *numbered) Publish(ctx context.Context, m notice.Message) (string, error) {
	if t.n++; t.n > 1 && len(t.calls) > 0 {
		m.ID = fmt.Sprint(m.ID, t.n)
	}
	return t.fixture.Publish(ctx, m)
}

// discreet keeps to itself what was put on hold and what failed.
type discreet struct{ *fixture }

func (t discreet) Publish(ctx context.Context, m notice.Message) (string, error) {
	if m.Kind == notice.Held || m.Kind == notice.Failure {
		return "message-" + m.ID, nil
	}
	return t.fixture.Publish(ctx, m)
}

// sanguine keeps every run as done.
type sanguine struct{ ledger.Store }

func (s sanguine) Put(ctx context.Context, item ledger.Item) error {
	if strings.HasPrefix(item.Partition, "run#") && strings.Contains(item.Body, `"entries"`) {
		item.Body = strings.Replace(item.Body, `"done":false`, `"done":true`, 1)
	}
	return s.Store.Put(ctx, item)
}

// lossy says that entries are kept that are not, when the table cannot be reached.
type lossy struct{ memory }

func (s lossy) Put(ctx context.Context, item ledger.Item) error {
	err := s.memory.Put(ctx, item)
	if strings.HasPrefix(item.Partition, "entry#") {
		return nil
	}
	return err
}
