package remediation

import (
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/settings"
)

// A containment that IAM did not show for a moment, and that was then found missing, is still known: the sweep contains
// again what an earlier entry made, and a later one did not.
func TestFollow_RemembersWhatWasMade(t *testing.T) {
	book := caseBook{
		session: &session{
			Runner: &Runner{
				Control: control.Control{ID: "c"}, Settings: settings.Function{Mode: control.Enforce},
				Ledger: ledger.New(&ledger.Memory{}),
			},
			now: time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC),
		},
		known: map[string]ledger.Case{},
	}
	for _, tc := range []struct {
		entry  string
		status ledger.Status
		made   string
	}{
		{"first", ledger.Verified, "first"},
		{"second", ledger.Skipped, "first"},
		{"third", ledger.Applied, "third"},
	} {
		c := change.Change{Kind: change.Quarantine, Subject: "alice", Target: "policy", After: change.Attached}
		entry := ledger.Entry{
			ID: tc.entry, Control: "c", Subject: "alice", Case: "case", At: book.now,
			Steps: []ledger.Step{{Change: c, ID: tc.entry + "-1", Status: tc.status}},
		}
		if err := book.follow(t.Context(), &entry); err != nil {
			t.Fatal(err)
		}
		kept := book.known["case"]
		if kept.Made != tc.made || kept.Entry != tc.entry || kept.Outcome != ledger.Acted {
			t.Errorf("after %s: %+v, want what %s made", tc.entry, kept, tc.made)
		}
	}
}
