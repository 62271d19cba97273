package remediation_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/remediation"
)

// keeper is a planner that is given the memory.
type keeper func(context.Context, event.Event, remediation.Memory) ([]remediation.Finding, error)

func (keeper) Plan(context.Context, event.Event, time.Time) ([]remediation.Finding, error) {
	panic("no memory")
}

func (k keeper) Keep(
	ctx context.Context, e event.Event, m remediation.Memory, _ time.Time,
) ([]remediation.Finding, error) {
	return k(ctx, e, m)
}

// What IAM does not show is retried, kept in the failure queue, and still new for the sweep that finds it; of a user
// that is not there either the last try makes nothing.
func TestRun_Unseen(t *testing.T) {
	for _, gone := range []bool{false, true} {
		t.Run(fmt.Sprintf("the user is gone: %v", gone), func(t *testing.T) {
			r, _, _ := newRunner(t, nil)
			var awaited map[string]bool
			r.Planner = keeper(func(ctx context.Context, e event.Event, m remediation.Memory) ([]remediation.Finding, error) {
				if e.Record() != nil {
					return nil, &remediation.Unseen{What: "alice p", Gone: gone}
				}
				var err error
				awaited, err = m.Awaited(ctx)
				return nil, err
			})
			now := r.Now()
			r.Now = func() time.Time { return now }
			var failed []bool
			for range 3 {
				_, err := run(r, "i", tagging(2, now))
				failed = append(failed, err != nil)
			}
			if want := []bool{true, true, !gone}; fmt.Sprint(failed) != fmt.Sprint(want) {
				t.Errorf("the tries fail: %v, want %v", failed, want)
			}
			if _, err := run(r, "s", sweep); err != nil || len(awaited) != 1 || !awaited["alice p"] {
				t.Errorf("awaited is %v, %v", awaited, err)
			}
			now = now.AddDate(0, 0, 3)
			if found, err := r.Memory().Awaited(t.Context()); err != nil || len(found) != 0 {
				t.Errorf("after three days %v is awaited, %v", found, err)
			}
		})
	}
}

// Removed goes by what the control itself made, and by alerts on the calls that take something away.
func TestMemory_Removed(t *testing.T) {
	r, _, _ := newRunner(t, func(e event.Event) ([]remediation.Finding, error) {
		if e.Record() == nil {
			return []remediation.Finding{detach()}, nil
		}
		return []remediation.Finding{{User: "alice", Title: i18n.Literal("Tags"), Text: i18n.Literal("tagged with Policy/P."),
			Handling: remediation.Handling{Fresh: true}}}, nil
	})
	now := r.Now()
	if _, err := run(r, "a", tagging(2, now)); err != nil {
		t.Fatal(err)
	}
	const target = "arn:aws:iam::aws:policy/ReadOnlyAccess"
	found, _, err := r.Ledger.All(t.Context())
	if err != nil || len(found) != 1 || found[0].UserID == "" {
		t.Fatalf("found %+v, %v", found, err)
	}
	alicesID := found[0].UserID
	made := change.Change{Kind: change.ManagedUserPolicy, Target: target}
	for i, tc := range []struct {
		user    string
		since   time.Time
		calls   map[string]string
		removed bool
	}{
		{alicesID, now, map[string]string{"TagUser": "policy/p"}, true},
		{alicesID, now, map[string]string{"TagUser": "policy/q"}, false},
		{alicesID, now, map[string]string{"UntagUser": "policy/p"}, false},
		{"bob", now, map[string]string{"TagUser": "policy/p"}, false},
		{alicesID, now.Add(time.Hour), map[string]string{"TagUser": "policy/p"}, false},
		{alicesID, now, nil, false}, // nothing is made yet
	} {
		if removed, err := r.Memory().Removed(t.Context(), tc.user, tc.since, made, tc.calls); err != nil ||
			removed != tc.removed {
			t.Errorf("%d: removed is %v, %v", i, removed, err)
		}
	}
	if _, err := run(r, "s", sweep); err != nil {
		t.Fatal(err)
	}
	if removed, err := r.Memory().Removed(t.Context(), alicesID, now, made, nil); err != nil || !removed {
		t.Errorf("what the control took off: removed is %v, %v", removed, err)
	}
}
