package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/warder-aws/warder/infra/simulate/deployment"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
)

// flat is the invariant of load alone.
const flat = "memory grows no faster than what is kept in it"

type audit struct {
	*runRecord
	verification
	runs   map[[2]string]ledger.Run
	writes map[thing][]write
	made   []write // by Warder
}

// write is what Warder or people did to a thing.
type write struct {
	act
	step, control string // of Warder; empty for people
}

func (r *runRecord) audit() verification {
	a := audit{
		runRecord: r, verification: verification{checks: map[string]int{}}, runs: map[[2]string]ledger.Run{},
		writes: map[thing][]write{},
	}
	for _, run := range r.contents.Runs {
		a.runs[[2]string{run.Control, run.Key}] = run
	}
	a.nothingLost()
	a.collectWrites()
	a.accounted()
	a.once()
	a.notified()
	a.stopped()
	a.flatMemory()
	return a.verification
}

func repeated(r remediation.Report) bool {
	return strings.HasPrefix(r.Reason, "this event was already handled")
}

func ownChange(r remediation.Report) bool { return r.Reason == "Warder's own change" }

// nothingLost: every event that a rule of a control matches has an answer of that control; it was handled, and there is
// a finished run of it, or it was kept, and is handled when it is redriven.
func (a *audit) nothingLost() {
	failed := 0
	for d, answer := range a.answers() {
		r := answer.Report
		if d.kind == redriven {
			a.require(unlost, "", !answer.Failed, "an event that was kept for %s failed again: %s", r.Control, r.Reason)
		} else if answer.Failed {
			failed++
		}
		run, found := a.runs[[2]string{r.Control, r.Event}]
		if !answer.Failed {
			a.require(unlost, "", found && run.Done,
				"%s: %s answered %q to event %s, and the ledger has no finished run of it", d.kind, r.Control, r.Outcome, r.Event)
		}
	}
	for _, d := range a.delivered {
		var answered []string
		for _, answer := range d.answers {
			answered = append(answered, answer.Report.Control)
		}
		slices.Sort(answered)
		a.require(unlost, "", slices.Equal(d.starts, answered),
			"an event was lost (%s): its rules start %v, answered have %v", d.kind, d.starts, answered)
	}
	kept, again := len(a.kept), len(a.redriven)
	a.require(unlost, "", failed == kept, "%d events failed, %d are kept", failed, kept)
	a.require(unlost, "", again == kept, "%d events are kept, %d were redriven", kept, again)
	for _, answer := range a.consequences {
		a.require(onlyOnce, "", !answer.Failed && answer.Report.Outcome == remediation.Nothing,
			"%s answered %q to what Warder itself did", answer.Report.Control, answer.Report.Outcome)
	}
	for _, run := range a.contents.Runs {
		a.require(unlost, "", run.Done, "the run of %s of event %s is not finished", run.Control, run.Key)
	}
}

// answers are the answers to all deliveries, those of what was kept included.
func (r *runRecord) answers() iter.Seq2[delivered, deployment.Answer] {
	return func(yield func(delivered, deployment.Answer) bool) {
		for _, d := range slices.Concat(r.delivered, r.redriven) {
			for _, answer := range d.answers {
				if !yield(d, answer) {
					return
				}
			}
		}
	}
}

// deletedSince reports whether somebody deleted a user a moment after it was changed: that can be verified no more.
func (a *audit) deletedSince(s ledger.Step) bool {
	if s.Status != ledger.Applied || s.Reason != "it no longer exists" {
		return false
	}
	for t := range a.last {
		if t.subject == s.Subject {
			return false
		}
	}
	return true
}

// collectWrites lists who gave which thing which value: people, and Warder as its answers say. What the ledger has as
// verified and the answers do not, or the other way round, is a violation.
func (a *audit) collectWrites() {
	for _, act := range a.acts {
		a.writes[act.thing] = append(a.writes[act.thing], write{act: act})
	}
	steps := map[string]ledger.Step{}
	for _, entry := range a.contents.Entries {
		for _, step := range entry.Steps {
			half := step.Status == ledger.Planned || step.Status == ledger.Applied || step.Status == ledger.Failed
			half = half && !a.deletedSince(step)
			a.require(truthful, step.Subject, !half, "%s: the %s of %s is left %s: %s", entry.Control, step.Kind, step.Subject,
				step.Status, step.Reason)
			if step.Status == ledger.Verified {
				steps[step.ID] = step
			}
		}
	}
	answered := map[string]bool{}
	for d, answer := range a.answers() {
		for _, c := range answer.Report.Changes {
			if c.Status != ledger.Verified || answered[c.ID] {
				continue
			}
			answered[c.ID] = true
			step, found := steps[c.ID]
			a.require(explained, c.Subject, found && shown(step.Change) == shown(c.Change),
				"%s answered that it made the %s, and the ledger has it otherwise", answer.Report.Control, raw(c.Change))
			made := step.Change // its names are whole
			if !found {
				made = c.Change
			}
			w := write{act{thingOf(made), made.After, d.begin, d.end}, c.ID, answer.Report.Control}
			a.writes[w.thing] = append(a.writes[w.thing], w)
			a.made = append(a.made, w)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(steps)) {
		if !answered[id] { // of a step that nobody answered: as an entry that was made up
			step := steps[id]
			a.require(explained, step.Subject, false, "the ledger has the %s as made, and no answer says so", raw(step.Change))
		}
	}
}

// shown is a change as an answer has it: without whole access key ids.
func shown(c change.Change) string {
	text, err := json.Marshal(c)
	if err != nil {
		panic(err) // it has strings alone
	}
	return notice.Redact(string(text))
}

// accounted: the account is at the end what it was, but for what people and Warder did last.
func (a *audit) accounted() {
	rotated := map[string]int{}
	for _, w := range a.made {
		if w.kind == change.AccessKeyRotation {
			rotated[w.subject]++
		}
	}
	things := map[thing]bool{}
	for _, all := range []iter.Seq[thing]{maps.Keys(a.first), maps.Keys(a.last), maps.Keys(a.writes)} {
		for t := range all {
			things[t] = t.kind != change.AccessKeyRotation && t.kind != change.RootKeyDeletion
		}
	}
	maps.DeleteFunc(things, func(_ thing, shows bool) bool { return !shows })
	for _, t := range slices.SortedFunc(maps.Keys(things), compare) {
		writes, last := a.writes[t], a.last[t]
		if len(writes) == 0 {
			if _, was := a.first[t]; !was && t.kind == change.AccessKeyStatus && rotated[t.subject] > 0 {
				rotated[t.subject]-- // the new key
				continue
			}
			const form = "the %s was %q and is %q, and nobody did that"
			a.require(explained, t.subject, last == a.first[t], form, t, a.first[t], last)
			continue
		}
		// What was certainly overwritten was not the last.
		holds := slices.ContainsFunc(writes, func(w write) bool {
			return w.value == last && !slices.ContainsFunc(writes, func(later write) bool { return later.begin > w.end })
		})
		a.require(explained, t.subject, holds, "the %s is %q, and what was done to it last is otherwise: %s", t, last,
			describeWrites(writes))
	}
}

func describeWrites(writes []write) string {
	var all []string
	for _, w := range writes {
		all = append(all, fmt.Sprintf("%s -> %q at %d to %d", cmp.Or(w.control, "people"), w.value, w.begin, w.end))
	}
	return strings.Join(all, "; ")
}

// once: nothing is done twice without somebody having undone it in between.
func (a *audit) once() {
	for _, t := range slices.SortedFunc(maps.Keys(a.writes), compare) {
		mine := slices.DeleteFunc(slices.Clone(a.writes[t]), func(w write) bool { return w.step == "" })
		slices.SortFunc(mine, func(x, y write) int {
			return cmp.Or(cmp.Compare(x.end, y.end), cmp.Compare(x.begin, y.begin))
		})
		for i := 1; i < len(mine); i++ {
			x, y := mine[i-1], mine[i]
			// Of two that were at work at the same time either may have been the first. Who deletes the key that a rotation
			// has made undoes the rotation.
			between := slices.ContainsFunc(a.acts, func(w act) bool {
				undoes := w.thing == t && w.value != x.value || t.kind == change.AccessKeyRotation && w.subject == t.subject &&
					w.kind == change.AccessKeyStatus && w.value == ""
				return undoes && w.end > min(x.begin, y.begin) && w.begin < max(x.end, y.end)
			})
			a.require(onlyOnce, t.subject, between || x.value != y.value, "the %s was made %q twice: %s", t, x.value,
				describeWrites([]write{x, y}))
		}
	}
}

// notified: no notice is published twice, and the ledger and the topic have the same ones.
func (a *audit) notified() {
	published := map[string]bool{}
	type sent struct{ finding, kind string }
	topic := map[sent]bool{}
	for _, m := range a.notices {
		a.require(onlyOnce, m.Subject, !published[m.ID], "notice %s of %s is published twice: %s", m.ID, m.Control, m.Title)
		published[m.ID] = true
		topic[sent{m.Finding, string(m.Kind)}] = true
	}
	for _, entry := range a.contents.Entries {
		for _, n := range entry.Notifications {
			s := sent{entry.ID, string(n.Kind)}
			a.require(truthful, entry.Subject, topic[s], "the ledger has a notice of %s (%s) by %s, and it was never published",
				entry.ID, n.Kind, entry.Control)
			delete(topic, s)
		}
	}
	for s := range topic {
		const form = "a notice of %s (%s) was published, and the ledger does not know of it"
		a.require(explained, "", false, form, s.finding, s.kind)
	}
}

// blasted reports whether the blast radius holds a change.
func blasted(c remediation.ReportedChange) bool {
	return c.Status == ledger.Held && strings.HasPrefix(c.Reason, "blast radius")
}

// stopped: no control makes more changes than it may, and once it has stopped it makes none. That is notified once.
func (a *audit) stopped() {
	tripped := map[string]int64{} // when it was known
	for d, answer := range a.answers() {
		if slices.ContainsFunc(answer.Report.Changes, blasted) {
			if at, known := tripped[answer.Report.Control]; !known || d.end < at {
				tripped[answer.Report.Control] = d.end
			}
		}
	}
	controls := slices.Sorted(maps.Keys(tripped))
	a.require(radius, "", len(tripped) > 0 == a.reached,
		"the blast radius of %d is reached by %v, meant to be reached: %t", a.blast, controls, a.reached)
	for _, w := range a.made {
		at, known := tripped[w.control]
		a.require(radius, w.subject, !known || w.begin < at, "%s made the %s %q at %d after it had stopped at %d", w.control,
			w.thing, w.value, w.begin, at)
	}
	for _, control := range controls {
		n := len(slices.DeleteFunc(slices.Clone(a.notices), func(m notice.Message) bool {
			return m.Kind != notice.Alert || m.Title != "Blast radius reached" || m.Control != control
		}))
		a.require(radius, "", n == 1, "that %s stopped is notified %d times", control, n)
	}
	times := map[string][]time.Time{}
	for _, entry := range a.contents.Entries {
		for _, step := range entry.Steps {
			if step.Status == ledger.Verified {
				times[entry.Control] = append(times[entry.Control], entry.At)
			}
		}
	}
	for _, control := range slices.Sorted(maps.Keys(times)) {
		at := times[control]
		slices.SortFunc(at, time.Time.Compare)
		most := 0
		for i, from := range at {
			end, _ := slices.BinarySearchFunc(at, from.Add(time.Hour), time.Time.Compare)
			most = max(most, end-i)
		}
		// An hour begins with the first change in it; any other hour shares in two such hours.
		form := "%s made %d changes within an hour: the blast radius is %d"
		a.require(radius, "", most <= 2*a.blast, form, control, most, a.blast)
		b := a.contents.Breakers[control]
		form = "%s was let through %d times in an hour: the blast radius is %d"
		a.require(radius, "", len(b.Steps) <= a.blast, form, control, len(b.Steps), a.blast)
		_, known := tripped[control]
		form = "%s stopped: %t, and the ledger says %v"
		a.require(radius, "", known == !b.Tripped.IsZero(), form, control, known, b.Tripped)
	}
}

// flatMemory: what the functions use grows less in the second half than in the first. This process keeps the record,
// and in memory the account and the ledger too: it may grow as these do, and no faster.
func (a *audit) flatMemory() {
	if len(a.memory) != 3 {
		a.require(flat, "", false, "the memory was measured %d times", len(a.memory))
		return
	}
	early, half, end := a.memory[0], a.memory[1], a.memory[2]
	judge := func(what string, most float64, bytes func(memory) int64) {
		x, y, z := float64(bytes(early)), float64(bytes(half)), float64(bytes(end))
		first, second := (y-x)/float64(half.Events-early.Events), (z-y)/float64(end.Events-half.Events)
		// Of what does not grow, a measure differs from the next by little.
		a.require(flat, "", z <= 1.1*y || second <= most*first,
			"%s grows by %.0f bytes an event in the first half and by %.0f in the second: from %.0f to %.0f bytes", what, first,
			second, y, z)
	}
	judge("the memory of a function", 0.5, func(m memory) int64 { return m.Functions / int64(max(m.Processes, 1)) })
	judge("the heap", 1.5, func(m memory) int64 { return m.Heap })
}
