package change_test

import (
	"context"
	"strings"
	"testing"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

const (
	key   = "AKIAEXAMPLEALICEKEY1"
	admin = "arn:aws:iam::aws:policy/AdministratorAccess"
	doc   = "{\r\n\t\"Statement\": [ {\"Effect\":\"Allow\", " +
		"\"Action\":\"s3:*\",\"Resource\":\"arn:aws:s3:::café/100%+1 %2B\"} ]}  \n"
)

func accountOf(user *fakeaws.User) *fakeaws.Account {
	return fakeaws.New(fakeaws.State{
		Users:  map[string]*fakeaws.User{"alice": user},
		Groups: map[string]*fakeaws.Group{"admins": {}, "others": {}, "more": {}},
	})
}

// Every kind sets what it says, reads it back, and reverts what was there before.
func TestEveryKindOfIAMCanBeSetReadAndReverted(t *testing.T) {
	for _, tc := range []struct {
		name string
		user *fakeaws.User
		c    change.Change
		said [2]string
	}{
		{"an access key", &fakeaws.User{Keys: []fakeaws.Key{{ID: "AKIAEXAMPLEALICEKEY0", Status: "Active"},
			{ID: key, Status: "Active"}}},
			change.Change{Kind: change.AccessKeyStatus, Target: key, Before: change.Active, After: change.Inactive},
			[2]string{"deactivate access key …KEY1 of alice", "deactivated access key …KEY1 of alice"}},
		{"a managed policy on the second page",
			&fakeaws.User{Attached: []string{"arn:aws:iam::aws:policy/A", "arn:aws:iam::aws:policy/B", admin}},
			change.Change{Kind: change.ManagedUserPolicy, Target: admin, Before: change.Attached},
			[2]string{"detach policy " + admin + " from alice", "detached policy " + admin + " from alice"}},
		{"an inline policy, byte for byte", &fakeaws.User{Inline: map[string]fakeaws.Document{"p@1": doc}},
			change.Change{Kind: change.InlineUserPolicy, Target: "p@1", Before: doc},
			[2]string{"remove inline policy p@1 of alice (its document is kept in the ledger)",
				"removed inline policy p@1 of alice (its document is kept in the ledger)"}},
		{"a membership", &fakeaws.User{Groups: []string{"others", "more"}},
			change.Change{Kind: change.GroupMembership, Target: "admins", After: change.Member},
			[2]string{"add alice to group admins", "added alice to group admins"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.c.Subject = "alice"
			kinds := change.ForIAM(accountOf(tc.user).IAM())
			kind, err := kinds.Kind(tc.c)
			if err != nil {
				t.Fatal(err)
			}
			ctx := context.Background()
			is := func(want string) {
				t.Helper()
				if got, err := kind.Read(ctx, tc.c); got != want || err != nil {
					t.Fatalf("Read = %q, %v, want %q", got, err, want)
				}
			}
			is(tc.c.Before)
			if err := kind.Set(ctx, tc.c); err != nil {
				t.Fatal(err)
			}
			is(tc.c.After)
			if err := kind.Set(ctx, tc.c.Inverse()); err != nil {
				t.Fatal(err)
			}
			is(tc.c.Before)
			if got := [2]string{kinds.Describe(tc.c, false).String(), kinds.Describe(tc.c, true).String()}; got != tc.said {
				t.Errorf("Say = %q, want %q", got, tc.said)
			}
			if !kind.Final().Empty() {
				t.Errorf("it cannot be put back: %s", kind.Final())
			}
			gone := tc.c
			gone.Subject = "nobody"
			// Of an inline policy IAM does not say whether it no longer exists or its user is.
			if got, err := kind.Read(ctx, gone); got != "" || change.NotFound(err) == (kind.Name() == change.InlineUserPolicy) {
				t.Errorf("Read of a user that is gone = %q, %v", got, err)
			}
			if err := kind.Set(ctx, gone); !change.NotFound(err) {
				t.Errorf("Set of a user that is gone: %v", err)
			}
		})
	}
}

// IAM tells names apart without case: what is asked for in another case is what IAM has.
func TestRead_NamesInAnotherCase(t *testing.T) {
	a := accountOf(&fakeaws.User{Attached: []string{admin}, Groups: []string{"Admins"}})
	kinds := change.ForIAM(a.IAM())
	for _, tc := range []struct {
		c    change.Change
		want string
	}{
		{change.Change{Kind: change.ManagedUserPolicy, Target: strings.ToLower(admin)}, change.Attached},
		{change.Change{Kind: change.GroupMembership, Target: "ADMINS"}, change.Member},
		{change.Change{Kind: change.GroupMembership, Target: "admin"}, ""},
	} {
		tc.c.Subject = "alice"
		kind, err := kinds.Kind(tc.c)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := kind.Read(t.Context(), tc.c); err != nil || got != tc.want {
			t.Errorf("%s: %q, %v, want %q", tc.c.Target, got, err, tc.want)
		}
	}
}

func TestNarrows(t *testing.T) {
	c := func(kind, target, before, after string) change.Change {
		return change.Change{Kind: kind, Subject: "alice", Target: target, Before: before, After: after}
	}
	join := c(change.GroupMembership, "admins", "", change.Member)
	detach := c(change.ManagedUserPolicy, admin, change.Attached, "")
	other := detach
	other.Subject = "bob"
	for _, tc := range []struct {
		name    string
		changes []change.Change
		narrows bool
	}{
		{"a key made inactive", []change.Change{c(change.AccessKeyStatus, key, change.Active, change.Inactive)}, true},
		{"a key made active", []change.Change{c(change.AccessKeyStatus, key, change.Inactive, change.Active)}, false},
		{"a policy detached", []change.Change{detach}, true},
		{"a policy attached", []change.Change{detach.Inverse()}, false},
		{"AWS's quarantine detached", []change.Change{c(change.ManagedUserPolicy,
			"arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV3", change.Attached, "")}, false},
		{"AWS's quarantine detached in another partition",
			[]change.Change{c(change.ManagedUserPolicy, "arn:aws-cn:iam::aws:policy/AWSCompromisedKeyQuarantine",
				change.Attached, "")}, false},
		{"AWS's deny of everything detached",
			[]change.Change{c(change.ManagedUserPolicy, "arn:aws:iam::aws:policy/AWSDenyAll", change.Attached, "")}, false},
		{"a policy of the account that is named alike",
			[]change.Change{c(change.ManagedUserPolicy, "arn:aws:iam::111122223333:policy/AWSDenyAll",
				change.Attached, "")}, true},
		{"an inline policy that allows removed",
			[]change.Change{c(change.InlineUserPolicy, "p", `{"Statement":{"Effect":"Allow"}}`, "")}, true},
		{"an inline policy that denies removed",
			[]change.Change{c(change.InlineUserPolicy, "p", `{"Statement":[{"Effect":"Allow"},{"Effect":"Deny"}]}`, "")}, false},
		{"an inline policy that cannot be read removed", []change.Change{c(change.InlineUserPolicy, "p", `{`, "")}, false},
		{"an inline policy put", []change.Change{c(change.InlineUserPolicy, "p", "",
			`{"Statement":{"Effect":"Allow"}}`)}, false},
		{"a group joined and the policy detached after it", []change.Change{join, detach}, true},
		{"a group joined and nothing after it", []change.Change{join}, false},
		{"a group joined after the policy was detached", []change.Change{detach, join}, false},
		{"a group joined and somebody else's policy detached", []change.Change{join, other}, false},
		{"a group left", []change.Change{join.Inverse(), detach}, false},
		{"a kind that nobody knows", []change.Change{c("miracle", "", "", "x")}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := change.ForIAM(nil).Narrows(tc.changes); (err == nil) != tc.narrows {
				t.Errorf("Narrows = %v", err)
			}
		})
	}
}

func TestAStatusThatDoesNotExistIsRefused(t *testing.T) {
	kinds := change.ForIAM(accountOf(&fakeaws.User{Keys: []fakeaws.Key{{ID: key, Status: "Active"}}}).IAM())
	c := change.Change{Kind: change.AccessKeyStatus, Subject: "alice", Target: key,
		Before: change.Active, After: "Expired"}
	kind, err := kinds.Kind(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := kind.Set(context.Background(), c); err == nil || strings.Contains(err.Error(), key) {
		t.Errorf("err = %v", err)
	}
}

func TestKeyHintShowsFourCharacters(t *testing.T) {
	for in, want := range map[string]string{key: "…KEY1", "abcd": "…abcd", "": "…"} {
		if got := change.KeyHint(in); got != want {
			t.Errorf("KeyHint(%q) = %q", in, got)
		}
	}
}
