// Package report makes evidence out of the ledger: for an auditor, a manager and the team that runs
// Warder, what was open, what was done, undone and not done in a period, how long it took, who is
// exempt, which rules that answers for, and what it does not answer for.
//
// [Make] turns what the ledger and the account hold into a [Report], which is data alone; [HTML] and [CSV] render
// it. Every number of a report can be traced: it is the length of a list of the report, or it names the action it
// was measured at. The package reads nothing and decides nothing.
package report

import (
	"fmt"
	"slices"
	"time"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/settings"
)

// Source is what a report is made of.
type Source struct {
	Account, Region string // where Warder is deployed
	// Controls are the descriptions of all controls and tools, Modes the modes of the controls now.
	Controls []control.Control
	Modes    map[string]control.Mode
	Ledger   ledger.Contents
	Kinds    change.Registry // they word the changes, in the language
	Language settings.Language
	CIS      string // version of the CIS benchmark; empty: control.DefaultCIS
	Users    []User // all IAM users, as they are now
}

// User is an IAM user with its tags.
type User struct {
	Name string
	Tags map[string]string
}

// Report is one period of one account.
type Report struct {
	Account, Region string
	Period
	// Made is when the report was made. What came later is not in it, even if the period goes on.
	Made time.Time

	Controls   []Control // all controls, by id
	Findings   []Finding // those that were open at the end of one of the period's days
	Changes    []Change  // all steps that came to an end in the period, and what was reverted in it
	Alerts     []Alert   // what people were notified of in the period without a change
	Exemptions []Exemption
	Coverage   []Framework
	Incidents  []Incident // what kept Warder from its work in the period, or should have
	Before     *Summary   // of the period before, as long; nil if the ledger has nothing of it
	Untimed    int        // how many of the changes that an event led to are without its time
}

// Over reports whether the period was over when the report was made.
func (r Report) Over() bool { return !r.Made.Before(r.To) }

// Until is the end of what the report alerts on: that of the period, or when it was made.
func (r Report) Until() time.Time {
	if r.Made.Before(r.To) {
		return r.Made
	}
	return r.To
}

// Control is what became of one control in the period.
type Control struct {
	ID, Title string
	Severity  control.Severity
	Tool      bool // a function that serves people; it has no mode and finds nothing
	Acts      bool // it may change something; else it only alerts, whatever its mode
	// Mode is the mode when the report was made. Modes are those that runs of the period had, in order.
	Mode  control.Mode
	Modes []ModeFrom
	// Open is how many findings were open at the end of each day, up to when the report was made.
	Open         []int
	Alerts, Made int // of the report's alerts and changes
	// AfterEvent is the time from what happened to the change, for changes that an event led to at once.
	// AfterNotice is the time from the notice to the change that it announced.
	AfterEvent, AfterNotice Timing
	// Scheduled says that it sweeps the whole account; Sweeps counts the sweeps that were finished in the period
	// and are remembered, LastSweep is the last one.
	Scheduled bool
	Sweeps    int
	LastSweep time.Time
}

// Now is how many findings are open at the end.
func (c Control) Now() int {
	if len(c.Open) == 0 {
		return 0
	}
	return c.Open[len(c.Open)-1]
}

func (c Control) peak() int {
	if len(c.Open) == 0 {
		return 0
	}
	return slices.Max(c.Open)
}

// ModeFrom is a mode and the first run in it.
type ModeFrom struct {
	Mode string
	From time.Time
}

// Timing sums up how long something took. Each measure is one that was taken, at an action.
type Timing struct {
	Count            int
	Median, P90, Max Measure
}

// Measure is how long one action took.
type Measure struct {
	Seconds float64
	Action  string
}

// Finding is something that was not as it should be, from when it was found until it was right.
type Finding struct {
	// ID is the id of the entry that it was found with, Last of the one that says how it is now.
	ID, Last, Control, Subject, Owner, Title, Severity string
	// Opened is when it was found, Notified when its owner was notified, Due when it is changed, and Closed when
	// it ended: zero while it is open.
	Opened, Notified, Due, Closed time.Time
	Outcome                       Outcome
}

// Outcome is how a finding ended, or why it is open.
type Outcome string

// The outcomes.
const (
	Open     Outcome = "open"     // its owner was told, or will be
	Observed Outcome = "observed" // open: the control observes and changes nothing
	Standing Outcome = "standing" // open: sweeps alert on it, and only people can put it right
	Held     Outcome = "held"     // open: the change was held back
	Failed   Outcome = "failed"   // open: the change failed
	Changed  Outcome = "changed"  // Warder changed it
	Undone   Outcome = "undone"   // Warder changed it, and a person put it back
	Fixed    Outcome = "fixed"    // its owner put it right
	SetAside Outcome = "aside"    // exempted, or put back by a person
	NotDone  Outcome = "not done" // no change was called for in the end
	Unseen   Outcome = "unseen"   // observed or standing, and not seen any more
)

// Change is one step, and how far it came.
type Change struct {
	// ID is the action's id: undo and explain take it.
	ID, Control, Subject, Owner, Kind, Text string
	Status                                  ledger.Status
	Reason                                  string
	At                                      time.Time
	// Event is the key of the event it was made for, Happened when that came about; zero if that is not known, or
	// if it was a sweep.
	Event     string
	Happened  time.Time
	Announced time.Time // when its owner was notified that it would be made; zero if it was made at once
	// Notified is when the notice of its result was accepted, Message the id that SNS gave it.
	Notified time.Time
	Message  string
	// UndoneBy is the id of the action that reverted it. Of an action that reverted something, By and Why are who
	// asked for it and the reason.
	UndoneBy, By, Why string
	Undo              string // the command that reverts it; empty when there is nothing to revert, or no way
}

// afterEvent is the time from what happened to the change; ok is false when there is none to tell.
func (c Change) afterEvent() (d time.Duration, ok bool) {
	return c.At.Sub(c.Happened), wasMade(c.Status) && c.By == "" && c.Announced.IsZero() && !c.Happened.IsZero()
}

// afterNotice is the time from the announcement to the change.
func (c Change) afterNotice() (d time.Duration, ok bool) {
	return c.At.Sub(c.Announced), wasMade(c.Status) && c.By == "" && !c.Announced.IsZero()
}

func wasMade(s ledger.Status) bool { return s.Made() || s == ledger.Undone }

// Alert is something that people were notified of. ID is the id of its entry.
type Alert struct {
	ID, Control, Subject, Title, Severity string
	At, Notified                          time.Time
	Event                                 string
}

// Exemption is a user's tag by which it is to be left unchanged.
type Exemption struct {
	// Text is the tag's value as it is.
	User, Text, Control string
	Until               time.Time
	By, Reason          string
	State               ExemptionState
	DaysLeft            int    // negative when it is over
	Fault               string // why it is none
}

// ExemptionState is what an exemption is worth.
type ExemptionState string

// The states.
const (
	InForce   ExemptionState = "in force"
	Soon      ExemptionState = "ends soon" // within 30 days: before the next month's report is read
	Expired   ExemptionState = "expired"
	Malformed ExemptionState = "malformed"       // not honoured
	NoControl ExemptionState = "no such control" // names a control that there is not
)

// Framework is one set of rules that controls refer to.
type Framework struct {
	ID, Name, Version string
	Rules             []Rule
}

// Rule is one of its rules, and the controls and tools that refer to it.
type Rule struct {
	control.Rule
	ID, URL  string // ID is its number in the framework's version
	Controls []Served
}

// Served is what a control is to a rule, and who says so.
type Served struct {
	Control string
	How     control.How
	Mapping control.Mapping
}

// Incident is something that kept Warder from its work.
type Incident struct {
	Kind IncidentKind
	// ID is what can be asked after: an action, an entry, an event or a version of the stop switch.
	ID, Control, Subject string
	// Until is when it ended; zero when it goes on or has no length.
	At, Until time.Time
	By, Text  string
}

// IncidentKind is what kind of incident it is.
type IncidentKind string

// The kinds of incident.
const (
	Halted              IncidentKind = "halted"
	Stopped             IncidentKind = "stopped"
	Released            IncidentKind = "released"
	BadExemption        IncidentKind = "exemption"
	FailedChange        IncidentKind = "failed change"
	HeldChange          IncidentKind = "held change"
	FailedRun           IncidentKind = "failed run"
	UnfinishedRun       IncidentKind = "unfinished run"
	MissedSweep         IncidentKind = "missed sweep"
	UndeliveredIncident IncidentKind = "not delivered"
	// Drill is a drill: what was found and done about its user is in no other list.
	Drill IncidentKind = "drill"
)

// Period is whole days, from From up to and without To, in the zone that both are in.
type Period struct {
	From, To time.Time
}

// maxDays is the longest period, in days: what a page can show, day by day.
const maxDays = 366

// Month is the month of the given name, as in 2026-10.
func Month(name string, zone *time.Location) (Period, error) {
	from, err := time.ParseInLocation("2006-01", name, zone)
	if err != nil {
		return Period{}, fmt.Errorf("month %q is not a month such as 2026-10", name)
	}
	return Period{from, from.AddDate(0, 1, 0)}, nil
}

// LastMonth is the last month that was over at now.
func LastMonth(now time.Time, zone *time.Location) Period {
	now = now.In(zone)
	this := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, zone)
	return Period{this.AddDate(0, -1, 0), this}
}

// Days is the period from one day to another, both of them included, as in 2026-10-01.
func Days(first, last string, zone *time.Location) (Period, error) {
	from, err := time.ParseInLocation(time.DateOnly, first, zone)
	if err != nil {
		return Period{}, fmt.Errorf("from %q is not a day such as 2026-10-01", first)
	}
	to, err := time.ParseInLocation(time.DateOnly, last, zone)
	if err != nil {
		return Period{}, fmt.Errorf("to %q is not a day such as 2026-10-31", last)
	}
	p := Period{from, to.AddDate(0, 0, 1)}
	switch {
	case !to.After(from) && !to.Equal(from):
		return Period{}, fmt.Errorf("to %s is before from %s", last, first)
	case p.days() > maxDays:
		return Period{}, fmt.Errorf("from %s to %s are %d days: at most %d can be reported of at once", first,
			last, p.days(), maxDays)
	}
	return p, nil
}

// days counts its days: one has an hour more or less where clocks are changed.
func (p Period) days() int { return int((p.To.Sub(p.From) + day/2) / day) }

// before is the period of the same length before it.
func (p Period) before() Period {
	if p.From.Day() == 1 && p.To.Equal(p.From.AddDate(0, 1, 0)) {
		return Period{p.From.AddDate(0, -1, 0), p.From}
	}
	return Period{p.From.AddDate(0, 0, -p.days()), p.From}
}

// String names the period: 2026-10 for a whole month, else its first and its last day. It is part of
// the names of files.
func (p Period) String() string {
	if p.From.Day() == 1 && p.To.Equal(p.From.AddDate(0, 1, 0)) {
		return p.From.Format("2006-01")
	}
	return p.From.Format(time.DateOnly) + "--" + p.To.AddDate(0, 0, -1).Format(time.DateOnly)
}

// dayOf is on which day of the period a time is, from 0.
func (p Period) dayOf(t time.Time) int {
	i := 0
	for !t.Before(p.From.AddDate(0, 0, i+1)) {
		i++
	}
	return i
}

// covers reports whether a time is in the period.
func (p Period) covers(t time.Time) bool { return !t.Before(p.From) && t.Before(p.To) }

const day = 24 * time.Hour
