package main

import (
	"errors"
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
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// The invariants. They are evaluated by what is in the account, in the ledger's table and in the notices that
// were accepted, with rules of their own: none calls what it evaluates. Months are evaluated as they happen,
// here; what happened at once is evaluated from its record, see audit.
const (
	noticeFirst = "nobody is acted on without notice, or within grace"
	narrower    = "nobody's access is widened"
	oneKey      = "at most one key of a user goes in a run"
	covered     = "what is not compliant is fixed, exempt, on hold, or due on a known day"
	overdue     = "what is due is done"
	explained   = "the ledger explains every change"
	rewound     = "undone in reverse order, the first state is there again"
	haltedNow   = "nothing is changed while Warder is halted"
	exemptNow   = "nothing is changed about who is exempt"
	heldNow     = "nothing that a person put back is taken away on its hold"
	observing   = "observing changes nothing"
	radius      = "no more changes in an hour than the blast radius"
	onlyOnce    = "nothing is done twice, and nobody notified twice"
	truthful    = "what is said to be done is so"
	unlost      = "no event that came is lost"
	discreet    = "no notice holds a whole access key id"
	unlocked    = "nobody is let go who can sign in without MFA"
)

var invariants = []string{
	noticeFirst, narrower, oneKey, covered, overdue, explained, rewound, haltedNow, exemptNow, heldNow, observing, radius,
	onlyOnce, truthful, unlost, discreet, unlocked,
}

// violation is an invariant that did not hold.
type violation struct {
	Invariant string    `json:"invariant"`
	Subject   string    `json:"subject,omitempty"`
	At        time.Time `json:"at,omitzero"`
	What      string    `json:"what"`
	Story     []string  `json:"story,omitempty"` // what had happened before about the same subject
}

func (v violation) String() string { return v.Invariant + ": " + v.What }

// verification is how often each invariant was checked, and what did not hold.
type verification struct {
	checks     map[string]int
	violations []violation
	now        func() time.Time // nil where there is no clock
}

// require counts one check of an invariant, and keeps it if it does not hold.
func (v *verification) require(invariant, subject string, holds bool, format string, args ...any) {
	v.checks[invariant]++
	if holds {
		return
	}
	broken := violation{Invariant: invariant, Subject: subject, What: fmt.Sprintf(format, args...)}
	if v.now != nil {
		broken.At = v.now()
	}
	v.violations = append(v.violations, broken)
}

func (v *verification) sum() (n int) {
	for _, times := range v.checks {
		n += times
	}
	return n
}

// judge evaluates one thing that a function changed.
func (w *world) judge(i *invocation, p page, t thing) {
	was, is := factsOf(p.before)[t], factsOf(p.after)[t]
	user, left := p.before.Users[p.name], p.after.Users[p.name]
	done := fmt.Sprintf("%s, which was %q and is %q, changed by %s on %s", t, short(was), short(is), i.ID, i.what())
	w.note(p.name, "%s: %s %s: %q -> %q", i.ID, t.kind, t.target, short(was), short(is))

	step, entry := w.stepAbout(i, t, was, is)
	w.require(explained, p.name, step != nil, "the ledger has no record of %s", done)
	if step == nil {
		return
	}
	rotated := step.Kind == change.AccessKeyRotation
	if !rotated { // the value of its secret is its last part; what was cut off in between is made anew
		p.step = step.ID
		made := slices.ContainsFunc(w.journal, func(p page) bool { return p.step == step.ID })
		w.require(onlyOnce, p.name, !made, "made twice: %s", done)
	}
	w.journal = append(w.journal, p)
	w.require(observing, p.name, i.Settings.Mode == control.Enforce, "%s only observes: %s", i.ID, done)
	w.require(haltedNow, p.name, w.halted == 0, "Warder is halted: %s", done)
	contains := i.ID == "contain-exposed-key" // no tag stops it
	w.require(exemptNow, p.name, contains || !exempt(user, i.ID, w.now), "%s is exempt: %s", p.name, done)
	hold, held := w.holds[step.Thing()]
	held = held && (t.kind != change.InlineUserPolicy || hold.Content == change.Content(was))
	w.require(heldNow, p.name, !held || !w.now.Before(hold.Until), "on hold until %s: %s", hold.Until, done)

	w.require(narrower, p.name, access(left)&^access(user) == 0, "access is widened: %s", done)
	given := t.kind == change.AccessKeyStatus && is == change.Active
	w.require(narrower, p.name, !given || rotated && was == "" && user.Tags[rotate] == "yes", "a key is given: %s", done)
	if t.kind == change.AccessKeyStatus && i.ID != "contain-exposed-key" {
		first := i.keys[p.name]
		w.require(oneKey, p.name, first == "" || first == t.target, "key %s went before in this run: %s", first, done)
		i.keys[p.name] = t.target
	}

	i.written = slices.DeleteFunc(i.written, func(t time.Time) bool { return w.now.Sub(t) >= time.Hour })
	// What contains an incident, and what takes administrator rights that were given just now, does not count.
	administers := policies[t.target].allows == everything || inline[was].allows == everything
	if !contains && i.ID != "quarantine-outside-login" && (!administers || entry.Urgency == "") {
		i.written = append(i.written, w.now)
	}
	w.require(radius, p.name, len(i.written) <= i.Settings.BlastRadius, "%d changes in an hour: %s", len(i.written), done)
	lifts := step.Kind == change.MFALift && is == ""
	w.require(unlocked, p.name, !lifts || user.Password == nil || len(user.MFA) > 0, "without MFA: %s", done)
	w.require(noticeFirst, p.name, rotated || lifts || w.may(i, step, entry), "not notified in time: %s", done)
}

// stepAbout is the ledger's record that is about to be made so, and its entry.
func (w *world) stepAbout(i *invocation, t thing, was, is string) (*ledger.Step, *ledger.Entry) {
	for _, id := range slices.Backward(w.bySubject[t.subject]) {
		e := w.entries[id]
		for k := range e.Steps {
			s := &e.Steps[k]
			if e.Control != i.ID || s.Subject != t.subject || s.Status.Settled() {
				continue
			}
			if s.Kind == change.AccessKeyRotation && t.kind == change.AccessKeyStatus ||
				thingOf(s.Change) == t && s.Before == was && s.After == is {
				return s, &e
			}
		}
	}
	return nil, nil
}

// may reports whether somebody was notified of a change long enough before, or it could not wait.
func (w *world) may(i *invocation, step *ledger.Step, entry *ledger.Entry) bool {
	var together []change.Change // what one entry does
	for _, s := range entry.Steps {
		together = append(together, s.Change)
	}
	if i.emergency(step.Subject, together) {
		return true
	}
	about := raw(step.Change)
	key := i.ID + "#" + about.key()
	// What a sweep has found to be right since then is notified of anew.
	since := w.clean[key]
	grace := time.Duration(w.chosen.grace) * 24 * time.Hour
	if i.Settings.Days(settings.GraceDays) == 0 {
		grace = 0 // the control gives none: that its owner was notified that it is held is enough
	}
	// What could not wait when its event came, and was held, need not wait for the next sweep's notice.
	if at, ok := w.urgent[key]; ok && !at.Before(since) && (w.now.Sub(at) <= nextSweep || entry.Urgency != "") {
		return true
	}
	// What IAM did not show when its event came is new for the sweeps of two days.
	if at, ok := w.awaited[i.ID+"#"+thingOf(step.Change).key()]; ok && i.sweep && w.now.Sub(at) <= 48*time.Hour {
		return true
	}
	return slices.ContainsFunc(w.notices, func(n accepted) bool {
		if n.control != i.ID || !n.about[about] || n.at.Before(since) {
			return false
		}
		switch n.kind {
		case notice.Warning:
			return !n.at.Add(grace).After(w.now)
		case notice.Held:
			return grace == 0 || w.now.Sub(n.at) <= nextSweep || entry.Urgency != ""
		case notice.Failure, notice.Alert, notice.Changed:
			return true // what could not wait failed or was held, and its owner was notified
		}
		return false
	})
}

// nextSweep is how long it takes at most until the next daily sweep has come.
const nextSweep = 26 * time.Hour

// emergency reports whether the event itself says that the user did one of these things, or that all of it is urgent.
func (i *invocation) emergency(name string, changes []change.Change) bool {
	fresh := i.event.fresh
	return !i.sweep && (fresh == thing{subject: name} ||
		slices.ContainsFunc(changes, func(c change.Change) bool { return fresh == thingOf(c) }))
}

// notified evaluates a notice as it is accepted.
func (w *world) notified(m notice.Message, body string) {
	w.count("notices")
	w.count("notices " + string(m.Kind))
	entry := w.entries[m.Finding]
	n := accepted{control: m.Control, kind: m.Kind, at: w.now, about: map[thing]bool{}}
	for _, s := range entry.Steps {
		n.about[raw(s.Change)] = true
	}
	w.note(m.Subject, "notified: %s", m.Line())
	w.require(explained, m.Subject, entry.ID != "", "the ledger has no entry of the notice %s", m.Line())
	// A notice whose answer was lost is sent once more: subscribers know it by its id.
	doubtful, before := w.doubtful[m.ID]
	w.require(onlyOnce, m.Subject, !before || doubtful, "notified twice: %s", m.Line())
	w.doubtful[m.ID] = false
	if w.running != nil {
		w.running.accepted = append(w.running.accepted, m.ID)
	}
	u := w.user(m.Subject)
	leaks := u != nil && slices.ContainsFunc(u.Keys, func(k fakeaws.Key) bool { return strings.Contains(body, k.ID) })
	w.require(discreet, m.Subject, !leaks, "a whole access key id: %s", m.Line())
	w.notices = append(w.notices, n)
	if m.Kind == notice.Warning {
		w.warned[m.Control] = slices.AppendSeq(w.warned[m.Control], maps.Keys(n.about))
	}
	if m.Kind == notice.Changed {
		for _, s := range entry.Steps {
			if s.Status.Made() {
				w.isSo(s.Change)
			}
		}
	}
	w.react(m)
}

// isSo evaluates that a change which is said to be made is so in the account.
func (w *world) isSo(c change.Change) {
	t := thingOf(c)
	switch t.kind {
	case change.AccessKeyRotation, change.Session, change.BucketPublicAccess, change.RootKeyDeletion:
		return
	}
	got := userFacts(c.Subject, w.user(c.Subject))[t]
	w.require(truthful, c.Subject, got == c.After, "%s is said to be %q and is %q", t, short(c.After), short(got))
}

// ended evaluates what an invocation came to.
func (w *world) ended(i *invocation, begin time.Time, report remediation.Report, err error) {
	for _, c := range report.Changes {
		if c.Status == ledger.Verified {
			w.isSo(c.Change)
		}
		if c.Status == ledger.Held && i.emergency(c.Subject, []change.Change{c.Change}) {
			w.urgent[i.ID+"#"+raw(c.Change).key()] = w.now
		}
	}
	key, about := i.ID+"#"+report.Event, i.event.about
	if err != nil {
		w.open[i] = key
		var unseen *remediation.Unseen
		if errors.As(err, &unseen) {
			w.awaited[i.ID+"#"+i.event.fresh.key()] = w.now
		}
		for _, id := range i.accepted {
			w.doubtful[id] = true // the next try may not know that it was accepted
		}
		return
	}
	delete(w.open, i)
	if i.sweep {
		w.seen(i.function, begin)
	}
	w.require(unlost, about, w.runs[key], "%s says that %s is handled, and the ledger does not know", i.ID, i.what())
	failed := report.Outcome == remediation.Failed
	w.require(truthful, about, !failed, "%s says that %s failed, and asks for no retry", i.ID, i.what())
}

// seen notes what owners were warned of and a sweep that came to its end has found to be right, exempt or on hold: if
// it is not right again later, they are to be warned again.
func (w *world) seen(f *function, begin time.Time) {
	lacking := map[thing]bool{}
	for _, l := range w.lacking(f, begin.Add(14*24*time.Hour)) { // two weeks before, owners are warned
		lacking[l.thing] = true
	}
	w.warned[f.ID] = slices.DeleteFunc(w.warned[f.ID], func(t thing) bool {
		held, user := begin.Before(w.hold(t).Until), w.user(t.subject)
		if t.kind == change.GroupMembership { // which is there to keep the access when a policy is taken away
			lacking[t] = user != nil && !slices.Contains(user.Groups, t.target)
		}
		right := t.kind != change.AccessKeyDeletion && (!lacking[t] || held) || exempt(user, f.ID, w.now)
		if right {
			w.clean[f.ID+"#"+t.key()] = begin
		}
		return right
	})
}

// hold is the hold on a thing of the user who has the name now, zero if there is none.
func (w *world) hold(t thing) ledger.Hold {
	c := change.Change{Kind: t.kind, Subject: t.subject, Target: t.target}
	if user := w.user(t.subject); user != nil {
		c.SubjectID = user.ID
	}
	return w.holds[c.Thing()]
}

// lack is something that a control has to do something about.
type lack struct {
	thing
	slack int // how many sweeps may miss it
}

// today evaluates, once a day, whether everything that is not compliant is known.
func (w *world) today() {
	for _, f := range w.functions {
		if f.Settings.Mode != control.Enforce || f.swept.Before(w.now.Add(-12*time.Hour)) {
			continue
		}
		for _, l := range w.lacking(f, f.swept) {
			key := f.ID + "#" + l.key()
			held, exempted := w.now.Before(w.hold(l.thing).Until), exempt(w.user(l.subject), f.ID, w.now)
			due, open := w.caseOf(f.ID, l.thing)
			known := exempted || held || open || w.since[l.thing].After(f.swept.Add(-time.Minute))
			missed := w.tally(key, !known)
			w.require(covered, l.subject, missed <= l.slack, "%s has missed %s in %d sweeps", f.ID, l, missed)
			late := w.tally(key+" late", open && !due.IsZero() && f.swept.After(due) && w.halted == 0 && !exempted && !held &&
				w.breakers[f.ID].Tripped.IsZero())
			w.require(overdue, l.subject, late <= 4, "%s was due on %s, and %s has swept %d times since", l,
				due.Format(time.DateOnly), f.ID, late)
		}
	}
}

// tally counts how often in a row something is so.
func (r *record) tally(what string, so bool) int {
	if r.missed[what]++; !so {
		delete(r.missed, what)
	}
	return r.missed[what]
}

// caseOf is when the open case about a thing is due.
func (w *world) caseOf(id string, t thing) (due time.Time, open bool) {
	about := func(c change.Change) bool { return c.Kind == t.kind && c.Target == t.target }
	for _, c := range w.cases[id+"#"+t.subject] {
		if c.Open() && slices.ContainsFunc(c.Changes, about) {
			return c.Due, true
		}
	}
	return time.Time{}, false
}

// lacking is what a control has to do something about, by the rules of its README as they read, not by its code.
func (w *world) lacking(f *function, at time.Time) (all []lack) {
	old := func(since time.Time, days int) bool { return at.Sub(since) > time.Duration(days)*24*time.Hour }
	of := func(name string, u *fakeaws.User) {
		add := func(needs bool, kind, target string, slack int) {
			if needs {
				all = append(all, lack{thing{kind, name, target}, slack})
			}
		}
		switch f.ID {
		case "deactivate-stale-access-key", "deactivate-unused-access-key":
			for _, k := range u.Keys {
				from, limit, slack := k.Created, w.chosen.maxAge, 2
				if f.ID == "deactivate-unused-access-key" {
					limit = w.chosen.maxUnused
					if k.Used.After(from) {
						from = k.Used
					}
				}
				if !k.Changed.IsZero() { // it looks young in the report for a week, see accesskey
					slack = 9
				}
				add(k.Status == change.Active && old(from, limit), change.AccessKeyStatus, k.ID, slack)
			}
		case "detach-direct-policy":
			for _, policy := range u.Attached {
				gives := policies[policy].allows != 0 && !slices.Contains(given, policy)
				add(gives, change.ManagedUserPolicy, policy, 2)
			}
			for _, policy := range slices.Sorted(maps.Keys(u.Inline)) {
				add(inline[string(u.Inline[policy])].allows != 0, change.InlineUserPolicy, policy, 2)
			}
		case "require-mfa":
			locked := slices.Contains(u.Attached, mfaLock) || slices.Contains(u.Groups, change.MFALock) ||
				slices.Contains(u.Attached, quarantines+change.KeyQuarantine) || slices.Contains(u.Groups, change.KeyQuarantine)
			add(u.Password != nil && len(u.MFA) == 0 && !locked, change.Quarantine, mfaLock, 2)
		case "require-permissions-boundary":
			add(w.chosen.boundary && u.Boundary == "", change.PermissionsBoundary, name, 2)
		}
	}
	w.fake.With(func(s *fakeaws.State) {
		for _, name := range slices.Sorted(maps.Keys(s.Users)) {
			of(name, s.Users[name])
		}
	})
	return all
}

// settled evaluates, when all is over, that every event came to its end.
func (w *world) settled() {
	left := slices.SortedFunc(maps.Keys(w.open), func(a, b *invocation) int { return strings.Compare(a.id, b.id) })
	for _, i := range left {
		w.require(unlost, i.event.about, false, "%s was not handled in the end by %s", i.what(), i.ID)
	}
}

func (i *invocation) what() string {
	if i.sweep {
		return "its sweep"
	}
	return "event " + i.event.id
}
