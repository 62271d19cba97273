package main

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/warder-aws/warder/infra/local/lambdahost"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// A burst is many events for one function.
type burst struct {
	control string
	sample  string   // in events/
	passes  []string // what the function does with the events each time that it gets them
}

// bursts are the measured ones. The first does most: it reads, changes, verifies and notifies.
var bursts = []burst{
	{"detach-direct-policy", "direct-policy-attached.json", []string{"acts", "was handled before"}},
	{"alert-console-login", "iam-console-login-no-mfa.json", []string{"notifies"}},
}

// Bursted is how many events a warm function handles.
type Bursted struct {
	Function string `json:"function"`
	Path     string `json:"path"`
	On       string `json:"on"` // moto, memory, or nothing for the floor
	Events   int    `json:"events"`
	// PerSecond is the number of events in a second of the process's own processor time, without waiting for
	// AWS. In memory it is that of planner, runner and ledger alone, without requests, signatures and answers.
	PerSecond float64 `json:"per_second_per_core"`
	// Elapsed is the number of events in a second of real time, one after the other.
	Elapsed float64 `json:"per_second"`
	// Ratio is the processor time of an event against that of the floor.
	Ratio float64 `json:"ratio"`
}

// warming is how many events a function handles before the measurement.
const warming = 20

// bursts measures how many events one warm function handles on one core, with so many events on each
// path: the real bootstrap on moto, beside our own code in memory and the floor. Events are handled one
// after the other, as by one environment of Lambda.
func (b bench) bursts(ctx context.Context, events int) ([]Bursted, error) {
	state := burdened(events + warming)
	a, err := b.open(ctx, state.Users)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	all, err := b.burst(ctx, a, nil, burst{floorName, bursts[0].sample, []string{"does nothing"}}, events)
	for _, memory := range []*fakeaws.State{nil, &state} {
		for _, burst := range bursts {
			if err != nil {
				return nil, err
			}
			var more []Bursted
			more, err = b.burst(ctx, a, memory, burst, events)
			all = append(all, more...)
		}
	}
	for i := range all {
		all[i].Ratio = all[0].PerSecond / all[i].PerSecond
	}
	return all, err
}

// burst sends a burst through a function on the account, or over a state in memory.
func (b bench) burst(ctx context.Context, a *meteredAccount, state *fakeaws.State, s burst, events int,
) (all []Bursted, err error) {
	sent, err := b.samples(s.sample, events+warming)
	if err != nil {
		return nil, err
	}
	var p place
	on := Moto
	if state != nil {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		on = Memory
		p, err = b.inMemory(*state, s.control, func(s *settings.Settings) { s.BlastRadius = unreached })
	} else {
		var f lambdahost.Function
		f, err = a.oneCore(s.control)
		p = newHost(f)
	}
	if err != nil {
		return nil, err
	}
	defer p.Close()
	if s.control == floorName {
		on = ""
	}
	n := float64(events)
	for _, pass := range s.passes {
		var begin time.Time
		var before time.Duration
		for i, event := range sent {
			if i == warming {
				if before, err = p.processorTime(); err != nil {
					return nil, err
				}
				begin = time.Now()
			}
			if _, err := p.handle(ctx, event); err != nil {
				return nil, err
			}
		}
		elapsed := time.Since(begin).Seconds()
		after, err := p.processorTime()
		if err != nil {
			return nil, err
		}
		made := Bursted{
			Function: s.control, Path: pass, On: on, Events: events,
			PerSecond: n / (after - before).Seconds(), Elapsed: n / elapsed,
		}
		b.progress("%s, which %s: %.0f events a second and core", made.Function, made.Path, made.PerSecond)
		all = append(all, made)
	}
	return all, nil
}

// Queued has the outcomes of events that arrived at once at a function with a concurrency limit.
type Queued struct {
	Concurrency int `json:"concurrency"`
	Events      int `json:"events"`
	// Done events were handled, each with one notice; Kept events ended in the queue of failed ones.
	Done     int `json:"done"`
	Notified int `json:"notified"`
	Kept     int `json:"kept"`
	// Retried events took more than one attempt: the topic refuses the first two notices.
	Retried int `json:"retried"`
	// Waited events had no environment when the first was done; Overtaken events were done after one that came later.
	Waited    int     `json:"waited"`
	Overtaken int     `json:"overtaken"`
	Seconds   float64 `json:"seconds"`
}

const (
	queued   = 24 // events arrive at once at a function with a concurrency limit
	refusals = 2  // notices are refused by the topic at first
)

// queues sends so many events at once to a function that may handle one at a time, two, four: what
// reserved concurrency does. The template reserves none, so that Lambda starts as many environments as
// there are events, up to the account's limit. Events beyond a limit wait in Lambda's own queue, which
// tries to start them for six hours as the template has it, keeps no order and loses none.
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
func (b bench) queues(ctx context.Context, events int) (all []Queued, err error) {
	limits := []int{1, 2, 4}
	a, err := b.open(ctx, burdened(events*len(limits)).Users)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	sent, err := b.samples(bursts[0].sample, events*len(limits))
	if err != nil {
		return nil, err
	}
	for i, concurrency := range limits {
		q, err := a.queue(sent[i*events:(i+1)*events], concurrency)
		if err != nil {
			return nil, err
		}
		all = append(all, q)
	}
	return all, nil
}

// queue sends the events at once.
func (a *meteredAccount) queue(sent [][]byte, concurrency int) (q Queued, err error) {
	function, err := a.oneCore(bursts[0].control)
	if err != nil {
		return q, err
	}
	function.Concurrency = concurrency
	a.meter.take()
	refused := 0
	a.meter.refuse = func(operation string) string {
		if operation != "sns:Publish" || refused == refusals {
			return ""
		}
		refused++
		return "AuthorizationError"
	}
	type done struct {
		nth    int
		result lambdahost.Result
	}
	results := make(chan done, len(sent))
	h := newHost(function)
	defer h.Close()
	begin := time.Now()
	for i, event := range sent {
		answer, err := h.Send(function.Name, event)
		if err != nil {
			return q, fmt.Errorf("send %s an event: %w", function.Name, err)
		}
		go func() { results <- done{i, <-answer} }()
	}
	q = Queued{Concurrency: concurrency, Events: len(sent)}
	latest := -1
	for n := range sent {
		d := <-results
		if n == 0 {
			q.Waited = len(sent) - 1 - len(h.Processes())
		}
		switch {
		case d.result.Failed:
			q.Kept++
		case d.result.Attempts > 0:
			q.Done++
		}
		if d.result.Attempts > 1 {
			q.Retried++
		}
		if d.nth < latest {
			q.Overtaken++
		}
		latest = max(latest, d.nth)
	}
	q.Seconds = time.Since(begin).Seconds()
	q.Notified = a.meter.take()["sns:Publish"] - refused
	return q, nil
}
