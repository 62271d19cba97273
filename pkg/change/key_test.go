package change_test

import (
	"strings"
	"testing"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

func TestOnlyAnInactiveKeyIsDeleted(t *testing.T) {
	const key = "AKIAEXAMPLEBOBOLD001"
	deletion := change.Change{Kind: change.AccessKeyDeletion, Subject: "bob", Target: key, Before: change.Inactive}
	for _, tc := range []struct {
		name   string
		status string // of the key; empty when it does not exist
		change change.Change
		fault  string
		left   bool
	}{
		{name: "an inactive key", status: change.Inactive, change: deletion},
		{name: "a key that was activated meanwhile", status: change.Active, change: deletion,
			fault: "it is active", left: true},
		{name: "an active key", status: change.Active,
			change: change.Change{Kind: deletion.Kind, Subject: "bob", Target: key, Before: change.Active},
			fault:  "only an inactive key is deleted", left: true},
		{name: "no value before", status: change.Inactive,
			change: change.Change{Kind: deletion.Kind, Subject: "bob", Target: key},
			fault:  "only an inactive key is deleted", left: true},
		{name: "the inverse, which would restore it", change: deletion.Inverse(), fault: "none is restored"},
		{name: "a key that is gone", change: deletion, fault: "cannot be found"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			user := &fakeaws.User{}
			if tc.status != "" {
				user.Keys = []fakeaws.Key{{ID: key, Status: tc.status}}
			}
			a := fakeaws.New(fakeaws.State{Users: map[string]*fakeaws.User{"bob": user}})
			kind, err := change.ForIAM(a.IAM()).Kind(deletion)
			if err != nil {
				t.Fatal(err)
			}
			err = kind.Set(t.Context(), tc.change)
			if (err == nil) != (tc.fault == "") || err != nil && !strings.Contains(err.Error(), tc.fault) {
				t.Errorf("Set: %v, want %q", err, tc.fault)
			}
			if err != nil && strings.Contains(err.Error(), key) && !change.NotFound(err) {
				t.Errorf("the error holds the whole key id: %v", err)
			}
			if left := len(a.State().Users["bob"].Keys) > 0; left != tc.left {
				t.Errorf("the key is there: %v, want %v", left, tc.left)
			}
		})
	}
}

func TestADeletionIsFinalAndNarrows(t *testing.T) {
	kinds := change.ForIAM(fakeaws.New(fakeaws.State{}).IAM())
	deletion := change.Change{Kind: change.AccessKeyDeletion, Subject: "bob", Target: "AKIAEXAMPLEBOBOLD001",
		Before: change.Inactive}
	kind, err := kinds.Kind(deletion)
	if err != nil {
		t.Fatal(err)
	}
	if kind.Final().Empty() {
		t.Error("a deletion is said to be undone")
	}
	if err := kinds.Narrows([]change.Change{deletion}); err != nil {
		t.Error(err)
	}
	if kinds.Narrows([]change.Change{deletion.Inverse()}) == nil {
		t.Error("to give a key back is said to narrow")
	}
	if got, want := kinds.Describe(deletion, true).String(), "deleted access key …D001 of bob for good"; got != want {
		t.Errorf("Say = %q, want %q", got, want)
	}
}
