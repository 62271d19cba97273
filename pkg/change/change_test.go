package change_test

import (
	"testing"

	"github.com/warder-aws/warder/pkg/change"
)

func TestThing_IsTheSameUnderAnotherName(t *testing.T) {
	const id, other = "AIDAALICE00000000001", "AIDAALICE00000000002"
	as := func(kind, name, id, target string) string {
		return change.Change{Kind: kind, Subject: name, SubjectID: id, Target: target, Before: name, After: id}.Thing()
	}
	policy := as(change.ManagedUserPolicy, "alice", id, "arn:aws:iam::aws:policy/A")
	boundary := as(change.PermissionsBoundary, "alice", id, "alice")
	for what, thing := range map[string]struct{ want, got string }{
		"a policy of a renamed user":   {policy, as(change.ManagedUserPolicy, "al2", id, "arn:aws:iam::aws:policy/A")},
		"a boundary of a renamed user": {boundary, as(change.PermissionsBoundary, "al2", id, "al2")},
		"what has no id":               {"session#alice#s-1", as(change.Session, "alice", "", "s-1")},
	} {
		if thing.got != thing.want {
			t.Errorf("%s is %q, want %q", what, thing.got, thing.want)
		}
	}
	if got := as(change.ManagedUserPolicy, "alice", other, "arn:aws:iam::aws:policy/A"); got == policy {
		t.Errorf("a policy of another user of the same name is %q, too", got)
	}
	if got := as(change.ManagedUserPolicy, "alice", id, "arn:aws:iam::aws:policy/B"); got == policy {
		t.Errorf("another policy is %q, too", got)
	}
}
