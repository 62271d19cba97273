package ledger_test

import (
	"testing"

	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/test/storetest"
)

func TestMemoryIsAStore(t *testing.T) { storetest.Run(t, &ledger.Memory{}) }

func TestMemory_Copy(t *testing.T) {
	m := &ledger.Memory{}
	put := func(to *ledger.Memory, version int64, body string) {
		t.Helper()
		if err := to.Put(t.Context(), ledger.Item{Partition: "p#1", Sort: "s", Version: version, Body: body}); err != nil {
			t.Fatal(err)
		}
	}
	put(m, 0, "both")
	c := m.Copy()
	put(m, 1, "the first")
	put(c, 1, "the copy")
	for _, tc := range []struct {
		of   *ledger.Memory
		want string
	}{{m, "the first"}, {c, "the copy"}} {
		if item, err := tc.of.Get(t.Context(), "p#1", "s"); err != nil || item.Body != tc.want || item.Version != 2 {
			t.Errorf("%+v, %v, want %q", item, err, tc.want)
		}
	}
}
