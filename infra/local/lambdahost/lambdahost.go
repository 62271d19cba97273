// Package lambdahost runs function binaries as Lambda does: over the Lambda Runtime API, with nothing in
// their environment but what they are given, one process for each function, or as many as it may have
// at a time, started at the first invocation and used again for the next.
//
// It does not know what a function is for. Whoever makes the host decides where a function's output and its
// failed events go.
package lambdahost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/warder-aws/warder/infra/local/eventfile"
)

// A Function is what the host needs to run one function.
type Function struct {
	Name    string
	ARN     string
	Binary  string            // path of the bootstrap
	Env     map[string]string // the whole environment, without AWS_LAMBDA_RUNTIME_API
	Timeout time.Duration
	Retries int // of an asynchronous event after the first attempt: 0 to 2
	// Concurrency is how many events it handles at a time, each in a process of its own; 1 when 0.
	Concurrency int
}

// Options are what a host does with what happens.
type Options struct {
	// RetryDelays are the pauses before the second and the third attempt of an asynchronous event.
	// Lambda waits one minute, then two.
	RetryDelays []time.Duration
	// Log receives lines that a function wrote, in order.
	Log func(function string, lines []Line)
	// Failed receives the record of an event that failed in all attempts:
	// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
	Failed func(function string, record []byte)
	// Done receives every event that is done with, failed or not.
	Done func(Result)
}

// A Line is one line of a function's output.
type Line struct {
	At   time.Time
	Text string
}

// A Result is what came of one event.
type Result struct {
	Function  string
	RequestID string
	Event     []byte
	Payload   []byte // the function's answer, or its error as Lambda reports it
	Failed    bool   // whether Payload is an error
	Cold      bool   // whether the process was started for it
	Attempts  int
	Sync      bool          // whether somebody waited for the answer
	Duration  time.Duration // of the last attempt
	Log       []byte        // what the function wrote during the last attempt, its last 4 KB
}

// ErrUnknown is the error of an invocation of a function that the host does not have.
var ErrUnknown = errors.New("function not found")

// ErrClosed is the error of an invocation that the end of the host cut short.
var ErrClosed = errors.New("the local account has ended")

// A Host runs functions.
type Host struct {
	options   Options
	functions map[string]*slot
	context   context.Context
	cancel    context.CancelFunc

	mu      sync.Mutex
	pending int
	idle    chan struct{} // closed when pending is 0
}

// slot is one function, and what it runs in.
type slot struct {
	function Function
	all      []*environment
	idle     chan *environment // those that nobody uses
}

// environment is an execution environment: the one process that it has at a time.
type environment struct {
	function Function
	process  *process
	pid      atomic.Int64 // of the process, 0 for none
}

// New makes a host of the functions. It starts no process: the first invocation does.
func New(functions []Function, options Options) *Host {
	if options.RetryDelays == nil {
		options.RetryDelays = []time.Duration{200 * time.Millisecond, 400 * time.Millisecond}
	}
	if options.Log == nil {
		options.Log = func(string, []Line) {}
	}
	if options.Failed == nil {
		options.Failed = func(string, []byte) {}
	}
	if options.Done == nil {
		options.Done = func(Result) {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	h := &Host{options: options, functions: map[string]*slot{}, context: ctx, cancel: cancel, idle: make(chan struct{})}
	close(h.idle)
	for _, function := range functions {
		environments := max(function.Concurrency, 1)
		s := &slot{function: function, idle: make(chan *environment, environments)}
		for range environments {
			e := &environment{function: function}
			s.all = append(s.all, e)
			s.idle <- e
		}
		h.functions[function.Name] = s
	}
	return h
}

// Invoke runs a function with the event and waits for its answer, as the invocation type
// RequestResponse does: no retries, no failure record.
func (h *Host) Invoke(ctx context.Context, name string, event []byte) (Result, error) {
	s, ok := h.functions[name]
	if !ok {
		return Result{}, fmt.Errorf("invoke %q: %w", name, ErrUnknown)
	}
	if !h.begin() {
		return Result{}, ErrClosed
	}
	defer h.end()
	result, err := s.run(ctx, h, eventfile.NewID(), event)
	if err != nil {
		return Result{}, err
	}
	result.Attempts, result.Sync = 1, true
	h.options.Done(result)
	return result, nil
}

// Warm starts the function's process, if there is none, and waits until it asks for an event, as
// provisioned concurrency does. It returns how long that took from the start of the process, which is
// what Lambda reports as the init duration.
func (h *Host) Warm(ctx context.Context, name string) (time.Duration, error) {
	s, ok := h.functions[name]
	if !ok {
		return 0, fmt.Errorf("warm %q: %w", name, ErrUnknown)
	}
	e, err := s.take(ctx, h)
	if err != nil {
		return 0, err
	}
	defer func() { s.idle <- e }()
	if err := e.start(h); err != nil {
		return 0, err
	}
	if !e.process.waitReady(ctx) {
		e.process.stop()
		e.forget()
		return 0, fmt.Errorf("warm %q: it did not ask for an event", name)
	}
	return e.process.took, nil
}

// Send queues the event for a function, as the invocation type Event does, and returns at once. The
// channel yields the result once it is final; it yields nothing when the host is closed before.
func (h *Host) Send(name string, event []byte) (<-chan Result, error) {
	s, ok := h.functions[name]
	if !ok {
		return nil, fmt.Errorf("invoke %q: %w", name, ErrUnknown)
	}
	if !h.begin() {
		return nil, ErrClosed
	}
	done := make(chan Result, 1)
	go func() {
		defer h.end()
		defer close(done)
		if result, ok := h.attempts(s, event); ok {
			h.options.Done(result)
			done <- result
		}
	}()
	return done, nil
}

// attempts runs the function until it succeeds or its retries are used up. The request id stays the
// same, as in Lambda.
func (h *Host) attempts(s *slot, event []byte) (Result, bool) {
	id := eventfile.NewID()
	for attempt := 1; ; attempt++ {
		result, err := s.run(h.context, h, id, event)
		if err != nil {
			return Result{}, false
		}
		result.Attempts = attempt
		if !result.Failed {
			return result, true
		}
		if attempt > s.function.Retries || attempt > len(h.options.RetryDelays) {
			h.options.Failed(s.function.Name, failureRecord(s.function, result))
			return result, true
		}
		select {
		case <-time.After(h.options.RetryDelays[attempt-1]):
		case <-h.context.Done():
			return Result{}, false
		}
	}
}

// run waits for the function's turn and runs one attempt.
func (s *slot) run(ctx context.Context, h *Host, id string, event []byte) (Result, error) {
	e, err := s.take(ctx, h)
	if err != nil {
		return Result{}, err
	}
	defer func() { s.idle <- e }()

	result := Result{Function: s.function.Name, RequestID: id, Event: event}
	answer := e.answer(h, id, event, &result)
	if h.context.Err() != nil {
		return Result{}, ErrClosed
	}
	result.Payload, result.Failed = answer.payload, answer.failed
	result.Duration, result.Log = answer.duration, answer.log
	return result, nil
}

// take waits for an environment that nobody uses. Whoever takes it puts it back.
func (s *slot) take(ctx context.Context, h *Host) (*environment, error) {
	select {
	case e := <-s.idle:
		return e, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("invoke %q: %w", s.function.Name, ctx.Err())
	case <-h.context.Done():
		return nil, ErrClosed
	}
}

// start starts a process if there is none.
func (e *environment) start(h *Host) error {
	if e.process != nil {
		return nil
	}
	process, err := start(h.context, e.function, h.options)
	if err != nil {
		return err
	}
	e.process = process
	e.pid.Store(int64(process.command.Process.Pid))
	return nil
}

// answer starts a process if there is none and hands it the event.
func (e *environment) answer(h *Host, id string, event []byte, result *Result) answer {
	for {
		result.Cold = result.Cold || e.process == nil
		if err := e.start(h); err != nil {
			return failed(id, "Runtime.InvalidEntrypoint", err.Error())
		}
		answer, state := e.process.invoke(h.context, id, event)
		switch state {
		case alive:
			return answer
		case gone: // ended since the last invocation, as a function does after a panic
			e.forget()
		case spent: // ended, or had to be ended, by this one
			e.forget()
			return answer
		}
	}
}

// forget has the environment start another process.
func (e *environment) forget() {
	e.process = nil
	e.pid.Store(0)
}

// Processes are the process ids of the functions' processes.
func (h *Host) Processes() []int {
	var processes []int
	for _, s := range h.functions {
		for _, e := range s.all {
			if pid := e.pid.Load(); pid != 0 {
				processes = append(processes, int(pid))
			}
		}
	}
	return processes
}

// Close ends every process and waits until all have ended. Events that are not done with are dropped.
func (h *Host) Close() {
	h.cancel()
	_ = h.Idle(context.Background())
	for _, s := range h.functions {
		for range s.all {
			e := <-s.idle // nobody begins anything any more
			if e.process != nil {
				e.process.stop()
				e.forget()
			}
		}
		for _, e := range s.all {
			s.idle <- e
		}
	}
}

// Idle waits until no event is queued or being handled.
func (h *Host) Idle(ctx context.Context) error {
	for {
		h.mu.Lock()
		pending, idle := h.pending, h.idle
		h.mu.Unlock()
		if pending == 0 {
			return nil
		}
		select {
		case <-idle:
		case <-ctx.Done():
			return fmt.Errorf("wait until functions are idle: %w", ctx.Err())
		}
	}
}

// Hold keeps the host from being idle until release is called, for what is on its way to a function.
func (h *Host) Hold() (release func(), ok bool) {
	if !h.begin() {
		return nil, false
	}
	return sync.OnceFunc(h.end), true
}

func (h *Host) begin() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.context.Err() != nil {
		return false
	}
	if h.pending == 0 {
		h.idle = make(chan struct{})
	}
	h.pending++
	return true
}

func (h *Host) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.pending--; h.pending == 0 {
		close(h.idle)
	}
}

// failureRecord is what Lambda sends to an on-failure destination.
func failureRecord(function Function, result Result) []byte {
	record, _ := json.Marshal(map[string]any{ // cannot fail: maps of strings, numbers and valid JSON
		"version":   "1.0",
		"timestamp": time.Now().UTC().Format("2006-01-02T15:04:05.000Z"),
		"requestContext": map[string]any{
			"requestId":              result.RequestID,
			"functionArn":            function.ARN + ":$LATEST",
			"condition":              "RetriesExhausted",
			"approximateInvokeCount": result.Attempts,
		},
		"requestPayload": asJSON(result.Event),
		"responseContext": map[string]any{
			"statusCode":      200,
			"executedVersion": "$LATEST",
			"functionError":   "Unhandled",
		},
		"responsePayload": asJSON(result.Payload),
	})
	return record
}

// asJSON is data itself, or data as a JSON string when it is no JSON.
func asJSON(data []byte) json.RawMessage {
	if json.Valid(data) {
		return data
	}
	text, _ := json.Marshal(string(data)) // cannot fail: a string
	return text
}
