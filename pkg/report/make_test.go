package report

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/functions"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
)

var october, _ = Month("2026-10")

// at is a time in October 2026.
func at(day, hour, minute int) time.Time {
	return time.Date(2026, 10, day, hour, minute, 0, 0, time.UTC)
}

// book is a ledger that a test writes, entry by entry.
type book struct {
	ledger.Contents
	n int
}

// found adds an entry of one step about an access key, and returns it.
func (b *book) found(control, user, key string, when time.Time, status ledger.Status, told ...ledger.Told) *ledger.Entry {
	b.n++
	id := fmt.Sprintf("entry%05d", b.n)
	e := ledger.Entry{
		ID: id, Control: control, Run: "run-" + id, Event: sweep, Subject: user, User: true, Owner: user + "@example.com", At: when,
		Title: "Stale access key", Severity: "medium", Text: "…", Case: key, Told: told,
		Steps: []ledger.Step{{
			Change: change.Change{Kind: change.AccessKeyStatus, Subject: user, Target: "AKIAEXAMPLE0000" + key, Before: change.Active, After: change.Inactive},
			ID:     id + "-1", Status: status, At: when,
		}},
	}
	if len(told) > 0 && told[0].Kind == notice.Warning {
		e.Due = when.AddDate(0, 0, 7)
	}
	b.Entries = append(b.Entries, e)
	return &b.Entries[len(b.Entries)-1]
}

// run adds the run that an entry came out of.
func (b *book) run(e *ledger.Entry, happened time.Time) {
	e.Event = "AWS API Call via CloudTrail: AttachUserPolicy"
	b.Runs = append(b.Runs, ledger.Run{
		Control: e.Control, Key: e.Run, Event: e.Event, At: e.At, Happened: happened, Mode: "enforce", Done: true, Outcome: "changed", Entries: []string{e.ID},
	})
}

func warned(when time.Time) ledger.Told {
	return ledger.Told{Kind: notice.Warning, Message: "m", At: when}
}

// source is what reports of tests are made of.
func source(t testing.TB, b book) Source {
	t.Helper()
	controls, err := functions.Controls()
	if err != nil {
		t.Fatal(err)
	}
	modes := map[string]control.Mode{}
	for _, c := range controls {
		if !c.Tool {
			modes[c.ID] = control.Enforce
		}
	}
	return Source{Account: "111122223333", Region: "us-east-1", Controls: controls, Modes: modes, Ledger: b.Contents, Kinds: change.ForIAM(nil)}
}

const stale = "deactivate-stale-access-key"

func TestAFindingIsOpenFromWhenItIsFoundUntilItEnds(t *testing.T) {
	after := time.Date(2026, 11, 1, 6, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		name    string
		write   func(b *book)
		outcome Outcome
		days    [2]int // the first and the last day on which it counts; 0 for none
	}{
		{"announced and changed", func(b *book) {
			b.found(stale, "alice", "KEY1", at(3, 3, 0), ledger.Waiting, warned(at(3, 3, 0)))
			b.found(stale, "alice", "KEY1", at(10, 3, 0), ledger.Verified)
		}, Changed, [2]int{3, 9}},
		{"announced, reminded of, and still open", func(b *book) {
			b.found(stale, "alice", "KEY1", at(28, 3, 0), ledger.Waiting, warned(at(28, 3, 0)))
			b.found(stale, "alice", "KEY1", at(30, 3, 0), ledger.Waiting)
		}, Open, [2]int{28, 31}},
		{"put right by its owner", func(b *book) {
			b.found(stale, "alice", "KEY1", at(3, 3, 0), ledger.Waiting, warned(at(3, 3, 0)))
			e := b.found(stale, "alice", "KEY1", at(5, 3, 0), ledger.Waiting)
			e.Steps, e.Tell = nil, notice.Fixed
		}, Fixed, [2]int{3, 4}},
		{"set aside, as its case says", func(b *book) {
			e := b.found(stale, "alice", "KEY1", at(3, 3, 0), ledger.Waiting, warned(at(3, 3, 0)))
			b.Cases = append(b.Cases, ledger.Case{Control: stale, Key: "KEY1", Opened: e.At, Closed: at(8, 3, 0), Outcome: ledger.SetAside})
		}, SetAside, [2]int{3, 7}},
		{"set aside without a record, and open again: never too few are counted", func(b *book) {
			b.found(stale, "alice", "KEY1", at(3, 3, 0), ledger.Waiting, warned(at(3, 3, 0)))
			b.found(stale, "alice", "KEY1", at(20, 3, 0), ledger.Waiting, warned(at(20, 3, 0)))
			b.Cases = append(b.Cases, ledger.Case{Control: stale, Key: "KEY1", Opened: at(20, 3, 0)})
		}, Open, [2]int{3, 31}},
		{"held back, then changed", func(b *book) {
			b.found(stale, "alice", "KEY1", at(3, 3, 0), ledger.Held)
			b.found(stale, "alice", "KEY1", at(5, 3, 0), ledger.Verified)
		}, Changed, [2]int{3, 4}},
		{"failed", func(b *book) { b.found(stale, "alice", "KEY1", at(30, 3, 0), ledger.Failed) }, Failed, [2]int{30, 31}},
		{"changed at once", func(b *book) { b.found(stale, "alice", "KEY1", at(3, 3, 0), ledger.Verified) }, "", [2]int{}},
		{"observed, and recorded again a week later", func(b *book) {
			b.found(stale, "alice", "KEY1", at(3, 3, 0), ledger.Observed)
			b.found(stale, "alice", "KEY1", at(10, 4, 0), ledger.Observed)
		}, Unseen, [2]int{3, 17}},
		{"observed lately", func(b *book) { b.found(stale, "alice", "KEY1", at(29, 3, 0), ledger.Observed) }, Observed, [2]int{29, 31}},
		{"observed, then enforced", func(b *book) {
			b.found(stale, "alice", "KEY1", at(3, 3, 0), ledger.Observed)
			b.found(stale, "alice", "KEY1", at(8, 3, 0), ledger.Waiting, warned(at(8, 3, 0)))
			b.found(stale, "alice", "KEY1", at(15, 3, 0), ledger.Verified)
		}, Changed, [2]int{3, 14}},
		{"changed and put back", func(b *book) {
			b.found(stale, "alice", "KEY1", at(3, 3, 0), ledger.Waiting, warned(at(3, 3, 0)))
			e := b.found(stale, "alice", "KEY1", at(10, 3, 0), ledger.Undone)
			e.Steps[0].Undo = "other-1"
		}, Undone, [2]int{3, 9}},
		{"what an exemption says in between ends nothing", func(b *book) {
			b.found(stale, "alice", "KEY1", at(3, 3, 0), ledger.Waiting, warned(at(3, 3, 0)))
			e := b.found(stale, "alice", "KEY1", at(4, 3, 0), ledger.Waiting)
			e.Steps, e.Tell, e.Guard = nil, notice.Alert, ledger.Exemption
			b.found(stale, "alice", "KEY1", at(10, 3, 0), ledger.Verified)
		}, Changed, [2]int{3, 9}},
		{"found before the period and after it", func(b *book) {
			b.found(stale, "alice", "KEY1", at(-10, 3, 0), ledger.Waiting, warned(at(-10, 3, 0)))
			b.found(stale, "alice", "KEY1", at(33, 3, 0), ledger.Verified)
		}, Open, [2]int{1, 31}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var b book
			tc.write(&b)
			r := Make(source(t, b), october, after)
			want := make([]int, 31)
			for d := tc.days[0]; d > 0 && d <= tc.days[1]; d++ {
				want[d-1] = 1
			}
			if diff := cmp.Diff(want, r.control(stale).Open); diff != "" {
				t.Errorf("open at the end of each day (-want +got):\n%s", diff)
			}
			switch {
			case tc.outcome == "" && len(r.Findings) > 0, tc.outcome != "" && len(r.Findings) != 1:
				t.Errorf("findings %+v", r.Findings)
			case tc.outcome != "" && r.Findings[0].Outcome != tc.outcome:
				t.Errorf("outcome %q, want %q", r.Findings[0].Outcome, tc.outcome)
			}
		})
	}
}
