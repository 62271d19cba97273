// Package simulate plays months of a made-up company in seconds: the real planners, runner, ledger and
// notices over an account in memory and a clock that jumps. People join and leave, rotate late, are on
// holiday, put back what was taken; events are lost, doubled, late; sweeps are missed; AWS throttles,
// fails, loses answers, is slow to show what is so. After every step a web of invariants is checked:
// what Warder promises, see invariants.go.
//
// Everything follows from the seed. A seed that breaks an invariant is played again without what it
// does not need to break it, see shrink.
package simulate

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// Options say what to play.
type Options struct {
	Days  int
	Users int
	Seed  uint64
	// Only are the numbers of the happenings to play; nil plays all.
	Only map[int]bool
	// Alone is the one user that there is on the first day; empty has all.
	Alone string
	// Day, when set, is given what happened on each day.
	Day func(day time.Time, lines []string)

	until    time.Time    // when to stop; zero plays to the end
	sabotage func(*world) // breaks something, for the tests of the invariants
}

// Summary is what came of it.
type Summary struct {
	Seed  uint64 `json:"seed"`
	Days  int    `json:"days"`
	Users int    `json:"users"`
	// Counts are how often things happened, were done and were told.
	Counts map[string]int `json:"counts"`
	// Checks are how often each invariant was checked, Sum is all of them.
	Checks map[string]int `json:"checks"`
	Sum    int            `json:"sum"`
	// Violation is nil when all held.
	Violation *Violation `json:"violation,omitempty"`
	// Happenings are how many were drawn.
	Happenings int `json:"happenings"`
}

// networks are those that people work in.
var networks = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}

// begin is the first day.
var begin = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)

// item is something that is to happen at a time.
type item struct {
	at   time.Time
	turn int
	do   func()
}

type queue []item

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return cmp.Or(q[i].at.Compare(q[j].at), cmp.Compare(q[i].turn, q[j].turn)) < 0
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(item)) }
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

// unseen is what was done and is not seen yet.
type unseen struct {
	at time.Time
	do func()
}

// world is the company, the account, and Warder in it.
type world struct {
	o          Options
	chosen     choices
	account    *fakeaws.Account
	memory     *ledger.Memory
	ledger     *ledger.Ledger
	lambdas    []*lambda
	undoer     *remediation.Runner // of the function undo
	answerUndo func(context.Context, remediation.UndoRequest) (remediation.UndoAnswer, error)

	now     time.Time
	queue   queue
	turn    int
	unseen  []unseen
	running *invocation
	brewing []*fault

	events, asked, halted int
	away                  map[string]time.Time

	// What the ledger's table holds.
	entries   map[string]ledger.Entry
	bySubject map[string][]string
	cases     map[string]ledger.Case
	casesOf   map[string][]string
	holds     map[string]ledger.Hold
	runs      map[string]bool
	breakers  map[string]ledger.Breaker

	// What was seen.
	journal      []page
	since        map[string]time.Time
	clean        map[string]time.Time
	urgent       map[string]time.Time
	warned       map[string][]thing
	made         map[string]bool
	notices      []sent
	accepted     map[string]bool // by id of the notice: whether the sender may not know it
	open         map[*invocation]string
	missed, late map[string]int
	lines        []line
	counts       map[string]int
	checks       map[string]int
	violation    *Violation
}

// Run plays. An error means that it could not be played; that an invariant did not hold is said in the
// summary.
func Run(ctx context.Context, o Options) (Summary, error) {
	w := &world{
		o: o, now: begin, away: map[string]time.Time{}, entries: map[string]ledger.Entry{}, bySubject: map[string][]string{}, cases: map[string]ledger.Case{},
		casesOf: map[string][]string{}, holds: map[string]ledger.Hold{}, runs: map[string]bool{}, breakers: map[string]ledger.Breaker{}, since: map[string]time.Time{}, clean: map[string]time.Time{}, urgent: map[string]time.Time{}, warned: map[string][]thing{},
		made: map[string]bool{}, accepted: map[string]bool{}, open: map[*invocation]string{}, missed: map[string]int{}, late: map[string]int{}, counts: map[string]int{}, checks: map[string]int{},
	}
	r := rand.New(rand.NewPCG(o.Seed, 0))
	w.chosen = choose(r, ids())
	first := founded(r, o.Users, begin)
	if o.Alone != "" {
		maps.DeleteFunc(first.Users, func(name string, _ *fakeaws.User) bool { return name != o.Alone })
	}
	w.account = fakeaws.New(first)
	w.account.Now = func() time.Time { return w.now }
	w.account.Page = 100
	w.memory = &ledger.Memory{Fault: w.trouble}
	w.ledger = ledger.New(store{w.memory, w})
	if err := w.deploy(); err != nil {
		return Summary{}, err
	}
	if o.sabotage != nil {
		o.sabotage(w)
	}
	happenings := planned(o, ids(), begin)
	for _, h := range happenings {
		if o.Only == nil || o.Only[h.id] {
			w.at(h.at, func() { w.happen(h) })
		}
	}
	if err := w.play(ctx); err != nil {
		return Summary{}, err
	}
	if w.violation == nil && (o.until.IsZero() || w.now.Before(o.until)) {
		w.settled()
		w.rewind(first)
	}
	s := Summary{Seed: o.Seed, Days: o.Days, Users: o.Users, Counts: w.counts, Checks: w.checks, Violation: w.violation, Happenings: len(happenings)}
	for _, n := range w.checks {
		s.Sum += n
	}
	if w.violation != nil {
		w.violation.Story = w.story(w.violation.Subject)
	}
	return s, nil
}

// play goes from day to day, and then on until nothing is left to be done.
func (w *world) play(ctx context.Context) error {
	for day := 0; day < w.o.Days+30; day++ {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("day %d: %w", day+1, err)
		}
		midnight := begin.AddDate(0, 0, day)
		if !w.o.until.IsZero() && midnight.After(w.o.until) {
			return nil
		}
		if day >= w.o.Days && w.halted == 0 && len(w.queue) == 0 {
			break
		}
		if day < w.o.Days {
			w.at(midnight, w.day)
			for n, l := range w.lambdas {
				if l.control.Schedule != "" {
					w.at(midnight.Add(3*time.Hour+time.Duration(n)*time.Minute), func() { w.sweep(l) })
				}
			}
			w.at(midnight.Add(12*time.Hour), w.today)
		}
		told := len(w.lines)
		for len(w.queue) > 0 && w.queue[0].at.Before(midnight.AddDate(0, 0, 1)) {
			next := heap.Pop(&w.queue).(item)
			w.pass(max(0, next.at.Sub(w.now)))
			next.do()
			if w.violation != nil {
				return nil
			}
		}
		if w.o.Day != nil {
			var lines []string
			for _, l := range w.lines[told:] {
				lines = append(lines, l.String())
			}
			w.o.Day(midnight, lines)
		}
	}
	if len(w.queue) > 0 {
		return errors.New("the company does not come to rest")
	}
	return nil
}

func (w *world) sweep(l *lambda) {
	if l.misses {
		l.misses = false
		w.count("sweeps missed")
		w.note("", "the sweep of %s is missed", l.id)
		return
	}
	w.invokeAt(w.now, l, w.scheduled("warder-"+l.id), "", "", true)
}

// at has something done at a time.
func (w *world) at(t time.Time, do func()) {
	w.turn++
	heap.Push(&w.queue, item{t, w.turn, do})
}

// draw is chance that follows from the seed and from what it is for, and from nothing else.
func (w *world) draw(what, of string) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprint(h, what, " ", of)
	return rand.New(rand.NewPCG(w.o.Seed, h.Sum64()))
}

// habit is one of four habits of somebody.
func (w *world) habit(of string) int {
	h := fnv.New64a()
	fmt.Fprint(h, w.o.Seed, of)
	return int(h.Sum64() >> 32 % 4)
}

// story is what happened to a subject, and to Warder as a whole, in its last lines.
func (w *world) story(subject string) []string {
	var told []string
	for _, l := range w.lines {
		if l.about == subject || l.about == "" || subject == "" {
			told = append(told, l.String())
		}
	}
	const most = 60
	if len(told) > most {
		told = told[len(told)-most:]
	}
	return told
}
