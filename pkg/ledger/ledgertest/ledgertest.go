// Package ledgertest is what every ledger must answer to, whatever it keeps its memory in.
package ledgertest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
)

var now = time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)

func run(key, holder string) ledger.Run {
	return ledger.Run{Control: "detach-direct-policy", Key: key, Event: "test", Holder: holder, Until: now.Add(time.Minute).Unix()}
}

func entry(id, key string) ledger.Entry {
	return ledger.Entry{
		ID: id, Control: "detach-direct-policy", Run: key, Subject: "alice", At: now, Title: "Direct policy", Severity: "high",
		Text: "Found.", Facts: []notice.Fact{{Name: "By", Value: "bob"}},
		Steps: []ledger.Step{{
			Change: change.Change{Kind: change.InlineUserPolicy, Subject: "alice", Target: "p", Before: "{\r\n \"é\": \"%2B+\"\t}"},
			ID:     id + "-1", Status: ledger.Planned, At: now,
		}},
	}
}

// Run tests the ledger that open returns; each call of open returns an empty one, or one whose
// keys no other test uses.
func Run(t *testing.T, open func(*testing.T) ledger.Ledger) {
	ctx := context.Background()

	begin := func(t *testing.T, l ledger.Ledger, r ledger.Run, at time.Time) ledger.Run {
		t.Helper()
		begun, err := l.Begin(ctx, r, at)
		if err != nil {
			t.Fatal(err)
		}
		return begun
	}

	t.Run("an event is claimed by one holder", func(t *testing.T) {
		l := open(t)
		if got := begin(t, l, run("k1", "a"), now); got.Attempts != 1 || len(got.Entries) != 0 {
			t.Errorf("first claim: %+v", got)
		}
		if _, err := l.Begin(ctx, run("k1", "b"), now.Add(time.Second)); !errors.Is(err, ledger.ErrHeld) {
			t.Errorf("another holder: %v, want ErrHeld", err)
		}
		if got := begin(t, l, run("k1", "a"), now.Add(time.Second)); got.Attempts != 2 {
			t.Errorf("the same holder again: %+v", got)
		}
		begin(t, l, run("k2", "b"), now)
	})

	t.Run("a claim runs out", func(t *testing.T) {
		l := open(t)
		begin(t, l, run("k3", "a"), now)
		if _, err := l.Begin(ctx, run("k3", "b"), now.Add(time.Minute)); !errors.Is(err, ledger.ErrHeld) {
			t.Errorf("at its last second: %v, want ErrHeld", err)
		}
		later := run("k3", "b")
		later.Until = now.Add(time.Hour).Unix()
		if got := begin(t, l, later, now.Add(time.Minute+time.Second)); got.Attempts != 2 || got.Holder != "b" {
			t.Errorf("after it: %+v", got)
		}
	})

	t.Run("a finished run stays finished", func(t *testing.T) {
		l := open(t)
		r := begin(t, l, run("k4", "a"), now)
		r.Done, r.Outcome, r.Reason = true, "changed", "because"
		if err := l.Finish(ctx, r); err != nil {
			t.Fatal(err)
		}
		got, err := l.Begin(ctx, run("k4", "a"), now.Add(time.Hour))
		if !errors.Is(err, ledger.ErrDone) || got.Outcome != "changed" || got.Reason != "because" {
			t.Errorf("Begin = %+v, %v", got, err)
		}
	})

	t.Run("a run that failed is free for its retry", func(t *testing.T) {
		l := open(t)
		r := begin(t, l, run("k5", "a"), now)
		r.Done, r.Outcome = false, "failed"
		if err := l.Finish(ctx, r); err != nil {
			t.Fatal(err)
		}
		begin(t, l, run("k5", "b"), now.Add(time.Second))
	})

	t.Run("entries are recorded once and come back to the byte", func(t *testing.T) {
		l := open(t)
		r := begin(t, l, run("k6", "a"), now)
		first, second := entry("e6a", "k6"), entry("e6b", "k6")
		if err := l.Record(ctx, r, []ledger.Entry{first, second}, true); err != nil {
			t.Fatal(err)
		}
		changed := first
		changed.Text = "Something else."
		if err := l.Record(ctx, r, []ledger.Entry{changed}, true); err != nil {
			t.Fatal(err)
		}
		got, found, err := l.Entry(ctx, "e6a")
		if err != nil || !found {
			t.Fatalf("Entry = %v, %v", found, err)
		}
		if diff := cmp.Diff(first, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("entry (-recorded +read):\n%s", diff)
		}
		again := begin(t, l, run("k6", "a"), now)
		slices.Sort(again.Entries)
		if !again.Planned || !slices.Equal(again.Entries, []string{"e6a", "e6b"}) {
			t.Errorf("the run names %+v", again)
		}
	})

	t.Run("entries of a run that was not begun are refused", func(t *testing.T) {
		l := open(t)
		if err := l.Record(ctx, run("k7", "a"), []ledger.Entry{entry("e7", "k7")}, true); err == nil {
			t.Error("no error")
		}
	})

	t.Run("an entry is replaced", func(t *testing.T) {
		l := open(t)
		r := begin(t, l, run("k8", "a"), now)
		e := entry("e8", "k8")
		if err := l.Record(ctx, r, []ledger.Entry{e}, false); err != nil {
			t.Fatal(err)
		}
		e.Steps[0].Status = ledger.Verified
		e.Told = []ledger.Told{{Kind: notice.Changed, Owner: "alice@example.com", Message: "m", At: now}}
		if err := l.Update(ctx, e); err != nil {
			t.Fatal(err)
		}
		got, _, err := l.Entry(ctx, "e8")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(e, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("entry (-updated +read):\n%s", diff)
		}
		if _, found, err := l.Entry(ctx, "nobody"); found || err != nil {
			t.Errorf("an entry that is not there: %v, %v", found, err)
		}
	})

	t.Run("something is marked once in a time", func(t *testing.T) {
		l := open(t)
		mark := func(run string, at time.Time) bool {
			t.Helper()
			first, err := l.Once(ctx, "k9", run, at, at.Add(time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			return first
		}
		if !mark("r1", now) {
			t.Error("the first time is not the first")
		}
		if mark("r2", now.Add(time.Minute)) {
			t.Error("the second time is the first")
		}
		if !mark("r1", now.Add(time.Minute)) {
			t.Error("the retry of the first is not the first")
		}
		if mark("r2", now.Add(time.Hour+time.Minute)) {
			t.Error("at its last second the mark is gone")
		}
		if !mark("r2", now.Add(time.Hour+time.Minute+time.Second)) {
			t.Error("the mark does not run out")
		}
	})
}
