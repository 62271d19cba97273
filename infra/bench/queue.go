package main

import (
	"context"
	"fmt"
	"time"

	"github.com/warder-aws/warder/infra/local/lambdahost"
)

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
	// Waited events had no environment when the first was done; Overtaken events were done after one that
	// came later.
	Waited    int     `json:"waited"`
	Overtaken int     `json:"overtaken"`
	Seconds   float64 `json:"seconds"`
}

// refusals is how many notices the topic refuses at first.
const refusals = 2

// queues sends so many events at once to a function that may handle one at a time, two, four: what
// reserved concurrency does. The template reserves none, so that Lambda starts as many environments as
// there are events, up to the account's limit. Events beyond a limit wait in Lambda's own queue, which
// tries to start them for six hours as the template has it, keeps no order and loses none.
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
func queues(ctx context.Context, events int) ([]Queued, error) {
	limits := []int{1, 2, 4}
	a, err := openAccount(ctx, burdened(events*len(limits)).Users)
	if err != nil {
		return nil, err
	}
	defer a.close()
	sent, err := samples(a.root, paths[0].sample, events*len(limits))
	if err != nil {
		return nil, err
	}
	var all []Queued
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
func (a *meteredAccount) queue(sent [][]byte, concurrency int) (Queued, error) {
	function, err := a.oneCore(paths[0].control)
	if err != nil {
		return Queued{}, err
	}
	function.Concurrency = concurrency
	a.meter.reset()
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
			return Queued{}, fmt.Errorf("send %s an event: %w", function.Name, err)
		}
		go func() { results <- done{i, <-answer} }()
	}
	q := Queued{Concurrency: concurrency, Events: len(sent)}
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
	q.Notified = a.meter.counted()["sns:Publish"] - refused
	return q, nil
}
