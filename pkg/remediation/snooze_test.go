package remediation_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/remediation"
)

func TestSnooze(t *testing.T) {
	usual := func(id string) remediation.SnoozeRequest {
		return remediation.SnoozeRequest{ID: id, Days: 7, Reason: "release night"}
	}
	alter := func(f func(*remediation.SnoozeRequest)) func(string) remediation.SnoozeRequest {
		return func(id string) remediation.SnoozeRequest {
			q := usual(id)
			f(&q)
			return q
		}
	}
	nothing := func(*ledger.Case) {}
	for _, tt := range []struct {
		name, who string
		q         func(id string) remediation.SnoozeRequest
		now       func(*ledger.Case) // what the case is
		refused   string
	}{
		{"the owner's session", session + "AWSReservedSSO_Ops_1/alice@example.com", usual, nothing, ""},
		{"a user of the owner", account + "alice-admin", usual, nothing, ""},
		{"by the id of a step", account + "alice-admin", alter(func(q *remediation.SnoozeRequest) { q.ID += "-1" }), nothing,
			""},
		{"nobody", "", usual, nothing, "nothing proves"},
		{"a federated user", "arn:aws:sts::111122223333:federated-user/alice@example.com", usual, nothing, "nothing proves"},
		{"somebody else", account + "bob", usual, nothing, "its owner alone: alice@example.com"},
		{"a user without an owner", account + "kim", usual, nothing, "its owner alone"},
		{"too long", account + "alice", alter(func(q *remediation.SnoozeRequest) { q.Days = 15 }), nothing, "1 to 14"},
		{"not later", account + "alice", alter(func(q *remediation.SnoozeRequest) { q.Days = -1 }), nothing, "1 to 14"},
		{"no reason", account + "alice", alter(func(q *remediation.SnoozeRequest) { q.Reason = "\n" }), nothing,
			"for which reason"},
		{"something unknown", account + "alice", alter(func(q *remediation.SnoozeRequest) { q.ID = "nonsense" }), nothing,
			"nothing of that name"},
		{"administrator rights", account + "alice", usual,
			func(c *ledger.Case) { c.Severity = string(control.Critical) }, "cannot wait"},
		{"containment", account + "alice", usual,
			func(c *ledger.Case) { c.Urgency = string(remediation.Containment) }, "cannot wait"},
		{"what was to be made at once", account + "alice", usual, func(c *ledger.Case) { c.Urgent = true }, "cannot wait"},
		{"what is due already", account + "alice", usual,
			func(c *ledger.Case) { c.Due = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC) }, "nothing of that name"},
		{"what is over", account + "alice", usual, func(c *ledger.Case) { c.Closed, c.Outcome = c.Due, ledger.Fixed },
			"nothing of that name"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, a, box, _ := exempting(t, 1)
			r.Settings.Parameters, r.Settings.Asking.SnoozeDays = []byte(`{"graceDays":14}`), 14
			if _, err := run(r, "a", sweep); err != nil {
				t.Fatal(err)
			}
			all, cases, err := r.Ledger.All(t.Context())
			if err != nil || len(all) != 1 || len(cases) != 1 || len(box.got) != 1 {
				t.Fatalf("%v: %+v, %+v", err, all, cases)
			}
			due := cases[0].Due
			if _, err := r.Ledger.ReviseCase(t.Context(), cases[0], tt.now); err != nil {
				t.Fatal(err)
			}
			ask := func() (remediation.SnoozeAnswer, error) {
				return remediation.Snoozer{Runner: r}.Snooze(caller.NewContext(t.Context(), tt.who), tt.q(all[0].ID))
			}
			answer, err := ask()
			if tt.refused != "" {
				if err == nil || !strings.Contains(err.Error(), tt.refused) || len(box.got) != 1 {
					t.Errorf("%+v, %v, notified %d times", answer, err, len(box.got))
				}
				return
			}
			if err != nil || !answer.Due.Equal(due.AddDate(0, 0, 7)) || len(box.got) != 2 ||
				box.got[1].Thread != box.got[0].Thread || box.got[1].Owner != "alice@example.com" {
				t.Fatalf("%+v, %v: notified %+v", answer, err, box.got)
			}
			if _, err := ask(); err == nil || !strings.Contains(err.Error(), "already") {
				t.Errorf("put off twice: %v", err)
			}
			attached := func(days int) bool {
				now := r.Now()
				at := r.Now
				r.Now = func() time.Time { return now.AddDate(0, 0, days) }
				defer func() { r.Now = at }()
				if _, err := run(r, "b", strings.ReplaceAll(sweep, "000000000001",
					"0000000001"+string(rune('0'+days/10))+string(rune('0'+days%10)))); err != nil {
					t.Fatal(err)
				}
				return slices.Contains(a.State().Users["alice"].Attached, readOnly)
			}
			if !attached(15) || attached(22) {
				t.Error("it was changed before the day, or not on it")
			}
		})
	}
}
