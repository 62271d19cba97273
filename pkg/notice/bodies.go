package notice

import (
	"cmp"
	"fmt"
	"strings"
	"unicode/utf16"

	"github.com/warder-aws/warder/pkg/i18n"
)

// Email is the plain text for people. Whoever reads no further than the first lines knows what happened
// to whom, what Warder did or will do about it, and what is asked of them.
func (m Message) Email() string { return m.plain().email() }

func (m Message) email() string {
	var b strings.Builder
	part := func(t i18n.Message) {
		if !t.Empty() {
			fmt.Fprintf(&b, "%s\n\n", t.In(m.Language))
		}
	}
	if m.Drill != "" {
		part(i18n.T("This is a drill. It is about a user created for the drill; you do not need to do anything."))
	}
	part(i18n.Literal(m.Text))
	if len(m.Changes) > 0 {
		fmt.Fprintln(&b, m.ChangesHeading().In(m.Language))
		for _, c := range m.Changes {
			fmt.Fprintf(&b, "  - %s  [%s]\n", c.Describe().In(m.Language), c.ID)
		}
		fmt.Fprintln(&b)
	}
	if m.UnchangedReason != "" {
		part(i18n.T("Not changed: %s", m.UnchangedReason))
	}
	if m.Advice != "" {
		part(i18n.T("What to do: %s", m.Advice))
	}
	if command := m.Command(); !command.Empty() {
		part(i18n.T("Undo: %s", command))
	}
	part(m.final())
	line := func(name i18n.Message, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\n", name.In(m.Language), value)
		}
	}
	line(i18n.T("Title"), m.Title)
	line(i18n.T("Resource"), i18n.Lookup(m.Subject).In(m.Language))
	line(i18n.T("Owner"), m.Owner)
	for _, f := range m.Facts {
		line(i18n.Literal(f.Name), f.Value)
	}
	line(i18n.T("Severity"), Severity(m.Severity).In(m.Language))
	line(i18n.T("When"), i18n.Moment(m.Time).In(m.Language))
	if !m.Due.IsZero() {
		line(i18n.T("Due"), i18n.Minute(m.Due).In(m.Language))
	}
	line(i18n.T("Account"), strings.TrimSpace(m.Account+" "+m.Region))
	line(i18n.T("Control"), m.Control)
	line(i18n.T("Event"), m.Event)
	line(i18n.T("Runbook"), m.Runbook)
	for _, r := range m.References {
		line(i18n.T("Reference"), strings.TrimSpace(r.Title+" "+r.URL))
	}
	return Truncate(b.String(), maxBody)
}

// SMS is the short text: one part, which has 140 bytes of ASCII, or 70 characters of UTF-16 if it has
// any other (https://docs.aws.amazon.com/sns/latest/dg/sms_sending-overview.html).
func (m Message) SMS() string { return m.plain().sms() }

func (m Message) sms() string {
	text := i18n.T("Warder %s (%s): %s, %s, account %s", m.Kind.Describe(), Severity(m.Severity), m.Title,
		i18n.Lookup(m.Subject), m.Account).In(m.Language)
	if strings.IndexFunc(text, func(r rune) bool { return r > '~' }) < 0 {
		return Truncate(text, 140)
	}
	text = Truncate(text, 70*3) // no character of UTF-16 takes more bytes
	for limit := len(text); len(utf16.Encode([]rune(text))) > 70; limit-- {
		text = Truncate(text, limit)
	}
	return text
}

// Line is the subject line of an email, in English: printable ASCII, at most 99 characters
// (https://docs.aws.amazon.com/sns/latest/api/API_Publish.html).
func (m Message) Line() string {
	ascii := strings.Map(func(r rune) rune {
		switch {
		case r == '…':
			return '.'
		case r < ' ' || r > '~':
			return '?'
		}
		return r
	}, Redact(m.headline(cmp.Or(m.Heading, m.Title), "en")))
	return Truncate(ascii, maxLine)
}

// maxLine is the longest subject of a message of SNS, in characters.
const maxLine = 99
