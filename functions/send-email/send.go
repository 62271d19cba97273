package sendemail

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/smithy-go"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/feed"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
)

const (
	// perSecond is how many mails are sent in a second at most: what SES lets a new account send is 14, and a mail server
	// that gets many at once thinks of spam.
	perSecond = 5
	// gather is how far apart mails to one address are, but for urgent ones: what a sweep finds is in one of them.
	gather = 5 * time.Minute
)

// mailer mails what the topic publishes.
//
// Whoever may publish to the topic, or send to the queue, can hand it anything. A notice is mailed if the ledger has
// its entry with the record that this very text was published about it; anything else is dropped. It never sleeps:
// what has to wait is left to the queue, which hands it over again.
type mailer struct {
	*remediation.Runner
	Service service
	Topics  topics
	Feed    feed.Feed
}

// answer is what the function answers.
type answer struct {
	// Outcome is "mailed", or "nothing" when there was nothing to mail now.
	Outcome string `json:"outcome"`
	// Mailed is how many mails were sent, Notices how many notices were in them.
	Mailed  int `json:"mailed"`
	Notices int `json:"inThem"`
	feed.Answer
}

// letter is a notice on its way to a recipient.
type letter struct {
	record events.SQSMessage
	notice notice.Message
	recipient
}

// recipient is who gets a mail.
type recipient struct {
	// topic is the ARN of the topic that whoever it is has subscribed to; empty: they get mail through SES.
	topic   string
	address string // as it is compared; empty for everybody who is subscribed to the topic
}

// urgent reports whether the notice does not wait for others.
func (l letter) urgent() bool {
	return control.Severity(l.notice.Severity).Rank() >= control.High.Rank()
}

// handle mails the messages of an event of SQS. What failed comes again, longer after each time; what was mailed is not
// mailed twice.
func (m *mailer) handle(ctx context.Context, raw json.RawMessage) (answer, error) {
	a := answer{Outcome: "nothing", Answer: feed.Answer{Failures: []feed.Failure{}}}
	records, err := feed.Records(raw)
	if err != nil {
		return a, err
	}
	mails := map[mail][]letter{}
	for _, record := range records {
		if back, ok := parseBack(record.Body); ok {
			if err := m.cameBack(ctx, back); err != nil {
				m.Feed.Fail(ctx, &a.Answer, err, record)
			}
			continue
		}
		letters, wait, err := m.read(ctx, record)
		switch {
		case err != nil:
			m.Feed.Fail(ctx, &a.Answer, fmt.Errorf("message %.64q: %w", record.MessageId, err), record)
		case wait > 0:
			m.Feed.Leave(ctx, &a.Answer, wait, record)
		case len(letters) == 0:
			a.Dropped++
		}
		for _, l := range letters {
			mails[mail{l.recipient, l.urgent()}] = append(mails[mail{l.recipient, l.urgent()}], l)
		}
	}
	waiting := 0
	for _, letters := range inOrder(mails) {
		send := m.mail
		if letters[0].topic != "" {
			send = m.publish
		}
		wait, err := send(ctx, &a, letters)
		if err == nil && wait > 0 && wait <= time.Second { // each second has room for so many
			wait, waiting = time.Second*time.Duration(1+waiting/perSecond), waiting+1
		}
		switch {
		case err != nil:
			m.Feed.Fail(ctx, &a.Answer, err, recordsOf(letters)...)
		case wait > 0:
			m.Feed.Leave(ctx, &a.Answer, wait, recordsOf(letters)...)
		}
	}
	if a.Mailed > 0 {
		a.Outcome = "mailed"
	}
	return a, nil
}

// mail is what is in one mail: what is urgent, or else the rest, for a recipient.
type mail struct {
	recipient
	urgent bool
}

func recordsOf(letters []letter) (all []events.SQSMessage) {
	for _, l := range letters {
		all = append(all, l.record)
	}
	return all
}

// read returns the notice of a message for each of its recipients, or how long to wait before it is looked at again.
func (m *mailer) read(ctx context.Context, record events.SQSMessage) (all []letter, wait time.Duration, err error) {
	var n notice.Message
	published := false
	if json.Unmarshal([]byte(record.Body), &n) == nil {
		published, wait, err = m.Feed.Published(ctx, n, record)
	}
	switch {
	case err != nil || wait > 0:
		return nil, wait, err
	case !published:
		m.Log.WarnContext(ctx, "not mailed: the ledger does not have the notice",
			"message", notice.Plain(record.MessageId, 64), "bytes", len(record.Body))
		return nil, 0, nil
	}
	if m.Settings.Runbooks != "" && n.Runbook != "" {
		n.Runbook = m.Settings.Runbooks + n.Control
	}
	if topic := m.Settings.Mail.All; topic != "" {
		all = append(all, letter{record, n, recipient{topic: topic}})
	}
	before, err := m.Ledger.Mailed(ctx, n.Finding)
	if err != nil {
		return nil, 0, err
	}
	if slices.ContainsFunc(before, func(d ledger.Mailed) bool { return d.Kind == n.Kind && d.Back.IsZero() }) {
		return all, 0, nil
	}
	address, err := m.recipient(ctx, n.Owner)
	if err == nil && address != "" {
		to := recipient{address: address}
		if m.Settings.Mail.Sender == "" {
			to.topic = m.Settings.Mail.Owners
		}
		all = append(all, letter{record, n, to})
	}
	return all, 0, err
}

// recipient is the owner who gets the notice, or else who answers for all that has none. It is empty for nobody, and
// for who gets every notice anyway. Without SES only addresses of the settings can get any.
func (m *mailer) recipient(ctx context.Context, owner string) (string, error) {
	for _, address := range []string{settings.Address(owner), settings.Address(m.Settings.Owners.Default)} {
		if address == "" {
			continue
		}
		known, err := m.Ledger.Address(ctx, address)
		if err != nil {
			return "", err
		}
		if known.CameBack(m.Now()) {
			continue
		}
		is := func(other string) bool { return settings.Address(other) == address }
		if slices.ContainsFunc(m.Settings.Mail.Fixed, is) {
			return "", nil
		}
		subscribed := m.Settings.Mail.Owners != "" && slices.ContainsFunc(m.Settings.Owners.Addresses(), is)
		if subscribed || m.Settings.Mail.Sender != "" {
			return address, nil
		}
	}
	return "", nil
}

// publish sends the notices to the subscribers of a topic, as one message; or says how long they have to wait. What was
// sent before is not sent again.
func (m *mailer) publish(ctx context.Context, a *answer, letters []letter) (wait time.Duration, err error) {
	now, to := m.Now(), letters[0].recipient
	if wait, err := m.Ledger.Allow(ctx, "mail", perSecond, time.Second, now); err != nil || wait > 0 {
		return wait, err
	}
	if !letters[0].urgent() {
		wait, err := m.Ledger.Allow(ctx, "gather#"+to.topic+"#"+to.address, 1, gather, now)
		if err != nil || wait > 0 {
			return max(wait, 2*time.Second), err
		}
	}
	var due []letter
	var notices []notice.Message
	name := func(l letter) string { return "mail#" + to.topic + "#" + to.address + "#" + l.notice.ID }
	holder, until := feed.Holder(ctx), m.Feed.End(ctx)
	end := func(sent bool) (faults []error) {
		for _, l := range due {
			faults = append(faults, m.Ledger.EndDelivery(ctx, name(l), holder, sent, m.Now()))
		}
		return faults
	}
	for _, l := range letters {
		switch err := m.Ledger.BeginDelivery(ctx, name(l), holder, now, until); {
		case errors.Is(err, ledger.ErrDone):
		case feed.Held(err): // another invocation is at it
			m.Feed.Leave(ctx, &a.Answer, feed.Soon, l.record)
		case err != nil:
			return 0, errors.Join(append(end(false), err)...)
		default:
			due, notices = append(due, l), append(notices, l.notice)
		}
	}
	if len(due) == 0 {
		return 0, nil
	}
	_, body := notice.Mail(notices)
	c, wait, err := m.converse(ctx, due, notice.Line(notices, m.Settings.Subjects == settings.UTF8))
	if err != nil || wait > 0 {
		return wait, errors.Join(append(end(false), err)...)
	}
	err = m.Topics.Publish(ctx, to.topic, to.address, c.subject, body)
	if m.begun(ctx, c, err == nil); err != nil {
		return 0, fmt.Errorf("publish %d notices: %w", len(due), errors.Join(append(end(false), err)...))
	}
	a.Mailed, a.Notices = a.Mailed+1, a.Notices+len(due)
	return 0, errors.Join(end(true)...)
}

// mail sends the notices to their address, in one mail; or says how long they have to wait.
func (m *mailer) mail(ctx context.Context, a *answer, letters []letter) (wait time.Duration, err error) {
	address, now := letters[0].address, m.Now()
	known, err := m.Ledger.Address(ctx, address)
	if err != nil {
		return 0, err
	}
	if !letters[0].urgent() {
		if wait := known.Mailed.Add(gather).Sub(now); wait > 0 && wait <= gather {
			return max(wait, 2*time.Second), nil
		}
	}
	if wait, err := m.Ledger.Allow(ctx, "mail", perSecond, time.Second, now); err != nil || wait > 0 {
		return wait, err
	}
	var notices []notice.Message
	for _, l := range letters {
		notices = append(notices, l.notice)
	}
	subject, body := notice.Mail(notices)
	c, wait, err := m.converse(ctx, letters, subject)
	if err != nil || wait > 0 {
		return wait, err
	}
	id, err := m.Service.SendEmail(ctx, newEmail(m.Settings.Mail.Sender, address, m.Settings.Mail.Set, body, c))
	m.begun(ctx, c, err == nil)
	switch why := refusal(err, address); {
	case why != "":
		return 2 * time.Second, m.refused(ctx, address, why) // then it is for somebody else
	case throttled(err):
		return feed.Backoff(letters[0].record), nil
	case err != nil:
		return 0, fmt.Errorf("mail %d notices: %w", len(letters), err)
	}
	a.Mailed, a.Notices = a.Mailed+1, a.Notices+len(letters)
	return 0, m.keep(ctx, address, id, letters)
}

// keep records that the notices were mailed.
func (m *mailer) keep(ctx context.Context, address, id string, letters []letter) error {
	now := m.Now()
	sent := ledger.Mail{Address: address, At: now}
	for _, l := range letters {
		sent.Entries = append(sent.Entries, l.notice.Finding)
	}
	slices.Sort(sent.Entries)
	sent.Entries = slices.Compact(sent.Entries)
	faults := []error{
		m.Ledger.KeepMail(ctx, id, sent),
		m.Ledger.ReviseAddress(ctx, address, now, func(known *ledger.Address) { known.Mailed = now }),
	}
	for _, l := range letters {
		made := ledger.Mailed{Kind: l.notice.Kind, Address: address, Message: id, At: now}
		faults = append(faults, m.Ledger.ReviseMailed(ctx, l.notice.Finding, func(all []ledger.Mailed) []ledger.Mailed {
			return append(all, made)
		}))
	}
	return errors.Join(faults...)
}

// inOrder returns the letters by mail: the most urgent first in each, and the most urgent mail first.
func inOrder(mails map[mail][]letter) [][]letter {
	urgency := func(a, b letter) int {
		rank := func(l letter) int { return control.Severity(l.notice.Severity).Rank() }
		return cmp.Or(cmp.Compare(rank(b), rank(a)), a.notice.Time.Compare(b.notice.Time),
			cmp.Compare(a.notice.ID, b.notice.ID))
	}
	var all [][]letter
	for _, letters := range mails {
		slices.SortFunc(letters, urgency)
		letters = slices.CompactFunc(letters, func(a, b letter) bool { return a.notice.ID == b.notice.ID })
		all = append(all, letters)
	}
	slices.SortFunc(all, func(a, b []letter) int {
		return cmp.Or(urgency(a[0], b[0]), cmp.Compare(a[0].topic, b[0].topic),
			cmp.Compare(a[0].address, b[0].address))
	})
	return all
}

// throttled reports whether SES refused a mail as one too many, for the second or for the day.
// https://docs.aws.amazon.com/ses/latest/dg/manage-sending-quotas-errors.html
func throttled(err error) bool {
	var refused smithy.APIError
	return errors.As(err, &refused) && slices.Contains(
		[]string{
			"LimitExceededException",
			"ThrottlingException",
			"Throttling",
			"TooManyRequestsException",
		},
		refused.ErrorCode(),
	)
}

// refusal is why SES does not mail to the address at all; empty if that is not what the error says. While an account
// is in the sandbox it mails to verified addresses only, and names those that are not.
// https://docs.aws.amazon.com/ses/latest/dg/request-production-access.html
func refusal(err error, address string) string {
	var refused smithy.APIError
	if !errors.As(err, &refused) ||
		!slices.Contains([]string{"MessageRejected", "BadRequestException"}, refused.ErrorCode()) ||
		!strings.Contains(strings.ToLower(refused.ErrorMessage()), address) {
		return ""
	}
	return notice.Plain(refused.ErrorMessage(), maxWhy)
}
