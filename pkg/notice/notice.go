// Package notice words what Warder has to tell, and publishes it: one SNS message with attributes
// to filter by and one body for each protocol.
//
//   - email: plain text, who, what, where from, what was or will be done, why, references
//   - sms: one part of at most 140 bytes
//   - sqs, lambda: stable JSON, the [Message]
//   - https: the custom notification of Amazon Q Developer in chat applications
//
// A notice never holds a secret, a whole access key id or a policy document. The package decides
// neither what to tell nor whom; it keeps the limits of the protocols.
package notice

import (
	"fmt"
	"strings"
	"time"
)

// Kind says what a notice is about.
type Kind string

// The kinds of notice.
const (
	Alert       Kind = "alert"        // something to know; nothing was or will be changed
	WouldChange Kind = "would_change" // what enforce would have done
	Changed     Kind = "changed"      // what was done
	Warning     Kind = "warning"      // what will be changed, and when
	Reminder    Kind = "reminder"     // the same again, shortly before
	Fixed       Kind = "fixed"        // what needs no change any more, because its owner put it right
	Held        Kind = "held"         // what was not done, and why not now
	Undone      Kind = "undone"       // what was put back
	Failure     Kind = "failed"       // what was tried and is not so
)

// Fact is one line of a notice: who, where from, when.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Reference is a rule or a page that explains a finding.
type Reference struct {
	Title string `json:"title"`
	URL   string `json:"url,omitempty"`
}

// Message is one notice. Its JSON is the body for SQS and Lambda subscribers and stays compatible:
// fields are added, never renamed.
type Message struct {
	// Version is the version of the JSON, "1".
	Version string `json:"version"`
	// ID is the same for the same notice, however often it is delivered.
	ID   string `json:"id"`
	Kind Kind   `json:"kind"`
	// Thread is the same for all notices about one incident.
	Thread   string `json:"thread"`
	Control  string `json:"control"`
	Severity string `json:"severity"`
	Title    string `json:"title"`
	// Heading is the title in English, where Title is in another language: a subject line is ASCII.
	Heading string `json:"heading,omitempty"`
	// Language is that of the words, as an ISO 639-1 code; empty means English.
	Language string `json:"language,omitempty"`
	// Text says in one or two sentences what was found.
	Text string `json:"text"`
	// Subject is whom it is about, Owner whom it is addressed to.
	Subject string `json:"subject,omitempty"`
	Owner   string `json:"owner,omitempty"`
	// OwnerSlack is the Slack member id of the owner, when the account knows it.
	OwnerSlack string `json:"ownerSlack,omitempty"`
	// Finding is what the ledger keeps it under: explain and undo take it.
	Finding string `json:"finding,omitempty"`
	Account string `json:"account"`
	Region  string `json:"region"`
	// Time is when it was found.
	Time  time.Time `json:"time"`
	Facts []Fact    `json:"facts,omitempty"`
	// Due is when the changes are made, for a warning or a reminder.
	Due time.Time `json:"due,omitzero"`
	// Changes are what was or would be done, as clauses.
	Changes []Change `json:"changes,omitempty"`
	// Left says why nothing is changed, where a change would be expected.
	Left string `json:"left,omitempty"`
	// Advice says what the reader should do.
	Advice string `json:"advice,omitempty"`
	// Undo is the command that puts it back; empty when there is nothing to put back.
	Undo       string      `json:"undo,omitempty"`
	Runbook    string      `json:"runbook,omitempty"`
	References []Reference `json:"references,omitempty"`
	// Event is the id of the event that it was found by.
	Event string `json:"event"`
	// Drill is the id of the incident rehearsal that it is part of: nothing has happened to anybody.
	// Empty for everything else.
	Drill string `json:"drill,omitempty"`
}

// Change is one change as a notice words it.
type Change struct {
	ID     string `json:"id"`
	Kind   string `json:"kind"`
	Text   string `json:"text"`
	Status string `json:"status"`
	Reason string `json:"reason,omitempty"`
}

// lead is the word that a kind of notice begins with, in subjects and titles.
func (k Kind) lead() string {
	switch k {
	case WouldChange:
		return "would change"
	case Changed:
		return "changed"
	case Warning:
		return "will change"
	case Reminder:
		return "reminder"
	case Fixed:
		return "thank you"
	case Held:
		return "held back"
	case Undone:
		return "undone"
	case Failure:
		return "FAILED"
	default:
		return "alert"
	}
}

// Email is the plain text for people.
func (m Message) Email() string {
	var b strings.Builder
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-12s %s\n", name+":", value)
		}
	}
	fmt.Fprintf(&b, "%s\n\n%s\n\n", m.Title, m.Text)
	switch m.Kind {
	case WouldChange:
		b.WriteString("Warder only observes here and changed nothing. In enforce it would:\n")
	case Changed:
		b.WriteString("Warder did:\n")
	case Warning, Reminder:
		fmt.Fprintf(&b, "Unless it is put right before, Warder will on %s:\n", day(m.Due))
	case Held:
		b.WriteString("Warder holds back:\n")
	case Undone:
		b.WriteString("Warder put back:\n")
	case Failure:
		b.WriteString("Warder tried, and it is not done:\n")
	}
	for _, c := range m.Changes {
		fmt.Fprintf(&b, "  - %s", c.Text)
		if c.Reason != "" {
			fmt.Fprintf(&b, " (%s: %s)", c.Status, c.Reason)
		}
		fmt.Fprintf(&b, "  [%s]\n", c.ID)
	}
	if len(m.Changes) > 0 {
		b.WriteString("\n")
	}
	if m.Left != "" {
		fmt.Fprintf(&b, "Left alone: %s\n\n", m.Left)
	}
	if m.Advice != "" {
		fmt.Fprintf(&b, "What to do: %s\n\n", m.Advice)
	}
	line("Who", m.Subject)
	line("Owner", m.Owner)
	for _, f := range m.Facts {
		line(f.Name, f.Value)
	}
	if !m.Due.IsZero() {
		line("Due", day(m.Due))
	}
	line("When", Moment(m.Time))
	line("Account", m.Account+" "+m.Region)
	line("Severity", m.Severity)
	line("Control", m.Control)
	line("Event", m.Event)
	line("Undo", m.Undo)
	line("Runbook", m.Runbook)
	for _, r := range m.References {
		line("Reference", strings.TrimSpace(r.Title+" "+r.URL))
	}
	return Truncate(b.String(), maxBody)
}

// day words the day on which something is due.
func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }

// SMS is the short text, at most 140 bytes: one part
// (https://docs.aws.amazon.com/sns/latest/dg/sms_sending-overview.html).
func (m Message) SMS() string {
	return Truncate(fmt.Sprintf("Warder %s (%s): %s, %s, account %s", m.Kind.lead(), m.Severity, m.Title, m.Subject, m.Account), 140)
}

// Line is the subject line of an email: printable ASCII, at most 99 characters
// (https://docs.aws.amazon.com/sns/latest/api/API_Publish.html).
func (m Message) Line() string {
	line := fmt.Sprintf("[Warder] %s: %s", m.Kind.lead(), m.Title)
	if m.Subject != "" {
		line += " - " + m.Subject
	}
	ascii := strings.Map(func(r rune) rune {
		switch {
		case r == '…':
			return '.'
		case r < ' ' || r > '~':
			return '?'
		}
		return r
	}, line)
	return Truncate(ascii, 99)
}
