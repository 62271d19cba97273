package remediation_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

const readOnly = "arn:aws:iam::aws:policy/ReadOnlyAccess"

// finds returns a planner that finds this every time that the user still has the policy.
func finds(a **fakeaws.Account, f remediation.Finding) plan {
	return func(event.Event) ([]remediation.Finding, error) {
		if user := (*a).State().Users[f.User]; user == nil || !slices.Contains(user.Attached, readOnly) {
			return nil, nil
		}
		return []remediation.Finding{f}, nil
	}
}

var errRefused = errors.New("AccessDenied: not authorized")

// refuse has one operation go wrong.
func refuse(a *fakeaws.Account, operation string, err error) {
	a.Fault = func(called string, after bool) error {
		if called == operation && !after {
			return err
		}
		return nil
	}
}

func kinds(box *mailbox) []notice.Kind {
	var all []notice.Kind
	for _, m := range box.got {
		all = append(all, m.Kind)
	}
	return all
}

func TestApply_LostResponse(t *testing.T) {
	r, a, box := newRunner(t, finding(detach()))
	asked := 0
	a.Fault = func(operation string, after bool) error {
		if operation == "iam:DetachUserPolicy" && after {
			if asked++; asked == 1 {
				return fakeaws.ErrAgain // and the second answer is that there is no such policy on the user
			}
		}
		return nil
	}
	report, err := run(r, "a", sweep)
	if err != nil || report.Outcome != remediation.Changed || !slices.Equal(kinds(box), []notice.Kind{notice.Changed}) {
		t.Fatalf("%+v, %v, told %v", report, err, kinds(box))
	}
	answer, err := (&remediation.Undoer{Runner: r}).Undo(t.Context(),
		remediation.UndoRequest{Action: report.Changes[0].ID, By: "kim", Reason: "needed"})
	if err != nil || len(answer.Undone) != 1 || len(a.State().Users["alice"].Attached) != 1 {
		t.Errorf("undo: %+v, %v", answer, err)
	}
}

func TestGuards_UserNotVisible(t *testing.T) {
	r, a, box := newRunner(t, finding(detach()))
	a.Alter(fakeaws.State{Users: map[string]*fakeaws.User{"alice": {
		Attached: []string{readOnly},
		Tags:     map[string]string{"warder:exempt": "all until 2026-12-31 by ciso@example.com for a test"},
	}}})
	refuse(a, "iam:GetUser", &types.NoSuchEntityException{})
	for try := 1; try <= 2; try++ {
		if report, err := run(r, "a", sweep); err == nil || report.Outcome != remediation.Failed {
			t.Errorf("try %d: %+v, %v", try, report, err)
		}
	}
	// Shown to nobody for minutes, the user no longer exists.
	if report, err := run(r, "a", sweep); err != nil || report.Outcome != remediation.Skipped ||
		report.Reason != "it no longer exists" {
		t.Errorf("last try: %+v, %v", report, err)
	}
	if len(a.State().Users["alice"].Attached) != 1 || len(box.got) > 0 {
		t.Errorf("the exempt user was changed, or %v was told", kinds(box))
	}
}

func TestUnread_GraceAfterRedrive(t *testing.T) {
	var a *fakeaws.Account
	r, a, box := newRunner(t, finds(&a, detach()))
	r.Settings.Parameters = []byte(`{"graceDays": 7}`)
	refuse(a, "iam:GetUser", errRefused)
	for range 3 {
		if _, err := run(r, "a", sweep); err == nil {
			t.Fatal("handled, though the user cannot be read")
		}
	}
	a.Fault = nil
	report, err := run(r, "redriven", sweep)
	if err != nil || !slices.Equal(kinds(box), []notice.Kind{notice.Held, notice.Warning}) ||
		len(a.State().Users["alice"].Attached) != 1 {
		t.Errorf("%+v, %v, told %v", report, err, kinds(box))
	}
}

// What an event names is not forgotten either, should nobody ever redrive it.
func TestUnread_FreshIsDoneByNextSweep(t *testing.T) {
	var a *fakeaws.Account
	fresh := detach()
	fresh.Fresh = true
	r, a, box := newRunner(t, finds(&a, fresh))
	refuse(a, "iam:GetUser", errRefused)
	for range 3 {
		if _, err := run(r, "a", sweep); err == nil {
			t.Fatal("handled, though the user cannot be read")
		}
	}
	a.Fault = nil
	r.Planner = remediation.Pending(r.Planner)
	report, err := run(r, "b", strings.ReplaceAll(sweep, "000001", "000002"))
	if err != nil || report.Outcome != remediation.Changed ||
		!slices.Equal(kinds(box), []notice.Kind{notice.Held, notice.Changed}) {
		t.Errorf("%+v, %v, told %v", report, err, kinds(box))
	}
}

func TestApply_PrerequisiteNotFound(t *testing.T) {
	move := detach()
	move.Changes = slices.Insert(move.Changes, 0, change.Change{Kind: change.GroupMembership, Subject: "alice",
		Target: "readers", After: change.Member})
	r, a, _ := newRunner(t, finding(move))
	for try := 1; try <= 2; try++ {
		if _, err := run(r, "a", sweep); !change.NotFound(err) {
			t.Errorf("try %d: %v", try, err)
		}
	}
	report, err := run(r, "a", sweep)
	if err != nil || report.Outcome != remediation.Skipped || len(a.State().Users["alice"].Attached) != 1 {
		t.Errorf("%+v, %v: the policy is off, and there is no group", report, err)
	}
}

// halted halts the runner since a time.
func halted(t *testing.T, r *remediation.Runner, since time.Time) {
	t.Helper()
	setHalt(t, r, ledger.Halt{Halted: true, Since: since, By: caller.Identity{Claimed: "kim"}, Reason: "incident 42"})
}

func setHalt(t *testing.T, r *remediation.Runner, h ledger.Halt) {
	t.Helper()
	read, err := r.Ledger.Halt(t.Context())
	if err == nil {
		err = r.Ledger.SetHalt(t.Context(), read, h)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestApply_MadeThenHalted(t *testing.T) {
	r, a, box := newRunner(t, finding(detach()))
	made := false
	a.Fault = func(operation string, after bool) error {
		made = made || operation == "iam:DetachUserPolicy" && after
		if made && operation == "iam:ListAttachedUserPolicies" {
			return errRefused
		}
		return nil
	}
	report, err := run(r, "a", sweep)
	if err == nil || report.Changes[0].Status != ledger.Applied ||
		!slices.Equal(kinds(box), []notice.Kind{notice.Failure}) {
		t.Errorf("%+v, %v, told %v", report, err, kinds(box))
	}
	a.Fault = nil
	halted(t, r, r.Now())
	report, err = run(r, "a", sweep)
	if err != nil || report.Changes[0].Status != ledger.Verified ||
		!slices.Equal(kinds(box), []notice.Kind{notice.Failure, notice.Changed}) {
		t.Errorf("%+v, %v, told %v", report, err, kinds(box))
	}
}

func TestDrill_NamedLikeItsUser(t *testing.T) {
	r, a, box := newRunner(t, func(event.Event) ([]remediation.Finding, error) {
		return []remediation.Finding{{User: "warder-drill-a", Text: i18n.Literal("Seen.")}}, nil
	})
	onDrill(t, r, a)
	refuse(a, "iam:GetUser", errRefused)
	for range 3 {
		_, _ = run(r, "a", sweep) // the last one tells
	}
	if len(box.got) != 1 || box.got[0].Drill != "" || strings.HasPrefix(box.got[0].Title, "Drill") {
		t.Errorf("told %+v", box.got)
	}
}

// unheld has no holds as long as the table cannot be reached for them.
type unheld struct {
	*ledger.Memory
	down bool
}

func (s *unheld) BatchGet(ctx context.Context, keys ...ledger.Key) ([]ledger.Item, error) {
	if s.down && slices.ContainsFunc(keys, func(k ledger.Key) bool { return strings.HasPrefix(k.Partition, "hold#") }) {
		return nil, errRefused
	}
	return s.Memory.BatchGet(ctx, keys...)
}

func TestUnread_HoldThenGrace(t *testing.T) {
	var a *fakeaws.Account
	r, a, box := newRunner(t, finds(&a, detach()))
	r.Settings.Parameters = []byte(`{"graceDays": 7}`)
	store := &unheld{Memory: &ledger.Memory{}, down: true}
	r.Ledger = ledger.New(store)
	for range 3 {
		if _, err := run(r, "a", sweep); err == nil {
			t.Fatal("handled, though the hold cannot be read")
		}
	}
	store.down = false
	// Nobody redrives the event: the next sweep finds it.
	report, err := run(r, "b", strings.ReplaceAll(sweep, "000001", "000002"))
	if err != nil || !slices.Equal(kinds(box), []notice.Kind{notice.Held, notice.Warning}) ||
		len(a.State().Users["alice"].Attached) != 1 {
		t.Errorf("%+v, %v, told %v", report, err, kinds(box))
	}
}

// unread has no halt switch as long as the table cannot be reached for it.
type unread struct {
	*ledger.Memory
	down bool
}

func (s *unread) BatchGet(ctx context.Context, keys ...ledger.Key) ([]ledger.Item, error) {
	if s.down && slices.ContainsFunc(keys, func(k ledger.Key) bool { return strings.HasPrefix(k.Partition, "halt#") }) {
		return nil, errRefused
	}
	return s.Memory.BatchGet(ctx, keys...)
}

func (s *unread) Get(ctx context.Context, partition, sort string) (ledger.Item, error) {
	if s.down && strings.HasPrefix(partition, "halt#") {
		return ledger.Item{}, errRefused
	}
	return s.Memory.Get(ctx, partition, sort)
}

func TestGuards_HoldAfterPlanning(t *testing.T) {
	fresh := detach()
	fresh.Fresh = true
	var a *fakeaws.Account
	r, a, _ := newRunner(t, finds(&a, fresh))
	store := &unread{Memory: &ledger.Memory{}, down: true}
	r.Ledger = ledger.New(store)
	if _, err := run(r, "a", attached); err == nil {
		t.Fatal("handled, though the halt switch cannot be read")
	}
	store.down = false
	if err := r.Ledger.SetHold(t.Context(), identified(a, fresh.Changes[0]),
		ledger.Hold{Until: r.Now().Add(time.Hour), By: caller.Identity{Claimed: "kim"}, Reason: "needed"}); err != nil {
		t.Fatal(err)
	}
	report, err := run(r, "a", attached)
	if err != nil || report.Outcome != remediation.Skipped || len(a.State().Users["alice"].Attached) != 1 {
		t.Errorf("%+v, %v: want it left alone", report, err)
	}
}

// watched calls a function before each read that follows the change.
type watched struct {
	change.Kind
	set    bool
	verify func()
}

func (w *watched) Set(ctx context.Context, c change.Change) error {
	w.set = true
	return w.Kind.Set(ctx, c)
}

func (w *watched) Read(ctx context.Context, c change.Change) (string, error) {
	if w.set {
		w.verify()
	}
	return w.Kind.Read(ctx, c)
}

func TestApply_RecordsTheChangeBeforeItVerifies(t *testing.T) {
	r, _, _ := newRunner(t, finding(detach()))
	kind, err := r.Kinds.Kind(detach().Changes[0])
	if err != nil {
		t.Fatal(err)
	}
	verified := false
	r.Kinds = change.NewRegistry(&watched{Kind: kind, verify: func() {
		verified = true
		entries, _, err := r.Ledger.All(t.Context())
		if err != nil || len(entries) != 1 || entries[0].Steps[0].Status != ledger.Applied {
			t.Errorf("the ledger has %+v, %v: a run that is cut off now would not know that it made the change", entries, err)
		}
	}})
	if report, err := run(r, "a", sweep); err != nil || report.Outcome != remediation.Changed || !verified {
		t.Errorf("verified %t, %+v, %v", verified, report, err)
	}
}

// identified is the change with the unique id of its user, as the runner makes it.
func identified(a *fakeaws.Account, c change.Change) change.Change {
	c.SubjectID = a.State().Users[c.Subject].ID
	return c
}
