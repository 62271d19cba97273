package remediation_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

const (
	tool   = "arn:aws:iam::111122223333:policy/tool"
	reads  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`
	allows = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	denies = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}`
	bothOf = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},` +
		`{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}`
)

// took has Warder make the changes of one finding about alice, who is as given.
func took(
	t *testing.T,
	alice *fakeaws.User,
	changes ...change.Change,
) (*remediation.Undoer, *fakeaws.Account, *mailbox) {
	t.Helper()
	r, a, box := newRunner(t, func(event.Event) ([]remediation.Finding, error) {
		f := detach()
		f.Fresh, f.Changes = true, changes
		return []remediation.Finding{f}, nil
	})
	a.Alter(fakeaws.State{
		Users:    map[string]*fakeaws.User{"alice": alice},
		Policies: map[string]fakeaws.Document{tool: reads},
		Groups:   map[string]*fakeaws.Group{"team": {Attached: []string{tool}}},
	})
	report, err := run(r, "a", sweep)
	if err != nil || report.Outcome != remediation.Changed {
		t.Fatalf("%+v, %v", report, err)
	}
	return &remediation.Undoer{Runner: r}, a, box
}

// detachTool is the change that takes a policy of the account, which says that, off alice.
func detachTool(document string) change.Change {
	return change.Change{
		Kind: change.ManagedUserPolicy, Subject: "alice", Target: tool, Before: change.Attached,
		Content: change.Content(document),
	}
}

func inline(name, before, after string) change.Change {
	return change.Change{Kind: change.InlineUserPolicy, Subject: "alice", Target: name, Before: before, After: after}
}

// ask has kim undo all of the last notice's finding.
func ask(t *testing.T, u *remediation.Undoer, box *mailbox, preview bool) (remediation.UndoAnswer, error) {
	t.Helper()
	return u.Undo(t.Context(), remediation.UndoRequest{
		Action: box.got[0].Finding, By: "kim", Reason: "needed", Preview: preview,
	})
}

func many(n int, name func(i int) string) (all []string) {
	for i := range n {
		all = append(all, name(i))
	}
	return all
}

func documents(name, document string) map[string]fakeaws.Document {
	return map[string]fakeaws.Document{name: fakeaws.Document(document)}
}

func policyOf(i int) string { return "arn:aws:iam::aws:policy/P" + string(rune('a'+i)) }

// What AWS would refuse, what has changed, and what would give more than before is refused, in a preview as well.
func TestUndo_Refused(t *testing.T) {
	attached := &fakeaws.User{Attached: []string{tool}}
	unknown := detachTool(reads)
	unknown.Content = ""
	long := `{"Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::` + strings.Repeat(
		"b",
		1200,
	) +
		`"}}`
	for _, tc := range []struct {
		name  string
		alice *fakeaws.User
		c     change.Change
		then  fakeaws.State
		why   string // empty: it is undone
	}{
		{"nothing has changed", attached, detachTool(reads), fakeaws.State{}, ""},
		{"the policy says something else", attached, detachTool(reads),
			fakeaws.State{Policies: map[string]fakeaws.Document{tool: allows}}, "says something else than when it was detached"},
		{"the policy says less", attached, detachTool(reads),
			fakeaws.State{Policies: map[string]fakeaws.Document{tool: denies}}, "says something else"},
		{"it is not known what the policy said", attached, unknown, fakeaws.State{},
			"it is not recorded what the policy " + tool + " said"},
		{"AWS changes a policy of its own", &fakeaws.User{Attached: []string{readOnly}}, detach().Changes[0],
			fakeaws.State{Policies: map[string]fakeaws.Document{readOnly: allows}}, ""},
		{"the policy is not attachable any more", &fakeaws.User{Attached: []string{readOnly}}, detach().Changes[0],
			fakeaws.State{Unattachable: []string{readOnly}}, "AWS does not let the policy " + readOnly + " be attached"},
		{"ten policies", attached, detachTool(reads),
			fakeaws.State{Users: map[string]*fakeaws.User{"alice": {Attached: many(10, policyOf)}}},
			"alice has 10 managed policies, and AWS attaches no more than 10"},
		{"nine policies", attached, detachTool(reads),
			fakeaws.State{Users: map[string]*fakeaws.User{"alice": {Attached: many(9, policyOf)}}}, ""},
		{"fifteen policies where AWS allows fifteen", attached, detachTool(reads),
			fakeaws.State{Users: map[string]*fakeaws.User{"alice": {Attached: many(15, policyOf)}},
				Summary: map[string]int32{"AttachedPoliciesPerUserQuota": 15}},
			"alice has 15 managed policies, and AWS attaches no more than 15"},
		{"an inline policy that does not fit any more", &fakeaws.User{Inline: documents("p", long)}, inline("p", long, ""),
			fakeaws.State{Users: map[string]*fakeaws.User{"alice": {Inline: documents("q", long)}}},
			"AWS takes no more than 2048"},
		{"an inline policy that fits", &fakeaws.User{Inline: map[string]fakeaws.Document{"p": fakeaws.Document(long)}},
			inline("p", long, ""),
			fakeaws.State{Users: map[string]*fakeaws.User{"alice": {Inline: map[string]fakeaws.Document{"q": reads}}}}, ""},
		{"another one has the name", &fakeaws.User{Inline: map[string]fakeaws.Document{"p": reads}}, inline("p", reads, ""),
			fakeaws.State{Users: map[string]*fakeaws.User{"alice": {Inline: map[string]fakeaws.Document{"p": allows}}}},
			"is not as it was left"},
		{"the user is deleted", attached, detachTool(reads),
			fakeaws.State{Users: map[string]*fakeaws.User{"alice": nil}}, "the user alice does not exist any more"},
		{"another user has the name", attached, detachTool(reads),
			fakeaws.State{Users: map[string]*fakeaws.User{"alice": {ID: "AIDAEXAMPLEALICE00002"}}},
			"another user has the name alice now"},
		{"somebody has put it back", attached, detachTool(reads),
			fakeaws.State{Users: map[string]*fakeaws.User{"alice": {Attached: []string{tool}}}},
			"was put back by somebody else already"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			u, a, box := took(t, tc.alice, tc.c)
			a.Alter(tc.then)
			before := a.State()
			for _, preview := range []bool{true, false} {
				answer, err := ask(t, u, box, preview)
				switch {
				case err != nil:
					t.Fatal(err)
				case tc.why == "" && (len(answer.Undone) != 1 || len(answer.Refused) > 0):
					t.Errorf("preview %v: %+v, want that it is undone", preview, answer)
				case tc.why != "" && (len(answer.Undone) > 0 || len(answer.Refused) != 1 ||
					!strings.Contains(answer.Refused[0].Why, tc.why)):
					t.Errorf("preview %v: %+v, want that it is refused: %s", preview, answer, tc.why)
				}
			}
			if diff := cmp.Diff(before.Users, a.State().Users); (diff == "") != (tc.why != "") {
				t.Errorf("the account is refused or undone otherwise (-before +after):\n%s", diff)
			}
			if undone := box.got[len(box.got)-1].Kind == notice.Undone; undone != (tc.why == "") {
				t.Errorf("told %v", kinds(box))
			}
		})
	}
}

// then does something right before an operation is called for the first time, or right after it.
func then(a *fakeaws.Account, operation string, after bool, do func() error) {
	done := false
	a.Fault = func(called string, is bool) error {
		if called != operation || is != after || done {
			return nil
		}
		done = true
		return do()
	}
}

// A request that failed is repeated: whatever it was allowed to do before is checked again.
func TestUndo_RepeatedChecksAgain(t *testing.T) {
	for _, tc := range []struct {
		name string
		then fakeaws.State
		why  string
	}{
		{"nothing has changed", fakeaws.State{}, ""},
		{"the policy says something else", fakeaws.State{Policies: map[string]fakeaws.Document{tool: allows}},
			"says something else"},
		{"the user and the policy are others", fakeaws.State{
			Policies: map[string]fakeaws.Document{tool: allows},
			Users:    map[string]*fakeaws.User{"alice": {ID: "AIDAEXAMPLEALICE00002"}},
		}, "another user has the name alice now"},
		{"the user is deleted", fakeaws.State{Users: map[string]*fakeaws.User{"alice": nil}}, "does not exist any more"},
		{"ten policies", fakeaws.State{Users: map[string]*fakeaws.User{"alice": {Attached: many(10, policyOf)}}},
			"alice has 10 managed policies"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			u, a, box := took(t, &fakeaws.User{Attached: []string{tool}}, detachTool(reads))
			then(a, "iam:AttachUserPolicy", false, func() error { return errRefused })
			if answer, err := ask(t, u, box, false); err == nil || !strings.Contains(err.Error(), "AccessDenied") {
				t.Fatalf("%+v, %v", answer, err)
			}
			if onHold(t, u, box) {
				t.Error("what was not put back is on hold")
			}
			a.Alter(tc.then)
			answer, err := ask(t, u, box, false)
			if err != nil {
				t.Fatal(err)
			}
			if tc.why == "" {
				if len(answer.Undone) != 1 || len(a.State().Users["alice"].Attached) != 1 || !onHold(t, u, box) {
					t.Errorf("%+v, want that it is undone and on hold", answer)
				}
				return
			}
			if len(answer.Refused) != 1 || !strings.Contains(answer.Refused[0].Why, tc.why) || onHold(t, u, box) {
				t.Errorf("%+v, want that it is refused and not on hold: %s", answer, tc.why)
			}
			if alice := a.State().Users["alice"]; alice != nil && slices.Contains(alice.Attached, tool) {
				t.Errorf("alice has %q", alice.Attached)
			}
		})
	}
}

// onHold reports whether the first change that was notified of is on hold.
func onHold(t *testing.T, u *remediation.Undoer, box *mailbox) bool {
	t.Helper()
	entry, _, err := u.Ledger.Entry(t.Context(), box.got[0].Finding)
	if err != nil {
		t.Fatal(err)
	}
	c := entry.Steps[0].Change
	state, err := u.Ledger.Holds(t.Context(), "", "", []change.Change{c})
	if err != nil {
		t.Fatal(err)
	}
	h, _ := state.Held([]change.Change{c}, u.Now())
	return !h.Until.IsZero()
}

// An answer that is lost after the policy was attached leaves it on hold, and the same request finishes.
func TestUndo_LostAnswer(t *testing.T) {
	u, a, box := took(t, &fakeaws.User{Attached: []string{tool}}, detachTool(reads))
	then(a, "iam:AttachUserPolicy", true, func() error { return errRefused })
	if answer, err := ask(t, u, box, false); err == nil || !onHold(t, u, box) {
		t.Fatalf("%+v, %v, want an error and a hold", answer, err)
	}
	answer, err := ask(t, u, box, false)
	if err != nil || len(answer.Undone) != 1 || !slices.Contains(a.State().Users["alice"].Attached, tool) {
		t.Errorf("%+v, %v", answer, err)
	}
}

// racing is a kind of change before or after which something happens.
type racing struct {
	change.Kind
	change.Conditional
	before, after func()
}

func (r racing) Set(ctx context.Context, c change.Change) error {
	if c.After != "" && r.before != nil {
		r.before()
	}
	err := r.Kind.Set(ctx, c)
	if c.After != "" && r.after != nil {
		r.after()
	}
	return err
}

// A policy whose default version is changed at the moment when it is attached is detached again.
func TestUndo_ChangedAtThatMoment(t *testing.T) {
	for _, after := range []bool{false, true} {
		u, a, box := took(t, &fakeaws.User{Attached: []string{tool}}, detachTool(reads))
		kind := u.Kinds[change.ManagedUserPolicy]
		race := racing{Kind: kind, Conditional: kind.(change.Conditional)}
		change := func() { a.Alter(fakeaws.State{Policies: map[string]fakeaws.Document{tool: allows}}) }
		if race.before = change; after {
			race.before, race.after = nil, change
		}
		u.Kinds[kind.Name()] = race
		answer, err := ask(t, u, box, false)
		if err != nil || len(answer.Undone) > 0 || len(answer.Refused) != 1 ||
			!strings.Contains(answer.Refused[0].Why, "says something else") {
			t.Errorf("%+v, %v", answer, err)
		}
		if attached := a.State().Users["alice"].Attached; len(attached) > 0 || onHold(t, u, box) {
			t.Errorf("alice has %q, or it is on hold", attached)
		}
		if len(box.got) != 1 {
			t.Errorf("told %v", kinds(box))
		}
	}
}

// Of several findings one is refused, or cannot be finished: what came of the others is said.
func TestUndo_OneOfSeveral(t *testing.T) {
	changes := []change.Change{detachTool(reads), detach().Changes[0], inline("p", reads, "")}
	several := func(t *testing.T) (*remediation.Undoer, *fakeaws.Account) {
		r, a, _ := newRunner(t, func(event.Event) (all []remediation.Finding, _ error) {
			for _, c := range changes {
				f := detach()
				f.Fresh, f.Changes = true, []change.Change{c}
				all = append(all, f)
			}
			return all, nil
		})
		a.Alter(fakeaws.State{
			Policies: map[string]fakeaws.Document{tool: reads},
			Users: map[string]*fakeaws.User{"alice": {
				Attached: []string{tool, readOnly}, Inline: map[string]fakeaws.Document{"p": reads},
			}},
		})
		if report, err := run(r, "a", sweep); err != nil || len(report.Changes) != 3 {
			t.Fatalf("%+v, %v", report, err)
		}
		return &remediation.Undoer{Runner: r}, a
	}
	q := remediation.UndoRequest{User: "alice", Since: "2026-11-01T00:00:00Z", By: "kim", Reason: "needed"}
	whole := func(t *testing.T, a *fakeaws.Account, attached ...string) {
		t.Helper()
		alice := a.State().Users["alice"]
		slices.Sort(alice.Attached)
		if !slices.Equal(alice.Attached, attached) || alice.Inline["p"] != reads {
			t.Errorf("alice has %+v", alice)
		}
	}
	t.Run("refused", func(t *testing.T) {
		u, a := several(t)
		a.Alter(fakeaws.State{Policies: map[string]fakeaws.Document{tool: allows}})
		answer, err := u.Undo(t.Context(), q)
		if err != nil || len(answer.Undone) != 2 || len(answer.Refused) != 1 {
			t.Errorf("%+v, %v", answer, err)
		}
		whole(t, a, readOnly)
	})
	t.Run("not finished", func(t *testing.T) {
		u, a := several(t)
		then(a, "iam:AttachUserPolicy", false, func() error { return errRefused })
		_, err := u.Undo(t.Context(), q)
		if err == nil {
			t.Fatal("it is finished")
		}
		for _, want := range []string{"not finished: ", "AccessDenied", "the same request again goes on",
			"undone: ", "restore inline policy p of alice"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%v: want %q in it", err, want)
			}
		}
		if answer, err := u.Undo(t.Context(), q); err != nil || len(answer.Undone) != 3 {
			t.Errorf("again: %+v, %v", answer, err)
		}
		whole(t, a, tool, readOnly)
	})
}

// What a policy denied stays denied while the policy is off, whatever of it is asked for, and both come back byte for
// byte.
func TestUndo_DenyThatWasKept(t *testing.T) {
	keep := inline("warder-kept-deny-1", "", denies)
	detached := detachTool(bothOf)
	u, a, box := took(t, &fakeaws.User{Attached: []string{tool}}, keep, detached)
	a.Alter(fakeaws.State{Policies: map[string]fakeaws.Document{tool: bothOf}})
	undo := func(id string) remediation.UndoAnswer {
		t.Helper()
		answer, err := u.Undo(t.Context(), remediation.UndoRequest{Action: id, By: "kim", Reason: "needed"})
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	has := func(attached int, inline string) {
		t.Helper()
		alice := a.State().Users["alice"]
		if len(alice.Attached) != attached || string(alice.Inline[keep.Target]) != inline {
			t.Fatalf("alice has %+v, want %d attached and %q", alice, attached, inline)
		}
	}
	has(0, denies)
	finding := box.got[0].Finding
	if answer := undo(finding + "-1"); len(answer.Undone) > 0 || len(answer.Refused) != 1 ||
		!strings.Contains(answer.Refused[0].Why, "it goes with "+finding+"-2, and alone it would allow more than before") {
		t.Fatalf("the deny alone: %+v", answer)
	}
	has(0, denies)
	answer := undo(finding)
	if len(answer.Undone) != 2 || len(answer.Refused) > 0 {
		t.Fatalf("both: %+v", answer)
	}
	has(1, "")
	undone, _, _ := strings.Cut(answer.Undone[0].Undo, "-")
	if answer := undo(undone + "-1"); len(answer.Undone) > 0 || len(answer.Refused) != 1 {
		t.Fatalf("the policy alone: %+v", answer)
	}
	has(1, "")
	if answer := undo(undone); len(answer.Undone) != 2 {
		t.Fatalf("both again: %+v", answer)
	}
	has(0, denies)
}

// Who left a group by an undo joins it again only while it gives nothing that is not the user's own.
func TestUndo_GroupThatGivesMore(t *testing.T) {
	join := change.Change{Kind: change.GroupMembership, Subject: "alice", Target: "team", After: change.Member}
	for name, tc := range map[string]struct {
		team fakeaws.Group
		why  string
	}{
		"the same":         {fakeaws.Group{Attached: []string{tool}}, ""},
		"another policy":   {fakeaws.Group{Attached: []string{tool, readOnly}}, "joining it would widen access"},
		"an inline policy": {fakeaws.Group{Attached: []string{tool}, Inline: documents("p", allows)}, "widen"},
	} {
		t.Run(name, func(t *testing.T) {
			u, a, box := took(t, &fakeaws.User{Attached: []string{tool}}, join, detachTool(reads))
			if answer, err := ask(t, u, box, false); err != nil || len(answer.Undone) != 2 {
				t.Fatalf("%+v, %v", answer, err)
			}
			a.Alter(fakeaws.State{Groups: map[string]*fakeaws.Group{"team": &tc.team}})
			answer, err := u.Undo(t.Context(), remediation.UndoRequest{Action: box.got[1].Finding, By: "lee", Reason: "no"})
			if err != nil {
				t.Fatal(err)
			}
			if member := len(a.State().Users["alice"].Groups) == 1; member != (tc.why == "") {
				t.Errorf("member %v: %+v", member, answer)
			}
			if tc.why != "" && (len(answer.Refused) == 0 || !strings.Contains(answer.Refused[0].Why, tc.why)) {
				t.Errorf("%+v, want %q", answer, tc.why)
			}
		})
	}
}
