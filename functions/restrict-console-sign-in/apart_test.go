package restrictconsolesignin

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/signin"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// AWS does not document what it makes of several statements. If it is a policy that keeps out whom one of them lets in,
// nothing of it comes in force, or stays.
func TestNothingComesInForceThatKeepsOutWhomItLetsIn(t *testing.T) {
	const account, principal = "111122223333", "arn:aws:iam::111122223333:role/break-glass"
	place := func(network string) change.SignInPlace {
		return change.SignInPlace{SourceIP: network, Excluded: principal}
	}
	policy := func(inForce bool, networks ...string) string {
		s := change.SignIn{InForce: inForce}
		for _, network := range networks {
			s.Places = append(s.Places, place(network))
		}
		return s.Text()
	}
	for name, test := range map[string]struct {
		before fakeaws.SignIn
		after  string
		fault  string
	}{
		"not in force, two networks": {
			fakeaws.SignIn{Apart: true}, policy(true, "203.0.113.0/24", "198.51.100.0/24"), "keeps out",
		},
		"in force, a second network": {
			fakeaws.SignIn{Apart: true, InForce: true, Places: []fakeaws.Place{{SignInPlace: place("203.0.113.0/24")}}},
			policy(true, "203.0.113.0/24", "198.51.100.0/24"), "keeps out",
		},
		"one network": {fakeaws.SignIn{Apart: true}, policy(true, "203.0.113.0/24"), ""},
		"a policy of all, two networks": {
			fakeaws.SignIn{}, policy(true, "203.0.113.0/24", "198.51.100.0/24"), "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := fakeaws.New(fakeaws.State{SignIn: &test.before})
			kind := signin.Kinds(signin.New(a.Config()))[change.SignInPolicy]
			c := change.Change{Kind: change.SignInPolicy, Subject: account, After: test.after}
			before, err := kind.Read(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			want := test.after
			if err = kind.Set(t.Context(), c); test.fault != "" {
				want = before
				if err == nil || !strings.Contains(err.Error(), test.fault) {
					t.Fatalf("want an error that says %q, got %v", test.fault, err)
				}
			} else if err != nil {
				t.Fatal(err)
			}
			if got, err := kind.Read(t.Context(), c); err != nil || got != want {
				t.Errorf("(%v) (-want +got):\n%s", err, cmp.Diff(want, got))
			}
		})
	}
}
