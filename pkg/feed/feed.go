// Package feed is what functions have in common that a queue feeds with the messages of the topic: which messages they
// leave to the queue and for how long, and whether a message is a notice that Warder published. It never sleeps: what
// has to wait is handed over again by the queue.
package feed

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/warder-aws/warder/pkg/awsjson"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
)

const (
	// MaxDelay is how long a message waits at most before it is tried again.
	MaxDelay = 15 * time.Minute
	// Soon is how long a message waits for what is done in a moment: the record of a notice, another invocation.
	Soon = 2 * time.Second
	// settle is how long the ledger may need to have the record of a notice: it is written right after the notice is
	// published.
	settle = 2 * time.Minute
)

// Queue is the queue that a function is fed from.
type Queue interface {
	// Delay makes a message that was received visible again after the time, in whole seconds.
	Delay(ctx context.Context, receipt string, by time.Duration) error
}

// Feed answers for the messages of a queue.
type Feed struct {
	Queue   Queue
	Ledger  *ledger.Ledger
	Account string // that of the ledger
	Now     func() time.Time
	Log     *slog.Logger
}

// Answer is what every fed function answers.
type Answer struct {
	// Waiting is how many messages come again later, Dropped how many were not for this function, or by nobody known.
	Waiting int `json:"waiting,omitempty"`
	Dropped int `json:"dropped,omitempty"`
	// Failures are the messages that the queue is to hand over again. All others are done.
	// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
	Failures []Failure `json:"batchItemFailures"`

	faults []error
	left   map[string]time.Duration // how long messages wait, by id
}

// Failure is a message that was not done.
type Failure struct {
	ID string `json:"itemIdentifier"`
}

// Fault is what failed of which somebody has to know; nil if nothing did. The invocation succeeds all the same: else
// the queue would hand over again what was done.
func (a Answer) Fault() error { return errors.Join(a.faults...) }

// Blame adds to what failed.
func (a *Answer) Blame(err error) {
	if err != nil {
		a.faults = append(a.faults, err)
	}
}

// Records are the messages of an event of SQS.
// https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
func Records(raw json.RawMessage) ([]events.SQSMessage, error) {
	var event events.SQSEvent
	if err := json.Unmarshal(raw, &event); err != nil || len(event.Records) == 0 {
		return nil, errors.New(`event not understood: it is none of SQS; to try it, publish a message to the topic`)
	}
	return event.Records, nil
}

// Leave has the queue hand over the messages again after the time.
func (f Feed) Leave(ctx context.Context, a *Answer, wait time.Duration, records ...events.SQSMessage) {
	for _, record := range records {
		before, left := a.left[record.MessageId]
		if left && before <= wait { // something else of it is due before
			continue
		}
		if !left {
			a.Waiting++
			a.Failures = append(a.Failures, Failure{record.MessageId})
		}
		if a.left == nil {
			a.left = map[string]time.Duration{}
		}
		a.left[record.MessageId] = wait
		if err := f.Queue.Delay(ctx, record.ReceiptHandle, min(max(wait, time.Second), MaxDelay)); err != nil {
			// It comes again when its time in the queue is over.
			f.Log.WarnContext(ctx, "delay message", "error", notice.Redact(err.Error()))
		}
	}
}

// Fail leaves messages to the queue of which something failed, longer each time.
func (f Feed) Fail(ctx context.Context, a *Answer, err error, records ...events.SQSMessage) {
	a.Blame(err)
	for _, record := range records {
		f.Leave(ctx, a, Backoff(record), record)
	}
}

// Published reports whether the message is a notice of the account: the ledger has the entry that it names, with the
// record that this very text was published about it. Whoever may publish to the topic, or send to the queue, can hand
// over anything else. A wait says that the record may yet come.
func (f Feed) Published(
	ctx context.Context, n notice.Message, record events.SQSMessage,
) (published bool, wait time.Duration, err error) {
	if n.Account != f.Account || !notice.ID(n.Finding) || n.Kind == "" {
		return false, 0, nil
	}
	entry, found, err := f.Ledger.Entry(ctx, n.Finding)
	if err != nil || !found { // an entry is recorded before its notice is published
		return false, 0, err
	}
	sum := notice.Sum(record.Body)
	if slices.ContainsFunc(
		entry.Notifications,
		func(r ledger.Notification) bool { return r.Kind == n.Kind && r.Sum == sum },
	) {
		return true, 0, nil
	}
	if f.Now().Sub(sentAt(record)) < settle {
		return false, Soon, nil
	}
	return false, 0, nil
}

// sentAt is when the message was put into the queue.
func sentAt(record events.SQSMessage) time.Time {
	ms, _ := strconv.ParseInt(record.Attributes["SentTimestamp"], 10, 64)
	return time.UnixMilli(ms)
}

// Backoff is how long a message waits of which something failed: longer each time.
func Backoff(record events.SQSMessage) time.Duration {
	times, _ := strconv.Atoi(record.Attributes["ApproximateReceiveCount"])
	return min(2*time.Second<<min(max(times, 0), 10), MaxDelay)
}

// Holder names the invocation: what it claims in the ledger is its own.
func Holder(ctx context.Context) string {
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		return lc.AwsRequestID
	}
	return "unknown"
}

// End is when the invocation ends at the latest.
func (f Feed) End(ctx context.Context) time.Time {
	if end, ok := ctx.Deadline(); ok {
		return end
	}
	return f.Now().Add(time.Minute)
}

// Held reports whether it is another invocation's turn, by an error of the ledger.
func Held(err error) bool {
	return errors.Is(err, ledger.ErrHeld) || errors.Is(err, ledger.ErrConflict)
}

type sqs struct {
	client *awsjson.Client
	url    string
}

// NewQueue is the queue of the address. Its client in the SDK would be most of a function.
func NewQueue(cfg aws.Config, url string) Queue {
	client := awsjson.New(cfg, "SQS", "AmazonSQS")
	client.Version = "1.0"
	return sqs{client, url}
}

// Delay implements [Queue].
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html
func (q sqs) Delay(ctx context.Context, receipt string, by time.Duration) error {
	_, err := awsjson.Call[struct{}](ctx, q.client, "ChangeMessageVisibility", struct {
		QueueURL string `json:"QueueUrl"`
		Receipt  string `json:"ReceiptHandle"`
		Timeout  int    `json:"VisibilityTimeout"`
	}{q.url, receipt, int((by + time.Second - 1) / time.Second)})
	return err
}
