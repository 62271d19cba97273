package posttoslack

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/parameter"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/slack"
)

const (
	// every is how far apart messages in a channel are
	// (https://docs.slack.dev/apis/web-api/rate-limits: one a second, short bursts of more).
	every = time.Second
	// reserve is what is left of an invocation's time to record what came of it.
	reserve = 5 * time.Second
	// retryPause is how long somebody else is given before the next try.
	retryPause = time.Second
)

// errTime says that a message has to wait longer than the invocation lasts.
var errTime = errors.New("no time left: too many messages wait for the same channel, or another invocation is at " +
	"this one")

// poster posts what the topic publishes.
//
// Whoever may publish to the topic, or invoke the function, can hand it anything. A notice is posted if the ledger has
// its entry with the record that this very text was published about it, and an alarm if it is one of Warder's, of which
// the name, the states and the time are taken. Of anything else nothing is shown but that it came.
type poster struct {
	Client          *slack.Client
	Ledger          *ledger.Ledger
	Language        settings.Language
	Runbooks        string // address that the id of a control is appended to; empty: none
	Account, Region string // those of the ledger and of Warder's alarms
	Now             func() time.Time
	Sleep           func(context.Context, time.Duration)
	Log             *slog.Logger
}

// answer is what the function answers.
type answer struct {
	// Outcome is "posted", or "nothing" when all had been posted before or were not to be posted.
	Outcome string `json:"outcome"`
	// Posted is how many messages were posted, Doubled how many had been posted before.
	Posted  int `json:"posted"`
	Doubled int `json:"doubled"`
	// Dropped is how many were not posted: notices of another account, which its own Warder posts, and what
	// is neither notice nor alarm, soon after another such message.
	Dropped int `json:"dropped,omitempty"`
}

// post posts the messages of an event of SNS
// (https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html). An error means that one was not
// posted: the event belongs into a queue, from which it is sent again.
func (p *poster) post(ctx context.Context, raw json.RawMessage) (answer, error) {
	var a answer
	var event events.SNSEvent
	if err := json.Unmarshal(raw, &event); err != nil || len(event.Records) == 0 {
		return a, errors.New(`event not understood: it is none of SNS; to try it, publish a message to the topic`)
	}
	a.Outcome = "nothing"
	var faults []error
	for _, record := range event.Records {
		l, err := p.read(ctx, record.SNS)
		switch {
		case err != nil:
			faults = append(faults, fmt.Errorf("message %.64q: %w", record.SNS.MessageID, err))
			continue
		case l.id == "":
			a.Dropped++
			continue
		}
		posted, err := p.once(ctx, l)
		switch {
		case err != nil:
			faults = append(faults, fmt.Errorf("notice %s: %w", l.id, err))
		case posted:
			a.Outcome = "posted"
			a.Posted++
		default:
			a.Doubled++
		}
	}
	return a, errors.Join(faults...)
}

// notification is one message on its way.
type notification struct {
	// id is the same however often it is delivered; empty for what is not to be posted.
	id string
	// thread is the same for all about one incident; empty for what stands alone.
	thread string
	post   slack.Post
}

// read lays out what was published: a notice, an alarm of CloudWatch, or that somebody published something else.
func (p *poster) read(ctx context.Context, m events.SNSEntity) (notification, error) {
	var n notice.Message
	if json.Unmarshal([]byte(m.Message), &n) == nil && n.Version != "" && n.ID != "" && n.Kind != "" {
		if n.Account != p.Account {
			p.Log.WarnContext(ctx, "not posted: a notice of another account, which its own Warder posts",
				"message", notice.Plain(m.MessageID, 64), "account", notice.Plain(n.Account, 64))
			return notification{}, nil
		}
		proven, err := p.prove(ctx, n, m.Message)
		if err != nil {
			return notification{}, err
		}
		if !proven {
			return p.unverified(ctx, m)
		}
		if n.Runbook != "" {
			n.Runbook = p.Runbooks + n.Control
		}
		l := notification{id: n.ID, post: slack.Render(n, p.Language)}
		if n.Thread != "" {
			l.thread = n.Account + "#" + n.Thread
		}
		return l, nil
	}
	if a, ok := slack.ParseAlarm([]byte(m.Message), p.Account, p.Region); ok {
		post := slack.RenderAlarm(a, p.Language)
		return notification{id: a.ID(), thread: a.Thread(), post: post}, nil
	}
	return p.unverified(ctx, m)
}

// settle is how long the runner may need to record in the ledger that a notice was accepted: it does so right after it
// has published it.
const settle = 10 * time.Second

// prove reports whether the ledger has the notice: the entry that it names, with the record that this very text was
// published about it.
func (p *poster) prove(ctx context.Context, n notice.Message, text string) (bool, error) {
	if !notice.ID(n.Finding) {
		return false, nil
	}
	sum := notice.Sum(text)
	published := func(r ledger.Notification) bool { return r.Kind == n.Kind && r.Sum == sum }
	for waited := time.Duration(0); ; waited += retryPause {
		entry, found, err := p.Ledger.Entry(ctx, n.Finding)
		switch {
		case err != nil || !found: // an entry is recorded before its notice is published
			return false, err
		case slices.ContainsFunc(entry.Notifications, published):
			return true, nil
		case waited >= settle:
			return false, nil
		}
		if err := p.wait(ctx, retryPause); err != nil {
			return false, err
		}
	}
}

// quiet is for how long only the first message is shown that is neither a notice nor an alarm: whoever publishes many
// must not make the notices wait.
const quiet = 5 * time.Minute

// unverified is the message that somebody else than Warder and CloudWatch published something, of which nothing is
// shown; none if there was another one just before.
func (p *poster) unverified(ctx context.Context, m events.SNSEntity) (notification, error) {
	p.Log.WarnContext(ctx, "unverified message on the topic", "message", notice.Plain(m.MessageID, 64),
		"bytes", len(m.Message))
	id, now := "unverified#"+notice.Sum(m.MessageID), p.Now()
	first, err := p.Ledger.Once(ctx, "slack#unverified", id, now, now.Add(quiet))
	if err != nil || !first {
		return notification{}, err
	}
	return notification{id: id, post: slack.RenderUnverified(m.MessageID, len(m.Message), quiet, p.Language)}, nil
}

// once posts the message unless it was posted before. Two invocations with the same message wait for each other. One
// that ends in between leaves it open whether it was posted, and the next one posts it: rather twice than not at all.
func (p *poster) once(ctx context.Context, l notification) (posted bool, err error) {
	holder := invocation(ctx)
	name := "slack#" + l.id
	err = p.patient(ctx, func() error { return p.Ledger.BeginDelivery(ctx, name, holder, p.Now(), p.end(ctx)) })
	switch {
	case errors.Is(err, ledger.ErrDone):
		return false, nil
	case err != nil:
		return false, err
	}
	err = p.send(ctx, holder, l)
	return err == nil, errors.Join(err, p.Ledger.EndDelivery(ctx, name, holder, err == nil, p.Now()))
}

// send posts the message: in the thread of its incident, or as the root of one.
func (p *poster) send(ctx context.Context, holder string, l notification) error {
	threads, err := p.Client.Threads(ctx)
	if err != nil {
		return err
	}
	if l.thread == "" || !threads {
		_, err := p.Client.Post(ctx, l.post, "")
		return err
	}
	name := "slack#" + p.Client.Channel + "#" + l.thread
	for {
		root := ""
		err := p.patient(ctx, func() (err error) {
			root, err = p.Ledger.Thread(ctx, name, holder, p.Now(), p.end(ctx))
			return err
		})
		switch {
		case err != nil:
			return err
		case root == "":
			id, err := p.Client.Post(ctx, l.post, "")
			return errors.Join(err, p.Ledger.BeginThread(ctx, name, holder, id, p.Now()))
		}
		_, err = p.Client.Post(ctx, l.post, root)
		var refused *slack.Error
		if !errors.As(err, &refused) || !refused.Thread {
			return err
		}
		if err := p.Ledger.EndThread(ctx, name, root, p.Now()); err != nil {
			return err
		}
	}
}

// slot waits until the next message may be posted.
func (p *poster) slot(ctx context.Context, name string) error {
	now := p.Now()
	at, err := p.Ledger.Slot(ctx, name, every, now)
	if err != nil {
		return err
	}
	if pause := at.Sub(now); pause > 0 {
		return p.wait(ctx, pause)
	}
	return nil
}

// wait waits, if there is time to do something after it.
func (p *poster) wait(ctx context.Context, pause time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if p.Now().Add(pause + reserve).After(p.end(ctx)) {
		return errTime
	}
	p.Sleep(ctx, pause)
	return ctx.Err()
}

// patient tries until it is not somebody else's turn.
func (p *poster) patient(ctx context.Context, try func() error) error {
	for {
		err := try()
		if !errors.Is(err, ledger.ErrHeld) && !errors.Is(err, ledger.ErrConflict) {
			return err
		}
		if err := p.wait(ctx, retryPause); err != nil {
			return err
		}
	}
}

// end is when the invocation ends at the latest.
func (p *poster) end(ctx context.Context) time.Time {
	if end, ok := ctx.Deadline(); ok {
		return end
	}
	return p.Now().Add(time.Minute)
}

// invocation names who is at work: the same on Lambda's own retries.
func invocation(ctx context.Context) string {
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		return lc.AwsRequestID
	}
	return "unknown"
}

// secrets and parameters list the operations that a [vault] reads with.
type secrets interface {
	GetSecretValue(
		context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options),
	) (*secretsmanager.GetSecretValueOutput, error)
}

type parameters interface {
	GetParameter(context.Context, *parameter.GetParameterInput) (*parameter.GetParameterOutput, error)
}

// vault holds Slack's bot token or the address of the webhook: it is read once, and again when Slack does not take it.
type vault struct {
	Slack      settings.Slack
	Secrets    secrets
	Parameters parameters

	kept string
}

// read returns the secret. Its errors hold the secret's name, never the secret.
func (v *vault) read(ctx context.Context, again bool) (string, error) {
	if v.kept != "" && !again {
		return v.kept, nil
	}
	var value string
	switch {
	case v.Slack.Secret != "":
		out, err := v.Secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &v.Slack.Secret})
		if err != nil {
			return "", fmt.Errorf("get secret %q: %w", v.Slack.Secret, err)
		}
		value = aws.ToString(out.SecretString)
	case v.Slack.Parameter != "":
		out, err := v.Parameters.GetParameter(ctx,
			&parameter.GetParameterInput{Name: v.Slack.Parameter, WithDecryption: true})
		if err != nil {
			return "", fmt.Errorf("get parameter %q: %w", v.Slack.Parameter, err)
		}
		value = out.Parameter.Value
	default:
		return "", errors.New("no secret is set: set notify.slack.secret or notify.slack.parameter")
	}
	v.kept = strings.TrimSpace(value)
	return v.kept, nil
}
