package drill

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/drill"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/owner"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

const (
	number     = "111122223333"
	policy     = "arn:aws:iam::" + number + ":policy/warder-drill/warder-drill"
	quarantine = "arn:aws:iam::" + number + ":policy/warder/warder-outside-quarantine"
)

// iamClient is a client of IAM.
type iamClient = *iam.Client

// fixture is an account with Warder at work in it: calls become events, events start runners.
type fixture struct {
	*fakeaws.Account
	iamClient
	store    *ledger.Memory
	ledger   *ledger.Ledger
	clock    time.Time
	mode     control.Mode
	set      settings.Function
	log      bytes.Buffer
	notified []notice.Message
	queue    []sqstypes.Message
	handles  int
	// trail says that calls are recorded; deaf are the ids of controls that nothing starts; noQueue says
	// that no event reaches the queue.
	trail   bool
	deaf    []string
	noQueue bool
	fault   func(operation string, after bool) error
	// later is what happens by itself, with the time.
	later []func()
}

func newFixture() *fixture {
	w := &fixture{
		Account: fakeaws.New(fakeaws.State{
			Users: map[string]*fakeaws.User{
				"alice": {
					Path: "/", Tags: map[string]string{"owner": "alice@example.com"},
					Attached: []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"},
				},
			},
			Policies: map[string]fakeaws.Document{policy: drill.Document},
		}),
		store: &ledger.Memory{}, clock: time.Date(2026, 11, 21, 3, 0, 0, 250_000_000, time.UTC), mode: control.Enforce,
		trail: true,
		set: settings.Function{
			Account: number, Bus: "warder", Drill: "https://sqs.us-east-1.amazonaws.com/" + number + "/drill",
			Quarantine:      settings.Quarantine{Outside: quarantine},
			AllowedNetworks: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")},
			Owners:          settings.Owners{Tags: []string{"owner", "email"}},
			Drilled: []settings.Drilled{
				{Control: "detach-direct-policy", Scenario: control.DirectPolicy},
				{Control: "deactivate-stale-access-key", Scenario: control.OldKey, Rule: "access-keys-rotated"},
				{Control: "quarantine-outside-login", Scenario: control.OutsideSignIn},
			},
		},
	}
	w.iamClient = w.IAM()
	w.ledger = ledger.New(w.store)
	w.Now = w.now
	w.Deploy(quarantine)
	hook := func(operation string, after bool) error {
		if w.fault == nil {
			return nil
		}
		return w.fault(operation, after)
	}
	w.Fault, w.store.Fault = hook, hook
	return w
}

func (w *fixture) now() time.Time { return w.clock }

func (w *fixture) pass(_ context.Context, d time.Duration) {
	w.clock = w.clock.Add(d)
	later := w.later
	w.later = nil
	for _, happen := range later {
		happen()
	}
}

func (w *fixture) drill(ctx context.Context) (drill.Answer, error) {
	return (&driller{
		iam: w, bus: w, queue: w, ledger: w.ledger, settings: w.set, policy: policy, partition: "aws", region: "us-east-1",
		now: w.now, sleep: w.pass, log: slog.New(slog.NewJSONHandler(&w.log, nil)),
	}).Drill(ctx, drill.Request{By: "Kim <kim@example.com>"})
}

// AttachUserPolicy attaches, and CloudTrail reports it two minutes later.
func (w *fixture) AttachUserPolicy(
	ctx context.Context, in *iam.AttachUserPolicyInput, _ ...func(*iam.Options),
) (*iam.AttachUserPolicyOutput, error) {
	out, err := w.iamClient.AttachUserPolicy(ctx, in)
	if err != nil || !w.trail {
		return out, err
	}
	stamp := w.clock.Format(time.RFC3339)
	w.handles++
	detail := fmt.Sprintf(`{"eventVersion":"1.11","eventType":"AwsApiCall","eventSource":"iam.amazonaws.com",
		"eventName":"AttachUserPolicy","eventTime":%q,"eventID":"00000000-0000-4000-8000-%012d",
		"requestParameters":{"userName":%q,"policyArn":%q},"userIdentity":{"type":"AssumedRole",
		"arn":"arn:aws:sts::111122223333:assumed-role/warder-self/warder-drill","sessionContext":{"sessionIssuer":{
		"type":"Role","arn":"arn:aws:iam::111122223333:role/warder/warder-self"}}}}`,
		stamp, w.handles, *in.UserName, *in.PolicyArn)
	w.send("aws.iam", "AWS API Call via CloudTrail", "e-1", stamp, json.RawMessage(detail), 120*time.Second)
	return out, nil
}

// PutEvents puts events on the bus, which delivers them half a second later.
func (w *fixture) PutEvents(
	_ context.Context, in *eventbridge.PutEventsInput, _ ...func(*eventbridge.Options),
) (*eventbridge.PutEventsOutput, error) {
	if err := w.asked("events:PutEvents", false); err != nil {
		return nil, err
	}
	out := &eventbridge.PutEventsOutput{}
	for _, entry := range in.Entries {
		if *entry.EventBusName != "warder" || *entry.Source != "warder.drill" {
			return nil, errors.New("AccessDeniedException: no identity-based policy allows the events:PutEvents action")
		}
		w.handles++
		id := fmt.Sprintf("bus-%d", w.handles)
		out.Entries = append(out.Entries, ebtypes.PutEventsResultEntry{EventId: &id})
		w.send(
			*entry.Source, *entry.DetailType, id, entry.Time.UTC().Format(time.RFC3339), json.RawMessage(*entry.Detail),
			500*time.Millisecond,
		)
	}
	return out, w.asked("events:PutEvents", true)
}

func (w *fixture) asked(operation string, after bool) error {
	if w.fault == nil {
		return nil
	}
	return w.fault(operation, after)
}

// send delivers an event: to the drill's queue, and a second later to the controls.
func (w *fixture) send(source, kind, id, stamp string, detail json.RawMessage, after time.Duration) {
	raw, err := json.Marshal(map[string]any{
		"version": "0", "id": id, "source": source, "detail-type": kind, "account": number, "region": "us-east-1",
		"time": stamp, "resources": []string{}, "detail": detail,
	})
	if err != nil {
		panic(err)
	}
	due := w.clock.Add(after)
	var arrive, start func()
	arrive = func() {
		if w.clock.Before(due) {
			w.later = append(w.later, arrive)
			return
		}
		if !w.noQueue {
			w.handles++
			w.queue = append(w.queue, sqstypes.Message{
				Body: aws.String(string(raw)), ReceiptHandle: aws.String(fmt.Sprint(w.handles)),
				Attributes: map[string]string{"SentTimestamp": strconv.FormatInt(due.UnixMilli(), 10)},
			})
		}
		w.later = append(w.later, start)
	}
	start = func() {
		if w.clock.Before(due.Add(time.Second)) {
			w.later = append(w.later, start)
			return
		}
		w.started(raw)
	}
	w.later = append(w.later, arrive)
}

// started hands an event to the controls that it starts.
func (w *fixture) started(raw []byte) {
	e, err := event.Decode(raw)
	if err != nil {
		panic(err)
	}
	for id, plan := range map[string]planner{
		"detach-direct-policy": func() []remediation.Finding {
			call, ok := e.Detail.(*event.APICall)
			if !ok {
				return nil
			}
			user, _ := call.User()
			arn, _ := call.Param("policyArn")
			return []remediation.Finding{
				{
					User: user, Text: i18n.Literal("Found."), Handling: remediation.Handling{Fresh: true},
					Changes: []change.Change{{Kind: change.ManagedUserPolicy, Subject: user, Target: arn, Before: change.Attached}},
				},
			}
		},
		"deactivate-stale-access-key": func() []remediation.Finding { return nil },
		"quarantine-outside-login": func() []remediation.Finding {
			s, ok := e.Detail.(*event.SignIn)
			if !ok || s.SourceIP != "198.51.100.1" {
				return nil
			}
			return []remediation.Finding{
				{
					User: s.Identity.UserName, Text: i18n.Literal("Found."), Handling: remediation.Handling{Fresh: true},
					Changes: []change.Change{
						{Kind: change.Quarantine, Subject: s.Identity.UserName, Target: quarantine, After: change.Attached},
					},
				},
			}
		},
	} {
		matches := map[string]bool{
			"detach-direct-policy":        e.Source == "aws.iam",
			"deactivate-stale-access-key": strings.HasPrefix(e.DetailType, "Config"),
			"quarantine-outside-login":    strings.HasPrefix(e.DetailType, "AWS Console"),
		}
		if !matches[id] || slices.Contains(w.deaf, id) {
			continue
		}
		r := &remediation.Runner{
			Control: control.Control{ID: id, Title: "Test", Severity: control.High},
			Settings: settings.Function{
				Mode: w.mode, Parameters: []byte("{}"), Roles: []string{"warder-self"}, BlastRadius: 10, HoldDays: 7,
				Owners: w.set.Owners, Reach: settings.Reach{All: true},
			},
			Planner: plan, Kinds: change.ForIAM(slow{w.IAM(), w}), Ledger: w.ledger, Topic: w,
			Owners: owner.Book{API: w.IAM(), Owners: w.set.Owners},
			Environment: remediation.Environment{
				Now: w.now, Sleep: func(context.Context, time.Duration) {}, Log: slog.New(slog.DiscardHandler),
			},
		}
		// What goes wrong in a drill does not go wrong in the controls as well.
		fault := w.fault
		w.fault = nil
		_, err := r.Run(context.Background(), remediation.Invocation{ID: "i", Left: time.Minute}, raw)
		for try := 1; err != nil && try < 3; try++ { // as Lambda does
			_, err = r.Run(context.Background(), remediation.Invocation{ID: "i", Left: time.Minute}, raw)
		}
		if err != nil {
			panic(err)
		}
		w.fault = fault
	}
}

// slow is the account for the controls: a change takes a while.
type slow struct {
	iamClient
	w *fixture
}

func (s slow) AttachUserPolicy(
	ctx context.Context, in *iam.AttachUserPolicyInput, _ ...func(*iam.Options),
) (*iam.AttachUserPolicyOutput, error) {
	s.w.clock = s.w.clock.Add(200 * time.Millisecond)
	return s.iamClient.AttachUserPolicy(ctx, in)
}

func (s slow) DetachUserPolicy(
	ctx context.Context, in *iam.DetachUserPolicyInput, _ ...func(*iam.Options),
) (*iam.DetachUserPolicyOutput, error) {
	s.w.clock = s.w.clock.Add(200 * time.Millisecond)
	return s.iamClient.DetachUserPolicy(ctx, in)
}

type planner func() []remediation.Finding

func (p planner) Plan(context.Context, event.Event, time.Time) ([]remediation.Finding, error) {
	return p(), nil
}

// Publish implements [remediation.Publisher].
func (w *fixture) Publish(_ context.Context, m notice.Message) (string, error) {
	w.notified = append(w.notified, m)
	w.clock = w.clock.Add(300 * time.Millisecond)
	return "m", nil
}

// ReceiveMessage waits a second for what arrives.
func (w *fixture) ReceiveMessage(
	ctx context.Context, in *sqs.ReceiveMessageInput, _ ...func(*sqs.Options),
) (*sqs.ReceiveMessageOutput, error) {
	if err := w.asked("sqs:ReceiveMessage", false); err != nil {
		return nil, err
	}
	if len(w.queue) == 0 {
		w.pass(ctx, time.Duration(in.WaitTimeSeconds)*time.Second)
	}
	return &sqs.ReceiveMessageOutput{
		Messages: slices.Clone(w.queue[:min(len(w.queue), int(in.MaxNumberOfMessages))]),
	}, w.asked("sqs:ReceiveMessage", true)
}

// DeleteMessage deletes what was received.
func (w *fixture) DeleteMessage(
	_ context.Context, in *sqs.DeleteMessageInput, _ ...func(*sqs.Options),
) (*sqs.DeleteMessageOutput, error) {
	if err := w.asked("sqs:DeleteMessage", false); err != nil {
		return nil, err
	}
	w.queue = slices.DeleteFunc(w.queue, func(m sqstypes.Message) bool { return *m.ReceiptHandle == *in.ReceiptHandle })
	return &sqs.DeleteMessageOutput{}, w.asked("sqs:DeleteMessage", true)
}

// words are an answer in short: scenario, outcome, what was done, and the seconds of each hop.
func words(a drill.Answer) []string {
	all := []string{string(a.Outcome)}
	for _, sc := range a.Scenarios {
		text := fmt.Sprintf("%s: %s, %s", sc.Name, sc.Outcome, sc.Did)
		for _, hop := range sc.Hops {
			if hop.Seen {
				text += fmt.Sprintf(", %s %.1f", hop.Name, hop.Seconds)
			} else {
				text += ", no " + hop.Name
			}
		}
		all = append(all, text)
	}
	return all
}

// asBefore checks that nothing is left of a drill, and that nobody else was touched.
func asBefore(t *testing.T, w *fixture) {
	t.Helper()
	if diff := cmp.Diff(newFixture().State(), w.State(), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("the account is not as before (-before +after):\n%s", diff)
	}
}

func TestDrill_EveryHop(t *testing.T) {
	for _, tc := range []struct {
		name    string
		fixture func(w *fixture)
		want    []string
	}{
		{"in enforce", func(*fixture) {}, []string{
			"passed",
			"direct policy: passed, changed, event 0.0, rule 120.0, function 1.0, change 0.2, notice 0.3",
			"old access key: passed, looked, nothing to do, event 0.0, rule 0.5, function 1.5",
			"outside sign-in: passed, changed, event 0.0, rule 0.5, function 1.5, change 0.2, notice 0.3",
		}},
		{"in observe", func(w *fixture) { w.mode = control.Observe }, []string{
			"passed",
			"direct policy: passed, would change, event 0.0, rule 120.0, function 1.0, change 0.0, notice 0.3",
			"old access key: passed, looked, nothing to do, event 0.0, rule 0.5, function 1.5",
			"outside sign-in: passed, would change, event 0.0, rule 0.5, function 1.5, change 0.0, notice 0.3",
		}},
		{"halted", func(w *fixture) {
			if err := w.ledger.SetHalt(context.Background(), ledger.Halt{}, ledger.Halt{Halted: true}); err != nil {
				panic(err)
			}
		}, []string{
			"held",
			"direct policy: held, held, event 0.0, rule 120.0, function 1.0, change 0.0, notice 0.3",
			"old access key: passed, looked, nothing to do, event 0.0, rule 0.5, function 1.5",
			"outside sign-in: held, held, event 0.0, rule 0.5, function 1.5, change 0.0, notice 0.3",
		}},
		{"without networks", func(w *fixture) { w.set.AllowedNetworks = nil }, []string{
			"passed",
			"direct policy: passed, changed, event 0.0, rule 120.0, function 1.0, change 0.2, notice 0.3",
			"old access key: passed, looked, nothing to do, event 0.0, rule 0.5, function 1.5",
			"outside sign-in: skipped, ",
		}},
		{"with all controls off", func(w *fixture) {
			for i := range w.set.Drilled {
				w.set.Drilled[i].Off = true
			}
		}, []string{"skipped", "direct policy: skipped, ", "old access key: skipped, ", "outside sign-in: skipped, "}},
		{"without a trail", func(w *fixture) { w.trail = false }, []string{
			"failed",
			"direct policy: failed, , no event, no rule, no function, no change, no notice",
			"old access key: passed, looked, nothing to do, event 0.0, rule 0.5, function 1.5",
			"outside sign-in: passed, changed, event 0.0, rule 0.5, function 1.5, change 0.2, notice 0.3",
		}},
		{"with a rule that starts nothing", func(w *fixture) {
			w.deaf = []string{
				"deactivate-stale-access-key", "quarantine-outside-login",
			}
		}, []string{
			"failed",
			"direct policy: passed, changed, event 0.0, rule 120.0, function 1.0, change 0.2, notice 0.3",
			"old access key: failed, , event 0.0, rule 0.5, no function",
			"outside sign-in: failed, , event 0.0, rule 0.5, no function, no change, no notice",
		}},
		{"without its queue", func(w *fixture) { w.noQueue = true }, []string{
			"failed",
			"direct policy: failed, changed, no event, no rule, function 121.0, change 0.2, notice 0.3",
			"old access key: failed, looked, nothing to do, no event, no rule, function 2.0",
			"outside sign-in: failed, changed, no event, no rule, function 2.0, change 0.2, notice 0.3",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newFixture()
			tc.fixture(w)
			begin := w.clock
			answer, err := w.drill(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, words(answer)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if took := w.clock.Sub(begin); took > 11*time.Minute {
				t.Errorf("it took %s of 10 minutes", took)
			}
			if len(answer.Cleaned) != 1 || answer.Cleaned[0] != answer.User || len(answer.Leftovers) != 0 {
				t.Errorf("cleaned %v, left %v", answer.Cleaned, answer.Leftovers)
			}
			if (answer.Outcome == drill.Passed) != (answer.Reason == "") {
				t.Errorf("reason %q of %s", answer.Reason, answer.Outcome)
			}
			for _, m := range w.notified {
				if m.Drill != answer.ID || !strings.HasPrefix(m.Title, "Drill: ") || m.Owner != "kim@example.com" {
					t.Errorf("notified %s %q: %s", m.Owner, m.Drill, m.Title)
				}
			}
			asBefore(t, w)
			measured := strings.Count(w.log.String(), `"msg":"hop"`)
			if (measured > 0) != (answer.Outcome != drill.Skipped) ||
				strings.Count(w.log.String(), `"DrillSeconds":`) != measured {
				t.Errorf("the log is %s", w.log.String())
			}
			for _, key := range w.Made() {
				if text, _ := json.Marshal(answer); strings.Contains(w.log.String()+string(text), key.Secret) ||
					strings.Contains(w.log.String()+string(text), key.ID) {
					t.Error("the log or the answer has the access key")
				}
			}
		})
	}
}

// What the function may do with AWS is what it does, and tagging the user that it makes, which is a
// permission of its own (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags_users.html).
func TestPermissions_Drill(t *testing.T) {
	c, err := control.Parse("drill/control.json", description)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range c.Permissions {
		for _, action := range p.Actions {
			if !strings.HasPrefix(action, "dynamodb:") {
				got = append(got, action)
			}
		}
	}
	want := []string{"iam:TagUser"}
	for of, service := range map[reflect.Type]string{
		reflect.TypeFor[users](): "iam", reflect.TypeFor[events](): "events", reflect.TypeFor[arrivals](): "sqs",
	} {
		for i := range of.NumMethod() {
			want = append(want, service+":"+of.Method(i).Name)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("actions (-operations +control.json):\n%s", diff)
	}
}

// drillUsers are the users of drills that are there.
func drillUsers(w *fixture) (names []string) {
	for name, user := range w.State().Users {
		if user.Path == drill.Path {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Whatever call goes wrong, before or after it took effect: what the drill made no longer exists, or it is said
// to be left; nobody else is touched; and the next drill leaves nothing.
func TestDrill_EveryFault(t *testing.T) {
	for _, after := range []bool{false, true} {
		for _, cut := range []bool{false, true} {
			for n := 1; ; n++ {
				w := newFixture()
				count, reached, now, failed := 0, false, false, ""
				w.fault = func(operation string, took bool) error {
					if now {
						return errors.New("the function is gone")
					}
					if !took {
						count++
					}
					if reached || count != n || took != after {
						return nil
					}
					reached, now, failed = true, cut, operation
					return errors.New("AccessDenied: refused")
				}
				answer, err := w.drill(t.Context())
				name := fmt.Sprintf("call %d (%s), after it took effect %t, cut off %t", n, failed, after, cut)
				var left []string
				for _, l := range answer.Leftovers {
					left = append(left, l.User)
					if l.Why == "" || len(l.Remove) != 3 {
						t.Errorf("%s: %+v", name, l)
					}
				}
				if diff := cmp.Diff(drillUsers(w), left, cmpopts.EquateEmpty()); diff != "" && !cut {
					t.Errorf("%s: users that are there and are said to be left:\n%s", name, diff)
				}
				if reached && err == nil && len(left) > 0 && answer.Outcome != drill.Failed {
					t.Errorf("%s: %s with %v left", name, answer.Outcome, left)
				}

				w.fault = nil
				w.pass(t.Context(), time.Minute)
				again, err := w.drill(t.Context())
				if err != nil || again.Outcome != drill.Passed {
					t.Fatalf("%s: the next drill: %+v, %v", name, again, err)
				}
				asBefore(t, w)
				if !reached {
					break
				}
			}
		}
	}
}

func TestDrill_CutOff(t *testing.T) {
	w := newFixture()
	calls := 0
	w.fault = func(string, bool) error {
		if calls++; calls > 30 {
			return errors.New("the function is gone")
		}
		return nil
	}
	if _, err := w.drill(t.Context()); err != nil || len(drillUsers(w)) != 1 {
		t.Fatalf("left %v, %v; want a user left", drillUsers(w), err)
	}
	w.fault = nil
	left, begin := drillUsers(w), w.clock
	answer, err := w.drill(t.Context())
	if err != nil || answer.Outcome != drill.Passed {
		t.Fatalf("%+v, %v", answer, err)
	}
	if len(answer.Cleaned) != 2 || answer.Cleaned[0] != left[0] || answer.Cleaned[1] != answer.User {
		t.Errorf("cleaned %v, want %s and %s", answer.Cleaned, left[0], answer.User)
	}
	all, err := w.ledger.Drills(t.Context())
	if err != nil || len(all) != 2 || all[1].At.Sub(begin) > lease+2*pause {
		t.Errorf("drills %+v, %v", all, err)
	}
	asBefore(t, w)
}

func TestDrill_TwoAtOnce(t *testing.T) {
	w := newFixture()
	other := ledger.Drill{
		ID: "other", User: "warder-drill-other", By: caller.Identity{Claimed: "lee"}, At: w.clock,
		Until: w.clock.Add(lease),
	}
	var goOn func()
	goOn = func() { // it says again and again that it goes on
		other.Until = w.clock.Add(lease)
		if err := w.ledger.KeepDrill(t.Context(), other, w.clock); err != nil {
			t.Error(err)
		}
		w.later = append(w.later, goOn)
	}
	goOn()
	w.Alter(
		fakeaws.State{
			Users: map[string]*fakeaws.User{other.User: {Path: drill.Path, Tags: map[string]string{drill.Tag: "other"}}},
		},
	)
	_, err := w.drill(t.Context())
	if err == nil || !strings.Contains(err.Error(), "drill other, which lee (claimed) asked for, goes on since") {
		t.Errorf("error %v", err)
	}
	if diff := cmp.Diff([]string{other.User}, drillUsers(w)); diff != "" {
		t.Errorf("users (-want +got):\n%s", diff)
	}
}

// A drill that was believed to be cut off, and was only slow, leaves the one that took its place alone.
func TestDrill_PlaceTaken(t *testing.T) {
	w := newFixture()
	other := "warder-drill-other"
	w.later = append(w.later, func() {
		all, err := w.ledger.Drills(t.Context())
		if err != nil || len(all) != 1 {
			t.Fatalf("drills %+v, %v", all, err)
		}
		w.clock = w.clock.Add(2 * lease)
		if err := w.ledger.KeepDrill(
			t.Context(), ledger.Drill{ID: "other", User: other, At: w.clock, Until: w.clock.Add(lease)}, w.clock,
		); err != nil {
			t.Error(err)
		}
		w.Alter(
			fakeaws.State{
				Users: map[string]*fakeaws.User{other: {Path: drill.Path, Tags: map[string]string{drill.Tag: "other"}}},
			},
		)
	})
	answer, err := w.drill(t.Context())
	if err != nil || answer.Outcome != drill.Failed || !strings.Contains(answer.Reason, "another took its place") {
		t.Errorf("%+v, %v", answer, err)
	}
	if diff := cmp.Diff([]string{other}, drillUsers(w)); diff != "" {
		t.Errorf("users (-want +got):\n%s", diff)
	}
}

func TestDrill_LeavesOthersAlone(t *testing.T) {
	w := newFixture()
	w.Alter(fakeaws.State{Users: map[string]*fakeaws.User{
		"warder-drill-untagged": {Path: drill.Path, Attached: []string{policy}},
		"someone":               {Path: drill.Path, Tags: map[string]string{drill.Tag: "x"}},
		"warder-drill-outside":  {Path: "/team/", Tags: map[string]string{drill.Tag: "x"}, Attached: []string{quarantine}},
		"warder-drill-below":    {Path: drill.Path + "more/", Tags: map[string]string{drill.Tag: "x"}},
		"warder-drill-used": {Path: drill.Path, Tags: map[string]string{drill.Tag: "x"}, Attached: []string{
			policy, "arn:aws:iam::aws:policy/ReadOnlyAccess",
		},
			Keys: []fakeaws.Key{{ID: "AKIAEXAMPLEEXAMPLE01", Status: "Active"}}},
	}})
	before := w.State()
	answer, err := w.drill(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(answer.Leftovers) != 1 || answer.Leftovers[0].User != "warder-drill-used" ||
		!strings.Contains(answer.Leftovers[0].Why, "DeleteConflict") ||
		answer.Leftovers[0].Remove[2] != "aws iam delete-user --user-name warder-drill-used" {
		t.Errorf("left %+v", answer.Leftovers)
	}
	if answer.Outcome != drill.Failed || !strings.Contains(answer.Reason, "user warder-drill-used of a drill is left") {
		t.Errorf("%s: %s", answer.Outcome, answer.Reason)
	}
	// Of the one that a drill made, what the drill put on it is gone; what somebody else did is theirs.
	before.Users["warder-drill-used"].Attached, before.Users["warder-drill-used"].Keys = []string{
		"arn:aws:iam::aws:policy/ReadOnlyAccess",
	}, nil
	if diff := cmp.Diff(before, w.State(), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

func TestDrill_BadRequest(t *testing.T) {
	w := newFixture()
	for _, q := range []drill.Request{{}, {By: " "}, {By: "kim", Minutes: 14}, {By: "kim", Minutes: -1}} {
		if _, err := (&driller{iam: w, ledger: w.ledger, now: w.now}).Drill(t.Context(), q); err == nil ||
			!strings.Contains(err.Error(), "understood is") {
			t.Errorf("%+v: %v", q, err)
		}
	}
	if len(w.Calls()) > 0 || w.store.Calls() > 0 {
		t.Errorf("calls %v, ledger %d", w.Calls(), w.store.Calls())
	}
}

func TestDrill_Deadline(t *testing.T) {
	w := newFixture()
	w.trail = false
	// The wall clock of the context is the test's own: far enough away never to come.
	end := w.clock.Add(3 * time.Minute)
	ctx := deadline{t.Context(), end}
	answer, err := w.drill(ctx)
	if err != nil || answer.Outcome != drill.Failed || len(answer.Cleaned) != 1 {
		t.Errorf("%+v, %v", answer, err)
	}
	if left := end.Sub(w.clock); left < cleaning/2 {
		t.Errorf("%s are left to clean up in", left)
	}
}

// deadline is a context that says when it ends.
type deadline struct {
	context.Context
	end time.Time
}

func (d deadline) Deadline() (time.Time, bool) { return d.end, true }

func TestDrill_SignInAddress(t *testing.T) {
	for _, tc := range []struct {
		networks []string
		from     string
	}{
		{[]string{"10.0.0.0/8"}, "198.51.100.1"},
		{[]string{"198.51.100.0/24"}, "192.0.2.1"},
		{[]string{"198.51.100.0/24", "192.0.2.0/24"}, "203.0.113.1"},
		{[]string{"0.0.0.0/0"}, "2001:db8::1"},
		{[]string{"0.0.0.0/0", "::/0"}, ""},
		{nil, ""},
	} {
		var s settings.Function
		for _, network := range tc.networks {
			s.AllowedNetworks = append(s.AllowedNetworks, netip.MustParsePrefix(network))
		}
		sc := (&play{driller: &driller{settings: s}}).scene(settings.Drilled{Scenario: control.OutsideSignIn})
		if tc.from == "" && (sc.skip == "" || !sc.done) || tc.from != "" && sc.from.String() != tc.from {
			t.Errorf("%v: from %s, skipped %q", tc.networks, sc.from, sc.skip)
		}
	}
}
