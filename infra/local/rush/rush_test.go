package rush

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/warder-aws/warder/functions"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/settings"
)

const id = "123456789012"

// wide is a blast radius that is not reached, deployed the one of the settings.
const (
	wide     = 1000
	deployed = 10
)

// open returns a play on an account in memory.
func open(t *testing.T, plan Plan, blastRadius int) (Options, *InMemory) {
	t.Helper()
	root := filepath.Join("..", "..", "..")
	all, err := functions.Controls()
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(filepath.Join(root, "infra", "local", "tour.json"))
	if err != nil {
		t.Fatal(err)
	}
	var context struct{ Warder json.RawMessage }
	if err := json.Unmarshal(file, &context); err != nil {
		t.Fatal(err)
	}
	set, err := settings.Parse(context.Warder, all)
	if err != nil {
		t.Fatal(err)
	}
	plan.From, plan.Account, plan.Samples = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), id, os.DirFS(filepath.Join(root, "events"))
	plan.Schedules = map[string]string{}
	for _, control := range Scheduled(all) {
		plan.Schedules[control] = "arn:aws:events:us-east-1:" + id + ":rule/" + control
	}
	rules, err := NewRules(id, all, plan.Schedules)
	if err != nil {
		t.Fatal(err)
	}
	m, err := NewInMemory(MemoryOptions{
		State: Company(id, plan.Users, plan.Seed, plan.From), Settings: set, Controls: all, Rules: rules, BlastRadius: blastRadius, Environments: 8,
	})
	if err != nil {
		t.Fatal(err)
	}
	return Options{Plan: plan, Matches: rules.Match, Workers: 8, BlastRadius: blastRadius, Reached: blastRadius == deployed}, m
}

func play(t *testing.T, o Options, m *InMemory) *Books {
	t.Helper()
	books, err := Play(t.Context(), o, m)
	if err != nil {
		t.Fatal(err)
	}
	return books
}

// held checks that nothing is wrong, and says what it came to.
func held(t *testing.T, books *Books) {
	t.Helper()
	checks, faults := books.Check()
	for _, fault := range faults[:min(len(faults), 20)] {
		t.Error(fault)
	}
	f := books.Figures()
	for name, n := range map[string]int{"events": f.Events, "checks": checks, "runs": f.Runs, "changes": f.Changes, "notices": f.Notices, "repeated": f.Repeated, "kept": f.Kept, "held": f.Held} {
		t.Attr(name, strconv.Itoa(n))
	}
	if f.Changes == 0 || f.Repeated == 0 || f.Kept == 0 || f.Undecodable == 0 || f.Notices == 0 || f.Runs < f.Events/2 {
		t.Errorf("it was not much of a play: %+v", f)
	}
}

func TestNothingOfTenThousandEventsIsLostOrDoneTwiceInMemory(t *testing.T) {
	o, m := open(t, Plan{Events: 10_000, Users: 300, Seed: 1}, wide)
	held(t, play(t, o, m))
}

func TestTheBlastRadiusHoldsUnderLoad(t *testing.T) {
	o, m := open(t, Plan{Events: 1000, Users: 100, Seed: 2}, deployed)
	books := play(t, o, m)
	held(t, books)
	if f := books.Figures(); f.Held == 0 {
		t.Errorf("nothing was held back: %+v", f)
	}
}

func TestTheSamePlanIsTheSameEvents(t *testing.T) {
	o, _ := open(t, Plan{Events: 500, Users: 20, Seed: 3}, wide)
	names := []string{"b", "a"}
	words := func(seed uint64) []string {
		o.Seed = seed
		var all []string
		for _, i := range o.plan(names) {
			word := i.at.Format(time.RFC3339) + " " + i.kind
			if i.of != nil {
				word += " " + i.of.sample + " " + i.of.user
			}
			all = append(all, word)
		}
		return all
	}
	if !slices.Equal(words(3), words(3)) || slices.Equal(words(3), words(4)) {
		t.Error("the plan does not follow from its seed")
	}
	delivered, seen := 0, map[string]bool{}
	for _, i := range o.plan(names) {
		if !i.act && !i.refuse && !i.admit {
			delivered++
			seen[i.kind] = true
		}
	}
	if delivered != o.Events || len(seen) < len(kinds) {
		t.Errorf("%d events of %d kinds, want %d of all %d kinds", delivered, len(seen), o.Events, len(kinds))
	}
}

func TestAnEventThatIsDroppedIsMissed(t *testing.T) {
	for drop := 1; ; drop++ {
		o, m := open(t, Plan{Events: 150, Users: 30, Seed: 4}, wide)
		o.Drop = drop
		books := play(t, o, m)
		lost := slices.IndexFunc(books.Delivered, func(d Delivered) bool { return len(d.Answers) < len(d.Starts) })
		if lost < 0 { // of no rule
			continue
		}
		if _, faults := books.Check(); len(faults) != 1 || !strings.Contains(faults[0], "an event was lost ("+books.Delivered[lost].Kind+")") {
			t.Errorf("faults %q, want that one event was lost", faults)
		}
		return
	}
}

// TestWhatIsWrongIsFound of these is what a fault of Warder's would leave behind.
func TestWhatIsWrongIsFound(t *testing.T) {
	o, m := open(t, Plan{Events: 400, Users: 60, Seed: 5}, wide)
	books := play(t, o, m)
	if _, faults := books.Check(); len(faults) > 0 {
		t.Fatalf("something is wrong before anything is broken: %q", faults)
	}
	step := func(b *Books) (entry, at int) {
		entry = slices.IndexFunc(b.Contents.Entries, func(e ledger.Entry) bool {
			return slices.ContainsFunc(e.Steps, func(s ledger.Step) bool {
				return s.Status == ledger.Verified && s.Kind == change.ManagedUserPolicy && s.After == "" && b.Last[thing(s.Change)] == ""
			})
		})
		return entry, slices.IndexFunc(b.Contents.Entries[entry].Steps, func(s ledger.Step) bool { return s.Status == ledger.Verified })
	}
	answers := func(b *Books, status ledger.Status) (delivered, answer int) {
		for i, d := range b.Delivered {
			for j, a := range d.Answers {
				if len(a.Report.Changes) > 0 && a.Report.Changes[0].Status == status && a.Report.Changes[0].Kind == change.ManagedUserPolicy {
					return i, j
				}
			}
		}
		t.Fatalf("no change is %s", status)
		return 0, 0
	}
	faults := map[string]struct {
		breaks func(b *Books)
		want   string
	}{
		"a run that is not in the ledger": {func(b *Books) { b.Contents.Runs = b.Contents.Runs[1:] }, "the ledger has no finished run of it"},
		"a run that never came to its end": {func(b *Books) {
			b.Contents.Runs = slices.Clone(b.Contents.Runs)
			b.Contents.Runs[0].Done = false
		}, "is not finished"},
		"an entry that the account does not show": {func(b *Books) {
			entry, at := step(b)
			b.Last = maps.Clone(b.Last)
			b.Last[thing(b.Contents.Entries[entry].Steps[at].Change)] = change.Attached
		}, "what was done to it last is otherwise"},
		"an entry of what nobody did": {func(b *Books) {
			entry, at := step(b)
			made := b.Contents.Entries[entry]
			made.ID, made.Notifications = "made-up", nil
			made.Steps = []ledger.Step{made.Steps[at]}
			made.Steps[0].ID = "made-up-1"
			b.Contents.Entries = append(slices.Clone(b.Contents.Entries), made)
		}, "as made, and no answer says so"},
		"a change that the ledger does not know": {func(b *Books) {
			entry, _ := step(b)
			b.Contents.Entries = slices.Delete(slices.Clone(b.Contents.Entries), entry, entry+1)
		}, "and the ledger has it otherwise"},
		"a difference that nothing explains": {func(b *Books) {
			b.Last = maps.Clone(b.Last)
			b.Last[Thing{change.GroupMembership, "dev-000", "administrators"}] = change.Member
		}, "and nobody did that"},
		"a change that is made twice": {func(b *Books) {
			i, j := answers(b, ledger.Verified)
			again := b.Delivered[i]
			again.Answers = slices.Clone(again.Answers)
			again.Answers[j].Report.Changes = slices.Clone(again.Answers[j].Report.Changes)
			again.Answers[j].Report.Changes[0].ID = "again-1"
			b.Delivered = append(slices.Clone(b.Delivered), again)
		}, "twice: by"},
		"a change that is left half made": {func(b *Books) {
			entry, at := step(b)
			b.Contents.Entries = slices.Clone(b.Contents.Entries)
			b.Contents.Entries[entry].Steps = slices.Clone(b.Contents.Entries[entry].Steps)
			b.Contents.Entries[entry].Steps[at].Status = ledger.Applied
		}, "is left applied"},
		"a notice that is published twice": {func(b *Books) { b.Notices = append(slices.Clone(b.Notices), b.Notices[0]) }, "is published twice"},
		"a notice that nobody got":         {func(b *Books) { b.Notices = b.Notices[1:] }, "it was never published"},
		"a notice that the ledger does not know of": {func(b *Books) {
			b.Notices = append(slices.Clone(b.Notices), notice.Message{ID: "new", Finding: "new", Kind: notice.Alert})
		}, "the ledger does not know of it"},
		"an event that failed and is not kept": {func(b *Books) { b.Kept, b.Redriven = nil, nil }, "events failed, 0 are kept"},
		"a breaker that lets more through":     {func(b *Books) { b.BlastRadius = 1 }, "the blast radius is 1"},
		"a blast radius that is not reached":   {func(b *Books) { b.Reached = true }, "meant to be reached: true"},
		"a change after the control had stopped": {func(b *Books) {
			i, j := answers(b, ledger.Verified)
			stopped := Delivered{Starts: []string{b.Delivered[i].Answers[j].Report.Control}, Begin: 0, End: 1}
			stopped.Answers = []Answer{b.Delivered[i].Answers[j]}
			stopped.Answers[0].Report.Changes = slices.Clone(stopped.Answers[0].Report.Changes)
			stopped.Answers[0].Report.Changes[0].Status, stopped.Answers[0].Report.Changes[0].Reason = ledger.Held, "blast radius: 10 changes in an hour are made"
			b.Delivered = append(slices.Clone(b.Delivered), stopped)
		}, "after it had stopped"},
		"functions that leak": {func(b *Books) {
			b.Memory = slices.Clone(b.Memory)
			for i := range b.Memory {
				b.Memory[i].Functions, b.Memory[i].Processes = 100e6+int64(b.Memory[i].Events)*1e6, 2
			}
		}, "the memory of a function grows"},
		"a heap that grows faster and faster": {func(b *Books) {
			b.Memory = slices.Clone(b.Memory)
			for i := range b.Memory {
				b.Memory[i].Heap = int64(b.Memory[i].Events) * int64(b.Memory[i].Events) * 1e3
			}
		}, "the heap grows"},
	}
	for name, c := range faults {
		t.Run(name, func(t *testing.T) {
			broken := *books
			c.breaks(&broken)
			_, faults := broken.Check()
			if !slices.ContainsFunc(faults, func(fault string) bool { return strings.Contains(fault, c.want) }) {
				t.Errorf("faults %q, want one with %q", faults[:min(len(faults), 5)], c.want)
			}
		})
	}
}
