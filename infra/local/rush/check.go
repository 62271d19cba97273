package rush

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
)

func keysOf[K comparable, V any](m map[K]V) iter.Seq[K] { return maps.Keys(m) }

func compare(a, b Thing) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Target, b.Target))
}

// An audit goes through the books.
type audit struct {
	*Books
	checks int
	faults []string
	runs   map[[2]string]ledger.Run
	writes map[Thing][]write
	made   []write // by Warder
}

// write is a value that a thing got, between two moments of the play.
type write struct {
	Thing
	value      string
	begin, end int64
	step       string // of Warder; empty for people
	control    string
	before     string
}

// Check goes through the books and returns how many checks it has made, and in words what is wrong.
func (b *Books) Check() (checks int, faults []string) {
	a := audit{Books: b, runs: map[[2]string]ledger.Run{}, writes: map[Thing][]write{}}
	for _, run := range b.Contents.Runs {
		a.runs[[2]string{run.Control, run.Key}] = run
	}
	a.nothingLost()
	a.collect()
	a.accounted()
	a.once()
	a.told()
	a.stopped()
	a.flat()
	return a.checks, a.faults
}

// that is one check.
func (a *audit) that(holds bool, format string, args ...any) {
	a.checks++
	if !holds {
		a.faults = append(a.faults, fmt.Sprintf(format, args...))
	}
}

// before says of an answer that the event had been handled before.
func before(r remediation.Report) bool {
	return strings.HasPrefix(r.Reason, "this event was handled before")
}

// own says of an answer that the event is of what Warder itself did.
func own(r remediation.Report) bool { return r.Reason == "Warder's own change" }

// nothingLost: every event that a rule of a control matches has an answer of that control; it was
// handled, and there is a finished run of it, or it was kept, and is handled when it is sent again.
func (a *audit) nothingLost() {
	failed := 0
	handled := func(kind string, answer Answer) {
		run, found := a.runs[[2]string{answer.Report.Control, answer.Report.Event}]
		a.that(found && run.Done, "%s: %s answered %q to event %s, and the ledger has no finished run of it",
			kind, answer.Report.Control, answer.Report.Outcome, answer.Report.Event)
	}
	for _, d := range a.Delivered {
		var answered []string
		for _, answer := range d.Answers {
			answered = append(answered, answer.Report.Control)
			if answer.Failed {
				failed++
				continue
			}
			handled(d.Kind, answer)
		}
		slices.Sort(answered)
		a.that(slices.Equal(d.Starts, answered), "an event was lost (%s): its rules start %v, answered have %v", d.Kind, d.Starts, answered)
	}
	a.that(failed == len(a.Kept), "%d events failed, %d are kept", failed, len(a.Kept))
	a.that(len(a.Redriven) == len(a.Kept), "%d events are kept, %d were sent again", len(a.Kept), len(a.Redriven))
	for _, d := range a.Redriven {
		for _, answer := range d.Answers {
			a.that(!answer.Failed, "an event that was kept for %s failed again: %s", answer.Report.Control, answer.Report.Reason)
			if !answer.Failed {
				handled(d.Kind, answer)
			}
		}
	}
	for _, answer := range a.Consequences {
		a.that(!answer.Failed && answer.Report.Outcome == remediation.Nothing, "%s answered %q to what Warder itself did", answer.Report.Control, answer.Report.Outcome)
	}
	for _, run := range a.Contents.Runs {
		a.that(run.Done, "the run of %s of event %s is not finished", run.Control, run.Key)
	}
}

// all are the deliveries, and those of what was kept.
func (a *audit) all() iter.Seq[Delivered] {
	return func(yield func(Delivered) bool) {
		for _, d := range a.Delivered {
			if !yield(d) {
				return
			}
		}
		for _, d := range a.Redriven {
			if !yield(d) {
				return
			}
		}
	}
}

// collect lists who gave which thing which value: people, and Warder as its answers say. What the
// ledger has as verified and the answers do not, or the other way round, is a fault.
func (a *audit) collect() {
	for _, act := range a.Acts {
		a.writes[act.Thing] = append(a.writes[act.Thing], write{Thing: act.Thing, value: act.Value, begin: act.Begin, end: act.End})
	}
	steps := map[string]ledger.Step{}
	for _, entry := range a.Contents.Entries {
		for _, step := range entry.Steps {
			a.that(step.Status != ledger.Planned && step.Status != ledger.Applied && step.Status != ledger.Failed,
				"%s: the %s of %s is left %s: %s", entry.Control, step.Kind, step.Subject, step.Status, step.Reason)
			if step.Status == ledger.Verified {
				steps[step.ID] = step
			}
		}
	}
	answered := map[string]bool{}
	for d := range a.all() {
		for _, answer := range d.Answers {
			for _, c := range answer.Report.Changes {
				if c.Status != ledger.Verified || answered[c.ID] {
					continue
				}
				answered[c.ID] = true
				step, found := steps[c.ID]
				a.that(found && step.Change == c.Change, "%s answered that it made the %s of %s, %s, and the ledger has it otherwise", answer.Report.Control, c.Kind, c.Subject, c.Target)
				w := write{Thing: thing(c.Change), value: c.After, before: c.Before, begin: d.Begin, end: d.End, step: c.ID, control: answer.Report.Control}
				a.writes[w.Thing] = append(a.writes[w.Thing], w)
				a.made = append(a.made, w)
			}
		}
	}
	for _, id := range sorted(steps) {
		if !answered[id] { // of a step that nobody answered: as an entry that was made up
			step := steps[id]
			a.that(false, "the ledger has the %s of %s, %s, as made, and no answer says so", step.Kind, step.Subject, step.Target)
		}
	}
}

// accounted: the account is at the end what it was, but for what people and Warder did last.
func (a *audit) accounted() {
	rotated := map[string]int{}
	for _, w := range a.made {
		if w.Kind == change.AccessKeyRotation {
			rotated[w.Subject]++
		}
	}
	things := map[Thing]bool{}
	for _, m := range []State{a.First, a.Last} {
		for t := range m {
			things[t] = true
		}
	}
	for t := range a.writes {
		things[t] = true
	}
	for _, t := range slices.SortedFunc(keysOf(things), compare) {
		if t.Kind == change.AccessKeyRotation || t.Kind == "user" || t.Kind == change.RootKeyDeletion {
			continue
		}
		writes, last := a.writes[t], a.Last[t]
		if len(writes) == 0 {
			if _, was := a.First[t]; !was && t.Kind == change.AccessKeyStatus && rotated[t.Subject] > 0 {
				rotated[t.Subject]-- // the new key
				a.that(true, "")
				continue
			}
			a.that(last == a.First[t], "the %s was %q and is %q, and nobody did that", t, a.First[t], last)
			continue
		}
		a.that(slices.ContainsFunc(writes, func(w write) bool { return w.value == last && !overwritten(w, writes) }),
			"the %s is %q, and what was done to it last is otherwise: %s", t, last, words(writes))
	}
}

// overwritten reports whether something else was certainly done after it.
func overwritten(w write, writes []write) bool {
	return slices.ContainsFunc(writes, func(later write) bool { return later.begin > w.end })
}

func words(writes []write) string {
	var all []string
	for _, w := range writes {
		who := cmp.Or(w.control, "people")
		all = append(all, fmt.Sprintf("%s -> %q at %d to %d", who, w.value, w.begin, w.end))
	}
	return strings.Join(all, "; ")
}

// once: nothing is done twice without somebody having undone it in between.
func (a *audit) once() {
	for _, t := range slices.SortedFunc(keysOf(a.writes), compare) {
		var mine []write
		for _, w := range a.writes[t] {
			if w.step != "" {
				mine = append(mine, w)
			}
		}
		slices.SortFunc(mine, func(x, y write) int { return cmp.Or(cmp.Compare(x.end, y.end), cmp.Compare(x.begin, y.begin)) })
		for i := 1; i < len(mine); i++ {
			x, y := mine[i-1], mine[i]
			// Of two that were at work at the same time either may have been the first.
			between := slices.ContainsFunc(a.writes[t], func(w write) bool {
				return w.step == "" && w.value != x.value && w.end > min(x.begin, y.begin) && w.begin < max(x.end, y.end)
			})
			a.that(between || x.value != y.value, "the %s was made %q twice: by %s at %d to %d and by %s at %d to %d (%s, %s)",
				t, x.value, x.control, x.begin, x.end, y.control, y.begin, y.end, x.step, y.step)
		}
	}
}

// told: no notice is published twice, and the ledger and the topic have the same ones.
func (a *audit) told() {
	published := map[string]bool{}
	type told struct{ finding, kind string }
	topic := map[told]bool{}
	for _, m := range a.Notices {
		a.that(!published[m.ID], "notice %s of %s is published twice: %s", m.ID, m.Control, m.Title)
		published[m.ID] = true
		topic[told{m.Finding, string(m.Kind)}] = true
	}
	for _, entry := range a.Contents.Entries {
		for _, notice := range entry.Notifications {
			n := told{entry.ID, string(notice.Kind)}
			a.that(topic[n], "the ledger says that people were told of %s (%s) by %s, and it was never published", entry.ID, notice.Kind, entry.Control)
			delete(topic, n)
		}
	}
	for n := range topic {
		a.that(false, "a notice of %s (%s) was published, and the ledger does not know of it", n.finding, n.kind)
	}
}

// blasted says of a change that the blast radius holds it back.
func blasted(c remediation.ReportedChange) bool {
	return c.Status == ledger.Held && strings.HasPrefix(c.Reason, "blast radius")
}

// stopped: no control makes more changes than it may, and once it has stopped it makes none. Who is
// told of it is told once.
func (a *audit) stopped() {
	tripped := map[string]int64{} // when it was known
	for d := range a.all() {
		for _, answer := range d.Answers {
			if slices.ContainsFunc(answer.Report.Changes, blasted) {
				if at, known := tripped[answer.Report.Control]; !known || d.End < at {
					tripped[answer.Report.Control] = d.End
				}
			}
		}
	}
	a.that(len(tripped) > 0 == a.Reached, "the blast radius of %d is reached by %v, meant to be reached: %t", a.BlastRadius, sorted(tripped), a.Reached)
	for _, w := range a.made {
		at, known := tripped[w.control]
		a.that(!known || w.begin < at, "%s made the %s %q at %d after it had stopped at %d", w.control, w.Thing, w.value, w.begin, at)
	}
	alerts := map[string]int{}
	for _, m := range a.Notices {
		if m.Kind == notice.Alert && m.Title == "Blast radius reached" {
			alerts[m.Control]++
		}
	}
	for _, control := range sorted(tripped) {
		a.that(alerts[control] == 1, "that %s stopped is told %d times", control, alerts[control])
	}
	times := map[string][]time.Time{}
	for _, entry := range a.Contents.Entries {
		for _, step := range entry.Steps {
			if step.Status == ledger.Verified {
				times[entry.Control] = append(times[entry.Control], entry.At)
			}
		}
	}
	for _, control := range sorted(times) {
		at := times[control]
		slices.SortFunc(at, time.Time.Compare)
		most := 0
		for i, from := range at {
			end, _ := slices.BinarySearchFunc(at, from.Add(time.Hour), time.Time.Compare)
			most = max(most, end-i)
		}
		// An hour begins with the first change in it; any other hour shares in two such hours.
		a.that(most <= 2*a.BlastRadius, "%s made %d changes within an hour: the blast radius is %d", control, most, a.BlastRadius)
		b := a.Contents.Breakers[control]
		a.that(len(b.Steps) <= a.BlastRadius, "%s was let through %d times in an hour: the blast radius is %d", control, len(b.Steps), a.BlastRadius)
		_, known := tripped[control]
		a.that(known == !b.Tripped.IsZero(), "%s stopped: %t, and the ledger says %v", control, known, b.Tripped)
	}
}

// flat: what the functions use grows less in the second half than in the first. This process keeps the
// books, and in memory the account and the ledger too: it may grow as these do, and no faster.
func (a *audit) flat() {
	if len(a.Memory) != 3 {
		a.that(false, "the memory was measured %d times", len(a.Memory))
		return
	}
	growth := func(bytes func(Memory) int64) (half, end, first, second float64) {
		early, half, end := float64(bytes(a.Memory[0])), float64(bytes(a.Memory[1])), float64(bytes(a.Memory[2]))
		return half, end, (half - early) / float64(a.Memory[1].Events-a.Memory[0].Events), (end - half) / float64(a.Memory[2].Events-a.Memory[1].Events)
	}
	// Of what does not grow, a measure differs from the next by when the last garbage was collected.
	half, end, first, second := growth(func(m Memory) int64 { return m.Functions / int64(max(m.Processes, 1)) })
	a.that(end <= 1.1*half+4e6 || second <= first/2, "the memory of a function grows by %.0f bytes an event in the first half and by %.0f in the second: from %.0f to %.0f bytes", first, second, half, end)
	half, end, first, second = growth(func(m Memory) int64 { return m.Heap })
	a.that(end <= 1.1*half || second <= 1.5*first, "the heap grows by %.0f bytes an event in the first half and by %.0f in the second: from %.0f to %.0f bytes", first, second, half, end)
}
