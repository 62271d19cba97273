package posttoslack

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/feed"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/slack"
)

const (
	// every is how far apart messages in a channel are at least. Slack takes one a second
	// (https://docs.slack.dev/apis/web-api/rate-limits); one message may be longer on its way than the next.
	every = 1500 * time.Millisecond
	// reserve is what is left of an invocation's time to post one more message and to record what came of it.
	reserve = 20 * time.Second
	// patience is how long Slack may be unable to take messages before that counts as an error.
	patience = time.Minute
)

// poster posts what the topic publishes.
//
// Whoever may publish to the topic, or send to the queue, can hand it anything. A notice is posted if the ledger has
// its entry with the record that this very text was published about it, and an alarm if it is one of Warder's, of which
// the name, the states and the time are taken. Of anything else nothing is shown but that it came. It never sleeps:
// what has to wait is left to the queue, which hands it over again.
type poster struct {
	Client          *slack.Client
	Feed            feed.Feed
	Ledger          *ledger.Ledger
	Language        settings.Language
	Runbooks        string // address that the id of a control is appended to; empty: none
	Account, Region string // those of the ledger and of Warder's alarms
	Now             func() time.Time
	Log             *slog.Logger
}

// answer is what the function answers.
type answer struct {
	// Outcome is "posted", or "nothing" when there was nothing to post now.
	Outcome string `json:"outcome"`
	// Posted is how many messages were posted, Notices how many notices and alarms were in them, and Doubled how many had
	// been posted before.
	Posted  int `json:"posted"`
	Notices int `json:"inThem"`
	Doubled int `json:"doubled,omitempty"`
	feed.Answer
}

// item is one message of the queue, or the same one several times.
type item struct {
	records []events.SQSMessage
	// id is the same however often it is delivered.
	id string
	// thread is the same for all about one incident; empty for what stands alone.
	thread string
	notice *notice.Message // nil for what is no notice
	post   slack.Post      // of what is no notice
	rank   int             // the higher, the more urgent
	at     time.Time
}

// urgent reports whether it has a message of its own.
func (i item) urgent() bool { return i.notice == nil || i.rank >= control.High.Rank() }

// post posts the messages of an event of SQS, the most urgent first, until the channel takes no more now. What is left
// comes again, and what was posted is not posted twice.
func (p *poster) post(ctx context.Context, raw json.RawMessage) (answer, error) {
	a := answer{Outcome: "nothing", Answer: feed.Answer{Failures: []feed.Failure{}}}
	records, err := feed.Records(raw)
	if err != nil {
		return a, err
	}
	t := &turn{poster: p, answer: &a, holder: feed.Holder(ctx), items: p.arrange(ctx, &a, records)}
	if err := t.run(ctx); err != nil {
		a.Blame(err)
		for _, i := range t.items {
			p.Feed.Fail(ctx, &a.Answer, nil, i.records...)
		}
	}
	if a.Posted > 0 {
		a.Outcome = "posted"
	}
	return a, nil
}

// arrange reads the messages and returns what is to be posted: the most urgent first, and then as it happened. It
// settles the others.
func (p *poster) arrange(ctx context.Context, a *answer, records []events.SQSMessage) []item {
	var all []item
	for _, record := range records {
		i, wait, err := p.read(ctx, record)
		same := func(other item) bool { return other.id == i.id }
		known := slices.IndexFunc(all, same)
		switch {
		case err != nil:
			p.Feed.Fail(ctx, &a.Answer, fmt.Errorf("message %.64q: %w", record.MessageId, err), record)
		case wait > 0:
			p.Feed.Leave(ctx, &a.Answer, wait, record)
		case i.id == "":
			a.Dropped++
		case known >= 0:
			all[known].records = append(all[known].records, record)
		default:
			all = append(all, i)
		}
	}
	slices.SortStableFunc(all, func(i, j item) int {
		return cmp.Or(cmp.Compare(j.rank, i.rank), i.at.Compare(j.at), cmp.Compare(i.id, j.id))
	})
	return all
}

// read reads a message: a notice that the ledger has, an alarm of CloudWatch, or that somebody published something
// else. A wait says that the ledger may have it in a moment. What has no id is not to be posted.
func (p *poster) read(ctx context.Context, record events.SQSMessage) (i item, wait time.Duration, err error) {
	var n notice.Message
	if json.Unmarshal([]byte(record.Body), &n) == nil && n.Version != "" && n.ID != "" && n.Kind != "" {
		if n.Account != p.Account {
			p.Log.WarnContext(ctx, "not posted: a notice of another account, which its own Warder posts",
				"message", notice.Plain(record.MessageId, 64), "account", notice.Plain(n.Account, 64))
			return item{}, 0, nil
		}
		published, wait, err := p.Feed.Published(ctx, n, record)
		if err != nil || wait > 0 {
			return item{}, wait, err
		}
		if !published {
			return p.unverified(ctx, record)
		}
		if n.Runbook != "" {
			n.Runbook = p.Runbooks + n.Control
		}
		i = item{id: n.ID, at: n.Time, rank: control.Severity(n.Severity).Rank(), notice: &n}
		if n.Thread != "" {
			i.thread = n.Account + "#" + n.Thread
		}
		i.records = []events.SQSMessage{record}
		return i, 0, nil
	}
	if a, ok := slack.ParseAlarm([]byte(record.Body), p.Account, p.Region); ok {
		i = item{id: a.ID(), thread: a.Thread(), at: a.Changed, post: slack.RenderAlarm(a, p.Language)}
		if i.post.Broadcast {
			i.rank = control.Critical.Rank()
		}
		i.records = []events.SQSMessage{record}
		return i, 0, nil
	}
	return p.unverified(ctx, record)
}

// quiet is for how long only the first message is shown that is neither a notice nor an alarm: whoever publishes many
// must not make the notices wait.
const quiet = 5 * time.Minute

// unverified is the message that somebody else than Warder and CloudWatch published something, of which nothing is
// shown; none if there was another one just before.
func (p *poster) unverified(ctx context.Context, record events.SQSMessage) (item, time.Duration, error) {
	p.Log.WarnContext(ctx, "unverified message on the topic", "message", notice.Plain(record.MessageId, 64),
		"bytes", len(record.Body))
	id, now := "unverified#"+notice.Sum(record.MessageId), p.Now()
	first, err := p.Ledger.Once(ctx, "slack#unverified", id, now, now.Add(quiet))
	if err != nil || !first {
		return item{}, 0, err
	}
	post := slack.RenderUnverified(record.MessageId, len(record.Body), quiet, p.Language)
	return item{id: id, at: now, post: post, records: []events.SQSMessage{record}}, 0, nil
}

// A turn is one invocation at its items.
type turn struct {
	*poster
	answer  *answer
	holder  string
	threads bool   // a webhook has none
	limit   string // the name of the rate
	items   []item // that are left, in their order
}

// run posts until nothing is left, or the channel takes no more. An error means that the ledger or the secret could not
// be read: the rest is left.
func (t *turn) run(ctx context.Context) (err error) {
	if t.threads, err = t.Client.Threads(ctx); err != nil {
		return err
	}
	if t.limit, err = t.Client.Limit(ctx); err != nil {
		return err
	}
	for allowed := false; len(t.items) > 0; {
		if t.Now().Add(reserve).After(t.Feed.End(ctx)) {
			t.leave(ctx, feed.Soon)
			return nil
		}
		if !allowed {
			wait, err := t.Ledger.Allow(ctx, t.limit, 1, every, t.Now())
			if err != nil {
				return err
			}
			if wait > 0 {
				t.leave(ctx, wait)
				return nil
			}
			allowed = true
		}
		batch, root, err := t.next(ctx)
		if err != nil {
			return err
		}
		if len(batch) == 0 { // the next message may be posted in its place
			continue
		}
		if wait := t.send(ctx, batch, root); wait > 0 {
			t.leave(ctx, wait)
		}
		allowed = false
	}
	return nil
}

// leave leaves all that is left to the queue, so that it comes again in its order and not faster than the channel takes
// it: what has a message of its own one after the other, and of the rest as many at once as are in one message.
func (t *turn) leave(ctx context.Context, wait time.Duration) {
	folded := 0
	for _, i := range t.items {
		t.Feed.Leave(ctx, &t.answer.Answer, wait, i.records...)
		if folded++; i.urgent() || folded == slack.MaxDigest {
			wait, folded = wait+every, 0
		}
	}
	t.items = nil
}

// next takes the next message from the items: the first that is to be posted now, alone if it is urgent, else with
// others that are not and belong into the same place. All of them are claimed. It returns the root of their thread as
// well, empty if the message begins one or stands alone.
func (t *turn) next(ctx context.Context) (batch []item, root string, err error) {
	var others []item
	defer func() { t.items = others }()
	for k, i := range t.items {
		first := len(batch) == 0
		if !first && (batch[0].urgent() || i.urgent() || len(batch) == slack.MaxDigest) {
			others = append(others, i)
			continue
		}
		taken, later, err := t.take(ctx, i, &root, first)
		switch {
		case err != nil:
			others = append(others, t.items[k:]...)
			if first {
				return nil, "", err
			}
			t.answer.Blame(err) // what is claimed is posted
			return batch, root, nil
		case taken:
			batch = append(batch, i)
		case later:
			others = append(others, i)
		}
	}
	return batch, root, nil
}

// take claims an item for the next message: the first of it, which decides the root of the thread, or one more. What is
// not taken is for a later message of this invocation, or else it has been left to the queue or is done.
func (t *turn) take(ctx context.Context, i item, root *string, first bool) (taken, later bool, err error) {
	threaded := t.threads && i.thread != ""
	if !first {
		its := ""
		if threaded {
			if its, err = t.Ledger.Root(ctx, t.name(i), t.Now()); err != nil {
				return false, false, err
			}
		}
		if its != *root {
			return false, true, nil
		}
	}
	err = t.Ledger.BeginDelivery(ctx, "slack#"+i.id, t.holder, t.Now(), t.Feed.End(ctx))
	switch {
	case errors.Is(err, ledger.ErrDone):
		t.answer.Doubled++
		return false, false, nil
	case feed.Held(err): // another invocation is at it
		t.Feed.Leave(ctx, &t.answer.Answer, feed.Soon, i.records...)
		return false, false, nil
	case err != nil || !threaded:
		return err == nil, false, err
	}
	its, err := t.Ledger.Thread(ctx, t.name(i), t.holder, t.Now(), t.Feed.End(ctx))
	if err == nil && (first || its == *root) {
		*root = its
		return true, false, nil
	}
	free := t.Ledger.EndDelivery(ctx, "slack#"+i.id, t.holder, false, t.Now())
	if err == nil || feed.Held(err) { // another invocation begins the thread
		t.Feed.Leave(ctx, &t.answer.Answer, feed.Soon, i.records...)
		return false, false, free
	}
	return false, false, errors.Join(err, free)
}

// name is that of the item's thread in the ledger.
func (t *turn) name(i item) string { return "slack#" + t.Client.Channel + "#" + i.thread }

// send posts the claimed items as one message, and records what came of it. It says how long the others have to wait if
// Slack takes nothing now.
func (t *turn) send(ctx context.Context, batch []item, root string) (wait time.Duration) {
	id, err := t.Client.Post(ctx, t.render(batch), root)
	if err == nil {
		t.answer.Posted, t.answer.Notices = t.answer.Posted+1, t.answer.Notices+len(batch)
	}
	var records []events.SQSMessage
	for _, i := range batch {
		records = append(records, i.records...)
		if t.threads && i.thread != "" && root == "" {
			t.answer.Blame(t.Ledger.BeginThread(ctx, t.name(i), t.holder, id, t.Now()))
		}
		t.answer.Blame(t.Ledger.EndDelivery(ctx, "slack#"+i.id, t.holder, err == nil, t.Now()))
	}
	var refused *slack.Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &refused) && refused.Thread && root != "": // its first message was deleted
		for _, i := range batch {
			t.answer.Blame(t.Ledger.EndThread(ctx, t.name(i), root, t.Now()))
		}
		t.Feed.Leave(ctx, &t.answer.Answer, feed.Soon, records...)
		return 0
	case refused != nil && refused.Alone:
		t.Feed.Fail(ctx, &t.answer.Answer, fmt.Errorf("notice %s: %w", batch[0].id, err), records...)
		return 0
	}
	asked := time.Duration(0)
	if refused != nil {
		asked = refused.After
	}
	wait, fault := t.Ledger.Rest(ctx, t.limit, asked, t.Now())
	t.answer.Blame(fault)
	if refused == nil || !refused.Retry || wait >= patience {
		t.answer.Blame(fmt.Errorf("notice %s: %w", batch[0].id, err))
	}
	t.Feed.Leave(ctx, &t.answer.Answer, wait, records...)
	return max(wait, feed.Soon)
}

// render lays out the items of one message.
func (t *turn) render(batch []item) slack.Post {
	var notices []notice.Message
	for _, i := range batch {
		if i.notice == nil {
			return i.post
		}
		notices = append(notices, *i.notice)
	}
	if len(notices) == 1 {
		return slack.Render(notices[0], t.Language)
	}
	return slack.RenderDigest(notices, t.Language)
}
