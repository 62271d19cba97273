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
type tongue struct{ language settings.Language }

// say is an English format in the language.
func (t tongue) say(format string, args ...any) string {
	return i18n.T(format, args...).In(string(t.language))
}

// named are English words that are not known here, such as the title of a control.
func (t tongue) named(english string) string { return i18n.Lookup(english).In(string(t.language)) }

// mode is the word for a mode.
func (t tongue) mode(m control.Mode) string {
	switch m {
	case control.Enforce:
		return t.say("enforce")
	case control.Observe:
		return t.say("observe")
	case control.Off:
		return t.say("off")
	}
	return t.say("not known")
}

func (t tongue) severity(s string) string {
	switch control.Severity(s) {
	case control.Critical:
		return t.say("critical")
	case control.High:
		return t.say("high")
	case control.Medium:
		return t.say("medium")
	case control.Low:
		return t.say("low")
	}
	return s
}

func (t tongue) status(c Change) string {
	switch c.Status {
	case ledger.Applied, ledger.Verified:
		if c.By != "" {
			return t.say("put back what was changed")
		}
		return t.say("made and verified")
	case ledger.Undone:
		return t.say("made, put back since")
	case ledger.Observed:
		return t.say("not made: the control observes")
	case ledger.Held:
		return t.say("held back")
	case ledger.Failed:
		return t.say("failed")
	case ledger.Skipped:
		return t.say("not needed")
	}
	return string(c.Status)
}

func (t tongue) outcome(o Outcome) string {
	switch o {
	case Open:
		return t.say("open")
	case Observed:
		return t.say("open: the control observes")
	case Held:
		return t.say("open: held back")
	case Failed:
		return t.say("open: the change failed")
	case Changed:
		return t.say("changed by Warder")
	case Undone:
		return t.say("changed by Warder, put back by a person")
	case Fixed:
		return t.say("put right by its owner")
	case SetAside:
		return t.say("set aside: exempt, or put back by a person")
	case NotDone:
		return t.say("no change was needed any more")
	case Unseen:
		return t.say("not seen any more")
	}
	return string(o)
}

func (t tongue) state(s ExemptionState) string {
	switch s {
	case InForce:
		return t.say("in force")
	case Soon:
		return t.say("ends soon")
	case Expired:
		return t.say("expired")
	case Malformed:
		return t.say("malformed: not honoured")
	case NoControl:
		return t.say("names no control: without effect")
	}
	return string(s)
}

func (t tongue) incident(k IncidentKind) string {
	switch k {
	case Halted:
		return t.say("every change halted")
	case Stopped:
		return t.say("control stopped: blast radius reached")
	case Released:
		return t.say("control released by a person")
	case BadExemption:
		return t.say("exemption ends or is not honoured")
	case FailedChange:
		return t.say("change failed")
	case HeldChange:
		return t.say("change held back")
	case FailedRun:
		return t.say("event could not be handled")
	case UnfinishedRun:
		return t.say("event not handled to its end")
	case MissedSweep:
		return t.say("no sweep for over 26 hours")
	case UntoldIncident:
		return t.say("alert not delivered")
	case Drill:
		return t.say("rehearsal, not counted elsewhere")
	}
	return string(k)
}

// took words a duration by its two largest units.
func (t tongue) took(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d < 0: // clocks differ
		return "−" + t.took(-seconds)
	case d.Round(time.Second) < time.Minute:
		return t.say("%d s", int(d.Round(time.Second)/time.Second))
	case d.Round(time.Second) < time.Hour:
		d = d.Round(time.Second)
		return t.say("%d min %d s", int(d/time.Minute), int(d%time.Minute/time.Second))
	case d.Round(time.Minute) < day:
		d = d.Round(time.Minute)
		return t.say("%d h %d min", int(d/time.Hour), int(d%time.Hour/time.Minute))
	default:
		d = d.Round(time.Hour)
		return t.say("%d d %d h", int(d/day), int(d%day/time.Hour))
	}
}

// period words the period for a heading.
func (t tongue) period(p Period) string {
	if len(p.String()) == len("2026-10") {
		return t.say("%04d-%02d", p.From.Year(), int(p.From.Month()))
	}
	return t.say("%s to %s", p.From.Format(time.DateOnly), p.To.AddDate(0, 0, -1).Format(time.DateOnly))
}
