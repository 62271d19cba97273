package remediation_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/owner"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// plan is a planner made of a function.
type plan func(event.Event) ([]remediation.Finding, error)

func (p plan) Plan(_ context.Context, e event.Event, _ time.Time) ([]remediation.Finding, error) {
	return p(e)
}

// finding is a planner that always finds the same.
func finding(findings ...remediation.Finding) plan {
	return func(event.Event) ([]remediation.Finding, error) { return findings, nil }
}

type mailbox struct{ got []notice.Message }

func (m *mailbox) Publish(_ context.Context, n notice.Message) (string, error) {
	m.got = append(m.got, n)
	return "m", nil
}

// newRunner returns a runner in enforce over an account in which alice has a direct policy.
func newRunner(t *testing.T, p plan) (*remediation.Runner, *fakeaws.Account, *mailbox) {
	t.Helper()
	a := fakeaws.New(fakeaws.State{Users: map[string]*fakeaws.User{"alice": {Attached: []string{readOnly}}}})
	box := &mailbox{}
	return &remediation.Runner{
		Control: control.Control{ID: "test", Title: "Test", Severity: control.Medium, Mode: control.Enforce,
			Permissions: []control.Permission{{Actions: []string{"iam:DetachUserPolicy"}}}},
		Settings: settings.Function{Mode: control.Enforce, Reach: settings.Reach{All: true},
			Parameters: []byte("{}"), Roles: []string{"warder-self"},
			BlastRadius: 10, HoldDays: 7},
		Planner: p, Kinds: change.ForIAM(a.IAM()), Ledger: ledger.New(&ledger.Memory{}), Topic: box,
		Owners: owner.Book{API: a.IAM()},
		Environment: remediation.Environment{Now: func() time.Time { return time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC) },
			Sleep: func(context.Context, time.Duration) {}, Log: slog.New(slog.DiscardHandler)},
	}, a, box
}

const sweep = `{"version":"0","id":"00000000-0000-4000-8000-000000000001","detail-type":"Scheduled Event",
	"source":"aws.events",
	"account":"111122223333","time":"2026-12-01T03:00:00Z","region":"us-east-1","resources":[],"detail":{}}`

func detach() remediation.Finding {
	return remediation.Finding{User: "alice", Text: i18n.Literal("Found."), Changes: []change.Change{{
		Kind: change.ManagedUserPolicy, Subject: "alice", Target: "arn:aws:iam::aws:policy/ReadOnlyAccess",
		Before: change.Attached,
	}}}
}

func run(r *remediation.Runner, id, raw string) (remediation.Report, error) {
	return r.Run(context.Background(), remediation.Invocation{ID: id, Left: time.Minute}, []byte(raw))
}

func TestRun_Undecodable(t *testing.T) {
	r, _, _ := newRunner(t, func(event.Event) ([]remediation.Finding, error) {
		t.Error("planned")
		return nil, nil
	})
	for _, raw := range []string{`nonsense`, `[]`,
		`{"source":"aws.iam","detail-type":"AWS API Call via CloudTrail","detail":{}}`} {
		report, err := run(r, "a", raw)
		if err != nil || report.Outcome != remediation.Failed || !strings.Contains(report.Reason, "undecodable") {
			t.Errorf("%s: %+v, %v", raw, report, err)
		}
		if recorded, ok, err := r.Ledger.Run(context.Background(), "test", report.Event); !ok || !recorded.Done ||
			err != nil {
			t.Errorf("%s: the ledger has %+v, %v", raw, recorded, err)
		}
	}
}

func TestRun_HeldByAnotherInvocation(t *testing.T) {
	r, a, _ := newRunner(t, finding(detach()))
	if _, err := r.Ledger.Begin(context.Background(), ledger.Run{Control: "test",
		Key: "00000000-0000-4000-8000-000000000001", Holder: "other", Until: r.Now().Add(time.Minute)}, r.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := run(r, "mine", sweep); !errors.Is(err, ledger.ErrHeld) {
		t.Errorf("err = %v, want ErrHeld: Lambda has to retry", err)
	}
	if len(a.Calls()) != 0 {
		t.Errorf("the account was called: %v", a.Calls())
	}
}

func TestRun_ModeOff(t *testing.T) {
	r, a, _ := newRunner(t, finding(detach()))
	r.Settings.Mode = control.Off
	report, err := run(r, "a", sweep)
	if err != nil || report.Outcome != remediation.Nothing || len(a.Calls()) != 0 {
		t.Errorf("%+v, %v, calls %v", report, err, a.Calls())
	}
}

// deaf pretends that IAM accepts a change that never takes.
type deaf struct{ change.Kind }

func (deaf) Set(context.Context, change.Change) error { return nil }

func TestApply_NoEffect(t *testing.T) {
	r, _, box := newRunner(t, finding(detach()))
	kind, err := r.Kinds.Kind(change.Change{Kind: change.ManagedUserPolicy})
	if err != nil {
		t.Fatal(err)
	}
	r.Kinds = change.NewRegistry(deaf{kind})
	report, err := run(r, "a", sweep)
	if err == nil || report.Outcome != remediation.Failed || len(report.Changes) != 1 ||
		report.Changes[0].Status != ledger.Failed {
		t.Errorf("%+v, %v", report, err)
	}
	if len(box.got) != 1 || box.got[0].Kind != notice.Failure {
		t.Errorf("told %+v", box.got)
	}
}

// slow shows a change only after it was read a few times, as IAM does.
type slow struct {
	change.Kind
	stale int
}

func (s *slow) Read(ctx context.Context, c change.Change) (string, error) {
	present, err := s.Kind.Read(ctx, c)
	if present == c.After && s.stale > 0 {
		s.stale--
		return c.Before, err
	}
	return present, err
}

func TestApply_NotVisibleYet(t *testing.T) {
	r, _, _ := newRunner(t, finding(detach()))
	kind, err := r.Kinds.Kind(change.Change{Kind: change.ManagedUserPolicy})
	if err != nil {
		t.Fatal(err)
	}
	r.Kinds = change.NewRegistry(&slow{kind, 3})
	if report, err := run(r, "a", sweep); err != nil || report.Outcome != remediation.Changed {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestNotify_OwnerCannotBeRead(t *testing.T) {
	r, a, box := newRunner(t, func(event.Event) ([]remediation.Finding, error) {
		return []remediation.Finding{{User: "alice", Text: i18n.Literal("Seen.")}}, nil
	})
	a.Fault = func(operation string, _ bool) error { return errors.New(operation + " is refused") }
	for try := 1; try <= 2; try++ {
		if _, err := run(r, "a", sweep); err == nil || len(box.got) != 0 {
			t.Fatalf("try %d: %v, told %d", try, err, len(box.got))
		}
	}
	report, err := run(r, "a", sweep)
	if err != nil || report.Outcome != remediation.Notified || len(box.got) != 1 ||
		!strings.Contains(box.got[0].Email(), "could not be read") {
		t.Errorf("last try: %+v, %v, told %+v", report, err, box.got)
	}
}

func TestGuards_FailClosed(t *testing.T) {
	r, a, box := newRunner(t, finding(detach()))
	a.Fault = func(operation string, _ bool) error {
		if operation == "iam:GetUser" {
			return errors.New("Throttling: Rate exceeded")
		}
		return nil
	}
	before := a.State()
	for try := 1; try <= 3; try++ {
		if report, err := run(r, "a", sweep); err == nil || report.Outcome != remediation.Failed {
			t.Errorf("try %d: %+v, %v", try, report, err)
		}
	}
	if diff := cmp.Diff(before, a.State()); diff != "" {
		t.Errorf("the account was changed:\n%s", diff)
	}
	if len(box.got) != 1 || box.got[0].Kind != notice.Held ||
		!strings.Contains(box.got[0].Email(), "exemption of \"alice\" cannot be read") {
		t.Errorf("told %+v", box.got)
	}
}

func TestRun_OwnRoles(t *testing.T) {
	call := func(role, account string) string {
		return `{"version":"0","id":"00000000-0000-4000-8000-000000000002","detail-type":"AWS API Call via CloudTrail",
			"source":"aws.iam",
			"account":"111122223333","time":"2026-12-01T03:00:00Z","region":"us-east-1","resources":[],
			"detail":{"eventVersion":"1.11",
			"eventSource":"iam.amazonaws.com","eventName":"AttachUserPolicy","eventTime":"2026-12-01T03:00:00Z",
			"eventID":"00000000-0000-4000-9000-000000000002",
			"userIdentity":{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/x/warder-test",
			"sessionContext":{"sessionIssuer":{
			"type":"Role","arn":"arn:aws:iam::` + account + `:` + role + `","userName":"warder-self"}}}}}`
	}
	for _, tc := range []struct {
		name, role, account string
		own                 bool
	}{
		{"the role itself", "role/warder/warder-self", "111122223333", true},
		{"the same name without the path", "role/warder-self", "111122223333", false},
		{"the same name below another path", "role/team/warder/warder-self", "111122223333", false},
		{"a longer name", "role/warder/warder-self-2", "111122223333", false},
		{"another account's", "role/warder/warder-self", "444455556666", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			planned := false
			r, _, _ := newRunner(t, func(event.Event) ([]remediation.Finding, error) {
				planned = true
				return nil, nil
			})
			if _, err := run(r, "a", call(tc.role, tc.account)); err != nil {
				t.Fatal(err)
			}
			if planned == tc.own {
				t.Errorf("planned: %v", planned)
			}
		})
	}
}

// One incident is one thread: what is undone is notified where the change was notified.
func TestUndo_ThreadOfTheChange(t *testing.T) {
	fresh := func(event.Event) ([]remediation.Finding, error) {
		f := detach()
		f.Fresh = true
		return []remediation.Finding{f}, nil
	}
	r, a, box := newRunner(t, fresh)
	r.Owners = owner.Book{API: a.IAM(), Owners: settings.Owners{Slack: "slack"}}
	a.Alter(fakeaws.State{Users: map[string]*fakeaws.User{"alice": {
		Attached: []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"}, Tags: map[string]string{"slack": "U024BE7LH"},
	}}})
	if _, err := run(r, "a", sweep); err != nil {
		t.Fatal(err)
	}
	u := &remediation.Undoer{Runner: r}
	for range 2 { // the undo, and the undo of it
		answer, err := u.Undo(context.Background(), remediation.UndoRequest{Chat: box.got[len(box.got)-1].Finding})
		if err != nil || len(answer.Undone) != 1 {
			t.Fatalf("%+v, %v", answer, err)
		}
	}
	if len(box.got) != 3 {
		t.Fatalf("%d notices", len(box.got))
	}
	for _, m := range box.got {
		if m.Thread != box.got[0].Thread || m.Thread == "" || m.OwnerSlack != "U024BE7LH" {
			t.Errorf("%s: thread %q, owner in Slack %q", m.Kind, m.Thread, m.OwnerSlack)
		}
	}
	if text := box.got[1].Text; !strings.Contains(text, "Amazon Q in chat (claimed) asked") ||
		!strings.Contains(text, "a button in chat") {
		t.Errorf("the undo is told as %q", text)
	}
}

// Whatever number of controls answer an event, it is one thread; and what is held because of it, and made by a later
// sweep, stays in it.
func TestThread_OfTheEvent(t *testing.T) {
	fresh := func(e event.Event) ([]remediation.Finding, error) {
		f := detach()
		_, swept := e.Detail.(*event.Sweep)
		f.Fresh = !swept
		return []remediation.Finding{f}, nil
	}
	acts, _, acted := newRunner(t, fresh)
	alerts, _, alerted := newRunner(t, func(event.Event) ([]remediation.Finding, error) {
		return []remediation.Finding{{Subject: "alice", Text: i18n.Literal("Attached.")}}, nil
	})
	alerts.Control.ID = "another"
	halt := remediation.HaltRequest{By: "kim", Reason: "incident 42"}
	if _, err := (remediation.Switch{Runner: acts}).Halt(t.Context(), halt); err != nil {
		t.Fatal(err)
	}
	const attached = `{"version":"0","id":"00000000-0000-4000-8000-000000000002",
		"detail-type":"AWS API Call via CloudTrail","source":"aws.iam","account":"111122223333",
		"time":"2026-12-01T00:00:00Z","region":"us-east-1","resources":[],"detail":{"eventVersion":"1.11",
		"eventSource":"iam.amazonaws.com","eventName":"AttachUserPolicy","eventTime":"2026-12-01T00:00:00Z",
		"eventID":"00000000-0000-4000-9000-000000000002","userIdentity":{"type":"IAMUser","userName":"mallory"}}}`
	for _, r := range []*remediation.Runner{acts, alerts} {
		if _, err := run(r, "a", attached); err != nil {
			t.Fatal(err)
		}
	}
	held, alert := acted.got[len(acted.got)-1], alerted.got[0]
	if held.Kind != notice.Held || held.Thread == "" || held.Thread != alert.Thread {
		t.Errorf("%s in %q, %s in %q", held.Kind, held.Thread, alert.Kind, alert.Thread)
	}
	resumed := caller.NewContext(t.Context(), "arn:aws:iam::111122223333:user/kim")
	if _, err := (remediation.Switch{Runner: acts}).Resume(resumed, remediation.HaltRequest{}); err != nil {
		t.Fatal(err)
	}
	if _, err := run(acts, "b", sweep); err != nil {
		t.Fatal(err)
	}
	made := acted.got[len(acted.got)-1]
	if made.Kind != notice.Changed || made.Thread != held.Thread {
		t.Errorf("%s in %q, not in %q", made.Kind, made.Thread, held.Thread)
	}
	another := strings.Replace(attached, "4000-9000-000000000002", "4000-9000-000000000003", 1)
	if _, err := run(alerts, "c", another); err != nil {
		t.Fatal(err)
	}
	if len(alerted.got) != 2 || alerted.got[1].Thread == alert.Thread {
		t.Errorf("%d notices: another event is in the thread %q", len(alerted.got), alert.Thread)
	}
}

func TestUndo_ChatButton(t *testing.T) {
	r, _, _ := newRunner(t, nil)
	u := &remediation.Undoer{Runner: r}
	for _, q := range []remediation.UndoRequest{{Chat: "a", By: "kim"}, {Chat: "a", Action: "a", By: "kim", Reason: "r"},
		{Chat: "a", User: "u"}} {
		if _, err := u.Undo(context.Background(), q); err == nil || !strings.Contains(err.Error(), "not understood") {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

// at returns the sweep of a day of December 2026, a new one each day.
func at(day int) string {
	return strings.NewReplacer("000000000001", fmt.Sprintf("%012d", day), "2026-12-01",
		fmt.Sprintf("2026-12-%02d", day)).Replace(sweep)
}

// A sweep takes minutes, and SNS its time: what the owner has is counted from the notice, not from
// when the sweep began.
func TestGrace_CountsFromAcceptedNotice(t *testing.T) {
	r, a, box := newRunner(t, finding(detach()))
	r.Settings.Parameters = []byte(`{"graceDays":7}`)
	now := time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC)
	r.Now = func() time.Time { now = now.Add(time.Minute); return now }
	if _, err := run(r, "1", at(1)); err != nil || len(box.got) != 1 || box.got[0].Kind != notice.Warning {
		t.Fatalf("told %+v, %v", box.got, err)
	}
	accepted := now
	now = time.Date(2026, 12, 8, 3, 0, 0, 0, time.UTC)
	if report, err := run(r, "2", at(8)); err != nil || report.Outcome == remediation.Changed {
		t.Errorf("a week after the sweep began, and not after the notice: %+v, %v", report, err)
	}
	now = accepted.Add(7 * 24 * time.Hour)
	if report, err := run(r, "3", at(9)); err != nil || report.Outcome != remediation.Changed ||
		len(a.State().Users["alice"].Attached) != 0 {
		t.Errorf("a week after the notice: %+v, %v", report, err)
	}
}

// A notice that failed for three days, and was sent when its event was tried again: the owner has the whole grace from
// then on, and the notice says so.
func TestGrace_NoticeThatFailedForDays(t *testing.T) {
	r, a, box := newRunner(t, finding(detach()))
	r.Settings.Parameters = []byte(`{"graceDays":7}`)
	now := time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC)
	r.Now = func() time.Time { return now }
	r.Topic = broken{}
	if _, err := run(r, "1", at(1)); err == nil || len(box.got) != 0 {
		t.Fatalf("nobody was notified, and it is no error: %+v, %v", box.got, err)
	}
	now, r.Topic = now.AddDate(0, 0, 3), box
	if _, err := run(r, "2", at(1)); err != nil || len(box.got) != 1 {
		t.Fatalf("told %+v, %v", box.got, err)
	}
	due := now.AddDate(0, 0, 7)
	if m := box.got[0]; m.Kind != notice.Warning || !m.Due.Equal(due) {
		t.Errorf("the %s says that it is due on %s, want %s", m.Kind, m.Due, due)
	}
	contents, err := r.Ledger.Contents(context.Background())
	if err != nil || len(contents.Cases) != 1 || !contents.Cases[0].Notified.Equal(now) ||
		!contents.Cases[0].Due.Equal(due) {
		t.Errorf("cases %+v, %v: want one that was notified on %s", contents.Cases, err, now)
	}
	for _, day := range []int{8, 9, 10} {
		now = time.Date(2026, 12, day, 4, 0, 0, 0, time.UTC)
		if _, err := run(r, fmt.Sprint(day), at(day)); err != nil || len(a.State().Users["alice"].Attached) != 1 {
			t.Errorf("on day %d alice has %v: %v", day, a.State().Users["alice"].Attached, err)
		}
	}
	now = due
	if _, err := run(r, "11", at(11)); err != nil || len(a.State().Users["alice"].Attached) != 0 {
		t.Errorf("when it is due alice has %v: %v", a.State().Users["alice"].Attached, err)
	}
}

// broken is a topic that takes nothing.
type broken struct{}

func (broken) Publish(context.Context, notice.Message) (string, error) {
	return "", errors.New("no topic")
}

// Whose user cannot be read is reported and not acted on, even if the guards can read it a moment later:
// whether its owner was warned is not known.
func TestUnread_NoChangeWithoutNotice(t *testing.T) {
	r, a, box := newRunner(t, finding(detach()))
	r.Settings.Parameters = []byte(`{"graceDays":7}`)
	reads := 0
	a.Fault = func(operation string, after bool) error {
		if operation == "iam:GetUser" && !after {
			if reads++; reads <= 3 { // one in each try
				return errors.New("Throttling: Rate exceeded")
			}
		}
		return nil
	}
	for try := 1; try <= 3; try++ {
		if _, err := run(r, "1", at(1)); err == nil {
			t.Errorf("try %d is not retried", try)
		}
	}
	if attached := a.State().Users["alice"].Attached; len(attached) != 1 {
		t.Errorf("alice has %v: acted on untold", attached)
	}
	if len(box.got) != 1 || box.got[0].Kind != notice.Held {
		t.Errorf("told %+v", box.got)
	}
	// The next sweep begins properly.
	if _, err := run(r, "2", at(2)); err != nil || len(box.got) != 2 || box.got[1].Kind != notice.Warning {
		t.Errorf("told %+v, %v", box.got, err)
	}
}

// What could not wait and was put on hold because its user could not be read is done by the next sweep.
func TestUnread_FreshIsNotForgotten(t *testing.T) {
	r, a, box := newRunner(t, func(event.Event) ([]remediation.Finding, error) {
		f := detach()
		f.Fresh = true
		return []remediation.Finding{f}, nil
	})
	r.Planner = remediation.Pending(r.Planner)
	a.Fault = func(operation string, _ bool) error {
		if operation == "iam:GetUser" {
			return errors.New("Throttling: Rate exceeded")
		}
		return nil
	}
	emergency := strings.NewReplacer("Scheduled Event", "Something", "aws.events", "aws.test").Replace(at(1))
	for range 3 {
		if _, err := run(r, "1", emergency); err == nil {
			t.Error("what could not be read is not retried")
		}
	}
	a.Fault = nil
	if report, err := run(r, "2", at(2)); err != nil || report.Outcome != remediation.Changed ||
		len(a.State().Users["alice"].Attached) != 0 {
		t.Errorf("the next sweep: %+v, %v; told %+v", report, err, box.got)
	}
}

// Of two keys of a user that are due one goes in a run, and a key that is due does not wait for one
// that is not.
func TestOneKeyPerRun(t *testing.T) {
	found := []string{"KEY1", "KEY2"}
	r, a, _ := newRunner(t, func(event.Event) ([]remediation.Finding, error) {
		var findings []remediation.Finding
		for _, id := range found {
			findings = append(findings, remediation.Finding{User: "bob", Handling: remediation.Handling{OneKeyPerRun: "bob"},
				Text: i18n.Literal(id), Changes: []change.Change{
					{Kind: change.AccessKeyStatus, Subject: "bob", Target: id, Before: change.Active, After: change.Inactive},
				}})
		}
		return findings, nil
	})
	a.Alter(fakeaws.State{Users: map[string]*fakeaws.User{"bob": {Keys: []fakeaws.Key{{ID: "KEY1", Status: change.Active},
		{ID: "KEY2", Status: change.Active}}}}})
	r.Settings.Parameters = []byte(`{"graceDays":7}`)
	now := time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC)
	r.Now = func() time.Time { return now }
	active := func(day int, find ...string) string {
		found, now = find, time.Date(2026, 12, day, 3, 0, 0, 0, time.UTC)
		if _, err := run(r, fmt.Sprint(day), at(day)); err != nil {
			t.Error(err)
		}
		var left []string
		for _, key := range a.State().Users["bob"].Keys {
			if key.Status == change.Active {
				left = append(left, key.ID)
			}
		}
		return strings.Join(left, " ")
	}
	if left := active(1, "KEY2"); left != "KEY1 KEY2" {
		t.Errorf("on the first day %s are left", left)
	}
	active(5, "KEY1", "KEY2") // KEY1 is found later, and is due later
	if left := active(9, "KEY1", "KEY2"); left != "KEY1" {
		t.Errorf("KEY2 was due on the eighth, and %s are left on the ninth", left)
	}

	a.Alter(fakeaws.State{Users: map[string]*fakeaws.User{"bob": {Keys: []fakeaws.Key{{ID: "KEY1", Status: change.Active},
		{ID: "KEY3", Status: change.Active}}}}})
	active(10, "KEY1", "KEY3")
	if left := active(20, "KEY1", "KEY3"); left != "KEY3" {
		t.Errorf("both are due, KEY1 first, and %s are left", left)
	}
	if left := active(21, "KEY3"); left != "" {
		t.Errorf("it was the turn of KEY3, and %s are left", left)
	}
}
