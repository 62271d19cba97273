package simulate

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// The invariants. They are judged by what is in the account, in the ledger's table and in the
// notices that were accepted, with rules of their own: none calls what it judges.
const (
	toldBefore = "nobody is acted on untold, or within grace"
	narrower   = "nobody's access is widened"
	oneKey     = "at most one key of a user goes in a run"
	covered    = "what is not compliant is fixed, exempt, on hold, or due on a known day"
	overdue    = "what is due is done"
	explained  = "the ledger explains every change"
	rewound    = "undone in reverse order, the first state is there again"
	haltedNow  = "nothing is changed while Warder is halted"
	exemptNow  = "nothing is changed about who is exempt"
	heldNow    = "nothing that a person put back is taken away on its hold"
	observing  = "observing changes nothing"
	radius     = "no more changes in an hour than the blast radius"
	onlyOnce   = "nothing is done twice, and nobody told twice"
	truthful   = "what is said to be done is so"
	unlost     = "no event that came is lost"
	discreet   = "no notice holds a whole access key id"
)

var invariants = []string{
	toldBefore, narrower, oneKey, covered, overdue, explained, rewound, haltedNow, exemptNow, heldNow, observing, radius, onlyOnce, truthful, unlost, discreet,
}

// Violation is an invariant that did not hold.
type Violation struct {
	Invariant string    `json:"invariant"`
	Subject   string    `json:"subject,omitempty"`
	At        time.Time `json:"at"`
	What      string    `json:"what"`
	// Story is what had happened before about the same subject.
	Story []string `json:"story"`
}

func (v *Violation) String() string {
	return fmt.Sprintf("%s: %s", v.Invariant, v.What)
}

// check counts one check of an invariant, and remembers the first that did not hold.
func (w *world) check(invariant, subject string, holds bool, format string, args ...any) {
	w.checks[invariant]++
	if !holds {
		w.fail(invariant, subject, format, args...)
	}
}

func (w *world) fail(invariant, subject, format string, args ...any) {
	if w.violation == nil {
		w.violation = &Violation{Invariant: invariant, Subject: subject, At: w.now, What: fmt.Sprintf(format, args...)}
	}
}

// wrote judges a change of a user that was just made.
func (w *world) wrote(operation, name string, before *fakeaws.User) {
	if name == "" {
		return
	}
	after := w.user(name)
	differ := differences(before, after)
	if len(differ) == 0 {
		return
	}
	i := w.running
	if i == nil { // somebody undoes
		w.journal = append(w.journal, page{at: w.now, user: name, before: before, after: after})
		w.moved(name, differ)
		return
	}
	w.count("changes")
	for _, f := range differ {
		w.judge(i, name, f, before, after)
	}
}

// judge judges one fact that a function changed.
func (w *world) judge(i *invocation, name string, f fact, before, after *fakeaws.User) {
	id := i.lambda.id
	was, is := facts(before)[f], facts(after)[f]
	done := fmt.Sprintf("%s %s of %s, which was %q and is %q, changed by %s on %s", f.kind, f.target, name, short(was), short(is), id, what(i))
	w.note(name, "%s: %s %s: %q -> %q", id, f.kind, f.target, short(was), short(is))

	step, entry := w.step(i, name, f, was, is)
	w.check(explained, name, step != nil, "the ledger has no record of %s", done)
	if step == nil {
		return
	}
	rotated := step.Kind == change.AccessKeyRotation
	p := page{at: w.now, user: name, before: before, after: after, step: step.ID}
	if rotated { // the value of its secret is its last part, see wroteSecret; what was cut off in between is made anew
		p.step = ""
	} else {
		w.check(onlyOnce, name, !w.made[step.ID], "made twice: %s", done)
		w.made[step.ID] = true
	}
	w.journal = append(w.journal, p)
	w.check(observing, name, i.settings.Mode == control.Enforce, "%s only observes: %s", id, done)
	w.check(haltedNow, name, w.halted == 0, "Warder is halted: %s", done)
	w.check(exemptNow, name, !w.exempt(before, id), "%s is exempt: %s", name, done)
	hold, ok := w.holds[thing{step.Kind, step.Subject, step.Target}.String()]
	w.check(heldNow, name, !ok || !w.now.Before(hold.Until), "on hold until %s: %s", hold.Until, done)

	w.check(narrower, name, access(after)&^access(before) == 0, "access is widened: %s", done)
	w.check(narrower, name, f.kind != "key" || is != change.Active || rotated && was == "" && before.Tags["warder:rotate"] == "yes", "a key is given: %s", done)
	if f.kind == "key" && id != "contain-exposed-key" {
		w.check(oneKey, name, i.keys[name] == "" || i.keys[name] == f.target, "key %s went before in this run: %s", i.keys[name], done)
		i.keys[name] = f.target
	}

	i.written = append(slices.DeleteFunc(i.written, func(t time.Time) bool { return w.now.Sub(t) >= time.Hour }), w.now)
	w.check(radius, name, len(i.written) <= i.settings.BlastRadius, "%d changes in an hour: %s", len(i.written), done)
	w.check(toldBefore, name, rotated || w.may(i, name, f, step, entry), "not told in time: %s", done)
}

// step is the ledger's record that is about to be made so, and its entry.
func (w *world) step(i *invocation, name string, f fact, was, is string) (*ledger.Step, *ledger.Entry) {
	for _, id := range slices.Backward(w.bySubject[name]) {
		e := w.entries[id]
		for k := range e.Steps {
			s := &e.Steps[k]
			if e.Control != i.lambda.id || s.Subject != name || !slices.Contains(changes[f.kind], s.Kind) || s.Status.Settled() {
				continue
			}
			if s.Kind == change.AccessKeyRotation || (s.Target == f.target || f.kind == "boundary") && s.Before == was && s.After == is {
				return s, &e
			}
		}
	}
	return nil, nil
}

// may reports whether somebody was told of a change long enough before, or it could not wait.
func (w *world) may(i *invocation, name string, f fact, step *ledger.Step, entry *ledger.Entry) bool {
	var together []change.Change // what one entry does
	for _, s := range entry.Steps {
		together = append(together, s.Change)
	}
	if i.emergency(name, together) {
		return true
	}
	about := thing{step.Kind, step.Subject, step.Target}
	// What a sweep has found to be right since then is told of anew.
	since := w.clean[i.lambda.id+"#"+about.String()]
	grace := time.Duration(w.chosen.grace) * 24 * time.Hour
	if at, ok := w.urgent[i.lambda.id+"#"+about.String()]; ok && !at.Before(since) {
		return true // an emergency that was held back when its event came
	}
	for _, n := range w.notices {
		if n.control != i.lambda.id || !n.about[about] || n.at.Before(since) {
			continue
		}
		switch {
		case n.kind == notice.Warning && !n.at.Add(grace).After(w.now):
			return true
		case n.kind == notice.Held || n.kind == notice.Failure || n.kind == notice.Alert || n.kind == notice.Changed:
			// What could not wait was held back, and its owner heard of it.
			return true
		}
	}
	return false
}

// emergency reports whether the event itself says that the user did one of these things, or that all of it is urgent.
func (i *invocation) emergency(name string, changes []change.Change) bool {
	return !i.sweep && i.fresh != "" && (i.fresh == name ||
		slices.ContainsFunc(changes, func(c change.Change) bool { return i.fresh == place(name, factOf(c.Kind, c.Target)) }))
}

// exempt reports whether a tag of the user exempts it: all three words of the form, and not over.
func (w *world) exempt(u *fakeaws.User, id string) bool {
	if u == nil {
		return false
	}
	words := strings.Fields(u.Tags["warder:exempt"])
	if len(words) < 7 || words[1] != "until" || words[3] != "by" || words[5] != "for" || words[0] != "all" && words[0] != id {
		return false
	}
	until, err := time.Parse(time.DateOnly, words[2])
	today := w.now.UTC().Truncate(24 * time.Hour)
	return err == nil && !today.After(until) && until.Sub(today) <= 180*24*time.Hour
}

// thing names what a change is about.
type thing struct{ kind, subject, target string }

func (t thing) String() string { return t.kind + "#" + t.subject + "#" + t.target }

// sent is a notice that was accepted.
type sent struct {
	id, control string
	kind        notice.Kind
	at          time.Time
	about       map[thing]bool
}

// told judges a notice as it is accepted.
func (w *world) told(m notice.Message, body string) {
	w.count("notices")
	w.count("notices " + string(m.Kind))
	entry := w.entries[m.Finding]
	n := sent{id: m.ID, control: m.Control, kind: m.Kind, at: w.now, about: map[thing]bool{}}
	for _, s := range entry.Steps {
		n.about[thing{s.Kind, s.Subject, s.Target}] = true
	}
	w.note(m.Subject, "told: %s", m.Line())
	w.check(explained, m.Subject, entry.ID != "", "the ledger has no entry of the notice %s", m.Line())
	// A notice whose answer was lost is sent once more: subscribers know it by its id.
	doubtful, before := w.accepted[m.ID]
	w.check(onlyOnce, m.Subject, !before || doubtful, "told twice: %s", m.Line())
	w.accepted[m.ID] = false
	if w.running != nil {
		w.running.told = append(w.running.told, m.ID)
	}
	w.check(discreet, m.Subject, !w.leaksKey(m.Subject, body), "a whole access key id: %s", m.Line())
	w.notices = append(w.notices, n)
	if m.Kind == notice.Warning {
		for about := range n.about {
			w.warned[m.Control] = append(w.warned[m.Control], about)
		}
	}
	if m.Kind == notice.Changed {
		for _, s := range entry.Steps {
			if s.Status.Made() {
				w.soIsIt(s)
			}
		}
	}
	w.react(m)
}

func (w *world) leaksKey(name, body string) bool {
	u := w.user(name)
	return u != nil && slices.ContainsFunc(u.Keys, func(k fakeaws.Key) bool { return strings.Contains(body, k.ID) })
}

// soIsIt judges that a step which is said to be made is so in the account.
func (w *world) soIsIt(s ledger.Step) {
	f := factOf(s.Kind, s.Target)
	if f.kind == "" || s.Kind == change.AccessKeyRotation {
		return
	}
	got := facts(w.user(s.Subject))[f]
	w.check(truthful, s.Subject, got == s.After, "%s %s of %s is said to be %q and is %q", s.Kind, s.Target, s.Subject, short(s.After), short(got))
}

// ended judges what an invocation has come to.
func (w *world) ended(i *invocation, begin time.Time, report remediation.Report, err error) {
	for _, c := range report.Changes {
		if c.Status == ledger.Verified {
			w.soIsIt(ledger.Step{Change: c.Change})
		}
		if c.Status == ledger.Held && i.emergency(c.Subject, []change.Change{c.Change}) {
			w.urgent[i.lambda.id+"#"+thing{c.Kind, c.Subject, c.Target}.String()] = w.now
		}
	}
	key := i.lambda.id + "#" + report.Event
	if err != nil {
		w.open[i] = key
		for _, id := range i.told {
			w.accepted[id] = true // the next try may not know that it was
		}
		return
	}
	delete(w.open, i)
	if i.sweep {
		w.seen(i.lambda, begin)
	}
	w.check(unlost, i.subject, w.runs[key], "%s says that %s is handled, and the ledger does not know", i.lambda.id, what(i))
	w.check(truthful, i.subject, report.Outcome != remediation.Failed, "%s says that %s failed, and asks for no retry", i.lambda.id, what(i))
}

// seen notes what owners were warned of and a sweep that came to its end has found to be right, exempt or
// on hold: if it is not right again later, they are to be warned again.
func (w *world) seen(l *lambda, begin time.Time) {
	lacking := map[thing]bool{}
	for _, lack := range w.lacking(l, begin.Add(14*24*time.Hour)) { // two weeks before, owners are warned
		lacking[lack.thing] = true
	}
	w.warned[l.id] = slices.DeleteFunc(w.warned[l.id], func(t thing) bool {
		hold := w.holds[t.String()]
		right := t.kind != change.AccessKeyDeletion && (!lacking[t] || begin.Before(hold.Until)) || w.exempt(w.user(t.subject), l.id)
		if right {
			w.clean[l.id+"#"+t.String()] = begin
		}
		return right
	})
}

// lacks is something that a control has to do something about.
type lacks struct {
	control string
	thing
	slack int // how many sweeps may miss it
}

// today judges, once a day, whether everything that is not compliant is known.
func (w *world) today() {
	obstructed := w.halted > 0
	for _, l := range w.lambdas {
		if l.settings.Mode != control.Enforce || l.swept.Before(w.now.Add(-12*time.Hour)) {
			continue
		}
		for _, lack := range w.lacking(l, l.swept) {
			u := w.user(lack.subject)
			since := w.since[place(lack.subject, factOf(lack.kind, lack.target))]
			key := l.id + "#" + lack.String()
			hold, held := w.holds[lack.String()]
			held = held && w.now.Before(hold.Until)
			due, open := w.caseOf(l.id, lack.thing)
			known := w.exempt(u, l.id) || held || open || since.After(l.swept.Add(-time.Minute))
			if known {
				delete(w.missed, key)
			} else {
				w.missed[key]++
			}
			w.check(covered, lack.subject, w.missed[key] <= lack.slack, "%s has missed %s %s of %s in %d sweeps", l.id, lack.kind, lack.target, lack.subject, w.missed[key])
			late := open && !due.IsZero() && l.swept.After(due) && !obstructed && !w.exempt(u, l.id) && !held && w.breakers[l.id].Tripped.IsZero()
			if late {
				w.late[key]++
			} else {
				delete(w.late, key)
			}
			w.check(overdue, lack.subject, w.late[key] <= 4, "%s %s of %s was due on %s, and %s has swept %d times since", lack.kind, lack.target, lack.subject, due.Format(time.DateOnly), l.id, w.late[key])
		}
	}
}

// caseOf is when the open case about a thing is due.
func (w *world) caseOf(id string, t thing) (due time.Time, open bool) {
	for _, key := range w.casesOf[id+"#"+t.subject] {
		c := w.cases[key]
		if c.Open() && slices.ContainsFunc(c.Changes, func(x change.Change) bool { return x.Kind == t.kind && x.Target == t.target }) {
			return c.Due, true
		}
	}
	return time.Time{}, false
}

// lacking is what a control has to do something about, by the rules of CONTROLS as they read, not by its code.
func (w *world) lacking(l *lambda, at time.Time) (all []lacks) {
	days := func(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }
	add := func(user, kind, target string, slack int) {
		all = append(all, lacks{l.id, thing{kind, user, target}, slack})
	}
	w.account.With(func(s *fakeaws.State) {
		for _, name := range slices.Sorted(maps.Keys(s.Users)) {
			u := s.Users[name]
			switch l.id {
			case "deactivate-stale-access-key", "deactivate-unused-access-key":
				for _, k := range u.Keys {
					from, limit := k.Created, w.chosen.maxAge
					if l.id == "deactivate-unused-access-key" {
						limit = w.chosen.maxUnused
						if k.Used.After(from) {
							from = k.Used
						}
					}
					// A key that was switched looks young in the report for a week, see accesskey.
					slack := 2
					if !k.Changed.IsZero() {
						slack = 9
					}
					if k.Status == change.Active && at.Sub(from) > days(limit) {
						add(name, change.AccessKeyStatus, k.ID, slack)
					}
				}
			case "detach-direct-policy":
				for _, policy := range u.Attached {
					if policies[policy].allows != 0 && !slices.Contains(given, policy) {
						add(name, change.ManagedUserPolicy, policy, 2)
					}
				}
				for _, policy := range slices.Sorted(maps.Keys(u.Inline)) {
					if inline[string(u.Inline[policy])].allows != 0 {
						add(name, change.InlineUserPolicy, policy, 2)
					}
				}
			case "require-permissions-boundary":
				if w.chosen.boundary && u.Boundary == "" {
					add(name, change.PermissionsBoundary, name, 2)
				}
			}
		}
	})
	return all
}

// factOf is the fact that a change changes; none if it is not about a user.
func factOf(kind, target string) fact {
	for f, of := range changes {
		switch {
		case !slices.Contains(of, kind):
		case f == "boundary": // a user has one
			return fact{f, ""}
		default:
			return fact{f, target}
		}
	}
	return fact{}
}

// place names a fact of a user.
func place(user string, f fact) string { return user + "#" + f.kind + "#" + f.target }

// settled judges, when all is over, that every event came to its end.
func (w *world) settled() {
	for _, i := range slices.SortedFunc(maps.Keys(w.open), func(a, b *invocation) int { return strings.Compare(a.id, b.id) }) {
		w.check(unlost, i.subject, false, "%s was not handled in the end by %s", what(i), i.lambda.id)
	}
}

func what(i *invocation) string {
	if i.sweep {
		return "its sweep"
	}
	return "event " + i.event.id
}

// short is a value in a message; a document is told by its first words.
func short(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}
