package report

import (
	_ "embed"
	"time"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/settings"
)

//go:embed ko.json
var korean []byte

func init() { i18n.Register("ko", korean) }

// tongue renders the words of a page in its language.
type translator struct{ language settings.Language }

// say is an English format in the language.
func (t translator) T(format string, args ...any) string {
	return i18n.T(format, args...).In(string(t.language))
}

// named are English words that are not known here, such as the title of a control.
func (t translator) lookup(english string) string { return i18n.Lookup(english).In(string(t.language)) }

// mode is the word for a mode.
func (t translator) mode(m control.Mode) string {
	switch m {
	case control.Enforce:
		return t.T("enforce")
	case control.Observe:
		return t.T("observe")
	case control.Off:
		return t.T("off")
	}
	return t.T("not known")
}

func (t translator) severity(s string) string {
	switch control.Severity(s) {
	case control.Critical:
		return t.T("critical")
	case control.High:
		return t.T("high")
	case control.Medium:
		return t.T("medium")
	case control.Low:
		return t.T("low")
	}
	return s
}

func (t translator) status(c Change) string {
	switch c.Status {
	case ledger.Applied, ledger.Verified:
		if c.By != "" {
			return t.T("reverted what was changed")
		}
		return t.T("applied and verified")
	case ledger.Undone:
		return t.T("applied, reverted since")
	case ledger.Observed:
		return t.T("not applied: the control observes")
	case ledger.Held:
		return t.T("on hold")
	case ledger.Failed:
		return t.T("failed")
	case ledger.Skipped:
		return t.T("not needed")
	}
	return string(c.Status)
}

func (t translator) outcome(o Outcome) string {
	switch o {
	case Open:
		return t.T("open")
	case Observed:
		return t.T("open: the control observes")
	case Held:
		return t.T("open: on hold")
	case Failed:
		return t.T("open: the change failed")
	case Changed:
		return t.T("changed by Warder")
	case Undone:
		return t.T("changed by Warder, reverted by a person")
	case Fixed:
		return t.T("fixed by its owner")
	case SetAside:
		return t.T("suspended: exempt, or reverted by a person")
	case NotDone:
		return t.T("no change was needed")
	case Unseen:
		return t.T("no longer found")
	}
	return string(o)
}

func (t translator) state(s ExemptionState) string {
	switch s {
	case InForce:
		return t.T("in force")
	case Soon:
		return t.T("ends soon")
	case Expired:
		return t.T("expired")
	case Malformed:
		return t.T("invalid format")
	case NoControl:
		return t.T("names no control: no effect")
	}
	return string(s)
}

func (t translator) incident(k IncidentKind) string {
	switch k {
	case Halted:
		return t.T("every change halted")
	case Stopped:
		return t.T("control stopped: blast radius reached")
	case Released:
		return t.T("control released by a person")
	case BadExemption:
		return t.T("exemption ends or is invalid")
	case FailedChange:
		return t.T("change failed")
	case HeldChange:
		return t.T("change on hold")
	case FailedRun:
		return t.T("event could not be handled")
	case UnfinishedRun:
		return t.T("event not handled completely")
	case MissedSweep:
		return t.T("no sweep for over 26 hours")
	case UntoldIncident:
		return t.T("alert not delivered")
	case Drill:
		return t.T("drill, not counted elsewhere")
	}
	return string(k)
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

// period describes the period for a heading.
func (t translator) period(p Period) string {
	if len(p.String()) == len("2026-10") {
		return t.T("%04d-%02d", p.From.Year(), int(p.From.Month()))
	}
	return t.T("%s to %s", p.From.Format(time.DateOnly), p.To.AddDate(0, 0, -1).Format(time.DateOnly))
}
