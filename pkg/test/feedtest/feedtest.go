// Package feedtest is a double of a queue of SQS that feeds a function, by the clock of a test: what was handed over
// and not taken is hidden for a while and comes again.
package feedtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

const (
	// hidden is how long a message is hidden that was handed over, and most how many are handed over at once: those of
	// the deployed queues.
	hidden = 12 * time.Minute
	most   = 500
)

// Queue is a queue. Its zero value with a clock is empty.
type Queue struct {
	Now func() time.Time

	mu       sync.Mutex
	made     int
	messages []*message
	received int
}

type message struct {
	events.SQSMessage
	visible  time.Time
	received int
}

// Put puts a message into the queue and returns its id.
func (q *Queue) Put(body string) string {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.made++
	id := fmt.Sprintf("%08x-0000-4000-8000-000000000000", q.made)
	q.messages = append(q.messages, &message{SQSMessage: events.SQSMessage{
		MessageId: id, ReceiptHandle: "r-" + id, Body: body,
		Attributes: map[string]string{"SentTimestamp": strconv.FormatInt(q.Now().UnixMilli(), 10)},
	}, visible: q.Now()})
	return id
}

// Delay makes a message visible again after the time.
func (q *Queue) Delay(_ context.Context, receipt string, by time.Duration) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, m := range q.messages {
		if m.ReceiptHandle == receipt {
			m.visible = q.Now().Add((by + time.Second - 1).Truncate(time.Second))
			return nil
		}
	}
	return errors.New("no such message")
}

// Hand hands what is visible to the function, and removes what it took. It reports whether there was anything. All that
// was handed over is hidden for a while if the function fails.
func (q *Queue) Hand(handle func(json.RawMessage) (answer any, err error)) (bool, error) {
	event := q.receive()
	if len(event.Records) == 0 {
		return false, nil
	}
	raw, err := json.Marshal(event)
	if err != nil {
		return true, err
	}
	answer, err := handle(raw)
	if err != nil {
		return true, err
	}
	var left events.SQSEventResponse
	data, err := json.Marshal(answer)
	if err == nil {
		err = json.Unmarshal(data, &left)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, f := range left.BatchItemFailures {
		known := func(r events.SQSMessage) bool { return r.MessageId == f.ItemIdentifier }
		if !slices.ContainsFunc(event.Records, known) {
			// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
			err = errors.Join(err, fmt.Errorf("%q was not handed over: Lambda takes all as failed", f.ItemIdentifier))
		}
	}
	if err != nil {
		return true, err
	}
	q.messages = slices.DeleteFunc(q.messages, func(m *message) bool {
		handed := func(r events.SQSMessage) bool { return r.MessageId == m.MessageId }
		failed := func(f events.SQSBatchItemFailure) bool { return f.ItemIdentifier == m.MessageId }
		return slices.ContainsFunc(event.Records, handed) && !slices.ContainsFunc(left.BatchItemFailures, failed)
	})
	return true, nil
}

func (q *Queue) receive() (event events.SQSEvent) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.Now()
	for _, m := range q.messages {
		if len(event.Records) == most || m.visible.After(now) {
			continue
		}
		m.received++
		m.visible, q.received = now.Add(hidden), max(q.received, m.received)
		m.Attributes = maps.Clone(m.Attributes)
		m.Attributes["ApproximateReceiveCount"] = strconv.Itoa(m.received)
		event.Records = append(event.Records, m.SQSMessage)
	}
	return event
}

// Len is how many messages are in the queue.
func (q *Queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.messages)
}

// Next is when the next message is visible; zero without one.
func (q *Queue) Next() time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	var next time.Time
	for _, m := range q.messages {
		if next.IsZero() || m.visible.Before(next) {
			next = m.visible
		}
	}
	return next
}

// Received is how often one message was handed over, the most.
func (q *Queue) Received() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.received
}
