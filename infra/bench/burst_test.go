package main

import (
	"net/http"
	"strings"
	"sync"
	"testing"
)

func TestBursts_EveryPathAgainstTheFloor(t *testing.T) {
	const events = 5
	all, err := newBench(t).bursts(t.Context(), events)
	if err != nil {
		t.Fatal(err)
	}
	if want := 1 + 2*3; len(all) != want { // the floor, and each pass on moto and in memory
		t.Fatalf("%d rows, want %d: %+v", len(all), want, all)
	}
	for i, b := range all {
		if b.Events != events || b.PerSecond <= 0 || b.Elapsed <= 0 || b.Ratio <= 0 {
			t.Errorf("row %d: %+v", i, b)
		}
	}
	if all[0].Ratio != 1 || all[0].Function != floorName {
		t.Errorf("the first row is %+v, want the floor", all[0])
	}
}

func TestQueues_NoEventIsLost(t *testing.T) {
	t.Parallel() // it waits more than it works
	const events = 10
	all, err := newBench(t).queues(t.Context(), events)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range all {
		// One event may meet both refusals, if it is tried again before the next is handled.
		if q.Done != events || q.Notified != events || q.Kept != 0 || q.Retried < 1 || q.Retried > refusals {
			t.Errorf("at concurrency %d: %+v, want %d handled and notified, 1 to %d of them retried",
				q.Concurrency, q, events, refusals)
		}
		if q.Waited < 1 || q.Waited > events-1 {
			t.Errorf("at concurrency %d: %d waited", q.Concurrency, q.Waited)
		}
	}
	if len(all) != 3 {
		t.Errorf("%d rows: %+v", len(all), all)
	}
}

// A client and its connection are made once, however many events there are: another handshake for every
// event would take longer than everything else. A call that begins before an earlier connection is idle
// again makes another one, which is no fault: there are fewer connections than events, not one for each.
func TestWarmFunction_KeepsItsConnections(t *testing.T) {
	t.Parallel()
	const events = 20
	b := newBench(t)
	a, err := b.open(t.Context(), burdened(events).Users)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	function, err := a.oneCore(bursts[0].control)
	if err != nil {
		t.Fatal(err)
	}
	sent, err := b.samples(bursts[0].sample, events)
	if err != nil {
		t.Fatal(err)
	}
	var connections sync.Map // by the address of the function's end
	serve := a.meter.Handler
	a.meter.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connections.Store(r.RemoteAddr, true)
		serve.ServeHTTP(w, r)
	})
	h := newHost(function)
	defer h.Close()
	for i, event := range sent {
		if result, err := h.Invoke(t.Context(), function.Name, event); err != nil || result.Failed {
			t.Fatalf("event %d: %s, %v", i, result.Payload, err)
		}
	}
	services := map[string]bool{}
	calls := 0
	for operation, n := range a.meter.take() {
		service, _, _ := strings.Cut(operation, ":")
		services[service], calls = true, calls+n
	}
	made := 0
	connections.Range(func(any, any) bool { made++; return true })
	if made == 0 || made >= events || len(services) < 3 || calls < 10*events {
		t.Errorf("%d connections for %d calls to %d services of %d events", made, calls, len(services), events)
	}
}
