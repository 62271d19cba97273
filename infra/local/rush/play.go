package rush

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
)

// A Carrier brings the traffic to an account and says what is there.
type Carrier interface {
	// Config is for calls of people, which make no events.
	Config() aws.Config
	// StartSession starts a session of Session Manager.
	StartSession(ctx context.Context, s Session) error
	// Deliver puts an event on the bus at a time, waits until the controls that it starts are done with
	// it, and returns an answer of each.
	Deliver(ctx context.Context, at time.Time, event []byte) ([]Answer, error)
	// Refuse has notices of the control [Refused] refused, or no longer.
	Refuse(ctx context.Context, on bool) error
	// Idle waits until nothing is at work.
	Idle(ctx context.Context) error
	// TakeKept takes out of the queues what could not be handled.
	TakeKept(ctx context.Context) ([]Kept, error)
	// Again hands a control what was kept.
	Again(ctx context.Context, k Kept) (Answer, error)
	// Ledger is the account's ledger.
	Ledger() *ledger.Ledger
	// TakeNotices returns what was published since it was asked last.
	TakeNotices(ctx context.Context) ([]notice.Message, error)
	// Calls is how many AWS calls the controls have made.
	Calls(ctx context.Context) (int, error)
	// Functions is the resident memory of the functions' processes, and how many these are; 0 where
	// there are none, or it cannot be read.
	Functions() (bytes int64, processes int)
	// Consequences are what came of events that are not of the plan: those of Warder's own changes.
	Consequences() []Answer
}

// Answer is what a control answered to an event.
type Answer struct {
	Report   remediation.Report
	Failed   bool // after all tries; the report is empty then
	Attempts int
	Took     time.Duration // the last try
}

// Kept is an event that is kept because a control could not handle it.
type Kept struct {
	Control string
	Event   []byte
}

// Memory is what is used, in bytes.
type Memory struct {
	// Events is how many events had been delivered.
	Events int `json:"events"`
	// Functions is the resident memory of the functions' processes, 0 where there are none or it cannot
	// be read; Processes is how many they are.
	Functions int64 `json:"functions,omitempty"`
	Processes int   `json:"processes,omitempty"`
	// Heap is what this process holds of live objects.
	Heap int64 `json:"heap"`
}

// Delivered is an event that arrived, and what came of it at each control.
type Delivered struct {
	Kind       string
	Begin, End int64
	Starts     []string // the controls whose rules match
	Answers    []Answer
}

// Books are everything that is known of a play, for [Books.Check].
type Books struct {
	Delivered    []Delivered
	Acts         []Act
	First, Last  State
	Notices      []notice.Message // without their words
	Kept         []Kept
	Redriven     []Delivered
	Consequences []Answer
	Contents     ledger.Contents
	Memory       []Memory
	Calls        int
	Took         time.Duration
	// BlastRadius is the setting; Reached says that it is meant to be reached.
	BlastRadius int
	Reached     bool
}

// Options are how a plan is played.
type Options struct {
	Plan
	// Matches names the controls whose rules match an event.
	Matches func(event []byte) ([]string, error)
	// Workers is how many events are on their way at a time.
	Workers     int
	BlastRadius int
	// Reached says that the blast radius is meant to be reached.
	Reached bool
	// Progress is told of how many events were delivered.
	Progress func(delivered int)
	// Drop loses the nth event, for a test of what is checked; 0 loses none.
	Drop int
}

// longest is how long a function can be at work on an event: Lambda's limit
// (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html). By the clock of the events
// no event is handled at the same time as one that arrives later than that.
const longest = 15 * time.Minute

// forever is later than every event.
var forever = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// road is the events that are on their way, and when they arrive.
type road struct {
	mu      sync.Mutex
	left    *sync.Cond
	arrives map[int]time.Time
}

func newRoad() *road {
	r := &road{arrives: map[int]time.Time{}}
	r.left = sync.NewCond(&r.mu)
	return r
}

func (r *road) enter(n int, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.arrives[n] = at
}

func (r *road) leave(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.arrives, n)
	r.left.Broadcast()
}

// wait waits until none is on its way that arrives before that.
func (r *road) wait(before time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for slices.ContainsFunc(slices.Collect(maps.Values(r.arrives)), before.After) {
		r.left.Wait()
	}
}

// job is an event on its way.
type job struct {
	n     int
	item  item
	event []byte
}

// Play plays the plan on the account of the carrier.
func Play(ctx context.Context, o Options, carrier Carrier) (*Books, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	books := &Books{BlastRadius: o.BlastRadius, Reached: o.Reached}
	clock := &atomic.Int64{}
	p := newPeople(ctx, o.Plan, carrier, clock)
	first, err := p.look()
	if err != nil {
		return nil, err
	}
	books.First = first
	items := o.plan(slices.Collect(maps.Keys(p.ids)))

	begin := time.Now()
	jobs := make(chan job)
	var workers sync.WaitGroup
	var lock sync.Mutex
	road := newRoad()
	for range o.Workers {
		workers.Go(func() {
			for j := range jobs {
				d, err := o.deliver(ctx, carrier, clock, j)
				if err != nil {
					cancel(err)
				}
				lock.Lock()
				books.Delivered = append(books.Delivered, d)
				lock.Unlock()
				road.leave(j.n)
			}
		})
	}
	err = o.walk(ctx, books, items, p, carrier, road, jobs)
	close(jobs)
	workers.Wait()
	if err := cmp.Or(context.Cause(ctx), err); err != nil {
		return nil, err
	}
	if err := carrier.Idle(ctx); err != nil {
		return nil, err
	}
	books.Took = time.Since(begin)
	books.Memory = append(books.Memory, measure(carrier, o.Events))
	return books, o.close(ctx, books, p, carrier, clock)
}

// walk has people act, and the events of it go out.
func (o Options) walk(ctx context.Context, books *Books, items []item, p *people, carrier Carrier, road *road, jobs chan<- job) error {
	n := 0
	rest := func() error {
		road.wait(forever)
		return carrier.Idle(ctx)
	}
	for _, i := range items {
		switch {
		case i.refuse, i.admit:
			if err := errors.Join(rest(), carrier.Refuse(ctx, i.refuse)); err != nil {
				return err
			}
		case i.act:
			if err := i.of.act(i.of, p); err != nil {
				return fmt.Errorf("%s: %w", i.kind, err)
			}
		default:
			n++
			event, err := i.event(n, p)
			if err != nil {
				return err
			}
			road.wait(i.at.Add(-longest))
			road.enter(n, i.at)
			select {
			case jobs <- job{n, i, event}:
			case <-ctx.Done():
				return nil
			}
			if n == o.Events/10 || n == o.Events/2 {
				if err := rest(); err != nil {
					return err
				}
				books.Memory = append(books.Memory, measure(carrier, n))
			}
			if o.Progress != nil {
				o.Progress(n)
			}
			if n%200 == 0 {
				if err := books.collect(ctx, carrier); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func measure(carrier Carrier, n int) Memory {
	m := Memory{Events: n}
	m.Functions, m.Processes = carrier.Functions()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	m.Heap = int64(stats.HeapAlloc)
	return m
}

// deliver brings one event to the account.
func (o Options) deliver(ctx context.Context, carrier Carrier, clock *atomic.Int64, j job) (Delivered, error) {
	d := Delivered{Kind: j.item.kind, Begin: clock.Add(1)}
	var err error
	if d.Starts, err = o.Matches(j.event); err != nil || ctx.Err() != nil {
		return d, err
	}
	if j.n != o.Drop {
		d.Answers, err = carrier.Deliver(ctx, j.item.at, j.event)
	}
	d.End = clock.Add(1)
	for i := range d.Answers {
		slim(&d.Answers[i])
	}
	return d, err
}

// slim leaves of an answer what the check looks at.
func slim(a *Answer) {
	a.Report.Notices = nil
	if len(a.Report.Reason) > 200 {
		a.Report.Reason = a.Report.Reason[:200]
	}
}

// collect reads the notices that were published.
func (b *Books) collect(ctx context.Context, carrier Carrier) error {
	all, err := carrier.TakeNotices(ctx)
	for _, m := range all {
		b.Notices = append(b.Notices, notice.Message{ID: m.ID, Kind: m.Kind, Control: m.Control, Finding: m.Finding, Subject: m.Subject, Title: m.Title})
	}
	return err
}

// close brings what was kept to its end, and reads what is there then.
func (o Options) close(ctx context.Context, books *Books, p *people, carrier Carrier, clock *atomic.Int64) (err error) {
	if books.Kept, err = carrier.TakeKept(ctx); err != nil {
		return err
	}
	for _, k := range books.Kept {
		d := Delivered{Kind: "redriven", Begin: clock.Add(1), Starts: []string{k.Control}}
		answer, err := carrier.Again(ctx, k)
		if err != nil {
			return err
		}
		slim(&answer)
		d.End, d.Answers = clock.Add(1), []Answer{answer}
		books.Redriven = append(books.Redriven, d)
	}
	if err := carrier.Idle(ctx); err != nil {
		return err
	}
	books.Acts, books.Consequences = p.acts, carrier.Consequences()
	if books.Calls, err = carrier.Calls(ctx); err != nil {
		return err
	}
	if err := books.collect(ctx, carrier); err != nil {
		return err
	}
	if books.Last, err = p.look(); err != nil {
		return err
	}
	books.Contents, err = carrier.Ledger().Contents(ctx)
	return err
}
