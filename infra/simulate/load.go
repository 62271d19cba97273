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
	// Snapshot is what the account holds.
	Snapshot(ctx context.Context) (fakeaws.State, error)
	// Deliver puts an event on the bus and returns an answer of each control that it starts.
	Deliver(ctx context.Context, event []byte) ([]deployment.Answer, error)
	// Refuse has the notices of a control refused, of none if it is empty.
	Refuse(ctx context.Context, control string) error
	// Idle waits until no function is at work.
	Idle(ctx context.Context) error
	// TakeKept takes out of the queues what could not be handled, and Redrive hands it to its control again.
	TakeKept(ctx context.Context) ([]deployment.Kept, error)
	Redrive(ctx context.Context, k deployment.Kept) (deployment.Answer, error)
	Ledger() *ledger.Ledger
	// TakeNotices returns the notices since it was called last.
	TakeNotices(ctx context.Context) ([]notice.Message, error)
	// Calls is how many AWS calls the functions have made.
	Calls(ctx context.Context) (int, error)
	// Functions is the resident memory of the functions' processes, and how many these are; 0 where there are none,
	// or it cannot be read.
	Functions() (bytes int64, processes int)
	// Consequences are the answers to events of Warder's own changes.
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

// delivered is an event that arrived, and what came of it at each control.
type delivered struct {
	kind       string
	begin, end int64
	starts     []string // the controls whose rules match
	answers    []deployment.Answer
}

// memory is what is used, in bytes.
type memory struct {
	// Events is how many events had been delivered.
	Events int `json:"events"`
	// Functions is the resident memory of the functions' processes, 0 where there are none or it cannot be read;
	// Processes is how many they are.
	Functions int64 `json:"functions,omitempty"`
	Processes int   `json:"processes,omitempty"`
	// Heap is what this process holds of live objects.
	Heap int64 `json:"heap"`
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
	jobs          chan job
	mu            sync.Mutex
	left          *sync.Cond
	arrives       map[int]time.Time // of events on their way
}

// job is an event on its way.
type job struct {
	n    int
	at   time.Time
	kind string
	json []byte
}

// runLoad puts a load on the target.
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
		company: newCompany(ctx, o.seed, o.from, on, o.samples), o: o, target: on, rules: rules, jobs: make(chan job),
		arrives: map[int]time.Time{}, runRecord: runRecord{first: factsOf(first), blast: o.blast, reached: o.reached},
	}
	l.left = sync.NewCond(&l.mu)
	l.deliver = l.enqueue
	l.plan()

	begin := time.Now()
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			for j := range l.jobs {
				if err := l.send(ctx, j); err != nil {
					cancel(err)
				}
			}
		})
	}
	err = l.play(ctx)
	close(l.jobs)
	running.Wait()
	if err := cmp.Or(context.Cause(ctx), err, l.err); err != nil {
		return nil, err
	}
	if err := on.Idle(ctx); err != nil {
		return nil, err
	}
	l.took = time.Since(begin)
	l.measure()
	return &l.runRecord, l.finish(ctx)
}

// plan draws what happens. Things happen together: when people are at work, and when a script runs.
func (l *loadRun) plan() {
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
			l.push(e.name, at, e.encode(e.id, at))
		}
	}
	// Two sign-ins in the time in which nobody can be notified.
	quiet := l.o.from.Add(span * 6 / 10)
	l.at(quiet, func() { l.fail(l.refuse(refused)) })
	for i := range 2 {
		name := person(i % l.o.users)
		e := l.event("iam-console-login-no-mfa", name, nil, thing{}, details{
			"detail.sourceIPAddress": fmt.Sprint(inside, 250+i), // of which nobody was notified lately
			"detail.eventTime":       quiet.Format(time.RFC3339),
		}).by(name, l.user(name))
		at := quiet.Add(time.Duration(i+1) * time.Second)
		l.push(e.name, at, e.encode(e.id, at))
	}
	l.at(quiet.Add(3*time.Second), func() { l.fail(l.refuse("")) })
}

// enqueue has an event delivered: soon, or a day late, or twice. None is lost.
func (l *loadRun) enqueue(e event, o outcome) {
	at := l.now.Add(o.late)
	json := e.encode(e.id, at)
	l.push(e.name, at, json)
	if at = at.Add(o.again); o.twice {
		if o.other {
			json = e.encode(e.id+"-again", at)
		}
		l.push(e.name, at, json)
	}
}

func (l *loadRun) push(kind string, at time.Time, json []byte) {
	if l.planned < l.o.events {
		l.planned++
		l.at(at, func() { l.dispatch(job{at: at, kind: kind, json: json}) })
	}
}

// play goes through the queue until so many events are sent.
func (l *loadRun) play(ctx context.Context) error {
	for ctx.Err() == nil && l.err == nil {
		next, ok := l.next(forever)
		if ok {
			l.now = next.at
			next.do()
		} else if l.sent < l.o.events {
			l.occurs(occurrence{what: "a policy changes", id: l.turn, seed: l.seed})
		} else {
			return nil
		}
	}
	return ctx.Err()
}

// dispatch hands an event to a worker.
func (l *loadRun) dispatch(j job) {
	l.sent++
	j.n = l.sent
	l.wait(j.at.Add(-longest))
	l.mu.Lock()
	l.arrives[j.n] = j.at
	l.mu.Unlock()
	select {
	case l.jobs <- j:
	case <-l.ctx.Done():
		return
	}
	if j.n == l.o.events/10 || j.n == l.o.events/2 {
		l.fail(l.rest())
		l.measure()
	}
	if l.o.progress != nil {
		l.o.progress(j.n)
	}
	if j.n%200 == 0 {
		l.fail(l.collect(l.ctx))
	}
}

// wait waits until no event is on its way that arrives before that.
func (l *loadRun) wait(before time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for slices.ContainsFunc(slices.Collect(maps.Values(l.arrives)), before.After) {
		l.left.Wait()
	}
}

// rest waits until nothing is at work.
func (l *loadRun) rest() error {
	l.wait(forever)
	return l.target.Idle(l.ctx)
}

func (l *loadRun) refuse(control string) error {
	return errors.Join(l.rest(), l.target.Refuse(l.ctx, control))
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

// send brings one event to the account.
func (l *loadRun) send(ctx context.Context, j job) (err error) {
	d := delivered{kind: j.kind, begin: l.clock.Add(1)}
	if d.starts, err = l.rules.Match(j.json); err == nil && ctx.Err() == nil && j.n != l.o.drop {
		d.answers, err = l.target.Deliver(ctx, j.json)
	}
	d.end = l.clock.Add(1)
	for i := range d.answers {
		slim(&d.answers[i])
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.delivered = append(l.delivered, d)
	delete(l.arrives, j.n)
	l.left.Broadcast()
	return err
}

// slim leaves of an answer what the audit reads.
func slim(a *deployment.Answer) {
	a.Report.Notices = nil
	a.Report.Reason = a.Report.Reason[:min(len(a.Report.Reason), 200)]
}

// collect reads the notices that were published.
func (l *loadRun) collect(ctx context.Context) error {
	all, err := l.target.TakeNotices(ctx)
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
		d := delivered{kind: "redriven", begin: l.clock.Add(1), starts: []string{k.Control}}
		answer, err := l.target.Redrive(ctx, k)
		if err != nil {
			return err
		}
		slim(&answer)
		d.end, d.answers = l.clock.Add(1), []deployment.Answer{answer}
		l.redriven = append(l.redriven, d)
	}
	if err := l.target.Idle(ctx); err != nil {
		return err
	}
	l.runRecord.acts, l.consequences = l.company.acts, l.target.Consequences()
	if l.calls, err = l.target.Calls(ctx); err != nil {
		return err
	}
	if err := l.collect(ctx); err != nil {
		return err
	}
	last, err := l.target.Snapshot(ctx)
	if err != nil {
		return err
	}
	l.last = factsOf(last)
	l.contents, err = l.target.Ledger().Contents(ctx)
	return err
}

// memoryTarget is the account in memory, where the functions run in this process.
type memoryTarget struct {
	inMemory
	*deployment.Memory
}

// openMemory opens an account in memory in which the company is.
func openMemory(o *loadOptions) (target, error) {
	var err error
	if o.schedules, err = deployment.Schedules(number); err != nil {
		return nil, err
	}
	rules, err := deployment.NewRules(number, o.schedules)
	if err != nil {
		return nil, err
	}
	m, err := deployment.NewMemory(deployment.MemoryOptions{
		State: founded(rand.New(rand.NewPCG(o.seed, 1)), o.users, o.from), Rules: rules, Settings: usual(o.blast).function,
		Environments: workers, Concurrency: iamuser.Concurrency,
	})
	if err != nil {
		return nil, err
	}
	return memoryTarget{inMemory{m.Account, m.Account.Config(), func(_ resource, do func()) { do() }}, m}, nil
}
