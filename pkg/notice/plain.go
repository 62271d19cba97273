package notice

import (
	"slices"

	"github.com/warder-aws/warder/pkg/i18n"
)

// Agent is a user agent as a notice shows it: at most 120 of the 1,024 bytes that CloudTrail keeps.
func Agent(userAgent string) string { return Plain(userAgent, 120) }

// Plain returns text that somebody else worded, such as a user agent, as a notice may show it: on one
// line, so that it cannot pass for a line of the notice, without what steers a terminal or turns the
// text around, without whole access key ids, and cut to at most limit bytes.
func Plain(text string, limit int) string { return Truncate(Redact(i18n.Plain(text)), limit) }

// enough is how much of a text is looked at, in bytes.
const enough = 4 * maxField

// plain is the message with every text in it as it may be shown, whoever worded it. Only Text has
// more than one line: whoever writes a message sees to it that they are its own. What is
// cut from texts and lists anyway is not looked at: a text is a third as long after this at the least, and
// a third of enough is more than is shown.
func (m Message) plain() Message {
	plain := func(texts ...*string) {
		for _, text := range texts {
			*text = Redact(i18n.Plain(Truncate(*text, enough)))
		}
	}
	plain(&m.Title, &m.Heading, &m.Subject, &m.Owner, &m.UnchangedReason, &m.Advice, &m.Undo, &m.Control, &m.Severity,
		&m.Account, &m.Region, &m.Event, &m.Thread, &m.Finding)
	m.Text = Redact(i18n.Paragraph(Truncate(m.Text, enough)))
	m.Facts = slices.Clone(m.Facts)
	for i := range min(len(m.Facts), maxItems) {
		plain(&m.Facts[i].Name, &m.Facts[i].Value)
	}
	m.Changes = slices.Clone(m.Changes)
	for i := range min(len(m.Changes), maxItems) {
		plain(&m.Changes[i].ID, &m.Changes[i].Kind, &m.Changes[i].Text, &m.Changes[i].Status, &m.Changes[i].Reason)
	}
	return m
}
