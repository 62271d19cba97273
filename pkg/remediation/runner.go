package remediation

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/metric"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/owner"
	"github.com/warder-aws/warder/pkg/settings"
)

// Publisher tells people. It returns the id under which the notice was accepted.
type Publisher interface {
	Publish(context.Context, notice.Message) (string, error)
}

// Owners knows who answers for an IAM user.
type Owners interface {
	Owner(ctx context.Context, user string) (owner.Contact, error)
}

// Guard can hold a change back.
type Guard interface {
	// Check returns why the change must not be made now, empty when it may, and since when
	// that is so, if that is known. An error holds it back as well: what cannot be read cannot allow
	// anything.
	Check(ctx context.Context) (why i18n.Message, since time.Time, err error)
}

// Runner handles the events of one control.
type Runner struct {
	Control  control.Control
	Settings settings.Function
	Planner  Planner
	Kinds    change.Registry
	Ledger   *ledger.Ledger
	Topic    Publisher
	Owners   Owners
	// Halt is the switch that stops every change.
	Halt Guard
	// Account and Region are where it runs, for notices that no event is behind.
	Account, Region string
	// Now is the clock; with Settings.EventClock the event's time is used instead.
	Now func() time.Time
	// Sleep waits between reads of a state that has not yet taken.
	Sleep func(context.Context, time.Duration)
	Log   *slog.Logger
}

// Invocation says who runs the runner, and until when at most.
type Invocation struct {
	// ID is the request id. Lambda keeps it over the retries of one asynchronous event
	// (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html).
	ID string
	// Left is the time before the invocation is ended by force.
	Left time.Duration
}

// Run handles one event. An error asks for a retry; the report says how far the run came all the
// same, and what was measured. Bytes that are no event are recorded and not retried.
//
// Lines of the log that it writes have the event's key, so that they are found with each other.
func (r *Runner) Run(ctx context.Context, by Invocation, raw []byte) (Report, error) {
	report, err := r.run(ctx, by, raw)
	report.conclude()
	return report, err
}

func (r *Runner) run(ctx context.Context, by Invocation, raw []byte) (Report, error) {
	report := Report{
		Control: r.Control.ID, Outcome: Nothing, Severity: r.Control.Severity,
		Changes: []ReportedChange{}, Notices: []ReportedNotice{},
	}
	e, err := event.Decode(raw)
	now := r.Now()
	// A drill measures seconds, in the local account as well.
	still := err == nil && r.Settings.EventClock && !e.Time.IsZero() && !rehearsed(e)
	if still {
		now = e.Time
	}
	if err != nil {
		report.Event = digest(raw)
	} else {
		report.Event = e.Key()
	}
	switch {
	case r.Settings.Mode == control.Off:
		report.Reason = r.say(i18n.T("the control is off"))
		return report, nil
	case r.own(e):
		report.Reason = r.say(i18n.T("Warder's own change"))
		return report, nil
	}

	report.measure()
	run, claimed := r.Ledger.Begin(ctx, ledger.Run{
		Control: r.Control.ID, Key: report.Event, Event: name(e), Mode: string(r.Settings.Mode), Happened: happened(e),
		Holder: by.ID, Until: now.Add(by.Left),
	}, now)
	switch {
	case errors.Is(claimed, ledger.ErrDone):
		report.skip(metric.SkippedRepeated, 1)
		report.note(Skipped, r.say(i18n.T("this event was handled before (%s)", run.Outcome)))
		return report, nil
	case claimed != nil:
		report.note(Failed, notice.Redact(claimed.Error()))
		return report, fmt.Errorf("begin the run: %w", claimed)
	}

	// The run must end by itself: one that is ended by force is retried as well, but without its
	// progress being recorded.
	soon, cancel := context.WithTimeout(ctx, by.Left-by.Left/20)
	defer cancel()
	w := &work{
		Runner: r, event: e, run: run, now: now, report: &report, contacts: map[string]owner.Contact{}, tagsOf: map[string]map[string]string{}, turns: map[string]string{}, rounds: map[string]*ledger.RecentChanges{}, cases: map[string]ledger.Case{}, still: still,
		planning: by.Left / 2, late: func() bool { return soon.Err() != nil },
		log: r.Log.With("event", report.Event),
	}
	var failed error
	switch {
	case err != nil:
		report.note(Failed, r.say(i18n.T("undecodable, not retried: %s", err)))
	case e.Drill():
		var refused i18n.Message
		w.only, refused, failed = w.drilled(ctx)
		if failed == nil && refused.Empty() {
			failed = w.all(ctx)
		}
		if failed == nil && (!refused.Empty() || w.refused) {
			report.note(Skipped, r.say(i18n.Or(refused, i18n.T("refused: the event is made up, and what was found is about somebody else than the drill's user"))))
		}
	default:
		failed = w.all(ctx)
	}
	if failed != nil {
		report.note(Failed, notice.Redact(failed.Error()))
	}
	w.run.Done, w.run.Outcome, w.run.Reason = failed == nil, string(report.Outcome), report.Reason
	failed = errors.Join(failed, r.Ledger.Finish(ctx, &w.run))
	w.take(ctx, failed == nil)
	return report, failed
}

// own reports whether one of Warder's own functions made the call that e records. Roles are
// compared by their exact ARN: a session or role that is only named alike is not Warder.
func (r *Runner) own(e event.Event) bool {
	record := e.Record()
	if record == nil || rehearsed(e) {
		// What a drill does to its user is there to be acted on.
		return false
	}
	role, err := arn.Parse(record.Identity.RoleARN())
	if err != nil || role.Service != "iam" || role.AccountID != e.Account {
		return false
	}
	for _, own := range r.Settings.Roles {
		if role.Resource == "role"+settings.RolePath+own {
			return true
		}
	}
	return false
}

// name words the event for the ledger.
func name(e event.Event) string {
	if record := e.Record(); record != nil {
		return e.DetailType + ": " + record.Name
	}
	if compliance, ok := e.Detail.(*event.Compliance); ok {
		return e.DetailType + ": " + compliance.Rule
	}
	return e.DetailType
}

// happened is when that came about which the event tells of: CloudTrail says when the call was made
// (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html).
func happened(e event.Event) time.Time {
	if record := e.Record(); record != nil && !record.Time.IsZero() {
		return record.Time
	}
	return e.Time
}

// EntryID is the id of an entry that no event is behind: the same parts give the same id.
func EntryID(parts ...any) string { return digest(parts...) }

// digest is a short name for what it is given: 50 bits of a SHA-256 in lower-case base 32.
func digest(parts ...any) string {
	text, err := json.Marshal(parts)
	if err != nil {
		panic(err) // strings and changes only
	}
	sum := sha256.Sum256(text)
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:10]
}
