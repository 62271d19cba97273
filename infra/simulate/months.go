package main

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/warder-aws/warder/infra/simulate/deployment"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/exemption"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// options say which months are simulated. Everything follows from the seed.
type options struct {
	days, users int
	seed        uint64
	only        map[int]bool                        // the numbers of the occurrences that occur; nil has all
	alone       string                              // the one user that there is on the first day; empty has all
	day         func(day time.Time, lines []string) // when set, is given what happened on each day
	samples     fs.FS                               // of events
	until       time.Time                           // when to stop; zero goes on to the end
	sabotage    func(*world)                        // breaks something, for the tests of the invariants
	shrink      time.Duration                       // how long what breaks an invariant is shrunk, at most
}

type summary struct {
	Seed        uint64         `json:"seed"`
	Days        int            `json:"days"`
	Users       int            `json:"users"`
	Counts      map[string]int `json:"counts"`              // how often things happened, were done and were notified
	Checks      map[string]int `json:"checks"`              // how often each invariant was checked
	Sum         int            `json:"sum"`                 // of the checks
	Violation   *violation     `json:"violation,omitempty"` // nil when all invariants held
	Occurrences int            `json:"occurrences"`         // how many were drawn
}

var begin = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)

// world is the company, the account, and Warder in it, by a clock that jumps: one thing happens at a time.
type world struct {
	*company
	*record
	o         options
	chosen    choices
	fake      *fakeaws.Account
	memory    *ledger.Memory
	functions []*function
	rules     *deployment.Rules
	undoer    deployment.Undo

	unseen  []item // what was done and does not show yet
	running *invocation
	brewing []*fault
	asked   int // how many invocations
	halted  int
	counts  map[string]int
	lines   []line
}

type function struct {
	*deployment.Function
	swept   time.Time   // when its last sweep began that came to its end
	misses  bool        // it gets no schedule today
	written []time.Time // its changes of the last hour
}

// invocation is one event on its way through a function, with its retries.
type invocation struct {
	*function
	id    string
	event event
	json  []byte
	sweep bool
	tries int

	faults   []*fault          // what goes wrong in this try
	calls    int               // to AWS, in this try
	cut      bool              // it was cut off
	stale    map[string]any    // answers that IAM gives for a while after a change
	lagging  time.Time         // until when
	keys     map[string]string // by user: the key that was switched in this try
	accepted []string          // ids of the notices that were accepted in this try
}

// simulate simulates months. An error means that it could not; that an invariant did not hold is in the summary.
func simulate(ctx context.Context, o options) (summary, error) {
	r := rand.New(rand.NewPCG(o.seed, 0))
	w := &world{o: o, record: newRecord(), chosen: choose(r), memory: &ledger.Memory{}, counts: map[string]int{}}
	first := founded(r, o.users, begin)
	if o.alone != "" {
		maps.DeleteFunc(first.Users, func(name string, _ *fakeaws.User) bool { return name != o.alone })
	}
	w.fake = fakeaws.New(first)
	w.fake.Now = func() time.Time { return w.now }
	w.fake.Page = 100
	watched := deployment.Options{Account: w.fake, Around: func(_ context.Context, c deployment.Call) (any, error) {
		return w.watched(nil, c)
	}}
	w.company = newCompany(ctx, o.seed, begin, inMemory{w.fake, watched.Config(), w.watch}, o.samples)
	w.verification.now = func() time.Time { return w.now }
	w.deliver, w.note, w.count = w.send, w.noted, func(what string) { w.counts[what]++ }
	w.slow = func(at time.Time, do func()) {
		w.unseen = append(w.unseen, item{at: at, do: do})
		w.at(at, func() {}) // the clock stops there
	}
	if err := w.deploy(); err != nil {
		return summary{}, err
	}
	if o.sabotage != nil {
		o.sabotage(w)
	}
	occurrences := drawn(o.seed, o.days, o.users, begin)
	for _, occurrence := range occurrences {
		if o.only == nil || o.only[occurrence.id] {
			w.at(occurrence.at, func() { w.happens(occurrence) })
		}
	}
	if err := w.play(ctx); err != nil {
		return summary{}, err
	}
	if len(w.violations) == 0 && (o.until.IsZero() || w.now.Before(o.until)) {
		w.settled()
		w.rewind(factsOf(first))
	}
	s := summary{
		Seed: o.seed, Days: o.days, Users: o.users, Counts: w.counts, Checks: w.checks, Sum: w.sum(),
		Occurrences: len(occurrences),
	}
	if len(w.violations) > 0 {
		s.Violation = &w.violations[0]
		s.Violation.Story = w.story(s.Violation.Subject)
	}
	return s, w.err
}

// inMemory is the account that people work on in memory. watch is given each change that is no call to AWS.
type inMemory struct {
	fake  *fakeaws.Account
	cfg   aws.Config
	watch func(resource, func())
}

func (m inMemory) Config() aws.Config { return m.cfg }

func (m inMemory) User(_ context.Context, name string) (u *fakeaws.User, _ error) {
	m.fake.With(func(s *fakeaws.State) { u = copied(s.Users[name]) })
	return u, nil
}

func (m inMemory) Tag(_ context.Context, user, key, value string) error {
	m.watch(resource{"user", user}, func() {
		m.fake.With(func(s *fakeaws.State) {
			if u := s.Users[user]; u != nil {
				u.Tags[key] = value
				maps.DeleteFunc(u.Tags, func(_, value string) bool { return value == "" })
			}
		})
	})
	return nil
}

func (m inMemory) SignsIn(user string, do func(*fakeaws.User)) {
	m.fake.With(func(s *fakeaws.State) {
		if u := s.Users[user]; u != nil {
			do(u)
		}
	})
}

func (m inMemory) StartSession(_ context.Context, region, id, owner string) error {
	session := &fakeaws.Session{Region: region, Owner: owner, Target: "i-0abc1234def567890"}
	m.fake.Alter(fakeaws.State{Sessions: map[string]*fakeaws.Session{id: session}})
	return nil
}

func (w *world) deployed() deployment.Options {
	return deployment.Options{
		Account: w.fake, Store: w.memory, Topic: w, Around: w.around, Settings: w.chosen.function,
		Now: func() time.Time { return w.now }, Sleep: func(_ context.Context, d time.Duration) { w.pass(d) },
	}
}

func (w *world) deploy() (err error) {
	o := w.deployed()
	for _, id := range deployment.IDs() {
		f, err := deployment.New(id, o)
		if err != nil {
			return err
		}
		w.functions = append(w.functions, &function{Function: f})
	}
	if w.undoer, err = deployment.NewUndo(o); err != nil {
		return err
	}
	w.rules, err = deployment.NewRules(number, nil)
	return err
}

// play goes from day to day, and then on until nothing is left to be done.
func (w *world) play(ctx context.Context) error {
	for day := 0; day < w.o.days+30; day++ {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("day %d: %w", day+1, err)
		}
		midnight := begin.AddDate(0, 0, day)
		if !w.o.until.IsZero() && midnight.After(w.o.until) {
			return nil
		}
		if day >= w.o.days && w.halted == 0 && len(w.queue) == 0 {
			break
		}
		if day < w.o.days {
			w.at(midnight, w.useKeys)
			for n, f := range w.functions {
				if f.Runner.Control.Schedule != "" {
					w.at(midnight.Add(3*time.Hour+time.Duration(n)*time.Minute), func() { w.sweep(f) })
				}
			}
			w.at(midnight.Add(12*time.Hour), w.today)
		}
		before := len(w.lines)
		for next := range w.items(midnight.AddDate(0, 0, 1)) {
			w.pass(max(0, next.at.Sub(w.now)))
			if next.do(); len(w.violations) > 0 {
				return nil
			}
		}
		if w.err != nil {
			return w.err
		}
		if w.o.day != nil {
			var lines []string
			for _, l := range w.lines[before:] {
				lines = append(lines, l.String())
			}
			w.o.day(midnight, lines)
		}
	}
	if len(w.queue) > 0 {
		return errors.New("the company does not come to rest")
	}
	return nil
}

// pass lets the time pass, and what IAM has not shown yet take effect.
func (w *world) pass(d time.Duration) {
	w.now = w.now.Add(d)
	for len(w.unseen) > 0 && !w.unseen[0].at.After(w.now) {
		first := w.unseen[0]
		w.unseen = w.unseen[1:]
		first.do()
	}
}

// useKeys has the keys of people who are there used: one in four never, one in four now and then, the others every
// day.
func (w *world) useKeys() {
	draw := func(of string) uint64 {
		h := fnv.New64a()
		fmt.Fprint(h, w.seed, of)
		return h.Sum64() >> 32 % 4
	}
	w.fake.With(func(s *fakeaws.State) {
		for name, u := range s.Users {
			for i := range u.Keys {
				key := &u.Keys[i]
				if key.Status != change.Active || w.now.Before(w.away[name]) {
					continue
				}
				if d := draw(key.ID); d > 1 || d == 1 && draw(key.ID+w.now.Format(time.DateOnly)) == 0 {
					key.Used = w.now.Truncate(time.Second)
				}
			}
		}
	})
}

// send delivers an event to every function whose rules match it, in its own time, or loses it on the way.
func (w *world) send(e event, o outcome) {
	json := e.encode(e.id, w.now)
	again := json
	if o.other {
		again = e.encode(e.id+"-again", w.now)
	}
	starts, err := w.rules.Match(json)
	w.fail(err)
	for _, id := range starts { // in the order of the functions
		f := w.function(id)
		w.count("events")
		if o.lost {
			w.count("events lost")
			w.note(e.about, "the event %s is lost on its way to %s", e.name, id)
			continue
		}
		if o.late > time.Hour {
			w.count("events late")
		}
		w.invokeAt(w.now.Add(o.late), &invocation{function: f, event: e, json: json})
		if o.twice {
			w.count("events doubled")
			w.invokeAt(w.now.Add(o.late+o.again), &invocation{function: f, event: e, json: again})
		}
	}
}

func (w *world) function(id string) *function {
	return w.functions[slices.IndexFunc(w.functions, func(f *function) bool { return f.ID == id })]
}

func (w *world) sweep(f *function) {
	if f.misses {
		f.misses = false
		w.count("sweeps missed")
		w.note("", "the sweep of %s is missed", f.ID)
		return
	}
	e := w.event("daily-sweep", "", nil, thing{}, details{
		"resources": []any{deployment.ScheduleARN(number, f.ID)},
	})
	w.invokeAt(w.now, &invocation{function: f, event: e, json: e.encode(e.id, w.now), sweep: true})
}

func (w *world) invokeAt(at time.Time, i *invocation) {
	w.asked++
	i.id = fmt.Sprintf("request-%d", w.asked)
	w.at(at, func() { w.invoke(i) })
}

// The retries of Lambda (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html).
var retries = []time.Duration{time.Minute, 2 * time.Minute}

// invoke runs a function once. What failed three times is kept, and somebody redrives it.
func (w *world) invoke(i *invocation) {
	i.tries++
	i.calls, i.cut, i.lagging, i.accepted = 0, false, time.Time{}, nil
	i.stale, i.keys = map[string]any{}, map[string]string{}
	i.faults = w.faultsOf(i)
	w.count("invocations")
	begin := w.now
	w.running = i
	report, err := i.Runner.Run(context.Background(), remediation.Invocation{ID: i.id, Left: 15 * time.Minute}, i.json)
	w.running = nil
	if i.cut && err == nil {
		err = errCutOff
	}
	w.ended(i, begin, report, err)
	switch {
	case err == nil:
		if i.sweep {
			i.swept = begin
		}
	case i.tries%3 != 0:
		w.count("retries")
		w.at(w.now.Add(retries[i.tries%3-1]), func() { w.invoke(i) })
	default:
		w.count("kept in a queue")
		w.note(i.event.about, "%s gives up on %s after three tries: %v", i.ID, i.event.id, err)
		if i.sweep {
			delete(w.open, i) // tomorrow's does its work
			return
		}
		w.at(w.now.Add(6*time.Hour+time.Duration(w.asked%40)*time.Hour), func() {
			w.count("redriven")
			i.id += "-again"
			w.invoke(i)
		})
	}
}

// react is what people do when they are notified.
func (w *world) react(m notice.Message) {
	r := w.draw("react", m.ID)
	later := w.now.Add(time.Hour + time.Duration(r.IntN(8*24))*time.Hour)
	switch m.Kind {
	case notice.Warning:
		switch r.IntN(10) {
		case 0, 1, 2, 3:
			w.at(later, func() { w.fix(m, r) })
		case 4:
			w.at(later, func() {
				tag := exemptionUntil(w.now.AddDate(0, 0, 20), m.Control, "more time")
				w.answers(m, r, thing{tagged, m.Subject, exemption.Tag}, tag)
			})
		}
	case notice.Changed:
		switch r.IntN(10) {
		case 0:
			w.at(later, func() { w.putBack(m, r) })
		case 1:
			w.at(later, func() { w.undo(m.Finding) })
		}
	case notice.Alert:
		if e := w.entries[m.Finding]; e.Guard == ledger.Stopped && r.IntN(10) > 0 {
			w.at(later, func() { w.release(m.Control) })
		}
	}
}

// each does what a notice asks for, or the opposite: wanted says of a step, and of the value that its thing has now,
// which value it gets.
func (w *world) each(m notice.Message, r *rand.Rand, wanted func(ledger.Step, string) (string, bool)) {
	for _, step := range w.entries[m.Finding].Steps {
		t := thingOf(step.Change)
		if value, does := wanted(step, userFacts(m.Subject, w.user(m.Subject))[t]); does {
			w.answers(m, r, t, value)
		}
	}
}

// answers has the user whom a notice is about, and who is still there, do something.
func (w *world) answers(m notice.Message, r *rand.Rand, t thing, value string) {
	if u := w.user(m.Subject); u != nil {
		w.does(actor{name: m.Subject, user: u, r: r, prompt: true}, t, value)
	}
}

func (w *world) fix(m notice.Message, r *rand.Rand) {
	w.each(m, r, func(step ledger.Step, has string) (string, bool) {
		kind, value := thingOf(step.Change).kind, step.After
		if kind == change.AccessKeyStatus {
			if value = ""; r.IntN(2) == 0 && has == change.Active {
				value = change.Inactive
			}
		}
		return value, (kind == change.PermissionsBoundary) == (has == "")
	})
}

// putBack does by hand what undo would do.
func (w *world) putBack(m notice.Message, r *rand.Rand) {
	w.each(m, r, func(step ledger.Step, has string) (string, bool) {
		switch step.Kind {
		case change.AccessKeyStatus:
			return step.Before, has == change.Inactive
		case change.ManagedUserPolicy, change.InlineUserPolicy:
			return step.Before, has == ""
		}
		return "", false
	})
}

func (w *world) undo(finding string) {
	about := w.entries[finding].Subject
	if w.running != nil || w.entries[finding].ID == "" {
		return
	}
	w.count("undo requests")
	answer, err := w.undoer.Answer(context.Background(), remediation.UndoRequest{
		Action: finding, By: "kim@example.com", Reason: "it is needed",
	})
	w.require(truthful, about, err == nil, "undo %s: %v", finding, err)
	for _, u := range answer.Undone {
		w.note(u.Subject, "undone: %s", u.Text)
		status := w.stepOf(u.Action).Status
		w.require(truthful, u.Subject, status == ledger.Undone, "%s is said to be undone, and the ledger has it as %s",
			u.Action,
			status)
	}
	for _, r := range answer.Refused {
		w.note(about, "not undone: %s: %s", r.Action, r.Why)
	}
}

func (w *world) release(id string) {
	f := w.function(id)
	request := remediation.ReleaseRequest{By: "kim@example.com", Reason: "it is right"}
	answer, err := f.Runner.Release(context.Background(), request)
	w.require(truthful, "", err == nil, "release %s: %v", id, err)
	w.note("", "released: %s", answer.Text)
	if answer.Released {
		f.written = nil
	}
}

func (w *world) noted(about, format string, args ...any) {
	w.lines = append(w.lines, line{w.now, about, fmt.Sprintf(format, args...)})
}

type line struct {
	at    time.Time
	about string
	text  string
}

func (l line) String() string { return l.at.UTC().Format("2006-01-02 15:04:05  ") + l.text }

// scenario is what happened to a subject, and to Warder as a whole, in its last lines.
func (w *world) story(subject string) []string {
	var lines []string
	for _, l := range w.lines {
		if l.about == subject || l.about == "" || subject == "" {
			lines = append(lines, l.String())
		}
	}
	return lines[max(0, len(lines)-60):]
}
