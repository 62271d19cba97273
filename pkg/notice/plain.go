package notice

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/lazyregexp"
)

// Agent is a user agent as a notice shows it: at most 120 of the 1,024 bytes that CloudTrail keeps.
func Agent(userAgent string) string { return Plain(userAgent, 120) }

// Plain returns text from outside, such as a user agent, as a notice may show it: on one line, so that it cannot pass
// for a line of the notice, without what steers a terminal or turns the text around, without whole access key ids, and
// cut to at most limit bytes.
func Plain(text string, limit int) string { return Truncate(Redact(i18n.Plain(text)), limit) }

// enough is how much of a text is looked at, in bytes.
const enough = 4 * maxField

// plain is the message with every text in it as it may be shown, whoever worded it. Only Text has more than one line:
// whoever writes a message sees to it that they are its own. Whatever is cut from texts and lists anyway is not looked
// at: a text is a third as long after this at the least, and a third of enough is more than is shown.
func (m Message) plain() Message {
	plain := func(texts ...*string) {
		for _, text := range texts {
			*text = Redact(i18n.Plain(Truncate(*text, enough)))
		}
	}
	plain(&m.Title, &m.Heading, &m.Subject, &m.Owner, &m.UnchangedReason, &m.Advice, &m.Undo, &m.Control, &m.Severity,
		&m.Account, &m.Region, &m.Event, &m.Thread, &m.Finding, &m.By,
		&m.Object, &m.EventRegion)
	m.Text = Redact(i18n.Paragraph(Truncate(m.Text, enough)))
	m.Facts = slices.Clone(m.Facts)
	for i := range min(len(m.Facts), maxItems) {
		plain(&m.Facts[i].Name, &m.Facts[i].Value)
	}
	m.Changes = slices.Clone(m.Changes)
	for i := range min(len(m.Changes), maxItems) {
		plain(&m.Changes[i].ID, &m.Changes[i].Kind, &m.Changes[i].Text, &m.Changes[i].Status, &m.Changes[i].Reason,
			&m.Changes[i].Open, &m.Changes[i].Brief)
	}
	return m
}

// keyID matches an access key id and the other unique ids of the same form
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-prefixes), whatever stands
// before and behind it: people put the ids into names, such as backup_AKIA....
var keyID = lazyregexp.New(`(?:AKIA|ASIA)[A-Z0-9]{8,}([A-Z0-9]{4})`)

// Redact returns text without whole access key ids: only their last four characters stay. AWS puts key ids into its
// error messages, so every error goes through here before it is logged or sent.
func Redact(text string) string {
	if !strings.Contains(text, "AKIA") && !strings.Contains(text, "ASIA") { // as most texts
		return text
	}
	return keyID().ReplaceAllString(text, "…$1")
}

// ellipsis ends a text that was cut. It is ASCII, because subject lines are.
const ellipsis = "..."

// Truncate returns s if it has at most limit bytes, and otherwise a beginning of it that ends with three dots and has
// at most limit bytes. It never splits a rune; bytes that are no UTF-8 become U+FFFD first. A limit below 1 gives the
// empty string.
func Truncate(s string, limit int) string {
	s, limit = strings.ToValidUTF8(s, "\uFFFD"), max(limit, 0)
	if len(s) <= limit {
		return s
	}
	cut := max(limit-len(ellipsis), 0)
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + ellipsis[:min(limit, len(ellipsis))]
}

// member is what the id of a member of a Slack workspace looks like
// (https://docs.slack.dev/reference/objects/user-object).
var member = lazyregexp.New(`^[UW][A-Z0-9]{2,}$`)

// Member reports whether id is that of a member of a Slack workspace, as in U024BE7LH. Nothing else is mentioned: no
// group, no channel, not everybody.
func Member(id string) bool { return len(id) <= 64 && member().MatchString(id) }
