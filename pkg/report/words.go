package report

import (
	_ "embed"
	"time"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/settings"
)

//go:embed ko.json
var korean []byte

func init() { i18n.Register("ko", korean) }

// translator renders the words of a page in its language.
type translator struct{ language settings.Language }

func (t translator) T(format string, args ...any) string {
	return i18n.T(format, args...).In(string(t.language))
}

// lookup is English words that this package does not know, such as the title of a control.
func (t translator) lookup(english string) string { return i18n.Lookup(english).In(string(t.language)) }

// or is a message in the language or, without one, the text as it is.
func (t translator) or(message i18n.Message, text string) string {
	return i18n.Or(message, i18n.Literal(text)).In(string(t.language))
}

var modes = map[control.Mode]i18n.Message{
	control.Enforce: i18n.T("enforce"),
	control.Observe: i18n.T("observe"),
	control.Off:     i18n.T("off"),
}

var hows = map[control.How]i18n.Message{
	control.Serves: i18n.T("serves"),
	control.Helps:  i18n.T("helps"),
	control.Needs:  i18n.T("needs"),
}

var mappings = map[control.Mapping]i18n.Message{
	control.BySource:    i18n.T("by the articles that Warder began with"),
	control.ByPublisher: i18n.T("by a publisher's mapping"),
	control.ByWarder:    i18n.T("by Warder's own mapping"),
}

func (t translator) mode(m control.Mode) string {
	return i18n.Or(modes[m], i18n.T("not known")).In(string(t.language))
}

func (t translator) severity(s string) string { return notice.Severity(s).In(string(t.language)) }

var statuses = map[ledger.Status]i18n.Message{
	ledger.Applied:  i18n.T("applied and verified"),
	ledger.Verified: i18n.T("applied and verified"),
	ledger.Undone:   i18n.T("applied, reverted since"),
	ledger.Observed: i18n.T("not applied: the control observes"),
	ledger.Held:     i18n.T("on hold"),
	ledger.Failed:   i18n.T("failed"),
	ledger.Skipped:  i18n.T("not needed"),
}

func (t translator) status(c Change) string {
	if c.By != "" && c.Status.Made() {
		return t.T("reverted what was changed")
	}
	return t.or(statuses[c.Status], string(c.Status))
}

var outcomes = map[Outcome]i18n.Message{
	Open:     i18n.T("open"),
	Observed: i18n.T("open: the control observes"),
	Standing: i18n.T("open: reported, until somebody fixes it"),
	Held:     i18n.T("open: on hold"),
	Failed:   i18n.T("open: the change failed"),
	Changed:  i18n.T("changed by Warder"),
	Undone:   i18n.T("changed by Warder, reverted by a person"),
	Fixed:    i18n.T("fixed by its owner"),
	SetAside: i18n.T("suspended: exempt, or reverted by a person"),
	NotDone:  i18n.T("no change was needed"),
	Unseen:   i18n.T("no longer found"),
}

var states = map[ExemptionState]i18n.Message{
	InForce:   i18n.T("in force"),
	Soon:      i18n.T("ends soon"),
	Expired:   i18n.T("expired"),
	Malformed: i18n.T("invalid format"),
	NoControl: i18n.T("names no control: no effect"),
}

var incidents = map[IncidentKind]i18n.Message{
	Halted:              i18n.T("every change halted"),
	Stopped:             i18n.T("control stopped: blast radius reached"),
	Released:            i18n.T("control released by a person"),
	BadExemption:        i18n.T("exemption ends or is invalid"),
	FailedChange:        i18n.T("change failed"),
	HeldChange:          i18n.T("change on hold"),
	FailedRun:           i18n.T("event could not be handled"),
	UnfinishedRun:       i18n.T("event not handled completely"),
	MissedSweep:         i18n.T("no sweep for over 26 hours"),
	UndeliveredIncident: i18n.T("alert not delivered"),
	Drill:               i18n.T("drill, not counted elsewhere"),
}

// took describes a duration by its two largest units.
func (t translator) took(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d < 0: // clocks differ
		return "−" + t.took(-seconds)
	case d.Round(time.Second) < time.Minute:
		return t.T("%d s", int(d.Round(time.Second)/time.Second))
	case d.Round(time.Second) < time.Hour:
		d = d.Round(time.Second)
		return t.T("%d min %d s", int(d/time.Minute), int(d%time.Minute/time.Second))
	case d.Round(time.Minute) < day:
		d = d.Round(time.Minute)
		return t.T("%d h %d min", int(d/time.Hour), int(d%time.Hour/time.Minute))
	default:
		d = d.Round(time.Hour)
		return t.T("%d d %d h", int(d/day), int(d%day/time.Hour))
	}
}

func (t translator) period(p Period) string {
	if len(p.String()) == len("2026-10") {
		return t.T("%04d-%02d", p.From.Year(), int(p.From.Month()))
	}
	return t.T("%s to %s", p.From.Format(time.DateOnly), p.To.AddDate(0, 0, -1).Format(time.DateOnly))
}
