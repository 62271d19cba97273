package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
)

var (
	noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	key  = change.Change{Kind: "access key status", Subject: "alice", Target: "AKIAEXAMPLE", Before: "Active",
		After: "Inactive"}
)

const (
	minute = time.Minute
	hour   = time.Hour
	day    = 24 * time.Hour
)

// memory returns an empty store and the ledger in it.
func memory() (*ledger.Memory, *ledger.Ledger) {
	store := &ledger.Memory{}
	return store, ledger.New(store)
}

// interloper is a store in which somebody else writes right before a put takes effect.
type interloper struct {
	*ledger.Memory
	times int // how often
	write func(l *ledger.Ledger)
}

func (i *interloper) Put(ctx context.Context, item ledger.Item) error {
	if i.times > 0 {
		i.times--
		i.write(ledger.New(i.Memory))
	}
	return i.Memory.Put(ctx, item)
}

// revise alters a case of which nothing is known.
func revise(ctx context.Context, l *ledger.Ledger, control, key string, alter func(*ledger.Case)) error {
	_, err := l.ReviseCase(ctx, ledger.Case{Control: control, Key: key}, alter)
	return err
}

// take takes a step of a breaker of which nothing is known.
func take(ctx context.Context, l *ledger.Ledger, control, step string, limit int, now time.Time) (through bool,
	b ledger.Breaker, err error) {
	through, err = l.Take(ctx, control, &b, step, limit, now)
	return through, b, err
}

// hold is the hold on the thing that c changes.
func hold(ctx context.Context, l *ledger.Ledger, c change.Change, now time.Time) (h ledger.Hold, held bool, err error) {
	s, err := l.Holds(ctx, "c", "", []change.Change{c})
	h, _ = s.Held([]change.Change{c}, now)
	return h, !h.Until.IsZero(), err
}

// stored is an item as it is in the store.
func stored(t *testing.T, store ledger.Store, partition, sort string) ledger.Item {
	t.Helper()
	item, err := store.Get(t.Context(), partition, sort)
	if err != nil {
		t.Fatal(err)
	}
	return item
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func same(t *testing.T, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(ledger.Run{}, ledger.Entry{}, ledger.Case{},
		ledger.Breaker{}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// claim is a run as an invocation begins it.
func claim(holder string, until time.Time) ledger.Run {
	return ledger.Run{Control: "c", Key: "event-1", Event: "Scheduled Event", Holder: holder, Until: until}
}

func TestBegin_OneHolder(t *testing.T) {
	first := claim("first", noon.Add(minute))
	for _, tc := range []struct {
		name     string
		finish   *ledger.Run // what the first holder left, nil if it was cut off
		holder   string
		now      time.Time
		want     error
		attempts int
	}{
		{"a run that is held is not begun by another", nil, "second", noon.Add(30 * time.Second), ledger.ErrHeld, 1},
		{"a claim holds to its last instant", nil, "second", noon.Add(minute), ledger.ErrHeld, 1},
		{"a claim that has run out is taken over", nil, "second", noon.Add(minute + 1), nil, 2},
		{"the retry of the same invocation takes over at once", nil, "first", noon.Add(1), nil, 2},
		{"a run that was finished without success is free at once", &ledger.Run{Outcome: "failed"}, "second", noon.Add(1),
			nil, 2},
		{"a run that is done stays done", &ledger.Run{Done: true, Outcome: "changed", Reason: "why"}, "first",
			noon.Add(hour), ledger.ErrDone, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, l := memory()
			run, err := l.Begin(t.Context(), first, noon)
			must(t, err)
			if tc.finish != nil {
				run.Done, run.Outcome, run.Reason = tc.finish.Done, tc.finish.Outcome, tc.finish.Reason
				must(t, l.Finish(t.Context(), &run))
			}
			got, err := l.Begin(t.Context(), claim(tc.holder, tc.now.Add(minute)), tc.now)
			if !errors.Is(err, tc.want) {
				t.Fatalf("error %v, want %v", err, tc.want)
			}
			want := first
			want.At, want.Attempts = noon, tc.attempts
			if tc.finish != nil {
				want.Until, want.Done, want.Outcome, want.Reason = time.Time{}, tc.finish.Done, tc.finish.Outcome, tc.finish.Reason
			}
			if tc.want == nil {
				want.Holder, want.Until = tc.holder, tc.now.Add(minute)
			}
			same(t, want, got)
			recorded, ok, err := l.Run(t.Context(), "c", "event-1")
			if err != nil || !ok {
				t.Fatalf("run %t, %v", ok, err)
			}
			same(t, want, recorded)
		})
	}
}

func TestBegin_Concurrent(t *testing.T) {
	store := &interloper{Memory: &ledger.Memory{}, times: 1}
	store.write = func(l *ledger.Ledger) {
		_, err := l.Begin(t.Context(), claim("faster", noon.Add(minute)), noon)
		must(t, err)
	}
	if _, err := ledger.New(store).Begin(t.Context(), claim("slower", noon.Add(minute)), noon); !errors.Is(err,
		ledger.ErrHeld) {
		t.Errorf("error %v, want ErrHeld", err)
	}
	run, _, err := ledger.New(store).Run(t.Context(), "c", "event-1")
	if err != nil || run.Holder != "faster" || run.Attempts != 1 {
		t.Errorf("run %+v, %v; want that of the faster", run, err)
	}
}

func TestFinish_LostRun(t *testing.T) {
	_, l := memory()
	slow, err := l.Begin(t.Context(), claim("slow", noon.Add(minute)), noon)
	must(t, err)
	_, err = l.Begin(t.Context(), claim("next", noon.Add(hour)), noon.Add(2*minute))
	must(t, err)
	slow.Done = true
	if err := l.Finish(t.Context(), &slow); !errors.Is(err, ledger.ErrConflict) {
		t.Errorf("error %v, want ErrConflict", err)
	}
}

func TestRun_NotFound(t *testing.T) {
	_, l := memory()
	if _, ok, err := l.Run(t.Context(), "c", "none"); ok || err != nil {
		t.Errorf("Run: %t, %v", ok, err)
	}
	if _, ok, err := l.Entry(t.Context(), "none"); ok || err != nil {
		t.Errorf("Entry: %t, %v", ok, err)
	}
	if _, ok, err := l.Case(t.Context(), "c", "none"); ok || err != nil {
		t.Errorf("Case: %t, %v", ok, err)
	}
	if b, err := l.Breaker(t.Context(), "c"); !b.Tripped.IsZero() || err != nil {
		t.Errorf("Breaker: %+v, %v", b, err)
	}
}

func entry(id, text string) ledger.Entry {
	return ledger.Entry{ID: id, Control: "c", Run: "event-1", Subject: "alice", At: noon, Title: "T", Text: text}
}

func TestRecord_AllOrNone(t *testing.T) {
	begin := func(t *testing.T, l *ledger.Ledger) ledger.Run {
		t.Helper()
		run, err := l.Begin(t.Context(), claim("h", noon.Add(minute)), noon)
		must(t, err)
		return run
	}
	t.Run("the run names its entries", func(t *testing.T) {
		store, l := memory()
		run := begin(t, l)
		if expires := stored(t, store, "run#c#event-1", "run").Expires; !expires.Equal(noon.Add(30 * day)) {
			t.Errorf("a run without entries expires %v", expires)
		}
		must(t, l.Record(t.Context(), &run, []ledger.Entry{entry("e1", "1"), entry("e2", "2")}, false))
		must(t, l.Record(t.Context(), &run, []ledger.Entry{entry("e3", "3")}, true))
		recorded, _, err := l.Run(t.Context(), "c", "event-1")
		must(t, err)
		same(t, []string{"e1", "e2", "e3"}, recorded.Entries)
		if !recorded.Planned {
			t.Error("the run is not planned")
		}
		if expires := stored(t, store, "run#c#event-1", "run").Expires; !expires.IsZero() {
			t.Errorf("a run with entries expires %v", expires)
		}
		if expires := stored(t, store, "entry#e1", "entry").Expires; !expires.IsZero() {
			t.Errorf("an entry expires %v", expires)
		}
		must(t, l.Finish(t.Context(), &run))
	})
	t.Run("an entry that is there stays as it is", func(t *testing.T) {
		_, l := memory()
		run := begin(t, l)
		old := entry("e1", "as it was told")
		must(t, l.Update(t.Context(), &old))
		found := []ledger.Entry{entry("e1", "as it is found now"), entry("e2", "2")}
		must(t, l.Record(t.Context(), &run, found, true))
		same(t, old, found[0])
		found[0].Text = "further"
		must(t, l.Update(t.Context(), &found[0])) // it carries the version that was read
		got, _, err := l.Entry(t.Context(), "e1")
		must(t, err)
		same(t, "further", got.Text)
	})
	t.Run("cut off before the run names them, they are recorded again", func(t *testing.T) {
		store, l := memory()
		run := begin(t, l)
		puts := 0
		store.Fault = func(operation string, after bool) error {
			if operation == "dynamodb:PutItem" && !after {
				if puts++; puts == 3 {
					return errors.New("cut off")
				}
			}
			return nil
		}
		found := []ledger.Entry{entry("e1", "1"), entry("e2", "2")}
		if err := l.Record(t.Context(), &run, found, true); err == nil {
			t.Fatal("no error")
		}
		if len(run.Entries) > 0 || run.Planned {
			t.Errorf("the run is %+v, want it as it was", run)
		}
		store.Fault = nil
		run, err := l.Begin(t.Context(), claim("h", noon.Add(minute)), noon)
		must(t, err)
		same(t, []string(nil), run.Entries)
		must(t, l.Record(t.Context(), &run, []ledger.Entry{entry("e1", "1"), entry("e2", "2")}, true))
		same(t, []string{"e1", "e2"}, run.Entries)
	})
	t.Run("recorded twice they are named once", func(t *testing.T) {
		_, l := memory()
		run := begin(t, l)
		for range 2 {
			must(t, l.Record(t.Context(), &run, []ledger.Entry{entry("e1", "1")}, true))
		}
		same(t, []string{"e1"}, run.Entries)
	})
	t.Run("not for a run that somebody else has taken over", func(t *testing.T) {
		_, l := memory()
		run := begin(t, l)
		_, err := l.Begin(t.Context(), claim("other", noon.Add(hour)), noon.Add(2*minute))
		must(t, err)
		if err := l.Record(t.Context(), &run, []ledger.Entry{entry("e1", "1")}, true); !errors.Is(err, ledger.ErrConflict) {
			t.Errorf("error %v, want ErrConflict", err)
		}
	})
}

func TestUpdate_Conflict(t *testing.T) {
	_, l := memory()
	first := entry("e1", "1")
	must(t, l.Update(t.Context(), &first))
	second, ok, err := l.Entry(t.Context(), "e1")
	if err != nil || !ok {
		t.Fatalf("%t, %v", ok, err)
	}
	same(t, first, second)
	first.Text = "faster"
	must(t, l.Update(t.Context(), &first))
	second.Text = "slower"
	if err := l.Update(t.Context(), &second); !errors.Is(err, ledger.ErrConflict) {
		t.Errorf("error %v, want ErrConflict", err)
	}
	unread := entry("e1", "new")
	if err := l.Update(t.Context(), &unread); !errors.Is(err, ledger.ErrConflict) {
		t.Errorf("error %v, want ErrConflict", err)
	}
	got, _, err := l.Entry(t.Context(), "e1")
	must(t, err)
	same(t, "faster", got.Text)
}

func TestEntry_Notice(t *testing.T) {
	e := ledger.Entry{Notifications: []ledger.Notification{{Kind: notice.Warning, Message: "m1"},
		{Kind: notice.Changed, Message: "m2"}}}
	if told := e.Notice(notice.Changed); told == nil || told.Message != "m2" {
		t.Errorf("the notice of the change is %+v", told)
	}
	if told := e.Notice(notice.Undone); told != nil {
		t.Errorf("there is a notice of an undo: %+v", told)
	}
}

func TestOnce(t *testing.T) {
	type ask struct {
		run   string
		after time.Duration
		want  bool
	}
	for _, tc := range []struct {
		name string
		asks []ask
	}{
		{"the first run may", []ask{{"r1", 0, true}}},
		{"the retry of the first run may again", []ask{{"r1", 0, true}, {"r1", minute, true}, {"r1", 2 * day, true}}},
		{"another run may not", []ask{{"r1", 0, true}, {"r2", minute, false}, {"r2", 2 * minute, false}}},
		{"a mark holds to its last instant", []ask{{"r1", 0, true}, {"r2", day, false}}},
		{"another run may after that", []ask{{"r1", 0, true}, {"r2", day + 1, true}, {"r1", day + 2, false}}},
		{"a refusal does not prolong the mark", []ask{{"r1", 0, true}, {"r2", day - 1, false}, {"r3", day + 1, true}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, l := memory()
			for i, ask := range tc.asks {
				now := noon.Add(ask.after)
				got, err := l.Once(t.Context(), "k", ask.run, now, now.Add(day))
				if err != nil || got != ask.want {
					t.Errorf("ask %d of %s after %v: %t, %v; want %t", i+1, ask.run, ask.after, got, err, ask.want)
				}
			}
		})
	}
	t.Run("keys do not disturb each other", func(t *testing.T) {
		_, l := memory()
		for _, key := range []string{"a", "b"} {
			if first, err := l.Once(t.Context(), key, "r-"+key, noon, noon.Add(day)); err != nil || !first {
				t.Errorf("%s: %t, %v", key, first, err)
			}
		}
	})
	t.Run("of two at once one may", func(t *testing.T) {
		store := &interloper{Memory: &ledger.Memory{}, times: 1}
		store.write = func(l *ledger.Ledger) {
			if first, err := l.Once(t.Context(), "k", "faster", noon, noon.Add(day)); err != nil || !first {
				t.Errorf("the faster: %t, %v", first, err)
			}
		}
		if first, err := ledger.New(store).Once(t.Context(), "k", "slower", noon, noon.Add(day)); err != nil || first {
			t.Errorf("the slower: %t, %v; want false", first, err)
		}
	})
	t.Run("what could not be marked may not", func(t *testing.T) {
		store, l := memory()
		store.Fault = refuse("dynamodb:PutItem")
		if first, err := l.Once(t.Context(), "k", "r", noon, noon.Add(day)); err == nil || first {
			t.Errorf("%t, %v; want false and an error", first, err)
		}
	})
	t.Run("a mark expires when it runs out", func(t *testing.T) {
		store, l := memory()
		_, err := l.Once(t.Context(), "k", "r", noon, noon.Add(day))
		must(t, err)
		same(t, noon.Add(day), stored(t, store, "once#k", "once").Expires)
	})
}

func TestCases(t *testing.T) {
	ctx := t.Context()
	t.Run("a case is altered from what it was", func(t *testing.T) {
		_, l := memory()
		must(t, revise(ctx, l, "c", "k", func(c *ledger.Case) {
			same(t, ledger.Case{Control: "c", Key: "k"}, *c)
			c.Subject, c.Opened, c.Changes = "alice", noon, []change.Change{key}
		}))
		must(t, revise(ctx, l, "c", "k", func(c *ledger.Case) { c.Notified = noon.Add(minute) }))
		got, ok, err := l.Case(ctx, "c", "k")
		if err != nil || !ok {
			t.Fatalf("%t, %v", ok, err)
		}
		same(t, ledger.Case{Control: "c", Key: "k", Subject: "alice", Opened: noon, Notified: noon.Add(minute),
			Changes: []change.Change{key}}, got)
	})
	t.Run("what somebody else wrote meanwhile is not lost", func(t *testing.T) {
		store := &interloper{Memory: &ledger.Memory{}, times: 3}
		others := 0
		store.write = func(l *ledger.Ledger) {
			others++
			must(t, revise(ctx, l, "c", "k", func(c *ledger.Case) { c.Reminded = others }))
		}
		must(t, revise(ctx, ledger.New(store), "c", "k", func(c *ledger.Case) { c.Urgent = true }))
		got, _, err := ledger.New(store).Case(ctx, "c", "k")
		must(t, err)
		if got.Reminded != 3 || !got.Urgent {
			t.Errorf("the case is %+v, want what both wrote", got)
		}
	})
	t.Run("against somebody who never stops it gives up", func(t *testing.T) {
		store := &interloper{Memory: &ledger.Memory{}, times: 100}
		store.write = func(l *ledger.Ledger) {
			must(t, revise(ctx, l, "c", "k", func(c *ledger.Case) { c.Reminded++ }))
		}
		if err := revise(ctx, ledger.New(store), "c", "k", func(c *ledger.Case) { c.Urgent = true }); !errors.Is(err,
			ledger.ErrConflict) {
			t.Errorf("error %v, want ErrConflict", err)
		}
	})
	t.Run("the open ones are those of the control that have not ended, oldest first", func(t *testing.T) {
		_, l := memory()
		for i, c := range []ledger.Case{
			{Control: "c", Key: "a", Opened: noon.Add(hour)}, {Control: "c", Key: "b", Opened: noon},
			{Control: "c", Key: "ended", Opened: noon, Closed: noon.Add(hour), Outcome: ledger.Fixed},
			{Control: "other", Key: "d", Opened: noon},
		} {
			c.Subject = fmt.Sprint("user", i)
			must(t, revise(ctx, l, c.Control, c.Key, func(recorded *ledger.Case) { *recorded = c }))
		}
		open, err := l.OpenCases(ctx, "c")
		must(t, err)
		var keys []string
		for _, c := range open {
			keys = append(keys, c.Key)
		}
		same(t, []string{"b", "a"}, keys)
		over, err := l.EndedCases(ctx, "c")
		if err != nil || len(over) != 1 || over[0].Key != "ended" || over[0].Outcome != ledger.Fixed {
			t.Errorf("%+v, %v; want the one that has ended", over, err)
		}
	})
}

func TestCases_EndedOnesAreArchived(t *testing.T) {
	ctx := t.Context()
	ends := func(c *ledger.Case) {
		c.Subject, c.Opened, c.Closed, c.Outcome = "alice", noon, noon.Add(hour), ledger.Acted
	}
	opens := func(c *ledger.Case) {
		*c = ledger.Case{Control: "c", Key: "k", Subject: "alice", Opened: noon.Add(2 * hour)}
	}
	known := func(t *testing.T, l *ledger.Ledger, want ...string) {
		t.Helper()
		_, about, err := l.About(ctx, "alice", noon)
		must(t, err)
		_, all, err := l.All(ctx)
		must(t, err)
		contents, err := l.Contents(ctx)
		must(t, err)
		for _, cases := range [][]ledger.Case{about, all, contents.Cases} {
			var got []string
			for _, c := range cases {
				got = append(got, c.Key+" "+string(c.Outcome))
			}
			same(t, want, got)
		}
	}
	t.Run("what is left of it there is forgotten in a day, and it is known for ever", func(t *testing.T) {
		store, l := memory()
		must(t, revise(ctx, l, "c", "k", func(c *ledger.Case) { c.Subject, c.Opened = "alice", noon }))
		must(t, revise(ctx, l, "c", "k", ends))
		left := stored(t, store, "case#c", "k")
		same(t, noon.Add(hour+day), left.Expires)
		same(t, "", left.Subject)
		same(t, time.Time{}, stored(t, store, "ended#c", "k").Expires)
		known(t, l, "k acted")
	})
	t.Run("one that ends at once is kept by one call", func(t *testing.T) {
		store, l := memory()
		c, _, err := l.Case(ctx, "c", "k")
		must(t, err)
		before := store.Calls()
		_, err = l.ReviseCase(ctx, c, ends)
		must(t, err)
		if made := store.Calls() - before; made != 1 {
			t.Errorf("%d calls, want 1", made)
		}
		known(t, l, "k acted")
	})
	t.Run("one that is opened anew is open, and ends again", func(t *testing.T) {
		_, l := memory()
		for range 2 {
			must(t, revise(ctx, l, "c", "k", opens))
			known(t, l, "k ")
			must(t, revise(ctx, l, "c", "k", ends))
			known(t, l, "k acted")
		}
	})
	t.Run("one that cannot be kept stays open", func(t *testing.T) {
		store, l := memory()
		must(t, revise(ctx, l, "c", "k", opens))
		store.Fault = refuse("dynamodb:PutItem")
		if err := revise(ctx, l, "c", "k", ends); !errors.Is(err, errRefused) {
			t.Errorf("error %v", err)
		}
		store.Fault = nil
		known(t, l, "k ")
	})
	t.Run("one that was read before somebody opened it is read again", func(t *testing.T) {
		_, l := memory()
		c, _, err := l.Case(ctx, "c", "k")
		must(t, err)
		must(t, revise(ctx, l, "c", "k", opens))
		revised, err := l.ReviseCase(ctx, c, func(c *ledger.Case) { c.Reminded = 3 })
		must(t, err)
		if revised.Reminded != 3 || revised.Subject != "alice" {
			t.Errorf("%+v, want what somebody wrote and the reminder", revised)
		}
	})
}

func TestNotes(t *testing.T) {
	store, l := memory()
	ctx := t.Context()
	type note struct{ Seen map[string]int }
	var got note
	if found, err := l.Recall(ctx, "n", &got); found || err != nil {
		t.Errorf("a note that is not there: %t, %v", found, err)
	}
	must(t, l.Remember(ctx, "n", note{map[string]int{"a": 1, "b": 2}}, noon))
	must(t, l.Remember(ctx, "n", note{map[string]int{"a": 3}}, noon.Add(hour)))
	must(t, l.Remember(ctx, "other", note{map[string]int{"z": 1}}, noon))
	found, err := l.Recall(ctx, "n", &got)
	if err != nil || !found {
		t.Errorf("%t, %v", found, err)
	}
	same(t, note{map[string]int{"a": 3}}, got)
	same(t, noon.Add(hour+30*day), stored(t, store, "note#n", "note").Expires)
}

func TestHolds(t *testing.T) {
	store, l := memory()
	ctx := t.Context()
	h := ledger.Hold{Until: noon.Add(7 * day), By: caller.Identity{Claimed: "kim"}, Reason: "needed", Action: "e1-1"}
	must(t, l.SetHold(ctx, key, h))
	other := key
	other.Target = "AKIAOTHER"
	for _, tc := range []struct {
		name string
		c    change.Change
		now  time.Time
		want bool
	}{
		{"holds what was undone", key, noon, true},
		{"holds it whichever way it would change", key.Inverse(), noon, true},
		{"holds to just before its end", key, noon.Add(7*day - 1), true},
		{"does not hold at its end", key, noon.Add(7 * day), false},
		{"holds nothing else", other, noon, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, ok, err := hold(ctx, l, tc.c, tc.now)
			if err != nil || ok != tc.want {
				t.Fatalf("%t, %v; want %t", ok, err, tc.want)
			}
			if ok {
				same(t, h, got)
			}
		})
	}
	t.Run("is remembered for a month after its end", func(t *testing.T) {
		same(t, noon.Add(37*day), stored(t, store, "hold#access key status#alice#AKIAEXAMPLE", "hold").Expires)
	})
	t.Run("is lifted by one that has ended", func(t *testing.T) {
		must(t, l.SetHold(ctx, key, ledger.Hold{Until: noon, By: caller.Identity{Claimed: "lee"}}))
		if _, ok, err := hold(ctx, l, key, noon); ok || err != nil {
			t.Errorf("%t, %v", ok, err)
		}
	})
}

func TestBreaker(t *testing.T) {
	type trial struct {
		step    string
		after   time.Duration
		want    bool
		release bool // instead
	}
	for _, tc := range []struct {
		name  string
		takes []trial
	}{
		{"lets as many through as the limit says", []trial{{"1", 0, true, false}, {"2", minute, true, false},
			{"3", 2 * minute, false, false}}},
		{"does not count a step twice", []trial{{"1", 0, true, false}, {"1", minute, true, false},
			{"2", minute, true, false}, {"1", minute, true, false}}},
		{"lets through again what it let through, even when it is stopped",
			[]trial{{"1", 0, true, false}, {"2", 0, true, false}, {"3", 0, false, false}, {"1", minute, true, false}}},
		{"begins a new hour when one has gone by", []trial{{"1", 0, true, false}, {"2", 59 * minute, true, false},
			{"3", hour, true, false}, {"4", hour, true, false}, {"5", hour, false, false}}},
		{"stays stopped however long it takes", []trial{{"1", 0, true, false}, {"2", 0, true, false},
			{"3", minute, false, false}, {"4", 48 * hour, false, false}}},
		{"goes on when it is released, and counts from nothing", []trial{
			{"1", 0, true, false}, {"2", 0, true, false}, {"3", minute, false, false}, {"", 2 * minute, false, true},
			{"3", 3 * minute, true, false}, {"4", 3 * minute, true, false}, {"5", 3 * minute, false, false},
		}},
		{"begins anew when the clock was put back", []trial{{"1", 0, true, false}, {"2", 0, true, false},
			{"3", -hour, true, false}}},
		{"counts a run that began before the hour, and comes to its changes in it",
			[]trial{{"1", 0, true, false}, {"2", -minute, true, false}, {"3", -minute, false, false}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, l := memory()
			for i, next := range tc.takes {
				now := noon.Add(next.after)
				if next.release {
					before, err := l.Release(t.Context(), "c", caller.Identity{Claimed: "kim"}, "right", now)
					if err != nil || before.Tripped.IsZero() {
						t.Errorf("release: %+v, %v", before, err)
					}
					continue
				}
				through, b, err := take(t.Context(), l, "c", next.step, 2, now)
				if err != nil || through != next.want {
					t.Errorf("take %d, %s after %v: %t, %v; want %t", i+1, next.step, next.after, through, err, next.want)
				}
				if !through && b.Tripped.IsZero() {
					t.Errorf("take %d: not through and not tripped", i+1)
				}
			}
		})
	}
	t.Run("says when it was tripped, and who released it", func(t *testing.T) {
		_, l := memory()
		for _, step := range []string{"1", "2"} {
			_, _, err := take(t.Context(), l, "c", step, 1, noon)
			must(t, err)
		}
		_, b, err := take(t.Context(), l, "c", "3", 1, noon.Add(hour))
		must(t, err)
		same(t, noon, b.Tripped)
		_, err = l.Release(t.Context(), "c", caller.Identity{Claimed: "kim"}, "it is right", noon.Add(2*hour))
		must(t, err)
		b, err = l.Breaker(t.Context(), "c")
		must(t, err)
		same(t, ledger.Breaker{
			Since: noon.Add(2 * hour), Released: noon.Add(2 * hour), By: caller.Identity{Claimed: "kim"}, Reason: "it is right",
		}, b)
	})
	t.Run("controls do not disturb each other", func(t *testing.T) {
		_, l := memory()
		for _, control := range []string{"a", "b"} {
			if through, _, err := take(t.Context(), l, control, "1", 1, noon); err != nil || !through {
				t.Errorf("%s: %t, %v", control, through, err)
			}
		}
	})
	t.Run("of two at the limit one is let through", func(t *testing.T) {
		store := &interloper{Memory: &ledger.Memory{}, times: 1}
		store.write = func(l *ledger.Ledger) {
			if through, _, err := take(t.Context(), l, "c", "faster", 1, noon); err != nil || !through {
				t.Errorf("the faster: %t, %v", through, err)
			}
		}
		if through, b, err := take(t.Context(), ledger.New(store), "c", "slower", 1, noon); err != nil || through ||
			b.Tripped.IsZero() {
			t.Errorf("the slower: %t, %+v, %v; want it stopped", through, b, err)
		}
	})
	t.Run("many at once are let through up to the limit", func(t *testing.T) {
		_, l := memory()
		const limit = 3
		var mu sync.Mutex
		var takers sync.WaitGroup
		count := 0
		for i := range 2 * limit {
			takers.Go(func() {
				// Whoever meets too many others gets a conflict, and its event is retried.
				for {
					through, _, err := take(context.Background(), l, "c", fmt.Sprint(i), limit, noon)
					if errors.Is(err, ledger.ErrConflict) {
						continue
					}
					mu.Lock()
					defer mu.Unlock()
					if err != nil {
						t.Error(err)
					}
					if through {
						count++
					}
					return
				}
			})
		}
		takers.Wait()
		if count != limit {
			t.Errorf("%d let through, want %d", count, limit)
		}
	})
	t.Run("what could not be counted is not let through", func(t *testing.T) {
		store, l := memory()
		store.Fault = refuse("dynamodb:PutItem")
		if through, _, err := take(t.Context(), l, "c", "1", 10, noon); err == nil || through {
			t.Errorf("%t, %v; want false and an error", through, err)
		}
	})
}

func TestRecentChanges(t *testing.T) {
	store, l := memory()
	ctx := t.Context()
	for _, r := range []ledger.RecentChange{
		{Step: "1", At: noon, Actor: "terraform"}, {Step: "2", At: noon.Add(hour)}, {Step: "2", At: noon.Add(2 * hour)},
		{Step: "3", At: noon.Add(23 * hour)},
	} {
		lately, err := l.RecentChanges(ctx, key)
		must(t, err)
		must(t, l.AddRecentChange(ctx, &lately, r))
	}
	for _, tc := range []struct {
		name string
		c    change.Change
		step string
		now  time.Time
		want []string
	}{
		{"of the last day are counted, each step once", key, "4", noon.Add(23 * hour), []string{"1", "2", "3"}},
		{"a day ago are not counted", key, "4", noon.Add(24 * hour), []string{"2", "3"}},
		{"of the step that asks are not counted", key, "3", noon.Add(23 * hour), []string{"1", "2"}},
		{"of the other way are the same thing's", key.Inverse(), "4", noon.Add(23 * hour), []string{"1", "2", "3"}},
		{"of something else are not counted", change.Change{Kind: key.Kind, Subject: "bob", Target: key.Target}, "4", noon,
			nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			found, err := l.RecentChanges(ctx, tc.c)
			must(t, err)
			var steps []string
			for _, r := range found.Done(tc.step, tc.now) {
				steps = append(steps, r.Step)
			}
			same(t, tc.want, steps)
		})
	}
	t.Run("of more than a day ago are forgotten", func(t *testing.T) {
		lately, err := l.RecentChanges(ctx, key)
		must(t, err)
		must(t, l.AddRecentChange(ctx, &lately, ledger.RecentChange{Step: "5", At: noon.Add(3 * day)}))
		item := stored(t, store, "rounds#access key status#alice#AKIAEXAMPLE", "rounds")
		if strings.Contains(item.Body, `"3"`) || !strings.Contains(item.Body, `"5"`) {
			t.Errorf("the rounds are %s", item.Body)
		}
		same(t, noon.Add(5*day), item.Expires)
	})
}

func TestClaim_OneStepAtATime(t *testing.T) {
	read := func(t *testing.T, l *ledger.Ledger) *ledger.RecentChanges {
		t.Helper()
		r, err := l.RecentChanges(t.Context(), key)
		must(t, err)
		return &r
	}
	t.Run("others see that somebody is at it, until then at most", func(t *testing.T) {
		_, l := memory()
		must(t, l.Claim(t.Context(), read(t, l), "1", noon, noon.Add(minute)))
		r := read(t, l)
		if !r.Busy("2", noon) || r.Busy("2", noon.Add(minute)) || r.Busy("1", noon) {
			t.Errorf("busy for another %t, after that time %t, for itself %t", r.Busy("2", noon), r.Busy("2", noon.Add(minute)),
				r.Busy("1", noon))
		}
		if !r.Claimed("1") || r.Claimed("2") {
			t.Errorf("claimed %t, by another %t", r.Claimed("1"), r.Claimed("2"))
		}
		if done := r.Done("2", noon); len(done) > 0 {
			t.Errorf("what has begun is counted as done: %v", done)
		}
	})
	t.Run("of two that read it before, one gets it", func(t *testing.T) {
		_, l := memory()
		first, second := read(t, l), read(t, l)
		must(t, l.Claim(t.Context(), second, "2", noon, noon.Add(minute)))
		if err := l.Claim(t.Context(), first, "1", noon, noon.Add(minute)); !errors.Is(err, ledger.ErrConflict) {
			t.Errorf("error %v, want that there is a conflict", err)
		}
		same(t, true, read(t, l).Busy("1", noon))
	})
	t.Run("whoever read it while it was done does not get it", func(t *testing.T) {
		_, l := memory()
		first, second := read(t, l), read(t, l)
		must(t, l.Claim(t.Context(), second, "2", noon, noon.Add(minute)))
		must(t, l.AddRecentChange(t.Context(), second, ledger.RecentChange{Step: "2", At: noon}))
		if err := l.Claim(t.Context(), first, "1", noon, noon.Add(minute)); !errors.Is(err, ledger.ErrConflict) {
			t.Errorf("error %v, want that there is a conflict", err)
		}
		r := read(t, l)
		if r.Busy("1", noon) || len(r.Done("1", noon)) != 1 {
			t.Errorf("busy %t, done %v; want that it is done once", r.Busy("1", noon), r.Done("1", noon))
		}
	})
	t.Run("what nothing was done to is free again", func(t *testing.T) {
		_, l := memory()
		first, other := read(t, l), read(t, l)
		must(t, l.AddRecentChange(t.Context(), first, ledger.RecentChange{Step: "1", At: noon}))
		claimed := read(t, l)
		must(t, l.Claim(t.Context(), claimed, "2", noon, noon.Add(minute)))
		must(t, l.AddRecentChange(t.Context(), other, ledger.RecentChange{Step: "3",
			At: noon})) // by who did not claim it, as an older version
		must(t, l.Unclaim(t.Context(), claimed, "2", noon))
		r := read(t, l)
		if r.Busy("4", noon) || r.Claimed("2") || len(r.Done("4", noon)) != 2 {
			t.Errorf("busy %t, claimed %t, done %v; want the two rounds alone", r.Busy("4", noon), r.Claimed("2"),
				r.Done("4", noon))
		}
	})
}

func TestContents(t *testing.T) {
	store, l := memory()
	ctx := t.Context()
	for _, e := range []ledger.Entry{
		{ID: "new", Subject: "alice", At: noon.Add(hour)}, {ID: "old", Subject: "alice", At: noon},
		{ID: "bobs", Subject: "bob", At: noon.Add(minute)},
	} {
		must(t, l.Update(ctx, &e))
	}
	must(t, revise(ctx, l, "c", "k2", func(c *ledger.Case) { c.Subject, c.Opened = "alice", noon.Add(2*hour) }))
	must(t, revise(ctx, l, "c", "k1", func(c *ledger.Case) { c.Subject, c.Opened = "alice", noon.Add(hour) }))
	must(t, l.SetHold(ctx, key, ledger.Hold{Until: noon}))
	words := func(entries []ledger.Entry, cases []ledger.Case) string {
		var words []string
		for _, e := range entries {
			words = append(words, e.ID)
		}
		for _, c := range cases {
			words = append(words, c.Key)
		}
		return strings.Join(words, " ")
	}
	entries, cases, err := l.About(ctx, "alice", noon)
	must(t, err)
	same(t, "old new k1 k2", words(entries, cases))
	if len(entries) > 0 { // what was read can be written
		entries[0].Text = "seen"
		must(t, l.Update(ctx, &entries[0]))
	}
	entries, cases, err = l.About(ctx, "alice", noon.Add(minute))
	must(t, err)
	same(t, "new k1 k2", words(entries, cases))
	entries, cases, err = l.All(ctx)
	must(t, err)
	same(t, "old bobs new k1 k2", words(entries, cases))

	t.Run("what cannot be read is an error", func(t *testing.T) {
		for _, partition := range []string{"entry#broken", "case#broken"} {
			must(t, store.Put(ctx, ledger.Item{Partition: partition, Sort: "entry", Subject: partition, At: noon, Body: "{"}))
			if _, _, err := l.About(ctx, partition, noon); err == nil || !strings.Contains(err.Error(), partition) {
				t.Errorf("error %v, want one that names %s", err, partition)
			}
		}
		if _, _, err := l.All(ctx); err == nil {
			t.Error("All: no error")
		}
		if _, err := l.OpenCases(ctx, "broken"); err == nil {
			t.Error("OpenCases: no error")
		}
		if _, _, err := l.Entry(ctx, "broken"); err == nil {
			t.Error("Entry: no error")
		}
	})
}

func refuse(operation string) func(string, bool) error {
	return func(called string, _ bool) error {
		if called == operation {
			return errRefused
		}
		return nil
	}
}

var errRefused = errors.New("refused")

// Whatever cannot be read or written is an error: nothing may be done then.
func TestLedger_FaultsAreReturned(t *testing.T) {
	ctx := t.Context()
	for _, tc := range []struct {
		name       string
		operations string
		call       func(l *ledger.Ledger) error
	}{
		{"Begin", "PutItem", func(l *ledger.Ledger) error { _, err := l.Begin(ctx, claim("h", noon), noon); return err }},
		{"Run", "GetItem", func(l *ledger.Ledger) error { _, _, err := l.Run(ctx, "c", "k"); return err }},
		{"Finish", "PutItem", func(l *ledger.Ledger) error { return l.Finish(ctx, &ledger.Run{Control: "c", Key: "k"}) }},
		{"Record", "PutItem", func(l *ledger.Ledger) error {
			return l.Record(ctx, &ledger.Run{Control: "c", Key: "k"}, []ledger.Entry{entry("e", "")}, true)
		}},
		{"Record without entries", "PutItem", func(l *ledger.Ledger) error {
			return l.Record(ctx, &ledger.Run{Control: "c", Key: "k"}, nil, true)
		}},
		{"Record of what is there", "PutItem", func(l *ledger.Ledger) error {
			return l.Record(ctx, &ledger.Run{Control: "c", Key: "k"}, []ledger.Entry{entry("there", "")}, true)
		}},
		{"Update", "PutItem", func(l *ledger.Ledger) error { e := entry("e", ""); return l.Update(ctx, &e) }},
		{"Entry", "GetItem", func(l *ledger.Ledger) error { _, _, err := l.Entry(ctx, "e"); return err }},
		{"About", "Query", func(l *ledger.Ledger) error { _, _, err := l.About(ctx, "alice", noon); return err }},
		{"All", "Scan", func(l *ledger.Ledger) error { _, _, err := l.All(ctx); return err }},
		{"Once", "PutItem", func(l *ledger.Ledger) error { _, err := l.Once(ctx, "k", "r", noon, noon); return err }},
		{"Case", "GetItem", func(l *ledger.Ledger) error { _, _, err := l.Case(ctx, "c", "k"); return err }},
		{"ReviseCase", "GetItem PutItem", func(l *ledger.Ledger) error {
			return revise(ctx, l, "c", "k", func(*ledger.Case) {})
		}},
		{"OpenCases", "Query", func(l *ledger.Ledger) error { _, err := l.OpenCases(ctx, "c"); return err }},
		{"EndedCases", "Query", func(l *ledger.Ledger) error { _, err := l.EndedCases(ctx, "c"); return err }},
		{"Recall", "GetItem", func(l *ledger.Ledger) error { _, err := l.Recall(ctx, "n", new(string)); return err }},
		{"Remember", "GetItem PutItem", func(l *ledger.Ledger) error { return l.Remember(ctx, "n", "text", noon) }},
		{"Holds", "GetItem", func(l *ledger.Ledger) error { _, _, err := hold(ctx, l, key, noon); return err }},
		{"Holds and a case", "BatchGetItem", func(l *ledger.Ledger) error {
			_, err := l.Holds(ctx, "c", "k", []change.Change{key})
			return err
		}},
		{"Guards", "BatchGetItem", func(l *ledger.Ledger) error {
			_, err := l.Guards(ctx, "c", "", []change.Change{key})
			return err
		}},
		{"Keep a case that ends", "GetItem PutItem", func(l *ledger.Ledger) error {
			return revise(ctx, l, "c", "k", func(c *ledger.Case) { c.Closed = noon })
		}},
		{"SetHold", "PutItem", func(l *ledger.Ledger) error { return l.SetHold(ctx, key, ledger.Hold{}) }},
		{"Take", "PutItem", func(l *ledger.Ledger) error { _, _, err := take(ctx, l, "c", "s", 1, noon); return err }},
		{"Breaker", "GetItem", func(l *ledger.Ledger) error { _, err := l.Breaker(ctx, "c"); return err }},
		{"Release", "GetItem PutItem", func(l *ledger.Ledger) error {
			_, err := l.Release(ctx, "c", caller.Identity{Claimed: "b"}, "r", noon)
			return err
		}},
		{"Rounds", "GetItem", func(l *ledger.Ledger) error { _, err := l.RecentChanges(ctx, key); return err }},
		{"Claim", "PutItem", func(l *ledger.Ledger) error { return l.Claim(ctx, &ledger.RecentChanges{}, "s", noon, noon) }},
		{"KeepDrill", "GetItem PutItem", func(l *ledger.Ledger) error {
			return l.KeepDrill(ctx, ledger.Drill{ID: "d"}, noon)
		}},
		{"Drills", "GetItem", func(l *ledger.Ledger) error { _, err := l.Drills(ctx); return err }},
		{"AddRound", "PutItem", func(l *ledger.Ledger) error {
			return l.AddRecentChange(ctx, &ledger.RecentChanges{}, ledger.RecentChange{})
		}},
		{"Unclaim", "PutItem", func(l *ledger.Ledger) error { return l.Unclaim(ctx, &ledger.RecentChanges{}, "s", noon) }},
	} {
		for operation := range strings.FieldsSeq(tc.operations) {
			t.Run(tc.name+" says that "+operation+" is refused", func(t *testing.T) {
				store, l := memory()
				there := entry("there", "")
				must(t, l.Update(ctx, &there))
				store.Fault = refuse("dynamodb:" + operation)
				if err := tc.call(l); !errors.Is(err, errRefused) {
					t.Errorf("error %v, want that it is refused", err)
				}
			})
		}
		if !strings.Contains(tc.operations, "GetItem") && !slices.Contains([]string{"Begin", "Once", "Take"}, tc.name) ||
			tc.name == "Record of what is there" {
			continue
		}
		t.Run(tc.name+" says what cannot be read", func(t *testing.T) {
			store, l := memory()
			thing := key.Kind + "#" + key.Subject + "#" + key.Target
			for _, at := range [][2]string{
				{"run#c#event-1", "run"}, {"run#c#k", "run"}, {"entry#e", "entry"}, {"once#k", "once"}, {"case#c", "k"},
				{"hold#" + thing, "hold"}, {"breaker#c", "breaker"}, {"rounds#" + thing, "rounds"}, {"note#n", "note"},
				{"drill#all", "drills"},
			} {
				must(t, store.Put(ctx, ledger.Item{Partition: at[0], Sort: at[1], Body: "["}))
			}
			before := store.Calls()
			if err := tc.call(l); err == nil || !strings.Contains(err.Error(), "of the ledger") {
				t.Errorf("error %v, want that the item cannot be read", err)
			}
			if made := store.Calls() - before; made != 1 {
				t.Errorf("%d calls, want the read alone", made)
			}
		})
	}
}

func TestStatus(t *testing.T) {
	for status, want := range map[ledger.Status]struct{ settled, made bool }{
		ledger.Planned: {false, false}, ledger.Applied: {false, true}, ledger.Verified: {true, true}, ledger.Failed: {false,
			false},
		ledger.Skipped: {true, false}, ledger.Held: {false, false}, ledger.Pending: {true, false}, ledger.Observed: {true,
			false}, ledger.Undone: {true, false},
	} {
		if status.Settled() != want.settled || status.Made() != want.made {
			t.Errorf("%s: settled %t, made %t; want %t, %t", status, status.Settled(), status.Made(), want.settled, want.made)
		}
	}
}

func TestLedger_LongNames(t *testing.T) {
	ctx := t.Context()
	_, l := memory()
	name := strings.Repeat("é", 5_000)
	other := name[:len(name)-2] + "è"
	for i, subject := range []string{name, other} {
		e := ledger.Entry{ID: fmt.Sprint("e", i), Control: "c", Subject: subject, At: noon}
		if err := l.Update(ctx, &e); err != nil {
			t.Fatal(err)
		}
		if err := revise(ctx, l, "c", subject, func(c *ledger.Case) { c.Subject, c.Opened = subject, noon }); err != nil {
			t.Fatal(err)
		}
	}
	found, open, err := l.About(ctx, name, noon)
	if err != nil || len(found) != 1 || found[0].Subject != name || len(open) != 1 || open[0].Key != name {
		t.Errorf("%d entries, %d cases, %v: want those of the one name", len(found), len(open), err)
	}
	long := change.Change{Kind: "access key status", Subject: name}
	if err := l.SetHold(ctx, long, ledger.Hold{Until: noon.Add(day), By: caller.Identity{Claimed: "kim"}}); err != nil {
		t.Fatal(err)
	}
	if _, held, err := hold(ctx, l, long, noon); !held || err != nil {
		t.Errorf("what was put back is not held (%v)", err)
	}
	if _, held, err := hold(ctx, l, change.Change{Kind: "access key status", Subject: other}, noon); held || err != nil {
		t.Errorf("a hold on another name holds (%v)", err)
	}
	if first, err := l.Once(ctx, name, "r1", noon, noon.Add(day)); !first || err != nil {
		t.Errorf("first %v, %v", first, err)
	}
	if first, err := l.Once(ctx, name, "r2", noon, noon.Add(day)); first || err != nil {
		t.Errorf("told again: %v, %v", first, err)
	}
}

func TestSweep_TheLast(t *testing.T) {
	begin := time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)
	l := ledger.New(new(ledger.Memory))
	if _, ok, err := l.LastSweep(t.Context(), "a"); ok || err != nil {
		t.Fatalf("a sweep before the first: %v", err)
	}
	for i := range 3 {
		want := ledger.Sweep{At: begin.Add(time.Duration(i) * 24 * time.Hour), Open: i}
		if err := l.KeepSweep(t.Context(), "a", want); err != nil {
			t.Fatal(err)
		}
		if got, ok, err := l.LastSweep(t.Context(), "a"); got != want || !ok || err != nil {
			t.Errorf("%+v, %v, %v, want %+v", got, ok, err, want)
		}
	}
	again := ledger.Sweep{At: begin.Add(48*time.Hour + time.Minute), Open: 9} // in the same hour as the last
	if err := l.KeepSweep(t.Context(), "a", again); err != nil {
		t.Error(err)
	}
	if _, ok, err := l.LastSweep(t.Context(), "b"); ok || err != nil {
		t.Errorf("the sweep of another control: %v", err)
	}
}
