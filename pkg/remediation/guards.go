package remediation

import (
	"slices"
	"time"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/exemption"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
)

// guard can keep the changes of a finding from being made.
type guard struct {
	name   guardName
	stages stage
	reads  []fact // what has to be known before it is asked
	assess func(Finding, facts) assessment
}

type guardName string

const (
	neverWidens  guardName = "never widens"
	mode         guardName = "mode"
	halt         guardName = "halt"
	existence    guardName = "existence"
	exempt       guardName = "exemption"
	undone       guardName = "hold after undo"
	grace        guardName = "grace"
	oneKeyPerRun guardName = "one key per run"
	flapping     guardName = "flapping"
	blastRadius  guardName = "blast radius"
)

// guards are all of them, in the order in which they are asked.
var guards = []guard{
	{neverWidens, applying, nil, assessWidening},
	{mode, applying, nil, assessMode},
	{halt, applying, []fact{haltSwitch}, assessHalt},
	{existence, planning | applying, []fact{subjectTags}, assessExistence},
	{exempt, planning | applying, []fact{subjectTags}, assessExemption},
	{undone, planning | applying, []fact{guardState}, assessHold},
	{grace, planning, []fact{guardState}, assessGrace},
	{oneKeyPerRun, planning, []fact{guardState}, assessOneKeyPerRun},
	{flapping, applying, []fact{guardState, recentChanges}, assessFlapping},
	{blastRadius, applying, []fact{guardState, blastShare}, assessBlastRadius},
}

// bypasses reports whether the guard does not apply to the finding: what an event names does not wait.
func (f Finding) bypasses(g guardName) bool { return f.Fresh && (g == grace || g == oneKeyPerRun) }

func assessWidening(_ Finding, x facts) assessment {
	if x.widens != nil {
		return assessment{answer: suppress, why: i18n.Error(x.widens)}
	}
	return assessment{}
}

func assessMode(_ Finding, x facts) assessment {
	if x.observing() {
		return assessment{answer: suppress}
	}
	return assessment{}
}

func (x facts) observing() bool { return x.settings.Mode != control.Enforce }

func assessHalt(_ Finding, x facts) assessment {
	if !x.halted.Empty() {
		return assessment{answer: hold, why: x.halted}
	}
	return assessment{}
}

// assessExistence suppresses what is about a user or a resource that does not exist any more, and what was
// held back about a user whose name another one has now.
func assessExistence(f Finding, x facts) assessment {
	if x.tags == nil || f.heldCase != "" && f.heldCase != x.ledger.key {
		return assessment{answer: suppress, why: i18n.T("it is gone already")}
	}
	return assessment{}
}

func assessExemption(_ Finding, x facts) assessment {
	text, tagged := x.tags[exemption.Tag]
	if !tagged {
		return assessment{}
	}
	// One that is malformed is none: its owner is alerted.
	if e, err := exemption.Parse(text, x.now); err == nil && e.Covers(x.control, x.now) {
		return assessment{answer: suppress, why: e.Describe(), until: e.Until}
	}
	return assessment{}
}

// assessHold leaves alone what a person undid, for a time.
func assessHold(_ Finding, x facts) assessment {
	if h := x.ledger.hold; x.now.Before(h.Until) {
		why := i18n.T("on hold until %s: undone by %s: %s", i18n.Day(h.Until), h.By, h.Reason)
		return assessment{answer: suppress, why: why, until: h.Until}
	}
	return assessment{}
}

// assessGrace gives the owner the days of grace, counted from the notice that was accepted.
func assessGrace(f Finding, x facts) assessment {
	switch c := x.ledger.current; {
	case x.observing():
		if f.Due.After(x.now) {
			return assessment{answer: hold, why: i18n.T("due on %s", i18n.Day(f.Due)), until: f.Due}
		}
		return assessment{}
	case gracePeriod(x.settings) == 0 && !f.Due.After(x.now), isOpen(c) && c.Urgent:
		return assessment{}
	default:
		return awaitOwner(f, x)
	}
}

// awaitOwner holds changes whose owner was not notified, or has time left.
func awaitOwner(f Finding, x facts) assessment {
	c := x.ledger.current
	switch {
	case !isOpen(c) || c.Told.IsZero():
		due := later(f.Due, x.now.Add(gracePeriod(x.settings)))
		return assessment{answer: hold, why: i18n.T("its owner is told"), until: due, notify: notice.Warning}
	case x.now.Before(c.Due):
		why := i18n.T("its owner was told on %s; due on %s", i18n.Day(c.Told), i18n.Day(c.Due))
		a := assessment{answer: hold, why: why, until: c.Due}
		if reminder(c, x.now) > 0 {
			a.notify = notice.Reminder
		}
		return a
	}
	return assessment{}
}

func isOpen(c ledger.Case) bool { return !c.Opened.IsZero() && c.Open() }

// reminders are the days before the due day on which an owner is notified again.
var reminders = []int{1, 3}

// reminder returns which reminder of the case is due, in days; 0 for none. Of two that were missed
// only the later one is sent.
func reminder(c ledger.Case, now time.Time) int {
	for _, days := range reminders {
		if c.Reminded > 0 && c.Reminded <= days {
			return 0
		}
		begin := c.Due.Add(-time.Duration(days) * day)
		// The owner of a case that was opened later than that has just been notified.
		if !now.Before(begin) && c.Told.Before(begin) {
			return days
		}
	}
	return 0
}

// assessOneKeyPerRun lets one access key of a user go in a run. The owner is notified of the others.
func assessOneKeyPerRun(f Finding, x facts) assessment {
	if f.OneKeyPerRun == "" || x.firstKey == "" {
		return assessment{}
	}
	if !x.observing() {
		if a := awaitOwner(f, x); a.answer != permit {
			return a
		}
	}
	return assessment{answer: hold, why: i18n.T("the user's other key %s goes first; never both in one run", x.firstKey)}
}

// maxChangesADay is how often in a day the same thing is remediated. After that somebody or something
// reverts it on purpose, and a person has to talk to them.
const maxChangesADay = 2

func assessFlapping(_ Finding, x facts) assessment {
	for _, recent := range x.ledger.recent {
		if len(recent) < maxChangesADay {
			continue
		}
		actor := x.ledger.actor
		if i := slices.IndexFunc(recent, func(c ledger.RecentChange) bool { return c.Actor != "" }); actor == "" && i >= 0 {
			actor = recent[i].Actor
		}
		return assessment{answer: hold, why: i18n.T("put right %d times within a day, and %s put it back again",
			len(recent), i18n.Or(i18n.Literal(actor), i18n.T("somebody")))}
	}
	return assessment{}
}

func assessBlastRadius(_ Finding, x facts) assessment {
	if x.ledger.withinRadius {
		return assessment{}
	}
	return assessment{answer: hold, why: i18n.T(
		"blast radius: %d changes in an hour are made, and no more until somebody releases %s", x.settings.BlastRadius, x.control)}
}
