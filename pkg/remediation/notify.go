package remediation

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/settings"
)

// notifier words notices and publishes them.
type notifier struct {
	*Runner
	account, region string
	clock           func() time.Time
}

// notifyOnce publishes the notice of a recorded entry that no event is behind, unless it was published before.
func (r *Runner) notifyOnce(ctx context.Context, entry *ledger.Entry, kind notice.Kind) (first bool, err error) {
	if entry.Notice(kind) != nil {
		return false, nil
	}
	if err := (notifier{r, r.Account, r.Region, r.Now}).publish(ctx, entry, kind); err != nil {
		return false, err
	}
	return true, r.Ledger.Update(ctx, entry)
}

// publish publishes the notice of an entry, and notes in the entry that it was accepted.
func (n notifier) publish(ctx context.Context, entry *ledger.Entry, kind notice.Kind) error {
	m := n.message(entry, kind)
	sum, err := m.Sum()
	if err != nil {
		return err
	}
	id, err := n.Topic.Publish(ctx, m)
	if err != nil {
		return err
	}
	accepted := ledger.Notification{Kind: kind, Owner: entry.Owner, Message: id, Sum: sum, At: n.clock()}
	entry.Notifications = append(entry.Notifications, accepted)
	return nil
}

// message describes the entry as a notice.
func (n notifier) message(entry *ledger.Entry, kind notice.Kind) notice.Message {
	m := notice.Message{
		Version: "1", ID: digest(entry.ID, kind), Kind: kind, Thread: cmp.Or(entry.Thread, entry.Case, entry.ID),
		Control: entry.Control, Severity: severityOf(entry, kind), Title: entry.Title,
		Language: string(n.Settings.Language), Text: entry.Text, Subject: entry.Subject, Owner: entry.Owner,
		OwnerSlack: entry.OwnerSlack, Finding: entry.ID, Account: n.account, Region: n.region, Time: entry.At,
		Facts: entry.Facts, UnchangedReason: entry.UnchangedReason, Advice: entry.Advice,
		Event: entry.Run, EventRegion: entry.EventRegion, Object: object(entry), Drill: entry.Drill,
	}
	if kind == notice.Warning || kind == notice.Reminder {
		m.Due = entry.Due
	}
	if n.Settings.Runbooks != "" {
		m.Runbook = n.Settings.Runbooks + entry.Control
	}
	for _, step := range entry.Steps {
		c := notice.Change{
			ID: step.ID, Kind: step.Kind, Text: n.render(n.Kinds.Describe(step.Change, step.Status.Made())),
			Status: string(step.Status), Reason: step.Reason, Open: n.open(step),
		}
		if step.Status.Made() {
			c.Brief = n.render(n.Kinds.Brief(step.Change))
		}
		m.Changes = append(m.Changes, c)
	}
	if !entry.By.IsZero() {
		m.By = n.render(entry.By.Describe())
	}
	m.Heading = n.heading(entry, m)
	if kind == notice.Changed || kind == notice.Undone {
		m.Undo = n.undoCommand(entry)
	}
	for _, r := range control.Cited(n.Control.References, n.Settings.CIS) {
		m.References = append(m.References, notice.Reference{Title: r.Title, URL: r.URL})
	}
	return m
}

// open is what is still so because the step is not made; empty if it is, or has nothing to make any more.
func (n notifier) open(step ledger.Step) string {
	moot := func(why i18n.Message) bool { return step.Reason == n.render(why) }
	if step.Status.Made() || step.Status == ledger.Undone || step.Status == ledger.Skipped &&
		slices.ContainsFunc([]i18n.Message{alreadySo, changedSince, goneSince}, moot) {
		return ""
	}
	return n.render(n.Kinds.Open(step.Change))
}

// heading is the brief of the message in English; empty if that is its language.
func (n notifier) heading(entry *ledger.Entry, m notice.Message) string {
	if language := n.Settings.Language; language == settings.English || language == "" {
		return ""
	}
	m.Language, m.Title, m.Changes = "en", cmp.Or(entry.Heading, entry.Title), nil
	for _, step := range entry.Steps {
		brief := n.Kinds.Brief(step.Change).String()
		m.Changes = append(m.Changes, notice.Change{Brief: brief, Status: string(step.Status)})
	}
	if !entry.By.IsZero() {
		m.By = entry.By.Describe().String()
	}
	return notice.Plain(m.Brief().String(), maxText)
}

// object is what the entry is about, as a [notice.Message] has it; empty for what the console has no page about.
func object(entry *ledger.Entry) string {
	if entry.User {
		return "user/" + entry.Subject
	}
	for _, step := range entry.Steps {
		switch step.Kind {
		case change.BucketPublicAccess:
			return "bucket/" + step.Subject
		case change.RoleSessions:
			return "role/" + step.Subject
		}
	}
	parsed, err := arn.Parse(entry.Subject)
	switch kind, path, _ := strings.Cut(parsed.Resource, "/"); {
	case err != nil:
	case parsed.Service == "s3" && path == "":
		return "bucket/" + parsed.Resource
	case parsed.Service == "iam" && kind == "policy":
		return "policy/" + entry.Subject
	case parsed.Service == "iam" && (kind == "user" || kind == "role"):
		return kind + "/" + path[strings.LastIndex(path, "/")+1:]
	}
	return ""
}

// undoCommand is the command that reverts what was made of the entry's steps, or why there is none.
func (n notifier) undoCommand(entry *ledger.Entry) string {
	for _, step := range entry.Steps {
		if kind, err := n.Kinds.Kind(step.Change); err == nil && step.Status.Made() && !kind.Final().Empty() {
			return n.render(i18n.T("This cannot be undone: %s.", kind.Final()))
		}
	}
	return n.render(notice.UndoCommand(entry.ID))
}

// UndoCommand is the command that reverts one step, empty when it cannot be reverted.
func UndoCommand(kinds change.Registry, step ledger.Step) string {
	if kind, err := kinds.Kind(step.Change); err != nil || !kind.Final().Empty() {
		return ""
	}
	return notice.UndoCommand(step.ID).String()
}

// maxText is more than any text that Warder words itself, in bytes: names out of events may be longer.
const maxText = 4000

// render gives a message in the language of the deployment, on one line that is not too long, without whole
// access key ids: names in it come from events and from the account.
func (r *Runner) render(m i18n.Message) string {
	return notice.Plain(m.In(string(r.Settings.Language)), maxText)
}

func (r *Runner) fact(f Fact) notice.Fact {
	return notice.Fact{Name: r.render(f.Name), Value: r.render(f.Value)}
}

// word gives an entry its words.
func (r *Runner) word(e *ledger.Entry, title, text, advice i18n.Message) {
	e.Title, e.Text, e.Advice, e.Heading = r.render(title), r.render(text), r.render(advice), ""
	if english := title.String(); english != e.Title {
		e.Heading = english
	}
}

// quiet marks an entry that needs no notice of its own.
const quiet notice.Kind = "quiet"

// requiredNotice is the kind of notice that the present state of an entry requires, empty for none. What is
// made in part counts as changed when it is settled, and not while a retry goes on with the rest.
func requiredNotice(entry *ledger.Entry, retried bool) notice.Kind {
	has := func(statuses ...ledger.Status) bool { return anyStep(entry, statuses...) }
	held := has(ledger.Held) && entry.Notify != quiet
	switch {
	case has(ledger.Failed, ledger.Planned), retried && has(ledger.Applied):
		return notice.Failure
	case retried && held:
		return notice.Held
	case has(ledger.Verified, ledger.Applied):
		return notice.Changed
	case has(ledger.Observed):
		return notice.WouldChange
	case held:
		return notice.Held
	case entry.Notify != quiet:
		return entry.Notify
	default:
		return ""
	}
}

// later is the later of two times.
func later(a, b time.Time) time.Time { return slices.MaxFunc([]time.Time{a, b}, time.Time.Compare) }

// ReleaseRequest lets a control go on that its blast radius has stopped.
type ReleaseRequest struct {
	By     string `json:"by,omitempty"` // as of an [UndoRequest]
	Reason string `json:"reason"`
}

// ReleaseAnswer says what the release came to.
type ReleaseAnswer struct {
	Released bool   `json:"released"` // false when the control was not stopped
	Text     string `json:"text"`
}

// Release lets the control go on. What waits is done by its next sweep.
func (r *Runner) Release(ctx context.Context, q ReleaseRequest) (ReleaseAnswer, error) {
	who := caller.From(ctx, q.By)
	if who.IsZero() || invisible(q.Reason) {
		const form = `{"release":{"by":"…","reason":"…"}}`
		return ReleaseAnswer{}, errors.New("release request not understood: understood is " + form)
	}
	breaker, err := r.Ledger.Breaker(ctx, r.Control.ID)
	if err != nil {
		return ReleaseAnswer{}, err
	}
	if breaker.Tripped.IsZero() {
		return ReleaseAnswer{Text: r.render(i18n.T("%s is not stopped: it has made %d of %d changes in this hour",
			r.Control.ID, len(breaker.Steps), r.Settings.BlastRadius))}, nil
	}
	now := r.Now()
	entry := ledger.Entry{
		ID: digest(r.Control.ID, "released", breaker.Tripped.Unix()), Control: r.Control.ID, At: now,
		By: who, Reason: q.Reason,
		Guard: ledger.Released, Severity: string(control.Medium), Notify: notice.Alert,
	}
	r.word(&entry, i18n.T("Blast radius released"),
		i18n.T("%s released %s, which had stopped on %s: %s. The next sweep applies what is pending.",
			who.Describe(), r.Control.ID, i18n.Minute(breaker.Tripped), q.Reason), i18n.Message{})
	// The notice comes before the release: whoever tries again finds the control stopped still.
	if _, err := r.Notify(ctx, entry); err != nil {
		return ReleaseAnswer{}, err
	}
	if _, err := r.Ledger.Release(ctx, r.Control.ID, who, q.Reason, now); err != nil {
		return ReleaseAnswer{}, err
	}
	return ReleaseAnswer{Released: true, Text: r.render(i18n.T("%s goes on since %s; what waits is done by its next sweep",
		r.Control.ID, i18n.Moment(now)))}, nil
}

// Notify records an entry that no event is behind, and publishes the alert about it; first says that it did so now.
func (r *Runner) Notify(ctx context.Context, entry ledger.Entry) (first bool, err error) {
	if err := r.Ledger.Update(ctx, &entry); errors.Is(err, ledger.ErrConflict) {
		if entry, _, err = r.Ledger.Entry(ctx, entry.ID); err != nil {
			return false, err
		}
	} else if err != nil {
		return false, err
	}
	return r.notifyOnce(ctx, &entry, notice.Alert)
}
