package main

import (
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/iamuser"
)

var now = time.Date(2026, 3, 2, 3, 0, 0, 0, time.UTC)

func TestSweep_CallsGrowNoFasterThanUsers(t *testing.T) {
	b := newBench(t)
	// One user in a hundred matters. Of access keys the first sweep looks besides at those whose day it
	// is, a seventh of the users, and at a hundred in all at least.
	want := map[string][]int{
		"deactivate-stale-access-key":  {105, 186, 861},
		"deactivate-unused-access-key": {16, 133, 253},
		"detach-direct-policy":         {4, 22, 102},
		"require-permissions-boundary": {3, 21, 101},
		"rotate-access-key":            {105, 186, 861},
	}
	got := map[string][]int{}
	for _, control := range sweepers {
		var before Swept
		for _, users := range []int{100, 1000, 5000} {
			swept, err := b.sweepInMemory(t.Context(), crowd(users, now), control, now)
			if err != nil {
				t.Fatal(err)
			}
			got[control] = append(got[control], swept.IAM)
			if before.Users > 0 && swept.Calls*before.Users > before.Calls*swept.Users {
				t.Errorf("%s makes %d calls for %d users, and %d for %d: more for each",
					control, swept.Calls, swept.Users, before.Calls, before.Users)
			}
			before = swept
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("calls to IAM at 100, 1,000 and 5,000 users (-want +got):\n%s", diff)
	}
}

// 5,000 users with 10,000 keys are as many as IAM allows.
func TestSweep_HeapLeavesRoomAtIAMsLimit(t *testing.T) {
	b := newBench(t)
	// Half of a Lambda of 128 MB; the Go runtime and the code take 25 MB of it.
	const most = 64 << 10
	for _, control := range sweepers {
		swept, err := b.sweepInMemory(t.Context(), crowd(5000, now), control, now)
		if err != nil {
			t.Fatal(err)
		}
		if swept.RSSKB > most {
			t.Errorf("%s: the heap grew by %d kB, want at most %d", control, swept.RSSKB, most)
		}
	}
}

func TestSweep_RealFunctionMakesNoMoreCallsThanInMemory(t *testing.T) {
	t.Parallel() // it waits more than it works
	state := crowd(200, now)
	b := newBench(t)
	a, err := b.open(t.Context(), state.Users)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	// A new function opens the secret of the ledger's seals; the first one on the account makes it. In memory it is given.
	// There each sweep begins a ledger, with the halt switch in it, and on the account the first one alone does.
	const opened, made, begun = 2, 2, 2
	secret := map[string]int{"detach-direct-policy": opened + made, "require-permissions-boundary": opened - begun}
	for _, control := range []string{"detach-direct-policy", "require-permissions-boundary"} {
		deployed, err := a.sweep(t.Context(), 200, control, now)
		if err != nil {
			t.Fatal(err)
		}
		memory, err := b.sweepInMemory(t.Context(), state, control, now)
		if err != nil {
			t.Fatal(err)
		}
		// Pages of moto are as long as it likes.
		if deployed.IAM > memory.IAM || deployed.Calls-deployed.IAM != memory.Calls-memory.IAM+secret[control] {
			t.Errorf("%s: %+v on moto, %+v in memory", control, deployed, memory)
		}
		if deployed.RSSKB < 1000 {
			t.Errorf("%s: %d kB resident", control, deployed.RSSKB)
		}
		t.Attr("calls", strconv.Itoa(deployed.Calls))
	}
}

// That refusals are many is for a test of pkg/handler, which waits for nothing: the SDK's retryer goes as
// slowly as half a call a second.
func TestSweep_ThrottledIsSlowerAndDoesNotFail(t *testing.T) {
	t.Parallel() // it waits more than it works
	const users, refusals = 10, 2
	state := crowd(users, now)
	b := newBench(t)
	a, err := b.open(t.Context(), state.Users)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	const control = "deactivate-stale-access-key"
	var mu sync.Mutex
	var open, most int // calls to IAM without an answer yet, and the most of them at once
	serve := a.meter.Handler
	a.meter.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("Authorization"), "/iam/") {
			mu.Lock()
			open++
			most = max(most, open)
			mu.Unlock()
			defer func() {
				mu.Lock()
				defer mu.Unlock()
				open--
			}()
		}
		time.Sleep(200 * time.Millisecond) // more than the pace, so that users are looked at side by side
		serve.ServeHTTP(w, r)
	})
	asked := 0
	a.meter.refuse = func(operation string) string {
		if operation != "iam:ListAccessKeys" {
			return ""
		}
		if asked++; asked < 7 || asked >= 7+refusals {
			return ""
		}
		return "Throttling"
	}
	got, err := a.sweep(t.Context(), users, control, now)
	if err != nil {
		t.Fatal(err)
	}
	if asked != users+refusals {
		t.Errorf("asked for the keys of %d users %d times, want %d", users, asked, users+refusals)
	}
	if most < 2 || most > iamuser.Concurrency {
		t.Errorf("%d calls to IAM at a time, want 2 to %d", most, iamuser.Concurrency)
	}
	t.Attr("calls", strconv.Itoa(got.Calls))
}

// What is held is seen, whenever the garbage is collected.
func TestWatchHeap(t *testing.T) {
	const held = 64 << 20
	growth := watchHeap()
	block := make([]byte, held)
	got := growth()
	runtime.KeepAlive(block)
	if got < held/2 {
		t.Errorf("the heap grew by %d bytes while %d were held", got, held)
	}
}
