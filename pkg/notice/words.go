package notice

import (
	_ "embed"

	"github.com/warder-aws/warder/pkg/i18n"
)

//go:embed ko.json
var korean []byte

func init() { i18n.Register("ko", korean) }

// Describe is what a kind of notice is in two or three words, for subjects and titles.
func (k Kind) Describe() i18n.Message {
	switch k {
	case WouldChange:
		return i18n.T("would change")
	case Changed:
		return i18n.T("changed")
	case Warning:
		return i18n.T("will change")
	case Reminder:
		return i18n.T("reminder")
	case Fixed:
		return i18n.T("resolved")
	case Held:
		return i18n.T("on hold")
	case Undone:
		return i18n.T("reverted")
	case Failure:
		return i18n.T("FAILED")
	default:
		return i18n.T("alert")
	}
}

// Severity describes one of the severities.
func Severity(severity string) i18n.Message {
	switch severity {
	case "critical":
		return i18n.T("critical")
	case "high":
		return i18n.T("high")
	case "medium":
		return i18n.T("medium")
	case "low":
		return i18n.T("low")
	}
	return i18n.Literal(severity)
}

// ChangesHeading is the sentence before the changes of the message: whether Warder made them, makes them soon, or
// does not, and what kept it from that.
func (m Message) ChangesHeading() i18n.Message {
	switch m.Kind {
	case WouldChange:
		return i18n.T("This control is in observe mode and changed nothing. In enforce mode, Warder would:")
	case Changed:
		return i18n.T("Action taken:")
	case Warning:
		return i18n.T("Fix this by %s, or Warder will:", i18n.Minute(m.Due))
	case Reminder:
		return i18n.T("Not fixed yet. Fix this by %s, or Warder will:", i18n.Minute(m.Due))
	case Held:
		return i18n.T("Not applied (on hold):")
	case Undone:
		return i18n.T("Reverted:")
	case Failure:
		return i18n.T("Not everything was applied:")
	default:
		return i18n.T("No action taken:")
	}
}

// Describe describes the change with how far it came, where that is not what the reader expects.
func (c Change) Describe() i18n.Message {
	if c.Reason == "" {
		return i18n.Literal(c.Text)
	}
	switch c.Status {
	case "pending": // the due date says so
		return i18n.Literal(c.Text)
	case "failed":
		return i18n.T("%s (failed: %s)", c.Text, c.Reason)
	case "held":
		return i18n.T("%s (on hold: %s)", c.Text, c.Reason)
	case "skipped":
		return i18n.T("%s (not applied: %s)", c.Text, c.Reason)
	}
	return i18n.T("%s (%s)", c.Text, c.Reason)
}

// headline is the message in one line of the language.
func (m Message) headline(title, language string) string {
	line := i18n.T("[Warder] %s: %s", m.Kind.Describe(), title)
	if m.Subject != "" {
		line = i18n.T("%s - %s", line, i18n.Lookup(m.Subject))
	}
	return line.In(language)
}
