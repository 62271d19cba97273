package remediation

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
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
	"github.com/warder-aws/warder/pkg/orders"
	"github.com/warder-aws/warder/pkg/owner"
	"github.com/warder-aws/warder/pkg/settings"
)

// Publisher publishes notices. It returns the id under which one was accepted.
type Publisher interface {
	Publish(context.Context, notice.Message) (string, error)
}

// Owners knows who answers for an IAM user.
type Owners interface {
	// Owner goes by the user's name.
	Owner(ctx context.Context, user string) (owner.Contact, error)
	// ByID finds the user by its unique id; name is the one that it had. Without an id it is the same as Owner.
	ByID(ctx context.Context, id, name string) (owner.Contact, error)
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
	Orders   Orders // of the organization; nil if it gives none
	Environment
}

// Orders are what the organization orders its accounts to do less of. An error means that it is not known.
type Orders interface {
	Read(ctx context.Context, now time.Time) (orders.Orders, error)
}

// Environment is what a runner runs in.
type Environment struct {
	Account, Region string                               // for notices that no event is behind
	Now             func() time.Time                     // with Settings.EventClock the event's time is used instead
	Sleep           func(context.Context, time.Duration) // between reads of what is not visible yet
	Log             *slog.Logger
}

// Invocation says who runs the runner, and until when at most.
type Invocation struct {
	// ID is the request id. Lambda keeps it over the retries of one asynchronous event
	// (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html).
	ID   string
	Left time.Duration // the time before the invocation is ended by force
}

// Run handles one event. An error asks for a retry; the report says how far the run came all the
// same, and what was measured. Bytes that are no event are recorded and not retried.
//
// Lines of the log that it writes have the event's key, so that they are found with each other.
func (r *Runner) Run(ctx context.Context, by Invocation, raw []byte) (Report, error) {
	e, undecodable := event.Decode(raw)
	report, err := r.runEvent(ctx, by, raw, e, undecodable)
	return report, errors.Join(err, r.notifyForged(ctx))
}

// runEvent handles an event; undecodable says why the bytes are none.
func (r *Runner) runEvent(
	ctx context.Context, by Invocation, raw []byte, e event.Event, undecodable error,
) (report Report, err error) {
	report = Report{
		Control: r.Control.ID, Outcome: Nothing, Severity: r.Control.Severity, Event: digest(raw),
		Changes: []ReportedChange{}, Notices: []ReportedNotice{},
	}
	defer func() { report.conclude() }()
	now := r.Now()
	// A drill measures seconds, in the local account as well.
	frozen := undecodable == nil && r.Settings.EventClock && !e.Time.IsZero() && !rehearsed(e)
	if frozen {
		now = e.Time
	}
	if undecodable == nil {
		report.Event = e.Key()
	}
	switch {
	case r.Settings.Mode == control.Off:
		report.Reason = r.render(i18n.T("the control is off"))
		return report, nil
	case r.own(e):
		report.Reason = r.render(i18n.T("Warder's own change"))
		return report, nil
	}
	record, err := r.begin(ctx, ledger.Run{
		Control: r.Control.ID, Key: report.Event, Event: describe(e), Mode: string(r.Settings.Mode), Happened: happened(e),
		Holder: by.ID, Until: now.Add(by.Left),
	}, e, now)
	switch {
	case errors.Is(err, ledger.ErrDone):
		report.skip(metric.SkippedRepeated, 1)
		report.note(Skipped, r.render(i18n.T("this event was already handled (%s)", record.Outcome)))
		return report, nil
	case err != nil:
		report.note(Failed, notice.Redact(err.Error()))
		return report, fmt.Errorf("begin the run: %w", err)
	}
	// The run must end by itself: one that is ended by force is retried without what it came to.
	soon, cancel := context.WithTimeout(ctx, by.Left-by.Left/20)
	defer cancel()
	run := newRun(&session{
		Runner: r, event: e, raw: raw, record: record, now: now, frozen: frozen, report: &report,
		log: r.Log.With("event", report.Event),
	}, budget{planning: by.Left / 2, spent: func() bool { return soon.Err() != nil }})
	switch {
	case undecodable != nil:
		report.note(Failed, r.render(i18n.T("undecodable, not retried: %s", undecodable)))
	case e.Drill():
		var refused i18n.Message
		if refused, err = run.handleDrill(ctx); !refused.Empty() {
			report.note(Skipped, r.render(refused))
		}
	default:
		err = run.handle(ctx)
	}
	if err != nil {
		report.note(Failed, notice.Redact(err.Error()))
	}
	err = errors.Join(err, run.reader.notifyUnproven(ctx))
	run.record.Done, run.record.Outcome, run.record.Reason = err == nil, string(report.Outcome), report.Reason
	err = errors.Join(err, r.Ledger.Finish(ctx, &run.record))
	run.measure(ctx, err == nil)
	return report, err
}

// begin claims the run of an event. One that says how something is, and comes again after its run was done, gets a run
// of its own, which finds what is so now: one for each event, and for each delivery of an event that was handled.
func (r *Runner) begin(ctx context.Context, run ledger.Run, e event.Event, now time.Time) (ledger.Run, error) {
	record, err := r.Ledger.Begin(ctx, run, now)
	for _, again := range []string{e.ID, run.Holder} {
		if !errors.Is(err, ledger.ErrDone) || !e.Ongoing() || record.Holder == run.Holder {
			break
		}
		run.Key += "#" + again
		record, err = r.Ledger.Begin(ctx, run, now)
	}
	return record, err
}

// own reports whether one of Warder's own functions made the call that e records. Roles are compared by their
// exact ARN. What a drill does to its user is there to be acted on.
func (r *Runner) own(e event.Event) bool {
	return !rehearsed(e) && r.byWarder(e)
}

// byWarder reports whether one of Warder's roles made the call that e records, if it records one.
func (r *Runner) byWarder(e event.Event) bool {
	record := e.Record()
	if record == nil {
		return false
	}
	role, err := arn.Parse(record.Identity.RoleARN())
	if err != nil || role.Service != "iam" || role.AccountID != e.Account {
		return false
	}
	name, own := strings.CutPrefix(role.Resource, "role"+settings.RolePath)
	return own && slices.Contains(r.Settings.Roles, name)
}

// describe names the event for the ledger.
func describe(e event.Event) string {
	if record := e.Record(); record != nil {
		return e.DetailType + ": " + record.Name
	}
	if compliance, ok := e.Detail.(*event.Compliance); ok {
		return e.DetailType + ": " + compliance.Rule
	}
	return e.DetailType
}

// happened is when that came about which the event reports: CloudTrail says when the call was made
// (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html).
func happened(e event.Event) time.Time {
	if record := e.Record(); record != nil && !record.Time.IsZero() {
		return record.Time
	}
	return e.Time
}

// EntryID is the id of an entry that no event is behind: the same parts give the same id.
func EntryID(parts ...any) string { return digest(parts...) }

// digest is 50 bits of a SHA-256 in lower-case base 32.
func digest(parts ...any) string {
	text, err := json.Marshal(parts)
	if err != nil {
		panic(err) // strings and changes only
	}
	sum := sha256.Sum256(text)
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:10]
}
