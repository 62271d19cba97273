package ledger_test

import (
	"fmt"
	"testing"

	"github.com/warder-aws/warder/pkg/ledger"
)

func TestKeepOwner(t *testing.T) {
	for _, fresh := range []bool{false, true} { // what is taken for new wrongly is as well
		t.Run(fmt.Sprintf("fresh=%t", fresh), func(t *testing.T) { testKeepOwner(t, fresh) })
	}
}

func testKeepOwner(t *testing.T, fresh bool) {
	_, l := memory()
	for i, tc := range []struct {
		keep   string
		days   int
		want   string
		before string
	}{
		{"alice", 1, "alice", ""},
		{"alice", 2, "alice", ""},
		{"bob", 3, "bob", "alice"},
		{"alice", 2, "bob", "alice"}, // arrives late
		{"carol", 4, "carol", "bob"},
	} {
		err := l.KeepOwner(t.Context(), "AIDA1", ledger.Owner{Address: tc.keep, At: noon.AddDate(0, 0, tc.days)}, fresh)
		if err != nil {
			t.Fatal(err)
		}
		got, ok, err := l.Owner(t.Context(), "AIDA1")
		before := ""
		if got.Before != nil {
			before = got.Before.Address
		}
		if err != nil || !ok || got.Address != tc.want || before != tc.before {
			t.Errorf("%d: %q before %q, %v, %v, want %q before %q", i, got.Address, before, ok, err, tc.want, tc.before)
		}
	}
	if _, ok, err := l.Owner(t.Context(), "AIDA2"); ok || err != nil {
		t.Errorf("an unknown user has an owner: %v, %v", ok, err)
	}
	if all, err := l.Owners(t.Context()); err != nil || len(all) != 1 || all["AIDA1"].Address != "carol" {
		t.Errorf("all owners: %v, %v", all, err)
	}
}
