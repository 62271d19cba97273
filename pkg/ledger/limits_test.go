package ledger_test

import (
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/ledger"
)

var endless = time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)

// Whatever end an item has, what it says stands no longer than Warder makes such a thing last.
func TestHold_EndsInTime(t *testing.T) {
	const day = 24 * time.Hour
	start := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	c := change.Change{Kind: "k", Subject: "alice", Target: "t"}
	for _, tc := range []struct {
		name string
		h    ledger.Hold
		days int           // of the setting
		last time.Duration // the last moment at which it stands, from the start; below zero: none
	}{
		{"as it is written", ledger.Hold{Since: start, Until: start.Add(7 * day)}, 7, 7*day - 1},
		{"shorter than it may be", ledger.Hold{Since: start, Until: start.Add(day)}, 7, day - 1},
		{"without end", ledger.Hold{Since: start, Until: endless}, 7, 7*day - 1},
		{"from when holds lasted longer", ledger.Hold{Since: start, Until: start.Add(30 * day)}, 7, 7*day - 1},
		{"without end, and more days than there may be", ledger.Hold{Since: start, Until: endless}, 1000, 90*day - 1},
		{"put in the future", ledger.Hold{Since: endless.Add(-day), Until: endless}, 7, -1},
		{"from before the start was kept", ledger.Hold{Until: start.Add(7 * day)}, 7, 7*day - 1},
		{"from before the start was kept, without end", ledger.Hold{Until: endless}, 7, -1},
		{"ended at once", ledger.Hold{Since: start, Until: start}, 7, -1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := ledger.New(&ledger.Memory{}).WithHolds(tc.days)
			must(t, l.SetHold(t.Context(), c, tc.h))
			for at := time.Duration(0); at < 120*day; at += day / 2 {
				if _, held, err := hold(t.Context(), l, c, start.Add(at)); err != nil || held != (at <= tc.last) {
					t.Fatalf("after %v: held %v, %v, want it until %v", at, held, err, tc.last)
				}
			}
		})
	}
}

func TestOnce_EndsInTime(t *testing.T) {
	l, now := ledger.New(&ledger.Memory{}), time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	once := func(key, run string, at time.Time, last time.Duration) bool {
		t.Helper()
		first, err := l.Once(t.Context(), key, run, at, at.Add(last))
		must(t, err)
		return first
	}
	once("endless", "forged", now, endless.Sub(now))
	if !once("endless", "a", now.Add(time.Hour), time.Hour) {
		t.Error("a mark without end stands")
	}
	if once("endless", "b", now.Add(time.Hour+time.Minute), time.Hour) {
		t.Error("the mark in its place does not stand")
	}
	once("late", "a", now, time.Hour)
	if once("late", "b", now.Add(-time.Hour), time.Hour) {
		t.Error("the mark does not stand for an event that came late")
	}
}

func TestBegin_ClaimEndsInTime(t *testing.T) {
	l, now := ledger.New(&ledger.Memory{}), time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	begin := func(holder string, until time.Time) error {
		_, err := l.Begin(t.Context(), ledger.Run{Control: "c", Key: "k", Holder: holder, Until: until}, now)
		return err
	}
	must(t, begin("forged", endless))
	must(t, begin("a", now.Add(time.Minute))) // takes it over
	if err := begin("b", now.Add(time.Minute)); err == nil {
		t.Error("the run is another's, and was claimed")
	}
}

func TestClaim_EndsInTime(t *testing.T) {
	l, now := ledger.New(&ledger.Memory{}), time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	for until, busy := range map[time.Time]bool{endless: false, now.Add(time.Minute): true, now: false} {
		c := change.Change{Kind: "k", Subject: "alice", Target: until.String()}
		r, err := l.RecentChanges(t.Context(), c)
		must(t, err)
		must(t, l.Claim(t.Context(), &r, "other-1", now, until))
		if r.Busy("own-1", now) != busy {
			t.Errorf("claimed until %v: busy %v", until, !busy)
		}
	}
}
