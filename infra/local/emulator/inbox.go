package emulator

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/warder-aws/warder/infra/local/eventbridge"
	"github.com/warder-aws/warder/infra/local/moto"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/settings"
)

// QueueURL is where the queue with that ARN answers unrecorded calls.
func (a *Account) QueueURL(arn string) string {
	return a.Moto.URL + "/" + moto.AccountID + "/" + arn[strings.LastIndex(arn, ":")+1:]
}

// Drain takes every message out of a queue.
func (a *Account) Drain(ctx context.Context, arn string, each func(body []byte) error) error {
	return eventbridge.Drain(ctx, sqs.NewFromConfig(a.Unrecorded()), a.QueueURL(arn), Region, each)
}

// An Inbox receives the notices of the topic, as people's subscriptions do.
type Inbox struct {
	account *Account
	queue   string // ARN
}

// Inbox subscribes a queue of that name to the topic of notices.
func (a *Account) Inbox(ctx context.Context, name string) (Inbox, error) {
	return a.Subscribe(ctx, name, a.Stack.Outputs["TopicArn"])
}

// Subscribe subscribes a queue of that name to a topic.
func (a *Account) Subscribe(ctx context.Context, name, topic string) (Inbox, error) {
	cfg := a.Unrecorded()
	if _, err := sqs.NewFromConfig(cfg).CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &name}); err != nil {
		return Inbox{}, fmt.Errorf("create queue %s: %w", name, err)
	}
	queue := "arn:aws:sqs:" + Region + ":" + moto.AccountID + ":" + name
	if _, err := sns.NewFromConfig(cfg).Subscribe(ctx, &sns.SubscribeInput{
		TopicArn: &topic, Protocol: aws.String("sqs"), Endpoint: &queue,
	}); err != nil {
		return Inbox{}, fmt.Errorf("subscribe to the topic: %w", err)
	}
	return Inbox{a, queue}, nil
}

// Take returns the notices that came since it was called last.
func (i Inbox) Take(ctx context.Context) ([]notice.Message, error) {
	texts, err := i.Texts(ctx)
	if err != nil {
		return nil, err
	}
	var notices []notice.Message
	for _, text := range texts {
		var m notice.Message
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			return notices, fmt.Errorf("read a notice: %w", err)
		}
		notices = append(notices, m)
	}
	return notices, nil
}

// Texts returns the messages that came since it was called last, whatever is in them.
func (i Inbox) Texts(ctx context.Context) ([]string, error) {
	var texts []string
	err := i.account.Drain(ctx, i.queue, func(body []byte) error {
		var envelope struct{ Message string }
		if err := json.Unmarshal(body, &envelope); err != nil {
			return fmt.Errorf("read a message: %w", err)
		}
		texts = append(texts, envelope.Message)
		return nil
	})
	return texts, err
}

// Schedules are the ARNs of the schedules that start sweeps, by control.
func (a *Account) Schedules() map[string]string {
	schedules := map[string]string{}
	for _, rule := range a.Stack.Rules {
		if rule.Schedule != "" && strings.Contains(rule.Input, "Scheduled Event") {
			schedules[Control(rule.Function)] = rule.ARN(moto.AccountID)
		}
	}
	return schedules
}

// SweepEvent is the event with which a schedule starts a control at that time. Rule is the schedule's ARN.
// https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-schedule.html
func SweepEvent(rule string, at time.Time) []byte {
	event, _ := json.Marshal(map[string]any{ // cannot fail: strings
		"version": "0", "id": "sweep-" + rule[strings.LastIndex(rule, "/")+1:] + "-" + strconv.FormatInt(at.UnixNano(), 36),
		"source": "aws.events", "detail-type": "Scheduled Event", "account": moto.AccountID, "region": Region,
		"time": at.UTC().Format(time.RFC3339), "resources": []string{rule}, "detail": struct{}{},
	})
	return event
}

// Sweep starts a control by its schedules, at that time, and waits until it is done.
func (a *Account) Sweep(ctx context.Context, control string, at time.Time) error {
	found := false
	for _, rule := range a.Stack.Rules {
		if rule.Schedule == "" || rule.Function != settings.FunctionName(control) {
			continue
		}
		found = true
		if _, err := a.Send(ctx, SweepEvent(rule.ARN(moto.AccountID), at)); err != nil {
			return fmt.Errorf("sweep %s: %w", control, err)
		}
	}
	if !found {
		return fmt.Errorf("sweep %s: no schedule starts %s", control, settings.FunctionName(control))
	}
	return nil
}
