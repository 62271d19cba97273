package notice

import (
	_ "embed"
	"strings"

	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/lazyregexp"
)

//go:embed ko.json
var korean []byte

func init() { i18n.Register("ko", korean) }

// kinds describe the kinds of notice in two or three words, for subjects and titles.
var kinds = map[Kind]i18n.Message{
	Alert: i18n.T("alert"), WouldChange: i18n.T("would change"), Changed: i18n.T("changed"),
	Warning: i18n.T("will change"), Reminder: i18n.T("reminder"), Fixed: i18n.T("resolved"),
	Held: i18n.T("on hold"), Undone: i18n.T("reverted"), Failure: i18n.T("FAILED"),
}

// Describe describes the kind in two or three words.
func (k Kind) Describe() i18n.Message { return i18n.Or(kinds[k], kinds[Alert]) }

var severities = map[string]i18n.Message{
	"critical": i18n.T("critical"), "high": i18n.T("high"), "medium": i18n.T("medium"), "low": i18n.T("low"),
}

// Severity describes one of the severities; any other text stays as it is.
func Severity(severity string) i18n.Message {
	return i18n.Or(severities[severity], i18n.Literal(severity))
}

var headings = map[Kind]i18n.Message{
	WouldChange: i18n.T("This control is in observe mode and changed nothing. In enforce mode, Warder would:"),
	Changed:     i18n.T("Action taken:"),
	Held:        i18n.T("Not applied (on hold):"),
	Undone:      i18n.T("Reverted:"),
	Failure:     i18n.T("Not everything was applied:"),
}

// ChangesHeading is the sentence before the changes of the message: whether Warder made them, makes them
// soon, or does not, and what kept it from that.
func (m Message) ChangesHeading() i18n.Message {
	switch m.Kind {
	case Warning:
		return i18n.T("Fix this by %s, or Warder will:", i18n.Minute(m.Due))
	case Reminder:
		return i18n.T("Not fixed yet. Fix this by %s, or Warder will:", i18n.Minute(m.Due))
	}
	return i18n.Or(headings[m.Kind], i18n.T("No action taken:"))
}

// Describe describes the change with its result, where that is not what the reader expects.
func (c Change) Describe() i18n.Message {
	switch {
	case c.Reason == "", c.Status == "pending": // the due date says so
		return i18n.Literal(c.Text)
	case c.Status == "failed":
		return i18n.T("%s (failed: %s)", c.Text, c.Reason)
	case c.Status == "held":
		return i18n.T("%s (on hold: %s)", c.Text, c.Reason)
	case c.Status == "skipped":
		return i18n.T("%s (not applied: %s)", c.Text, c.Reason)
	}
	return i18n.T("%s (%s)", c.Text, c.Reason)
}

// UndoCommand is the command that reverts what has the id in the ledger.
func UndoCommand(id string) i18n.Message { return i18n.T(`make undo ID=%s REASON="why"`, id) }

// ids matches the ids of the ledger: of an entry, as in abcdefghij, and of one of its changes, as in abcdefghij-1.
var ids = lazyregexp.New(`^[a-z2-7]{10}(?:-[1-9][0-9]{0,3})?$`)

// ID reports whether the text has the form of an id of the ledger. Nothing else becomes part of a command: a message
// may come from anybody who may publish to the topic.
func ID(text string) bool { return ids().MatchString(text) }

// Command is the command that reverts what the message is about; empty when there is nothing to revert, or
// the message does not say under which id the ledger has it. It is made from the id, never taken from the message.
func (m Message) Command() i18n.Message {
	if !m.asksToUndo() || !ID(m.Finding) {
		return i18n.Message{}
	}
	return UndoCommand(m.Finding)
}

// asksToUndo reports whether Undo is a command, and not why there is none.
func (m Message) asksToUndo() bool { return strings.HasPrefix(m.Undo, "make ") }

// final is why what the message is about cannot be reverted, empty if it can be, or nothing is to be said about it.
func (m Message) final() i18n.Message {
	if m.asksToUndo() {
		return i18n.Message{}
	}
	return i18n.Literal(m.Undo)
}
