package ledger

import (
	"errors"
	"testing"
	"time"
)

func TestThread(t *testing.T) {
	ctx, l := t.Context(), New(&Memory{})
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	ask := func(holder string, at time.Time) (string, error) {
		return l.Thread(ctx, "C1#incident", holder, at, at.Add(time.Minute))
	}
	want := func(what, root string, err, wanted error, wantedRoot string) {
		t.Helper()
		if !errors.Is(err, wanted) || root != wantedRoot {
			t.Errorf("%s: root %q, %v; want %q, %v", what, root, err, wantedRoot, wanted)
		}
	}
	root, err := ask("a", now)
	want("the first one begins the thread", root, err, nil, "")
	root, err = ask("b", now)
	want("another one waits for it", root, err, ErrHeld, "")
	root, err = ask("a", now)
	want("who is at it may go on", root, err, nil, "")
	root, err = ask("b", now.Add(2*time.Minute))
	want("who took too long is replaced", root, err, nil, "")
	if err := l.BeginThread(ctx, "C1#incident", "a", "1.1", now); err != nil {
		t.Fatal(err)
	}
	root, err = ask("c", now.Add(2*time.Minute))
	want("and does not become the root any more", root, err, ErrHeld, "")
	if err := l.BeginThread(ctx, "C1#incident", "b", "", now); err != nil {
		t.Fatal(err)
	}
	root, err = ask("c", now.Add(2*time.Minute))
	want("a thread that is given back is the next one's", root, err, nil, "")
	if err := l.BeginThread(ctx, "C1#incident", "c", "3.1", now.Add(2*time.Minute)); err != nil {
		t.Fatal(err)
	}
	for _, days := range []int{1, 20, 45, 70} {
		root, err = ask("d", now.AddDate(0, 0, days))
		want("the root stays while there are messages", root, err, nil, "3.1")
	}
	root, err = ask("d", now.AddDate(0, 0, 101))
	want("a month after the last message it begins anew", root, err, nil, "")
}

func TestThread_RootNotFound(t *testing.T) {
	ctx, l := t.Context(), New(&Memory{})
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	begin := func(holder, id string) {
		t.Helper()
		if root, err := l.Thread(ctx, "t", holder, now, now.Add(time.Minute)); root != "" || err != nil {
			t.Fatalf("Thread = %q, %v", root, err)
		}
		if err := l.BeginThread(ctx, "t", holder, id, now); err != nil {
			t.Fatal(err)
		}
	}
	begin("a", "1.1")
	if err := l.EndThread(ctx, "t", "1.1", now); err != nil {
		t.Fatal(err)
	}
	begin("b", "2.1")
	if err := l.EndThread(ctx, "t", "1.1", now); err != nil {
		t.Fatal(err)
	}
	if root, err := l.Thread(ctx, "t", "c", now, now.Add(time.Minute)); root != "2.1" || err != nil {
		t.Errorf("the new thread was ended for the old one: %q, %v", root, err)
	}
}

func TestAllow(t *testing.T) {
	ctx, l := t.Context(), New(&Memory{})
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	allow := func(name, of string, after, want time.Duration) {
		t.Helper()
		if wait, err := l.Allow(ctx, of, 1, time.Second, now.Add(after)); err != nil || wait != want {
			t.Errorf("%s: wait %s, %v; want %s", name, wait, err, want)
		}
	}
	allow("the first", "C1", 0, 0)
	allow("the next", "C1", 0, time.Second)
	allow("the next, asked later", "C1", 600*time.Millisecond, 400*time.Millisecond)
	allow("another channel", "C2", 0, 0)
	allow("after the time", "C1", time.Second, 0)
	allow("who has a slow clock", "C1", 500*time.Millisecond, time.Second)
}

func TestRest(t *testing.T) {
	ctx, l := t.Context(), New(&Memory{})
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	rest := func(name string, asked, want time.Duration) {
		t.Helper()
		pause, err := l.Rest(ctx, "C1", asked, now)
		if err != nil || pause != want {
			t.Errorf("%s: %s, %v; want %s", name, pause, err, want)
		}
		wait, err := l.Allow(ctx, "C1", 1, time.Second, now.Add(time.Second))
		if err != nil || wait != pause-time.Second {
			t.Errorf("%s: allowed in %s, %v", name, wait, err)
		}
		now = now.Add(pause)
	}
	rest("the first", 0, 5*time.Second)
	rest("right after it", 0, 10*time.Second)
	rest("as long as is asked for", time.Minute, time.Minute)
	rest("again", 0, 2*time.Minute)
	rest("not for ever", 1000*time.Hour, 15*time.Minute)
	rest("nor again", 0, 15*time.Minute)
	now = now.Add(time.Hour)
	rest("after a while", 0, 5*time.Second)
	if wait, err := l.Allow(ctx, "C1", 1, time.Second, now); err != nil || wait != 0 {
		t.Errorf("after the rest: %s, %v", wait, err)
	}
}

func TestAllow_Fault(t *testing.T) {
	broken := errors.New("no table")
	l := New(&Memory{Fault: func(string, bool) error { return broken }})
	if _, err := l.Allow(t.Context(), "C1", 1, time.Second, time.Now()); !errors.Is(err, broken) {
		t.Errorf("err = %v", err)
	}
}

func TestDelivery(t *testing.T) {
	ctx, l := t.Context(), New(&Memory{})
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	begin := func(what, holder string, at time.Time, want error) {
		t.Helper()
		if err := l.BeginDelivery(ctx, "n1", holder, at, at.Add(time.Minute)); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
	end := func(holder string, done bool) {
		t.Helper()
		if err := l.EndDelivery(ctx, "n1", holder, done, now); err != nil {
			t.Fatal(err)
		}
	}
	begin("the first one", "a", now, nil)
	begin("the same one again", "a", now, nil)
	begin("another one at the same time", "b", now, ErrHeld)
	begin("another one when the first is overdue", "b", now.Add(2*time.Minute), nil)
	end("a", false) // too late: it is another one's
	begin("a third one", "c", now.Add(2*time.Minute), ErrHeld)
	end("b", false)
	begin("after a failure", "c", now.Add(2*time.Minute), nil)
	end("c", true)
	begin("when it was delivered", "d", now.AddDate(0, 0, 1), ErrDone)
	begin("to whom delivered it", "c", now.AddDate(0, 0, 1), ErrDone)
}
