package change_test

import (
	"strings"
	"testing"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

const (
	keyQuarantine     = "arn:aws:iam::111122223333:policy/warder/warder-key-quarantine"
	outsideQuarantine = "arn:aws:iam::111122223333:policy/warder/warder-outside-quarantine"
)

// lookalikes are no quarantine policies of Warder.
var lookalikes = []string{
	"",
	"warder-key-quarantine",
	"arn:aws:iam::111122223333:policy/warder-key-quarantine",
	"arn:aws:iam::111122223333:policy/warder/warder-key-quarantine-2",
	"arn:aws:iam::111122223333:policy/warder/key-quarantine",
	"arn:aws:iam::111122223333:policy/x/warder/warder-key-quarantine",
	"arn:aws:iam::111122223333:policy/warder/x/warder-key-quarantine",
	"arn:aws:iam::111122223333:policy/Warder/warder-key-quarantine",
	"arn:aws:iam::111122223333:role/warder/warder-key-quarantine",
	"arn:aws:iam::aws:policy/warder/warder-key-quarantine",
	"arn:aws:iam::1111222233334:policy/warder/warder-key-quarantine",
	"arn:aws:iam::111122223333:policy/warder/warder-key-quarantine\n",
	"arn:aws:iam::aws:policy/AWSDenyAll",
}

func TestOnlyWardersOwnPoliciesAreQuarantines(t *testing.T) {
	for _, arn := range []string{keyQuarantine, outsideQuarantine,
		"arn:aws-us-gov:iam::111122223333:policy/warder/warder-key-quarantine"} {
		if !change.IsQuarantine(arn) {
			t.Errorf("%q is not taken for a quarantine policy", arn)
		}
	}
	for _, arn := range lookalikes {
		if change.IsQuarantine(arn) {
			t.Errorf("%q is taken for a quarantine policy", arn)
		}
	}
}

func TestAQuarantineNarrowsAndItsEndWidens(t *testing.T) {
	kinds := change.ForIAM(fakeaws.New(fakeaws.State{}).IAM())
	quarantine := func(target, before, after string) change.Change {
		return change.Change{Kind: change.Quarantine, Subject: "bob", Target: target, Before: before, After: after}
	}
	group := func(target, before, after string) change.Change {
		return change.Change{Kind: change.QuarantineGroup, Subject: "bob", Target: target, Before: before, After: after}
	}
	for _, c := range []change.Change{quarantine(keyQuarantine, "", "attached"),
		quarantine(outsideQuarantine, "", "attached"), group("warder-key-quarantine", "", "member")} {
		if err := kinds.Narrows([]change.Change{c}); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
	refused := []change.Change{
		quarantine(keyQuarantine, "attached", ""),
		group("warder-key-quarantine", "member", ""),
		group("admins", "", "member"),
		group("warder-key-quarantine-2", "", "member"),
		// Under another name it is the same policy.
		{Kind: change.ManagedUserPolicy, Subject: "bob", Target: keyQuarantine, Before: "attached"},
		{Kind: change.ManagedUserPolicy, Subject: "bob", Target: outsideQuarantine, Before: "attached"},
	}
	for _, arn := range lookalikes {
		refused = append(refused, quarantine(arn, "", "attached"))
	}
	for _, c := range refused {
		if err := kinds.Narrows([]change.Change{c}); err == nil {
			t.Errorf("%+v is not refused", c)
		}
	}
}

func TestAQuarantineIsSetReadAndLifted(t *testing.T) {
	for _, c := range []change.Change{
		{Kind: change.Quarantine, Subject: "bob", Target: keyQuarantine, After: "attached"},
		{Kind: change.QuarantineGroup, Subject: "bob", Target: "warder-key-quarantine", After: "member"},
	} {
		t.Run(c.Kind, func(t *testing.T) {
			a := fakeaws.New(fakeaws.State{Users: map[string]*fakeaws.User{"bob": {}},
				Groups: map[string]*fakeaws.Group{"warder-key-quarantine": {}}})
			a.Deploy(keyQuarantine)
			kind, err := change.ForIAM(a.IAM()).Kind(c)
			if err != nil {
				t.Fatal(err)
			}
			for _, step := range []change.Change{c, c.Inverse()} {
				if err := kind.Set(t.Context(), step); err != nil {
					t.Fatal(err)
				}
				if got, err := kind.Read(t.Context(), step); got != step.After || err != nil {
					t.Errorf("Read = %q, %v, want %q", got, err, step.After)
				}
			}
			if !kind.Final().Empty() {
				t.Errorf("cannot be undone: %s", kind.Final())
			}
		})
	}
}

func TestAKindOfQuarantineSetsNothingElse(t *testing.T) {
	a := fakeaws.New(fakeaws.State{Users: map[string]*fakeaws.User{"bob": {}},
		Groups: map[string]*fakeaws.Group{"admins": {}}})
	for _, c := range []change.Change{
		{Kind: change.Quarantine, Subject: "bob", Target: "arn:aws:iam::aws:policy/AdministratorAccess", After: "attached"},
		{Kind: change.QuarantineGroup, Subject: "bob", Target: "admins", After: "member"},
	} {
		kind, err := change.ForIAM(a.IAM()).Kind(c)
		if err != nil {
			t.Fatal(err)
		}
		if err := kind.Set(t.Context(), c); err == nil {
			t.Errorf("%s sets %s", c.Kind, c.Target)
		}
	}
	if n := len(a.Calls()); n != 0 {
		t.Errorf("%d operations were called", n)
	}
}

func TestWhatHasNoRoomForAQuarantineSaysSo(t *testing.T) {
	full := make([]string, 10)
	for i := range full {
		full[i] = "arn:aws:iam::aws:policy/P" + string(rune('0'+i))
	}
	a := fakeaws.New(fakeaws.State{
		Users:  map[string]*fakeaws.User{"bob": {Attached: full, Groups: full}},
		Groups: map[string]*fakeaws.Group{"warder-key-quarantine": {}},
	})
	a.Deploy(keyQuarantine)
	for c, want := range map[change.Change]string{
		{Kind: change.Quarantine, Subject: "bob", Target: keyQuarantine,
			After: "attached"}: "the user has reached the limit of attached policies",
		{Kind: change.QuarantineGroup, Subject: "bob", Target: "warder-key-quarantine",
			After: "member"}: "the user has reached the limits of attached policies and of groups",
	} {
		kind, err := change.ForIAM(a.IAM()).Kind(c)
		if err != nil {
			t.Fatal(err)
		}
		if err := kind.Set(t.Context(), c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", c.Kind, err, want)
		}
	}
}
