package notice

import (
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
		part(i18n.T("DRILL, no action: this is about a user created for a drill; you do not need to do anything."))
	}
	part(m.State())
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
	part(m.final())
	if undo := m.undo(); undo.Commands != nil {
		fmt.Fprintf(&b, "%s\n\n", undo)
	}
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
	for _, link := range m.Links() {
		line(i18n.Literal(link.Title), link.URL)
	}
	for _, r := range m.References {
		line(i18n.T("Reference"), strings.TrimSpace(r.Title+" "+r.URL))
	}
	if history := m.history(); history.Commands != nil {
		fmt.Fprintf(&b, "\n%s\n", history)
	}
	return Truncate(b.String(), maxBody)
}

// String is the label, and each command on a line of its own.
func (c Command) String() string { return c.Label + "\n  " + strings.Join(c.Commands, "\n  ") }

// SMS is the short text: one part, which has 140 bytes of ASCII, or 70 characters of UTF-16 if it has
// any other (https://docs.aws.amazon.com/sns/latest/dg/sms_sending-overview.html).
func (m Message) SMS() string { return m.plain().sms() }

func (m Message) sms() string {
	brief := m.Brief().In(m.Language)
	text := m.headline(strings.ReplaceAll(brief, "…", ".."), m.Language, "..", 140-len(sender)) // one … makes it UTF-16
	if strings.IndexFunc(text, func(r rune) bool { return r > '~' }) < 0 {
		return sender + text
	}
	text = sender + m.headline(brief, m.Language, "…", 70-len(sender))
	for limit := len(text); len(utf16.Encode([]rune(text))) > 70; limit-- { // a rune may be two characters of UTF-16
		text = Truncate(text, limit)
	}
	return text
}

// sender is what an SMS begins with: it may come from any number.
const sender = "Warder "
