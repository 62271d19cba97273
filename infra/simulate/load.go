package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/warder-aws/warder/infra/simulate/deployment"
	"github.com/warder-aws/warder/pkg/iamuser"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// A target is an account with Warder in it that takes load.
type target interface {
	account
	Snapshot(ctx context.Context) (fakeaws.State, error)
	// Deliver puts an event on the bus and returns an answer of each control that it starts.
	Deliver(ctx context.Context, event []byte) ([]deployment.Answer, error)
	// Refuse has the notices of a control refused, of none if it is empty.
	Refuse(ctx context.Context, control string) error
	Idle(ctx context.Context) error
	// TakeKept takes out of the queues what could not be handled, and Redrive hands it to its control again.
	TakeKept(ctx context.Context) ([]deployment.Kept, error)
	Redrive(ctx context.Context, k deployment.Kept) (deployment.Answer, error)
	Ledger() *ledger.Ledger
	TakeNotices(ctx context.Context) ([]notice.Message, error)
	// Calls is how many AWS calls the functions have made.
	Calls(ctx context.Context) (int, error)
	// Functions is the resident memory of the functions' processes, and how many these are; 0 where there are none,
	// or it cannot be read.
	Functions() (bytes int64, processes int)
	Consequences() []deployment.Answer
}

// refused is the control whose notices are refused for a while.
const refused = "alert-console-login"

// loadOptions say what load there is.
type loadOptions struct {
	events    int // that are delivered
	users     int
	seed      uint64
	from      time.Time // when it begins, by the clock of the events
	samples   fs.FS     // of events
	blast     int       // the blast radius
	reached   bool      // the blast radius is meant to be reached
	drop      int       // the number of an event that is lost, for a test; 0 loses none
	schedules map[string]string
	progress  func(delivered int)
}

// span is how long it takes by the clock of the events: longer than the grace period.
const span = 14 * 24 * time.Hour

// workers is how many events are on their way at a time.
const workers = 8

// longest is how long a function can be at work on an event: Lambda's limit
// (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html). By the clock of the events no event is
// handled at the same time as one that arrives later than that.
const longest = 15 * time.Minute

// forever is later than every event.
var forever = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// redriven is the kind of an event that was kept, and was handed to its control again.
const redriven = "redriven"

// delivered is an event that arrived, and what came of it at each control.
type delivered struct {
	kind       string
	begin, end int64
	starts     []string // the controls whose rules match
	answers    []deployment.Answer
}

// memory is what is used, in bytes.
type memory struct {
	Events    int   `json:"events"`              // how many events had been delivered
	Functions int64 `json:"functions,omitempty"` // of the functions' processes, 0 where it cannot be read
	Processes int   `json:"processes,omitempty"` // how many these are
	Heap      int64 `json:"heap"`                // what this process holds of live objects
}

// runRecord is everything that is known of a load, for [runRecord.audit].
type runRecord struct {
	delivered    []delivered
	acts         []act
	first, last  facts
	notices      []notice.Message // without their texts
	kept         []deployment.Kept
	redriven     []delivered
	consequences []deployment.Answer
	contents     ledger.Contents
	memory       []memory
	calls        int
	took         time.Duration
	blast        int
	reached      bool
}

// loadRun is a load while it goes on.
type loadRun struct {
	*company
	runRecord
	o      loadOptions
	target target
	rules  *deployment.Rules

	planned, sent int
	slots         chan struct{}
	flying        sync.WaitGroup
	oldest        time.Time // when the first arrived of the events that may be on their way
	mu            sync.Mutex
}

func runLoad(ctx context.Context, o loadOptions, on target) (*runRecord, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	rules, err := deployment.NewRules(number, o.schedules)
	if err != nil {
		return nil, err
	}
	first, err := on.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	l := &loadRun{
		company: newCompany(ctx, o.seed, o.from, on, o.samples), o: o, target: on, rules: rules,
		slots: make(chan struct{}, workers), runRecord: runRecord{first: factsOf(first), blast: o.blast, reached: o.reached},
	}
	push := func(kind string, at time.Time, json []byte) {
		if l.planned < o.events {
			l.planned++
			l.at(at, func() { l.dispatch(kind, at, json, cancel) })
		}
	}
	l.deliver = func(e event, o outcome) { // soon, or a day late, or twice: none is lost
		at := l.now.Add(o.late)
		json := e.encode(e.id, at)
		push(e.name, at, json)
		if at = at.Add(o.again); o.twice {
			if o.other {
				json = e.encode(e.id+"-again", at)
			}
			push(e.name, at, json)
		}
	}
	l.plan(push)
	begin := time.Now()
	for l.sent < o.events && ctx.Err() == nil && l.err == nil {
		for next := range l.items(forever) {
			l.now = next.at
			next.do()
		}
		if l.sent < o.events {
			l.occurs(occurrence{what: "a policy changes", id: l.turn, seed: l.seed})
		}
	}
	err = l.rest()
	if err := cmp.Or(context.Cause(ctx), l.err, err); err != nil {
		return nil, err
	}
	l.took = time.Since(begin)
	l.measure()
	return &l.runRecord, l.finish(ctx)
}

// plan draws what happens. Things happen together: when people are at work, and when a script runs.
func (l *loadRun) plan(push func(kind string, at time.Time, json []byte)) {
	r := rand.New(rand.NewPCG(l.seed, 2))
	total := 0
	for _, b := range behaviours {
		total += b.share
	}
	bursts := max(l.o.events/40, 2)
	var all []occurrence
	for range l.o.events {
		after := span * 95 / 100 * time.Duration(r.IntN(bursts)) / time.Duration(bursts)
		after += time.Duration(r.Int64N(int64(10 * time.Minute)))
		share := r.IntN(total)
		for _, b := range behaviours {
			if share -= b.share; share < 0 {
				all = append(all, occurrence{what: b.what, who: r.IntN(l.o.users), at: l.o.from.Add(after), seed: r.Uint64()})
				break
			}
		}
	}
	for _, o := range numbered(all) {
		l.at(o.at, func() { l.occurs(o) })
	}
	rounds := min(max(l.o.events/50/max(len(l.o.schedules), 1), 2), 20)
	for round := range rounds {
		at := l.o.from.Add(span * time.Duration(2*round+1) / time.Duration(2*rounds))
		for _, id := range slices.Sorted(maps.Keys(l.o.schedules)) {
			e := l.event("daily-sweep", "", nil, thing{}, details{"resources": []any{l.o.schedules[id]}})
			at := at.Add(time.Duration(r.IntN(40*60)) * time.Second)
			push(e.name, at, e.encode(e.id, at))
		}
	}
	// Two sign-ins in the time in which nobody can be notified.
	quiet := l.o.from.Add(span * 6 / 10)
	refuse := func(control string) { l.fail(errors.Join(l.rest(), l.target.Refuse(l.ctx, control))) }
	l.at(quiet, func() { refuse(refused) })
	for i := range 2 {
		name := person(i % l.o.users)
		e := l.event("iam-console-login-no-mfa", name, nil, thing{}, details{
			"detail.sourceIPAddress": fmt.Sprint(inside, 250+i), // of which nobody was notified lately
			"detail.eventTime":       quiet.Format(time.RFC3339),
		}).by(name, l.user(name))
		at := quiet.Add(time.Duration(i+1) * time.Second)
		push(e.name, at, e.encode(e.id, at))
	}
	l.at(quiet.Add(3*time.Second), func() { refuse("") })
}

func (l *loadRun) dispatch(kind string, at time.Time, json []byte, cancel context.CancelCauseFunc) {
	l.sent++
	n := l.sent
	if at.Sub(l.oldest) > longest {
		l.flying.Wait()
		l.oldest = at
	}
	l.slots <- struct{}{}
	l.flying.Go(func() {
		defer func() { <-l.slots }()
		if err := l.send(kind, json, n == l.o.drop); err != nil {
			cancel(err)
		}
	})
	if n == l.o.events/10 || n == l.o.events/2 {
		l.fail(l.rest())
		l.measure()
	}
	if l.o.progress != nil {
		l.o.progress(n)
	}
	if n%200 == 0 {
		l.fail(l.collect())
	}
}

func (l *loadRun) rest() error {
	l.flying.Wait()
	return l.target.Idle(l.ctx)
}

func (l *loadRun) measure() {
	m := memory{Events: l.sent}
	m.Functions, m.Processes = l.target.Functions()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	m.Heap = int64(stats.HeapAlloc)
	l.memory = append(l.memory, m)
}

// send brings one event to the account, or drops it.
func (l *loadRun) send(kind string, json []byte, drop bool) (err error) {
	d := delivered{kind: kind, begin: l.clock.Add(1)}
	if d.starts, err = l.rules.Match(json); err == nil && l.ctx.Err() == nil && !drop {
		d.answers, err = l.target.Deliver(l.ctx, json)
	}
	d.end = l.clock.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.delivered = append(l.delivered, slim(d))
	return err
}

// slim leaves of the answers what the audit reads.
func slim(d delivered) delivered {
	for i := range d.answers {
		r := &d.answers[i].Report
		r.Notices, r.Reason = nil, r.Reason[:min(len(r.Reason), 200)]
	}
	return d
}

// collect reads the notices that were published.
func (l *loadRun) collect() error {
	all, err := l.target.TakeNotices(l.ctx)
	for _, m := range all {
		l.notices = append(l.notices, notice.Message{
			ID: m.ID, Kind: m.Kind, Control: m.Control, Finding: m.Finding, Subject: m.Subject, Title: m.Title,
		})
	}
	return err
}

// finish brings what was kept to its end, and reads what is there then.
func (l *loadRun) finish(ctx context.Context) (err error) {
	if l.kept, err = l.target.TakeKept(ctx); err != nil {
		return err
	}
	for _, k := range l.kept {
		d := delivered{kind: redriven, begin: l.clock.Add(1), starts: []string{k.Control}}
		answer, err := l.target.Redrive(ctx, k)
		if err != nil {
			return err
		}
		d.end, d.answers = l.clock.Add(1), []deployment.Answer{answer}
		l.redriven = append(l.redriven, slim(d))
	}
	err = l.target.Idle(ctx)
	l.runRecord.acts, l.consequences = l.company.acts, l.target.Consequences()
	calls, err1 := l.target.Calls(ctx)
	err2 := l.collect()
	last, err3 := l.target.Snapshot(ctx)
	contents, err4 := l.target.Ledger().Contents(ctx)
	l.calls, l.last, l.contents = calls, factsOf(last), contents
	return errors.Join(err, err1, err2, err3, err4)
}

// memoryTarget is the account in memory, where the functions run in this process.
type memoryTarget struct {
	inMemory
	*deployment.Memory
}

// openMemory opens an account in memory in which the company is.
func openMemory(o *loadOptions) (target, error) {
	rules, err := deployment.NewRules(number, nil)
	if err != nil {
		return nil, err
	}
	o.schedules = rules.Schedules
	m, err := deployment.NewMemory(deployment.MemoryOptions{
		State: founded(rand.New(rand.NewPCG(o.seed, 1)), o.users, o.from), Rules: rules, Settings: usual(o.blast).function,
		Environments: workers, Concurrency: iamuser.Concurrency,
	})
	if err != nil {
		return nil, err
	}
	return memoryTarget{inMemory{m.Account, m.Account.Config(), func(_ resource, do func()) { do() }}, m}, nil
}
