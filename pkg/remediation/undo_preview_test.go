package remediation_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/owner"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// A preview of an undo lists what the undo does, and changes, records and notifies nothing.
func TestUndo_Preview(t *testing.T) {
	r, a, box := newRunner(t, func(event.Event) ([]remediation.Finding, error) {
		f := detach()
		f.Fresh = true
		return []remediation.Finding{f}, nil
	})
	r.Owners = owner.Book{API: a.IAM()}
	a.Alter(fakeaws.State{Users: map[string]*fakeaws.User{"alice": {
		Attached: []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"},
	}}})
	if _, err := run(r, "a", sweep); err != nil {
		t.Fatal(err)
	}
	u := &remediation.Undoer{Runner: r}
	undo := func(preview bool) remediation.UndoAnswer {
		t.Helper()
		answer, err := u.Undo(context.Background(), remediation.UndoRequest{
			Action: box.got[0].Finding, By: "kim", Reason: "needed", Preview: preview,
		})
		if err != nil || len(answer.Undone) != 1 {
			t.Fatalf("%+v, %v", answer, err)
		}
		return answer
	}
	for range 2 {
		shown := undo(true).Undone[0]
		if shown.Undo != "" || shown.Text != "attach policy arn:aws:iam::aws:policy/ReadOnlyAccess to alice" {
			t.Errorf("shown %+v", shown)
		}
	}
	if attached := a.State().Users["alice"].Attached; len(attached) > 0 || len(box.got) != 1 {
		t.Errorf("attached %q, %d notices", attached, len(box.got))
	}
	shown, done := undo(true).Undone[0], undo(false).Undone[0]
	if diff := cmp.Diff(shown.Change, done.Change); diff != "" || shown.Action != done.Action {
		t.Errorf("the undo does something else (-shown +done):\n%s", diff)
	}
	if attached := a.State().Users["alice"].Attached; len(attached) != 1 || len(box.got) != 2 {
		t.Errorf("attached %q, %d notices", attached, len(box.got))
	}
}
