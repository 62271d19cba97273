// Package remedy puts things right: it takes an event, lets the control's planner decide, and does
// what was decided, once, in a fixed order.
//
//	decode → claim the event in the ledger → finish what an earlier try left →
//	plan → record → guards → apply → verify → record → tell → record
//
// A [Planner] reads the account and returns findings; it holds no operation that writes. The
// [Runner] alone acts, through the kinds of package change. In observe it acts on nothing. A run
// that is cut off at any point is taken up by the retry of its event, which does what is recorded
// and not yet done, and tells what is recorded and not yet told.
package remedy

import (
	"context"
	"time"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/notice"
)

// Planner decides what an event means for the account as it is now.
type Planner interface {
	// Plan returns what it found. An event only says where to look: Plan reads the present state
	// and decides from that, so that late, doubled and reordered events are harmless.
	//
	// Findings and an error may come together: what was found is handled, then the event is
	// retried for the rest. About one subject it returns all it has to say, or an error and
	// nothing. now is the only clock a planner may use.
	Plan(ctx context.Context, e event.Event, now time.Time) ([]Finding, error)
}

// Finding is one thing that is not as it should be, or that somebody should know.
type Finding struct {
	// User is the name of the IAM user that it is about; the user's owner is told. It is empty for
	// roles, the root user and the account, which Subject names then.
	User string
	// Subject is whom it is about when that is no IAM user.
	Subject string
	// Title is the notice's title; empty means the control's.
	Title string
	// Severity is the notice's severity; empty means the control's.
	Severity control.Severity
	// Text says in one or two sentences what was found.
	Text string
	// Facts are the lines that let the reader judge: who, where from, how old.
	Facts []notice.Fact
	// Changes put it right, in this order; if one fails the rest is not tried. None makes the
	// finding an alert.
	Changes []change.Change
	// Left says why there is no change where a reader would expect one.
	Left string
	// Advice says what the reader should do.
	Advice string
	// Fresh marks what the event itself names. Other things that the planner came upon by looking
	// are told of once in a while, not at every event.
	Fresh bool
	// Once keeps alerts about the same thing from being repeated.
	Once Once
}

// Once says that findings with the same key are told of once in a time.
type Once struct {
	// Key names the thing within the control; empty means that every finding is told.
	Key string
	// For is how long the others are kept quiet.
	For time.Duration
}

// subject is whom the finding is about.
func (f Finding) subject() string {
	if f.User != "" {
		return f.User
	}
	return f.Subject
}

// Weekly is how often something that goes on is told of again.
const Weekly = 7 * 24 * time.Hour

// once is the finding's own mark, or for a change that was come upon by looking one that lasts a week.
func (f Finding) once() Once {
	if f.Once.Key != "" || f.Fresh || len(f.Changes) == 0 {
		return f.Once
	}
	return Once{Key: digest(f.subject(), f.Changes), For: Weekly}
}
