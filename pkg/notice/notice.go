// Package notice renders notices and publishes them: one SNS message with attributes to filter by and one body for each
// protocol.
//
//   - email: plain text, what happened first, then what was or will be done, what to do, and the details
//   - sms: one part
//   - sqs, lambda: stable JSON, the [Message]
//   - https: the custom notification of Amazon Q Developer in chat applications
//
// A notice never holds a secret, a whole access key id or a policy document. The package decides neither what to notify
// nor whom; it keeps the limits of the protocols.
package notice

import "time"

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

// Message is one notice. Its JSON is the body for SQS and Lambda subscribers and stays compatible: fields are added,
// never renamed.
type Message struct {
	Version string `json:"version"` // of the JSON, "1"
	// ID is the same for the same notice, however often it is delivered.
	ID   string `json:"id"`
	Kind Kind   `json:"kind"`
	// Thread is the same for all notices about one incident.
	Thread   string `json:"thread"`
	Control  string `json:"control"`
	Severity string `json:"severity"`
	Title    string `json:"title"`
	// Heading is the [Message.Brief] in English, where Title is in another language: a subject may have to be ASCII.
	Heading string `json:"heading,omitempty"`
	// Language is that of the words, as an ISO 639-1 code; empty means English.
	Language string `json:"language,omitempty"`
	Text     string `json:"text"` // one or two sentences: what was found
	// Subject is whom it is about, Owner whom it is addressed to.
	Subject string `json:"subject,omitempty"`
	Owner   string `json:"owner,omitempty"`
	// OwnerSlack is the Slack member id of the owner, when the account knows it.
	OwnerSlack string `json:"ownerSlack,omitempty"`
	// By is who asked for it, for what a person did.
	By string `json:"by,omitempty"`
	// Finding is what the ledger keeps it under: explain and undo take it.
	Finding string    `json:"finding,omitempty"`
	Account string    `json:"account"`
	Region  string    `json:"region"`
	Time    time.Time `json:"time"` // when it was found
	Facts   []Fact    `json:"facts,omitempty"`
	// Due is when the changes are made, for a warning or a reminder.
	Due time.Time `json:"due,omitzero"`
	// Changes are what was or would be done, as clauses.
	Changes []Change `json:"changes,omitempty"`
	// UnchangedReason says why nothing is changed, where a change would be expected.
	UnchangedReason string `json:"unchangedReason,omitempty"`
	Advice          string `json:"advice,omitempty"` // what the reader should do
	// Undo is the command that reverts it, which begins with "make ", or why that cannot be; empty when there is nothing
	// to revert.
	Undo       string      `json:"undo,omitempty"`
	Runbook    string      `json:"runbook,omitempty"`
	References []Reference `json:"references,omitempty"`
	Event      string      `json:"event"` // id of the event that it was found by
	// EventRegion is the region in which CloudTrail has that event; empty for one of another kind.
	EventRegion string `json:"eventRegion,omitempty"`
	// Object is what it is about, if the console of AWS has a page about it: user/, role/ or bucket/ and a name, policy/
	// and an ARN.
	Object string `json:"object,omitempty"`
	// Drill is the id of the drill that it is part of: nothing has happened to anybody. Empty for everything else.
	Drill string `json:"drill,omitempty"`
}

// Change is one change in a notice.
type Change struct {
	ID     string `json:"id"`
	Kind   string `json:"kind"`
	Text   string `json:"text"`
	Status string `json:"status"`
	Reason string `json:"reason,omitempty"`
	// Brief is Text in few words, if the change is made.
	Brief string `json:"brief,omitempty"`
	// Open is what is still so because the change is not made; empty if it is, or need not be made any more.
	Open string `json:"open,omitempty"`
}
