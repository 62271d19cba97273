// Package remediation takes an event, lets the control's planner find what is wrong, and remediates it, once, in
// a fixed order. It never changes what a guard does not permit, and never decides what is wrong.
//
//	decode → claim the event in the ledger → finish what an earlier try left →
//	plan → decide → record → decide again → apply → record → verify → record → notify → record
//
// A [Planner] reads the account and returns findings; it holds no operation that writes. The guards, in their
// order, decide what becomes of them. The [Runner] alone acts, through the kinds of package change; in observe
// it acts on nothing. A run that is cut off at any point is taken up by the retry of its event, which does what
// is recorded and not yet done, and sends the notices that are recorded and not yet sent.
package remediation

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/settings"
)

//go:embed ko.json
var korean []byte

func init() { i18n.Register("ko", korean) }

// Planner decides what an event means for the account as it is now.
type Planner interface {
	// Plan returns what it found. An event only says where to look: Plan decides from the present state, so
	// that late, doubled and reordered events are harmless. now is the only clock a planner may use.
	//
	// Findings and an error may come together: what was found is handled, then the event is retried for the
	// rest. About one subject it returns all that it found, or an error and nothing; but of what AWS does not show (see
	// [change.NotFound]) also what is to be said if it still does not at the last try.
	//
	// When ctx ends, a sweep begins with no further user, and returns [Stopped] beside what it found.
	Plan(ctx context.Context, e event.Event, now time.Time) ([]Finding, error)
}

// Sweeper is a planner whose sweeps go by the cases that are open.
type Sweeper interface {
	Planner
	// Sweep is Plan for the event of a sweep, with the open cases of the control as the ledger has them.
	Sweep(ctx context.Context, e event.Event, open []ledger.Case, now time.Time) ([]Finding, error)
}

// ErrSweep is the answer of a [Sweeper] to a sweep without the cases, which must not look like one without findings.
var ErrSweep = errors.New("this planner sweeps over the open cases, and was not given them")

// Inspect has the planner look at what the event is about, with what it has to know of the control's own work.
func Inspect(ctx context.Context, p Planner, e event.Event, m Memory, now time.Time) ([]Finding, error) {
	if keeper, ok := p.(Keeper); ok {
		return keeper.Keep(ctx, e, m, now)
	}
	sweeper, ok := p.(Sweeper)
	if _, sweep := e.Detail.(*event.Sweep); !ok || !sweep {
		return p.Plan(ctx, e, now)
	}
	open, err := m.Open(ctx)
	if err != nil {
		return nil, err
	}
	return sweeper.Sweep(ctx, e, open, now)
}

// Stopped is the error of a sweep that ran out of time. The sweep looks at users in the order of
// their names; with the retry it goes on where it stopped: see [event.Sweep].
type Stopped struct {
	After string // the name of the last user up to which all were dealt with, without an error
}

func (s *Stopped) Error() string {
	return fmt.Sprintf("out of time: the retry goes on after user %q", s.After)
}

// Finding is one thing that is not as it should be, or that somebody should know.
type Finding struct {
	// User is the name of the IAM user that it is about, whose owner is notified. It is empty for roles, the
	// root user and the account, which Subject names then.
	User     string
	Subject  string
	Title    i18n.Message     // of the notice; empty means the control's
	Severity control.Severity // of the notice; empty means the control's
	// Text says in one or two sentences what was found. Facts are what the reader needs to assess it: who,
	// where from, how old. Advice says what the reader should do.
	Text   i18n.Message
	Facts  []Fact
	Advice i18n.Message
	// Changes remediate it, in this order; if one fails the rest is not tried, but see [Containment]. None makes the
	// finding an alert.
	Changes         []change.Change
	UnchangedReason i18n.Message // says why there is no change where a reader would expect one
	Handling
}

// Handling is how a finding is to be handled. The zero value gives notice, then grace, then makes the changes.
type Handling struct {
	Fresh   bool      // marks what the event itself names: it is acted on at once, without grace
	Urgency Urgency   // says which guards cannot keep it waiting
	Alert   bool      // has its owner notified even if no change is made, for an exemption, a hold or somebody faster
	Due     time.Time // when the changes become right, if that is still to come: the owner is notified before
	// OneKeyPerRun is the user of whose access keys at most one goes in a run; empty if the finding is not
	// about keys, or they may all go. Of several findings that are due the first is acted on, and the
	// others stay for a later run; their owner is notified of them all the same.
	OneKeyPerRun string
	Once         Once // keeps notices about the same from being repeated
	// Key is the key of the open case that the finding goes on with, although it is not about all of that any more: the
	// days that its owner has go on. It is empty for a finding whose changes name its case.
	Key string
	// Consent is the key of the user's tag that asks for the changes: one that the user set itself does not. Empty if none
	// is needed.
	Consent string

	Addressee
	origin
}

// Addressee says who is notified where that is not the owner.
type Addressee struct {
	// Redirected has Recipient notified in place of the owner, and nobody but the topic's subscribers if that is empty.
	Redirected bool
	Recipient  string // an email address
	// Former has whoever was the owner before notified, if the call of the event changed the owner.
	Former bool
}

// origin is where a finding comes from, as far as its run knows more of that than its planner.
type origin struct {
	held   *ledger.Case       // the case that the finding comes from, for one that was held
	userID string             // the unique id of User, where it is known before the user is looked up
	was    string             // the name of User in the event, if it is another
	unread error              // why it could not be found out who User is
	given  *settings.Function // the control's, with the user's values; nil if there is one value for all
}

// Urgency says what a finding does not wait for.
type Urgency string

const (
	// Ordinary is what every guard applies to.
	Ordinary Urgency = ""
	// Emergency is what gives administrator rights, if it was made just now, and what stops somebody who got in. It does
	// not wait for grace, another key, flapping or the blast radius, and does not count against the blast radius of the
	// rest. Halt, mode, exemptions and what a person undid apply to it.
	Emergency Urgency = "emergency"
	// Containment is an emergency that no exemption stops: credentials are in the wrong hands. Its changes do not depend
	// on each other: all are tried.
	Containment Urgency = "containment"
	// Proposal is what nobody but a person applies, see [Proposals]. Its owner is notified, and it waits.
	Proposal Urgency = "proposal"
)

// Emergency reports whether the finding must not wait.
func (u Urgency) Emergency() bool { return u == Emergency || u == Containment }

// Fact is one line of a finding.
type Fact struct {
	Name, Value i18n.Message
}

// Once says that of findings with the same key one in a time is notified.
type Once struct {
	Key string        // within the control; empty means that each is notified
	For time.Duration // how long the others are kept quiet
	// Alike is what alerts have in common, beside their title, that are limited when there are many; empty for nothing.
	Alike string
}

// subject is whom the finding is about.
func (f Finding) subject() string { return cmp.Or(f.User, f.Subject) }

// Weekly is how often a notice about something that goes on is repeated.
const Weekly = 7 * 24 * time.Hour

// key names what the finding is about, for its case: the same whatever state that is in, and whatever the user is
// called. What was said about a user does not count for another who gets the same name later.
func (f Finding) key() string {
	var things []string
	for _, c := range f.Changes {
		things = append(things, c.Thing())
	}
	return digest(things)
}

// Pending gives a sweep to a planner that knows events only: it finds again, from the ledger, what was held when its
// event came. All other events are the planner's.
func Pending(p Planner) Sweeper { return pending{p} }

type pending struct{ Planner }

func (p pending) Plan(ctx context.Context, e event.Event, now time.Time) ([]Finding, error) {
	if _, sweep := e.Detail.(*event.Sweep); sweep {
		return nil, ErrSweep
	}
	return p.Planner.Plan(ctx, e, now)
}

func (pending) Sweep(_ context.Context, _ event.Event, open []ledger.Case, _ time.Time) ([]Finding, error) {
	var findings []Finding
	for _, c := range open {
		if !c.Urgent {
			continue
		}
		f := Finding{
			Title: i18n.Literal(c.Title), Severity: control.Severity(c.Severity), Changes: c.Changes,
			Handling: Handling{origin: origin{held: &c, userID: c.UserID}, Urgency: Urgency(c.Urgency)},
		}
		if c.User {
			f.User = c.Subject
		} else {
			f.Subject = c.Subject
		}
		findings = append(findings, f)
	}
	return findings, nil
}
