package main

import (
	"context"
	"maps"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/infra/simulate/deployment"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
)

// atOnce puts a load on an account in memory.
func atOnce(t *testing.T, o loadOptions) *runRecord {
	t.Helper()
	o.from, o.samples = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), samples(t)
	on, err := openMemory(&o)
	if err != nil {
		t.Fatal(err)
	}
	record, err := runLoad(t.Context(), o, on)
	if err != nil {
		t.Fatal(err)
	}
	return record
}

// holds checks that no invariant is broken, and reports what it came to.
func holds(t *testing.T, record *runRecord) {
	t.Helper()
	v := record.audit()
	for _, broken := range v.violations[:min(len(v.violations), 20)] {
		t.Error(broken)
	}
	f := record.figures()
	for name, n := range map[string]int{
		"cases": f.Events, "checks": v.sum(), "runs": f.Runs, "changes": f.Changes, "notices": f.Notices,
		"repeated": f.Repeated, "kept": f.Kept, "held": f.Held, "calls": f.Calls,
	} {
		t.Attr(name, strconv.Itoa(n))
	}
	if f.Changes == 0 || f.Repeated == 0 || f.Kept == 0 || f.Undecodable == 0 || f.Notices == 0 || f.Runs < f.Events/2 {
		t.Errorf("it was not much of a load: %+v", f)
	}
}

func TestNothingOfTenThousandEventsIsLostOrDoneTwiceInMemory(t *testing.T) {
	holds(t, atOnce(t, loadOptions{events: 10_000, users: 300, seed: 1, blast: widest}))
}

func TestTheBlastRadiusHoldsUnderLoad(t *testing.T) {
	record := atOnce(t, loadOptions{events: 1000, users: 100, seed: 2, blast: deployedRadius, reached: true})
	holds(t, record)
	if f := record.figures(); f.Held == 0 {
		t.Errorf("nothing was held: %+v", f)
	}
}

// The same as ten thousand on the command line, of which there are fewer here.
func TestNothingIsLostUnderLoadOnTheLocalAccount(t *testing.T) {
	c := command{out: t.Output(), errs: t.Output(), samples: samples(t)}
	record, err := c.runLoad(t.Context(), loadOptions{
		events: 150, users: 25, seed: 1, blast: widest, samples: samples(t),
	}, true)
	if err != nil {
		t.Fatal(err)
	}
	holds(t, record)
	f := record.figures()
	if f.Consequences == 0 || f.Calls == 0 {
		t.Errorf("it was not much of a load: %+v", f)
	}
	if runtime.GOOS == "linux" && f.Memory[2].Processes == 0 { // elsewhere it cannot be read
		t.Errorf("the memory of no function was measured: %+v", f.Memory)
	}
}

// sink is a target that only records what is delivered.
type sink struct {
	memoryTarget
	mu     *sync.Mutex
	events *[]string
}

var userID = regexp.MustCompile(`"AIDA[A-Z0-9]+"`)

func (s sink) Deliver(_ context.Context, event []byte) ([]deployment.Answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*s.events = append(*s.events, userID.ReplaceAllString(string(event), "of a user")) // these are random
	return nil, nil
}

func TestLoad_SameSeed(t *testing.T) {
	deliver := func(seed uint64) (events []string) {
		o := loadOptions{
			events: 2000, users: 20, seed: seed, blast: widest, samples: samples(t),
			from: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
		}
		on, err := openMemory(&o)
		if err != nil {
			t.Fatal(err)
		}
		record, err := runLoad(t.Context(), o, sink{on.(memoryTarget), &sync.Mutex{}, &events})
		if err != nil {
			t.Fatal(err)
		}
		kinds := map[string]bool{}
		for _, d := range record.delivered {
			kinds[d.kind] = true
		}
		if len(events) != o.events || len(kinds) < 50 {
			t.Errorf("%d events of %d samples, want %d of at least 50", len(events), len(kinds), o.events)
		}
		slices.Sort(events)
		return events
	}
	first := deliver(3)
	if diff := cmp.Diff(first, deliver(3)); diff != "" {
		t.Errorf("the same seed (-first +second):\n%s", diff)
	}
	if slices.Equal(first, deliver(4)) {
		t.Error("another seed is the same load")
	}
}

func TestLoad_LostEvent(t *testing.T) {
	for drop := 1; ; drop++ {
		record := atOnce(t, loadOptions{events: 150, users: 30, seed: 4, blast: widest, drop: drop})
		lost := slices.IndexFunc(record.delivered, func(d delivered) bool { return len(d.answers) < len(d.starts) })
		if lost < 0 { // of no rule
			continue
		}
		v, want := record.audit().violations, "an event was lost ("+record.delivered[lost].kind+")"
		if len(v) != 1 || !strings.Contains(v[0].What, want) {
			t.Errorf("violations %q, want one: %s", v, want)
		}
		return
	}
}

// Each of these is what a fault of Warder's would leave behind.
func TestLoad_BrokenInvariantIsSeen(t *testing.T) {
	record := atOnce(t, loadOptions{events: 400, users: 60, seed: 5, blast: widest})
	if v := record.audit().violations; len(v) > 0 {
		t.Fatalf("something is wrong before anything is broken: %q", v)
	}
	step := func(b *runRecord) (entry, at int) {
		entry = slices.IndexFunc(b.contents.Entries, func(e ledger.Entry) bool {
			return slices.ContainsFunc(e.Steps, func(s ledger.Step) bool {
				return s.Status == ledger.Verified && s.Kind == change.ManagedUserPolicy && s.After == "" &&
					b.last[thingOf(s.Change)] == ""
			})
		})
		return entry, slices.IndexFunc(b.contents.Entries[entry].Steps,
			func(s ledger.Step) bool { return s.Status == ledger.Verified })
	}
	answers := func(b *runRecord, status ledger.Status) (at, answer int) {
		for i, d := range b.delivered {
			for j, a := range d.answers {
				if c := a.Report.Changes; len(c) > 0 && c[0].Status == status && c[0].Kind == change.ManagedUserPolicy {
					return i, j
				}
			}
		}
		t.Fatalf("no change is %s", status)
		return 0, 0
	}
	faults := map[string]struct {
		breaks func(b *runRecord)
		want   string
	}{
		"a run that is not in the ledger": {func(b *runRecord) { b.contents.Runs = b.contents.Runs[1:] },
			"the ledger has no finished run of it"},
		"a run that never came to its end": {func(b *runRecord) {
			b.contents.Runs = slices.Clone(b.contents.Runs)
			b.contents.Runs[0].Done = false
		}, "is not finished"},
		"an entry that the account does not show": {func(b *runRecord) {
			entry, at := step(b)
			b.last = maps.Clone(b.last)
			b.last[thingOf(b.contents.Entries[entry].Steps[at].Change)] = change.Attached
		}, "what was done to it last is otherwise"},
		"an entry of what nobody did": {func(b *runRecord) {
			entry, at := step(b)
			made := b.contents.Entries[entry]
			made.ID, made.Notifications = "made-up", nil
			made.Steps = []ledger.Step{made.Steps[at]}
			made.Steps[0].ID = "made-up-1"
			b.contents.Entries = append(slices.Clone(b.contents.Entries), made)
		}, "as made, and no answer says so"},
		"a change that the ledger does not know": {func(b *runRecord) {
			entry, _ := step(b)
			b.contents.Entries = slices.Delete(slices.Clone(b.contents.Entries), entry, entry+1)
		}, "and the ledger has it otherwise"},
		"a difference that nothing explains": {func(b *runRecord) {
			b.last = maps.Clone(b.last)
			b.last[thing{change.GroupMembership, person(0), "administrators"}] = change.Member
		}, "and nobody did that"},
		"a change that is made twice": {func(b *runRecord) {
			i, j := answers(b, ledger.Verified)
			again := b.delivered[i]
			again.answers = slices.Clone(again.answers)
			again.answers[j].Report.Changes = slices.Clone(again.answers[j].Report.Changes)
			again.answers[j].Report.Changes[0].ID = "again-1"
			b.delivered = append(slices.Clone(b.delivered), again)
		}, "was made \"\" twice: "},
		"a change that is left half made": {func(b *runRecord) {
			entry, at := step(b)
			b.contents.Entries = slices.Clone(b.contents.Entries)
			b.contents.Entries[entry].Steps = slices.Clone(b.contents.Entries[entry].Steps)
			b.contents.Entries[entry].Steps[at].Status = ledger.Applied
		}, "is left applied"},
		"a notice that is published twice": {func(b *runRecord) {
			b.notices = append(slices.Clone(b.notices),
				b.notices[0])
		}, "is published twice"},
		"a notice that nobody got": {func(b *runRecord) { b.notices = b.notices[1:] }, "it was never published"},
		"a notice that the ledger does not know of": {func(b *runRecord) {
			b.notices = append(slices.Clone(b.notices), notice.Message{ID: "new", Finding: "new", Kind: notice.Alert})
		}, "the ledger does not know of it"},
		"an event that failed and is not kept": {func(b *runRecord) { b.kept, b.redriven = nil, nil },
			"events failed, 0 are kept"},
		"a breaker that lets more through":   {func(b *runRecord) { b.blast = 1 }, "the blast radius is 1"},
		"a blast radius that is not reached": {func(b *runRecord) { b.reached = true }, "meant to be reached: true"},
		"a change after the control had stopped": {func(b *runRecord) {
			i, j := answers(b, ledger.Verified)
			stopped := delivered{starts: []string{b.delivered[i].answers[j].Report.Control}, end: 1}
			stopped.answers = []deployment.Answer{b.delivered[i].answers[j]}
			stopped.answers[0].Report.Changes = slices.Clone(stopped.answers[0].Report.Changes)
			stopped.answers[0].Report.Changes[0].Status, stopped.answers[0].Report.Changes[0].Reason = ledger.Held,
				"blast radius: 10 changes in an hour are made"
			b.delivered = append(slices.Clone(b.delivered), stopped)
		}, "after it had stopped"},
		"functions that leak": {func(b *runRecord) {
			b.memory = slices.Clone(b.memory)
			for i := range b.memory {
				b.memory[i].Functions, b.memory[i].Processes = 100e6+int64(b.memory[i].Events)*1e6, 2
			}
		}, "the memory of a function grows"},
		"a heap that grows faster and faster": {func(b *runRecord) {
			b.memory = slices.Clone(b.memory)
			for i := range b.memory {
				b.memory[i].Heap = int64(b.memory[i].Events) * int64(b.memory[i].Events) * 1e3
			}
		}, "the heap grows"},
	}
	t.Attr("cases", strconv.Itoa(len(faults)))
	for name, c := range faults {
		t.Run(name, func(t *testing.T) {
			broken := *record
			c.breaks(&broken)
			v := broken.audit().violations
			if !slices.ContainsFunc(v, func(v violation) bool { return strings.Contains(v.What, c.want) }) {
				t.Errorf("violations %q, want one with %q", v[:min(len(v), 5)], c.want)
			}
		})
	}
}
