// Package ledger is Warder's memory: every run, every finding with what was changed and why, every
// notice, in one DynamoDB table.
//
// It is what makes a run idempotent (an event is claimed by a conditional write before anything is
// done about it), what lets a run that was cut off be finished without doing anything twice (the
// outbox: what is recorded and not yet done or told is done or told by the next try), and what undo
// and explain read.
//
// [Dynamo] keeps it in the table, [Memory] in a map for tests; both answer to the same tests.
// The package decides nothing, and deletes nothing: runs that found nothing and marks of what was
// told carry a time to live, the rest stays.
package ledger

import (
	"context"
	"errors"
	"time"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/notice"
)

// Status says how far a finding or a change has come.
type Status string

// A change goes from planned to applied to verified; it ends at failed or skipped when it does not.
const (
	Planned  Status = "planned"      // recorded, not yet done
	Applied  Status = "applied"      // done, not yet read back
	Verified Status = "verified"     // done, and read back as it should be
	Failed   Status = "failed"       // tried and not so; the reason says why
	Skipped  Status = "skipped"      // rightly not done; the reason says why
	Held     Status = "held"         // not done now; the reason says why, and a later event tries again
	Observed Status = "would_change" // not done because the control only observes
)

// Settled reports whether nothing more is to be done about a change of this status.
func (s Status) Settled() bool {
	return s == Verified || s == Skipped || s == Held || s == Observed
}

// Step is one change of an entry, and how far it has come.
type Step struct {
	change.Change
	// ID names the step in messages, and for undo.
	ID string `json:"id"`
	// Status and Reason say how far it has come, and why no further.
	Status Status `json:"status"`
	Reason string `json:"reason,omitempty"`
	// At is when the status was reached.
	At time.Time `json:"at"`
}

// Told is one notice of an entry: the outbox, and afterwards the proof.
type Told struct {
	// Kind is the kind of notice.
	Kind notice.Kind `json:"kind"`
	// Owner is whom it was addressed to.
	Owner string `json:"owner,omitempty"`
	// Message is the id that SNS gave it. The empty string means that it was not accepted yet.
	Message string `json:"message,omitempty"`
	// At is when SNS accepted it.
	At time.Time `json:"at"`
}

// Entry is one finding of one run, with what was done about it and who was told.
type Entry struct {
	// ID is the same for the same finding of the same event, however often it is handled.
	ID string `json:"id"`
	// Control is the id of the control that found it.
	Control string `json:"control"`
	// Run is the key of the event that it was found by, see [Run].
	Run string `json:"run"`
	// Subject is whom the finding is about: the name of an IAM user, or another principal.
	Subject string `json:"subject,omitempty"`
	// Owner is whom notices about it go to; empty means the topic's other subscribers only.
	Owner string `json:"owner,omitempty"`
	// At is when it was found.
	At time.Time `json:"at"`

	Title    string        `json:"title"`
	Severity string        `json:"severity"`
	Text     string        `json:"text"`
	Facts    []notice.Fact `json:"facts,omitempty"`
	Advice   string        `json:"advice,omitempty"`
	// Left says why nothing is changed about it, where a reader would expect a change.
	Left string `json:"left,omitempty"`

	Steps []Step `json:"steps,omitempty"`
	Told  []Told `json:"told,omitempty"`
}

// Notice returns the entry's record of the notice of the given kind, nil when there is none.
func (e *Entry) Notice(kind notice.Kind) *Told {
	for i := range e.Told {
		if e.Told[i].Kind == kind {
			return &e.Told[i]
		}
	}
	return nil
}

// Run is one control handling one event.
type Run struct {
	// Control is the control's id, Key the event's idempotency key.
	Control string `json:"control"`
	Key     string `json:"key"`
	// Event names the event for people: its detail type and name.
	Event string `json:"event,omitempty"`
	// At is when it was first claimed, Attempts how often.
	At       time.Time `json:"at"`
	Attempts int       `json:"attempts"`
	// Holder has claimed the run until Until (seconds since 1970). A retry of the same invocation
	// carries the same holder and may take it over at once.
	Holder string `json:"holder"`
	Until  int64  `json:"until"`
	// Done says that it is finished, with Outcome and Reason.
	Done    bool   `json:"done"`
	Outcome string `json:"outcome,omitempty"`
	Reason  string `json:"reason,omitempty"`
	// Entries are the ids of its entries.
	Entries []string `json:"entries,omitempty"`
	// Planned says that every finding of the event is among them: a retry need not plan again.
	Planned bool `json:"planned"`
}

var (
	// ErrDone says that the run was finished before.
	ErrDone = errors.New("the run is finished")
	// ErrHeld says that somebody else is at work on the run.
	ErrHeld = errors.New("the run is held by another invocation")
)

// Ledger is the memory of one account. Its methods answer with an error when the memory cannot be
// read or written; nothing may be changed in the account then.
type Ledger interface {
	// Begin claims the run for run.Holder until run.Until and returns it as recorded, with the
	// entries of earlier tries. It answers ErrDone, with the recorded run, when the run is finished,
	// and ErrHeld when another holder's claim has not run out at now.
	Begin(ctx context.Context, run Run, now time.Time) (Run, error)
	// Record adds entries to a run, all of them or none; planned says that they are the last. An
	// entry that is there already stays as it is. Nothing may be done about an entry before it is
	// recorded.
	Record(ctx context.Context, run Run, entries []Entry, planned bool) error
	// Update replaces an entry. Only the holder of its run may call it.
	Update(ctx context.Context, entry Entry) error
	// Entry returns the entry with the given id; ok is false when there is none.
	Entry(ctx context.Context, id string) (entry Entry, ok bool, err error)
	// Finish ends the run: done with an outcome, or not done and free to be claimed by its retry.
	Finish(ctx context.Context, run Run) error
	// Once reports whether key is marked for the first time, or again by the same run, or after
	// its mark ran out at now; it marks it for the run until the given time.
	Once(ctx context.Context, key, run string, now, until time.Time) (bool, error)
}

// idle is how long a run that found nothing is remembered: longer than EventBridge (24 hours) and
// Lambda (6 hours) keep trying to deliver its event, and than an archive is likely to be replayed
// (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html).
const idle = 30 * 24 * time.Hour
