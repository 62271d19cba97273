package notice

import (
	_ "embed"

	"github.com/warder-aws/warder/pkg/say"
)

//go:embed ko.json
var korean []byte

func init() { say.Register("ko", korean) }

// Say is what a kind of notice is in two or three words, for subjects and titles.
func (k Kind) Say() say.Text {
	switch k {
	case WouldChange:
		return say.F("would change")
	case Changed:
		return say.F("changed")
	case Warning:
		return say.F("will change")
	case Reminder:
		return say.F("reminder")
	case Fixed:
		return say.F("thank you")
	case Held:
		return say.F("held back")
	case Undone:
		return say.F("undone")
	case Failure:
		return say.F("FAILED")
	default:
		return say.F("alert")
	}
}

// Severity words one of the severities.
func Severity(severity string) say.Text {
	switch severity {
	case "critical":
		return say.F("critical")
	case "high":
		return say.F("high")
	case "medium":
		return say.F("medium")
	case "low":
		return say.F("low")
	}
	return say.Data(severity)
}

// Acts is the sentence before the changes of the message: whether Warder made them, makes them soon, or
// does not, and what kept it from that.
func (m Message) Acts() say.Text {
	switch m.Kind {
	case WouldChange:
		return say.F("Warder only observes here and has changed nothing. In enforce it would:")
	case Changed:
		return say.F("Warder did:")
	case Warning:
		return say.F("Unless it is put right before, Warder will on %s:", say.Minute(m.Due))
	case Reminder:
		return say.F("It is not put right yet. Unless it is before, Warder will on %s:", say.Minute(m.Due))
	case Held:
		return say.F("Warder holds back:")
	case Undone:
		return say.F("Warder put back:")
	case Failure:
		return say.F("Warder tried, and not all of it is done:")
	default:
		return say.F("Warder did not:")
	}
}

// Say words the change with how far it came, where that is not what the reader expects.
func (c Change) Say() say.Text {
	if c.Reason == "" {
		return say.Data(c.Text)
	}
	switch c.Status {
	case "waiting": // the due date says so
		return say.Data(c.Text)
	case "failed":
		return say.F("%s (failed: %s)", c.Text, c.Reason)
	case "held":
		return say.F("%s (held back: %s)", c.Text, c.Reason)
	case "skipped":
		return say.F("%s (not done: %s)", c.Text, c.Reason)
	}
	return say.F("%s (%s)", c.Text, c.Reason)
}

// headline is the message in one line of the language.
func (m Message) headline(title, language string) string {
	line := say.F("[Warder] %s: %s", m.Kind.Say(), title)
	if m.Subject != "" {
		line = say.F("%s - %s", line, say.Words(m.Subject))
	}
	return line.In(language)
}
