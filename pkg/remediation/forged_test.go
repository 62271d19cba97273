package remediation_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
)

// forge writes an item into the table as somebody does who is not Warder.
func forge(t *testing.T, table *ledger.Memory, partition, sort, subject string, at time.Time, body any) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	table.Forge(ledger.Item{
		Partition: partition, Sort: sort, Subject: subject, At: at, Body: string(text), Version: 1, Seal: "AAAA",
	})
}

func TestRun_ForgedItemsSilenceNothing(t *testing.T) {
	r, a, box := newRunner(t, finding(detach()))
	table := &ledger.Memory{}
	r.Ledger = ledger.New(&ledger.Sealed{Unsealed: table, Keys: ledger.FixedKey("secret")})
	setHalt(t, r, ledger.Halt{})
	c, far := identified(a, detach().Changes[0]), time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
	// Whatever the key of a hold is made of, the forger may know it: Warder's own is written, and altered.
	if err := r.Ledger.SetHold(t.Context(), c, ledger.Hold{Until: far, By: caller.Identity{Claimed: "kim"}}); err != nil {
		t.Fatal(err)
	}
	holds, err := table.Scan(t.Context(), "hold#")
	if err != nil || len(holds) != 1 {
		t.Fatal(holds, err)
	}
	forge(t, table, holds[0].Partition, holds[0].Sort, "", far,
		ledger.Hold{Until: far, By: caller.Identity{Claimed: "kim"}, Reason: "x"})
	const key = "00000000-0000-4000-8000-000000000001"
	forge(t, table, "run#test#"+key, "run", "", far, ledger.Run{Control: "test", Key: key, Done: true, Outcome: "skipped"})

	if report, err := run(r, "a", sweep); err != nil || report.Outcome != remediation.Changed {
		t.Errorf("%+v, %v", report, err)
	}
	if left := a.State().Users["alice"].Attached; len(left) != 0 {
		t.Errorf("alice still has %v", left)
	}
	notified := func() (n int) {
		for _, m := range box.got {
			if m.Severity == "critical" && strings.Contains(m.Text, "run#test#"+key) && strings.Contains(m.Text, "hold#") {
				n++
			}
		}
		return n
	}
	if notified() != 1 {
		t.Errorf("notified of the two forged items %d times: %+v", notified(), box.got)
	}
	// The hold is still there, and met again: nobody is notified twice.
	if _, err := run(r, "b", strings.Replace(sweep, key, "00000000-0000-4000-8000-000000000002", 1)); err != nil ||
		notified() != 1 {
		t.Errorf("then notified %d times (%v)", notified(), err)
	}
}

func TestUndo_ForgedEntry(t *testing.T) {
	r, a, box := newRunner(t, func(event.Event) ([]remediation.Finding, error) { return nil, nil })
	table := &ledger.Memory{}
	r.Ledger = ledger.New(&ledger.Sealed{Unsealed: table, Keys: ledger.FixedKey("secret")})
	setHalt(t, r, ledger.Halt{})
	at := r.Now()
	admin := change.Change{
		Kind: change.ManagedUserPolicy, Subject: "alice", Target: "arn:aws:iam::aws:policy/AdministratorAccess",
		Before: change.Attached,
	}
	forge(t, table, "entry#forgedzzzz", "entry", "alice", at, ledger.Entry{
		ID: "forgedzzzz", Control: "detach-direct-policy", Run: "r", Subject: "alice", User: true, At: at,
		Steps: []ledger.Step{{Change: admin, ID: "forgedzzzz-1", Status: ledger.Verified, At: at}},
	})
	for _, q := range []remediation.UndoRequest{
		{Action: "forgedzzzz"}, {Action: "forgedzzzz-1"}, {Run: "r"}, {User: "alice", Since: "2020-01-01T00:00:00Z"},
	} {
		q.By, q.Reason = "kim", "why"
		answer, err := (&remediation.Undoer{Runner: r}).Undo(t.Context(), q)
		if err != nil || len(answer.Undone) != 0 || len(answer.Refused) != 1 {
			t.Errorf("%+v: %+v, %v", q, answer, err)
		}
	}
	if got := a.State().Users["alice"].Attached; len(got) != 1 || got[0] != readOnly {
		t.Errorf("alice has %v", got)
	}
	if len(box.got) != 1 || box.got[0].Kind != notice.Alert || box.got[0].Severity != "critical" {
		t.Errorf("notices %+v, want one critical alert", box.got)
	}
}
