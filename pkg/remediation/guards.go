package remediation

import (
	"cmp"
	"slices"
	"time"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/exemption"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/metric"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/orders"
	"github.com/warder-aws/warder/pkg/settings"
)

// guard can keep the changes of a finding from being made.
type guard struct {
	name    guardName
	stages  stage
	reads   []fact        // what has to be known before it decides
	status  ledger.Status // what the steps become that it stops
	skipped metric.Metric // what counts them
	assess  func(Finding, facts) decision
}

type guardName string

const (
	neverWidens  guardName = "never widens"
	mode         guardName = "mode"
	halt         guardName = "halt"
	existence    guardName = "existence"
	exempt       guardName = "exemption"
	undone       guardName = "hold after undo"
	proposed     guardName = "proposal"
	reachable    guardName = "somebody reachable"
	grace        guardName = "grace"
	oneKeyPerRun guardName = "one key per run"
	flapping     guardName = "flapping"
	blastRadius  guardName = "blast radius"
)

// guards are all of them, in the order in which they are asked.
var guards = []guard{
	{neverWidens, applying, nil, ledger.Failed, metric.Metric{}, assessWidening},
	{mode, applying, nil, ledger.Observed, metric.Metric{}, assessMode},
	{halt, applying, []fact{guardState}, ledger.Held, metric.SkippedHeld, assessHalt},
	{existence, planning | applying, []fact{subjectTags}, ledger.Skipped, metric.SkippedMoot, assessExistence},
	{exempt, planning | applying, []fact{subjectTags}, ledger.Skipped, metric.SkippedExempt, assessExemption},
	{undone, planning | applying, []fact{guardState}, ledger.Skipped, metric.SkippedUndone, assessHold},
	{proposed, planning | applying, nil, ledger.Skipped, metric.SkippedWaiting, assessProposal},
	{reachable, planning | applying, []fact{recipients}, ledger.Held, metric.SkippedHeld, assessReachable},
	{grace, planning, []fact{guardState}, ledger.Pending, metric.SkippedWaiting, assessGrace},
	{oneKeyPerRun, planning, []fact{guardState}, ledger.Pending, metric.SkippedWaiting, assessOneKeyPerRun},
	{flapping, applying, []fact{guardState, recentChanges}, ledger.Held, metric.SkippedHeld, assessFlapping},
	{blastRadius, applying, []fact{guardState, blastShare}, ledger.Held, metric.SkippedHeld, assessBlastRadius},
}

// bypasses reports whether the guard does not apply to the finding: an emergency waits for nothing that others did,
// and containment not even for an exemption. Whether what an event names is new is for grace to see.
func (f Finding) bypasses(g guardName) bool {
	switch g {
	case grace:
		return f.Urgency.Emergency() && !f.Fresh
	case oneKeyPerRun:
		return f.Fresh || f.Urgency.Emergency()
	case reachable, flapping, blastRadius:
		return f.Urgency.Emergency()
	case exempt:
		return f.Urgency == Containment
	default:
		return false
	}
}

// stop is a decision for the case that something stands in the way.
func stop(in bool, answer answer, why i18n.Message) decision {
	if !in {
		return decision{}
	}
	return decision{answer: answer, why: why}
}

func assessWidening(_ Finding, x facts) decision {
	if x.widens == nil {
		return decision{}
	}
	return decision{answer: suppress, why: i18n.Error(x.widens), err: x.widens}
}

func assessMode(_ Finding, x facts) decision { return stop(x.observing(), suppress, i18n.Message{}) }

func (x facts) observing() bool { return x.settings.Mode != control.Enforce }

// assessHalt holds what the switch of the account stops, and what the organization does not want now.
func assessHalt(_ Finding, x facts) decision {
	if x.ledger.state.Halt.Halted {
		return decision{answer: hold, why: HaltReason(x.ledger.state.Halt)}
	}
	why := x.orders.Forbid(x.control, x.now)
	return stop(!why.Empty(), hold, why)
}

// assessExistence suppresses what is about a user or a resource that does not exist any more, and what was
// put on hold about a user whose name another one has now.
func assessExistence(f Finding, x facts) decision {
	gone := x.tags == nil || f.held != nil && f.held.Key != x.ledger.key
	return stop(gone, suppress, goneSince)
}

// assessExemption goes by the tags of the subject, and by what people asked Warder for. A tag that is malformed, or
// that the subject set itself and is not among them, exempts from nothing: its owner is alerted.
func assessExemption(f Finding, x facts) decision {
	for _, text := range exemption.Values(x.tags) {
		if e, err := exemption.Parse(text, x.now); err == nil && e.Covers(x.control, x.now) {
			return stop(true, suppress, e.Describe())
		}
	}
	// Those that people asked Warder for are in the ledger, which is read only if no tag exempts.
	if err, known := x.known[guardState]; !known {
		return decision{answer: hold, needs: guardState}
	} else if err != nil {
		return unknown(err)
	}
	for _, e := range x.ledger.state.Exempted(f.Changes, x.now) {
		if e.Covers(x.control, x.now) {
			return stop(true, suppress, e.Describe())
		}
	}
	return decision{}
}

// assessHold leaves alone what a person undid, for a time.
func assessHold(_ Finding, x facts) decision {
	h := x.ledger.hold
	why := i18n.T("on hold until %s: reverted by %s: %s", i18n.Day(h.Until), h.By.Describe(), h.Reason)
	return stop(x.now.Before(h.Until), suppress, why)
}

// assessProposal leaves to a person what is only proposed.
func assessProposal(f Finding, _ facts) decision {
	return stop(f.Urgency == Proposal, suppress, i18n.T("proposed: nobody has applied it"))
}

// assessReachable holds what nobody responsible can be notified of. What an event names is recorded first, and held
// then, so that whoever reads the topic all the same is notified of it at once.
func assessReachable(f Finding, x facts) decision {
	waits := !x.observing() && !x.ledger.reached && (x.stage != planning || !f.Fresh)
	return stop(waits, hold, i18n.T("nobody responsible can be notified: neither the owner nor "+
		"anybody else"))
}

// assessGrace gives the owner the days of grace, counted from the notice that was accepted. What an event names has
// none, unless it was so before and its owner has a due date.
func assessGrace(f Finding, x facts) decision {
	switch c := x.ledger.current; {
	case x.observing():
		return stop(f.Due.After(x.now), hold, i18n.T("due on %s", i18n.Day(f.Due)))
	case gracePeriod(x.settings) == 0 && !f.Due.After(x.now), urgent(c, x.now), f.Fresh && !promised(f, x):
		return decision{}
	default:
		return awaitOwner(f, x)
	}
}

// awaitOwner holds changes whose owner was not notified, or has time left.
func awaitOwner(f Finding, x facts) decision {
	c := x.ledger.current
	switch {
	// What came back since then was no notice.
	case !isOpen(c) || c.Notified.IsZero() || c.Notified.Before(x.ledger.back):
		due := later(f.Due, x.now.Add(gracePeriod(x.settings)))
		return decision{answer: hold, why: i18n.T("its owner was notified"), until: due, notify: notice.Warning}
	case x.now.Before(c.Due):
		why := i18n.T("its owner was notified on %s; due on %s", i18n.Day(c.Notified), i18n.Day(c.Due))
		d := decision{answer: hold, why: why, until: c.Due}
		if reminder(c, x.now) > 0 {
			d.notify = notice.Reminder
		}
		return d
	}
	return decision{}
}

// urgentFor is how long what was to be made at once, and was held, is made without another notice: until a sweep has
// come. What was urgent is not any more some days later: its owner, who was notified that it is held, gets the grace
// period then. An emergency stays one.
const urgentFor = day + 2*time.Hour // the next daily sweep, if it is late

func urgent(c ledger.Case, now time.Time) bool {
	since := c.UrgentSince
	if since.IsZero() {
		since = c.Opened // of a case from before it was kept
	}
	return isOpen(c) && c.Urgent && (now.Sub(since) <= urgentFor || Urgency(c.Urgency).Emergency())
}

// lateEvent is how old an event is that cannot cut a promised grace period short. CloudTrail delivers within about
// five minutes (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html).
const lateEvent = 15 * time.Minute

// promised reports whether the owner of what an event names has a due date for the same: it was so before the call,
// which made nothing then, or the event is late, and something else has found it meanwhile. What another event found
// a moment after the call is what the call made.
func promised(f Finding, x facts) bool {
	c, at := x.ledger.current, x.ledger.happened
	if !isOpen(c) || c.Notified.IsZero() || !sameContent(c.Changes, f.Changes) {
		return false
	}
	if f.Urgency.Emergency() {
		at = at.Add(-skew)
	}
	return c.Opened.Before(at) || later(c.Opened, x.now).Sub(at) > lateEvent
}

// skew is how much later than its effect the time of a call may be, by the clocks of two services: another event may
// have found before what the call made. What is an emergency does not wait because of that.
const skew = time.Minute

// sameContent reports whether changes that are about the same things are about the same policies in them.
func sameContent(a, b []change.Change) bool {
	return slices.EqualFunc(a, b, func(a, b change.Change) bool { return a.Content == b.Content })
}

func isOpen(c ledger.Case) bool { return !c.Opened.IsZero() && c.Open() }

// reminders are the days before the due day on which an owner is notified again.
var reminders = []int{1, 3}

// reminder returns which reminder of the case is due, in days; 0 for none. Of two missed ones the later is sent.
func reminder(c ledger.Case, now time.Time) int {
	for _, days := range reminders {
		if c.Reminded > 0 && c.Reminded <= days {
			return 0
		}
		begin := c.Due.Add(-time.Duration(days) * day)
		// The owner of a case that was opened later than that has just been notified.
		if !now.Before(begin) && c.Notified.Before(begin) {
			return days
		}
	}
	return 0
}

// assessOneKeyPerRun lets one access key of a user go in a run. The owner is notified of the others.
func assessOneKeyPerRun(f Finding, x facts) decision {
	if f.OneKeyPerRun != "" && x.firstKey != "" && !x.observing() {
		if d := awaitOwner(f, x); d.answer != permit {
			return d
		}
	}
	return stop(f.OneKeyPerRun != "" && x.firstKey != "", hold,
		i18n.T("the user's other key %s comes first; Warder never changes both in one run", x.firstKey))
}

// maxChangesADay is how often in a day the same thing is remediated. After that somebody or something
// reverts it on purpose, and a person has to talk to them.
const maxChangesADay = 2

func assessFlapping(_ Finding, x facts) decision {
	for _, recent := range x.ledger.recent {
		if len(recent) < maxChangesADay {
			continue
		}
		actor := x.ledger.actor
		for _, c := range recent {
			actor = cmp.Or(actor, c.Actor)
		}
		return stop(true, hold, i18n.T("changed %d times within a day, and %s changed it back each time",
			len(recent), i18n.Or(i18n.Literal(actor), i18n.T("an unknown principal"))))
	}
	return decision{}
}

func assessBlastRadius(_ Finding, x facts) decision {
	return stop(!x.ledger.within, hold, i18n.T(
		"blast radius: at most %d changes an hour; %s changes nothing more until it is released",
		x.settings.BlastRadius, x.control))
}

// stage is when guards are asked: when a finding becomes an entry, and right before the changes are made, on each
// try: what was planned days ago meets the switch, the exemptions and the holds of today.
type stage int

const (
	planning stage = 1 << iota
	applying
)

// fact names something that guards need to know, and that costs a call.
type fact string

const (
	subjectTags   fact = "subject"
	recipients    fact = "recipients"
	guardState    fact = "guard state"
	recentChanges fact = "recent changes"
	blastShare    fact = "blast radius"
)

// facts are what the guards decide by.
type facts struct {
	stage    stage
	now      time.Time
	control  string
	settings settings.Function
	widens   error             // the changes could widen access
	known    map[fact]error    // what was read; an error says that it cannot be known
	tags     map[string]string // of the subject; nil when it does not exist
	firstKey string            // the access key of the same user that goes in this run
	ledger   ledgerFacts
	orders   orders.Orders // of the organization
}

// ledgerFacts are what the ledger knows about the changes.
type ledgerFacts struct {
	key     string // of the finding
	state   ledger.GuardState
	hold    ledger.Hold             // the one that is in force
	current ledger.Case             // of the finding, which may have ended or may not have begun
	recent  [][]ledger.RecentChange // what others than each step did to the same in the last day
	actor   string                  // who made the changes necessary, if the event says so
	within  bool                    // the changes are within the blast radius
	reached bool                    // the owner, or somebody else who is responsible, can receive a notice
	back    time.Time               // when mail to the owner last came back; zero if none did
	// happened is when the event came about.
	happened time.Time
}

const day = 24 * time.Hour

// gracePeriod is how long an owner has after a notice was accepted.
func gracePeriod(f settings.Function) time.Duration {
	return time.Duration(f.Days(settings.GraceDays)) * day
}

// graceOf is the grace period of an entry's owner: that of the user, if users have different ones.
func graceOf(entry *ledger.Entry, f settings.Function) time.Duration {
	if entry.Grace != nil {
		return time.Duration(*entry.Grace) * day
	}
	return gracePeriod(f)
}

type answer int

const (
	permit   answer = iota
	hold            // not now: a later run asks again
	suppress        // not at all, while it is so
)

// decision is what becomes of the changes of a finding.
type decision struct {
	answer answer
	why    i18n.Message
	until  time.Time             // when the changes become due, if that is known
	notify notice.Kind           // what the owner has to be sent beside
	asked  []exemption.Exemption // those that people asked for
	// guard is the one that stands in the way; status is what it makes of the steps, skipped what it counts.
	guard   guardName
	status  ledger.Status
	skipped metric.Metric
	needs   fact  // what has to be read before anything can be decided
	err     error // why something cannot be known: the changes are held then
}

// unknown is the decision while it cannot be read what decides.
func unknown(err error) decision {
	return decision{
		answer: hold, status: ledger.Held, skipped: metric.SkippedHeld, why: i18n.Error(err), err: err,
	}
}

// decide asks the guards in their order. It reads nothing: it names the fact that it needs next, so that
// what an early guard stops costs no further call, and nothing that is unknown permits anything.
func decide(f Finding, x facts) decision {
	for _, g := range guards {
		bypassed := f.bypasses(g.name)
		// Right before the changes are made all is read: who makes them needs it, and emergencies are counted.
		if g.stages&x.stage == 0 || bypassed && x.stage == planning {
			continue
		}
		for _, needed := range g.reads {
			if err, known := x.known[needed]; !known {
				return decision{answer: hold, guard: g.name, needs: needed}
			} else if err != nil {
				d := unknown(err)
				d.guard = g.name
				return d
			}
		}
		if d := g.assess(f, x); d.answer != permit && !bypassed {
			d.guard, d.status, d.skipped = g.name, cmp.Or(d.status, g.status), cmp.Or(d.skipped, g.skipped)
			return d
		}
	}
	return decision{}
}
