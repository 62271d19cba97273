package emulator

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/warder-aws/warder/infra/local/endpoint"
	"github.com/warder-aws/warder/infra/local/stack"
)

// openMail has SES take the sender of mails, if a function sends any.
func (a *Account) openMail(ctx context.Context) error {
	for _, f := range a.Stack.Functions {
		set, err := f.Settings()
		if err != nil {
			return err
		}
		if set.Mail.Sender == "" {
			continue
		}
		body, _ := json.Marshal(map[string]string{"EmailIdentity": set.Mail.Sender}) // cannot fail: strings
		request, err := http.NewRequestWithContext(
			ctx,
			http.MethodPost,
			a.Moto.URL+"/v2/email/identities",
			bytes.NewReader(body),
		)
		if err != nil {
			return err
		}
		// The scope of a signature, which is how moto knows the service; it does not check the signature.
		request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIAOFTHELOCALACCOUNT/20260101/"+Region+
			"/ses/aws4_request, SignedHeaders=host, Signature=none")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return fmt.Errorf("verify %s: %w", set.Mail.Sender, err)
		}
		text, _ := io.ReadAll(response.Body) // the status is the error
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("verify %s: %s: %s", set.Mail.Sender, response.Status, text)
		}
	}
	return nil
}

// feeder hands a function the messages of a queue, as Lambda does for an event source mapping. It looks into the queue
// when something may be there, and while messages wait there that the function did not take.
type feeder struct {
	account *Account
	feed    stack.Feed
	client  *sqs.Client
	url     string
	stderr  io.Writer

	mu      sync.Mutex
	running bool
	again   bool            // something may have come since it looked
	waiting map[string]bool // ids of messages that the function did not take
}

func (a *Account) newFeeder(feed stack.Feed, stderr io.Writer) *feeder {
	return &feeder{
		account: a, feed: feed, client: sqs.NewFromConfig(a.Unrecorded()), url: a.QueueURL(feed.Queue), stderr: stderr,
		waiting: map[string]bool{},
	}
}

// wake has the feeder look into the queue. The account is not idle until it has.
func (f *feeder) wake() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.again = true; f.running {
		return
	}
	release, ok := f.account.Lambda.Hold()
	if !ok {
		return
	}
	f.running = true
	go func() {
		defer release()
		f.run(context.Background())
	}()
}

func (f *feeder) run(ctx context.Context) {
	for {
		f.mu.Lock()
		if !f.again {
			f.running = false
			if len(f.waiting) > 0 {
				time.AfterFunc(time.Second, f.wake)
			}
			f.mu.Unlock()
			return
		}
		f.again = false
		f.mu.Unlock()
		if err := f.hand(ctx); err != nil {
			fmt.Fprintf(f.stderr, "local: feed %s: %v\n", f.feed.Function, err)
		}
	}
}

// Posted waits until everything that was published is in Slack: it takes about a message a second.
func (a *Account) Posted(ctx context.Context) error {
	for a.poster != nil {
		if err := a.Idle(ctx); err != nil {
			return err
		}
		a.poster.mu.Lock()
		left := len(a.poster.waiting)
		a.poster.mu.Unlock()
		if left == 0 {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second / 4):
		}
	}
	return nil
}

// hand hands over what is in the queue.
func (f *feeder) hand(ctx context.Context) error {
	var event events.SQSEvent
	for len(event.Records) < f.feed.Batch {
		out, err := f.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: &f.url, MaxNumberOfMessages: 10,
			MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{sqstypes.MessageSystemAttributeNameAll},
		})
		if err != nil {
			return err
		}
		for _, m := range out.Messages {
			event.Records = append(event.Records, events.SQSMessage{
				MessageId: aws.ToString(m.MessageId), ReceiptHandle: aws.ToString(m.ReceiptHandle), Body: aws.ToString(m.Body),
				Attributes: m.Attributes, EventSource: "aws:sqs", EventSourceARN: f.feed.Queue, AWSRegion: Region,
			})
		}
		if len(out.Messages) < 10 {
			break
		}
	}
	if len(event.Records) == 0 {
		return nil
	}
	for _, action := range []string{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"} {
		f.account.endpoint.Note(
			endpoint.Call{Function: f.feed.Function, By: "lambda", Action: action, Resource: f.feed.Queue},
		)
	}
	data, err := json.Marshal(event)
	if err != nil {
		return err
	}
	result, err := f.account.Lambda.Invoke(ctx, f.feed.Function, data)
	if err != nil || result.Failed {
		return err // they come again when their time is over
	}
	var answer events.SQSEventResponse
	if err := json.Unmarshal(result.Payload, &answer); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return f.settle(ctx, event.Records, answer.BatchItemFailures)
}

// settle removes from the queue what the function took.
func (f *feeder) settle(ctx context.Context, records []events.SQSMessage, failures []events.SQSBatchItemFailure) error {
	var done []sqstypes.DeleteMessageBatchRequestEntry
	f.mu.Lock()
	for i := range records {
		left := func(failure events.SQSBatchItemFailure) bool { return failure.ItemIdentifier == records[i].MessageId }
		if slices.ContainsFunc(failures, left) {
			f.waiting[records[i].MessageId] = true
			continue
		}
		delete(f.waiting, records[i].MessageId)
		done = append(done, sqstypes.DeleteMessageBatchRequestEntry{
			Id: &records[i].MessageId, ReceiptHandle: &records[i].ReceiptHandle,
		})
	}
	f.mu.Unlock()
	for batch := range slices.Chunk(done, 10) {
		input := &sqs.DeleteMessageBatchInput{QueueUrl: &f.url, Entries: batch}
		if _, err := f.client.DeleteMessageBatch(ctx, input); err != nil {
			return err
		}
	}
	return nil
}

// Mail is a mail as it was sent. ID is what SES gave it.
type Mail struct{ ID, To, Subject, Body string }

// readMail reads a request to SES, and its answer.
// https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html
func readMail(request, answer []byte) (m Mail) {
	var given struct {
		MessageID string `json:"MessageId"`
	}
	_ = json.Unmarshal(answer, &given) // it is moto's
	var sent struct {
		Destination struct{ ToAddresses []string }
		Content     struct {
			Simple struct {
				Subject struct{ Data string }
				Body    struct{ Text struct{ Data string } }
			}
		}
	}
	if json.Unmarshal(request, &sent) == nil && len(sent.Destination.ToAddresses) > 0 {
		m = Mail{
			given.MessageID,
			sent.Destination.ToAddresses[0],
			sent.Content.Simple.Subject.Data,
			sent.Content.Simple.Body.Text.Data,
		}
	}
	return m
}
