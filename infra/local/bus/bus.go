// Package bus puts events on moto's EventBridge and tells which of the template's rules matched.
//
// The matching is moto's: every rule has an SQS queue as its target, which stands for Lambda's
// asynchronous queue, and a message in it is a match. Schedules are the one thing that moto does
// not know as events, so that a scheduled event is matched with the schedule rules here.
package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/warder-aws/warder/infra/local/envelope"
)

// A Rule is a rule of the template and the function that it starts.
type Rule struct {
	Name     string
	Function string
	Pattern  string // JSON; empty for a rule that has a schedule alone
	Schedule string // rate() or cron(); empty for a rule that has a pattern alone
	Disabled bool
}

// A Match is an event for a function.
type Match struct {
	Rule     string
	Function string
	Event    json.RawMessage
}

// An Entry is one event of a PutEvents request.
type Entry struct {
	Event envelope.Event
	Bus   string // name or ARN; empty for the default bus
}

// A Result is what PutEvents answers for one entry, and the matches of the event.
type Result struct {
	ID           string
	ErrorCode    string
	ErrorMessage string
	Matches      []Match
}

// A Bus is the account's EventBridge, with the template's rules on its default bus.
type Bus struct {
	events    *eventbridge.Client
	queues    *sqs.Client
	account   string
	region    string
	queue     string // URL
	rules     map[string]Rule
	schedules []Rule

	mu sync.Mutex // a put and the reading of its matches are one step
}

// queueName is the target of all rules.
const queueName = "warder-local-invocations"

// New creates the rules and the queue that is their target.
func New(ctx context.Context, events *eventbridge.Client, queues *sqs.Client, account, region string, rules []Rule) (*Bus, error) {
	queue, err := queues.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String(queueName)})
	if err != nil {
		return nil, fmt.Errorf("create queue %s: %w", queueName, err)
	}
	b := &Bus{events: events, queues: queues, account: account, region: region, queue: aws.ToString(queue.QueueUrl), rules: map[string]Rule{}}
	target := fmt.Sprintf("arn:aws:sqs:%s:%s:%s", region, account, queueName)
	for _, rule := range rules {
		if err := b.create(ctx, rule, target); err != nil {
			return nil, fmt.Errorf("create rule %s: %w", rule.Name, err)
		}
		b.rules[rule.Name] = rule
		if rule.Schedule != "" && !rule.Disabled {
			b.schedules = append(b.schedules, rule)
		}
	}
	return b, nil
}

func (b *Bus) create(ctx context.Context, rule Rule, target string) error {
	input := &eventbridge.PutRuleInput{Name: &rule.Name, State: types.RuleStateEnabled}
	if rule.Pattern != "" {
		input.EventPattern = &rule.Pattern
	}
	if rule.Schedule != "" {
		input.ScheduleExpression = &rule.Schedule
	}
	if rule.Disabled {
		input.State = types.RuleStateDisabled
	}
	if _, err := b.events.PutRule(ctx, input); err != nil {
		return err
	}
	// moto delivers for a disabled rule, and takes a rule without a pattern for one that matches
	// everything: neither gets a target.
	if rule.Disabled || rule.Pattern == "" {
		return nil
	}
	name, err := json.Marshal(rule.Name)
	if err != nil {
		return err
	}
	// The message names the event and the rule and carries no content: the function gets the
	// original event, with its own id, account, region and time, which moto's copy has not.
	answer, err := b.events.PutTargets(ctx, &eventbridge.PutTargetsInput{
		Rule: &rule.Name,
		Targets: []types.Target{{
			Id:  aws.String("invocations"),
			Arn: &target,
			InputTransformer: &types.InputTransformer{
				InputPathsMap: map[string]string{"id": "$.id"},
				InputTemplate: aws.String(`{"id": "<id>", "rule": ` + string(name) + `}`),
			},
		}},
	})
	if err != nil {
		return err
	}
	if answer.FailedEntryCount > 0 {
		return errors.New(aws.ToString(answer.FailedEntries[0].ErrorMessage))
	}
	return nil
}

// Put puts one event on the default bus and returns its matches. An event that no bus would take,
// because it has no source or no detail-type, matches nothing.
func (b *Bus) Put(ctx context.Context, event envelope.Event) ([]Match, error) {
	if event.Source == "" || event.DetailType == "" {
		return nil, nil
	}
	results, err := b.PutEntries(ctx, []Entry{{Event: event}})
	if err != nil {
		return nil, err
	}
	if results[0].ErrorCode != "" {
		return nil, fmt.Errorf("put event: %s: %s", results[0].ErrorCode, results[0].ErrorMessage)
	}
	return results[0].Matches, nil
}

// PutEntries is PutEvents: one result for each entry. An event without JSON of its own gets the
// envelope that EventBridge would give it.
func (b *Bus) PutEntries(ctx context.Context, entries []Entry) ([]Result, error) {
	input := &eventbridge.PutEventsInput{}
	for _, entry := range entries {
		event := entry.Event
		detail := string(event.Detail)
		if detail == "" && len(event.JSON) > 0 {
			detail = "{}" // a recorded event without a detail
		}
		request := types.PutEventsRequestEntry{
			Source: &event.Source, DetailType: &event.DetailType, Detail: &detail, Resources: event.Resources,
		}
		if entry.Bus != "" {
			request.EventBusName = aws.String(entry.Bus)
		}
		input.Entries = append(input.Entries, request)
	}

	b.mu.Lock()
	defer b.mu.Unlock()
	answer, err := b.events.PutEvents(ctx, input)
	if err != nil {
		return nil, fmt.Errorf("put events: %w", err)
	}
	results := make([]Result, len(entries))
	byID := map[string]*Result{}
	for i, entry := range answer.Entries {
		results[i] = Result{ID: aws.ToString(entry.EventId), ErrorCode: aws.ToString(entry.ErrorCode), ErrorMessage: aws.ToString(entry.ErrorMessage)}
		if results[i].ID == "" {
			continue
		}
		byID[results[i].ID] = &results[i]
		event := &entries[i].Event
		if len(event.JSON) == 0 {
			if err := b.seal(event, results[i].ID); err != nil { // what Python takes for JSON, such as NaN
				results[i].ErrorCode, results[i].ErrorMessage = "MalformedDetail", "Detail is malformed."
			}
		}
		if entries[i].Bus == "" {
			results[i].Matches = b.scheduled(*event)
		}
	}
	messages, err := b.receive(ctx)
	if err != nil {
		return nil, err
	}
	for _, message := range messages {
		result, rule := byID[message.ID], b.rules[message.Rule]
		if result == nil || result.ErrorCode != "" || rule.Name == "" {
			continue
		}
		i := slices.IndexFunc(results, func(r Result) bool { return r.ID == message.ID })
		result.Matches = append(result.Matches, Match{Rule: rule.Name, Function: rule.Function, Event: entries[i].Event.JSON})
	}
	return results, nil
}

// seal writes the event as EventBridge delivers it.
func (b *Bus) seal(event *envelope.Event, id string) error {
	if event.Time == "" {
		event.Time = time.Now().UTC().Format(time.RFC3339)
	}
	if event.Resources == nil {
		event.Resources = []string{}
	}
	data, err := json.Marshal(map[string]any{
		"version": "0", "id": id, "detail-type": event.DetailType, "source": event.Source, "account": b.account,
		"time": event.Time, "region": b.region, "resources": event.Resources, "detail": event.Detail,
	})
	if err != nil {
		return fmt.Errorf("encode event: %w", err)
	}
	event.ID, event.JSON = id, data
	return nil
}

// scheduled matches a scheduled event with the rule that it names, or with every schedule when it
// names none of the template's rules.
func (b *Bus) scheduled(event envelope.Event) []Match {
	if event.Source != "aws.events" || event.DetailType != "Scheduled Event" {
		return nil
	}
	var named, all []Match
	for _, rule := range b.schedules {
		match := Match{Rule: rule.Name, Function: rule.Function, Event: event.JSON}
		all = append(all, match)
		for _, resource := range event.Resources {
			if strings.HasSuffix(resource, ":rule/"+rule.Name) {
				named = append(named, match)
			}
		}
	}
	if named != nil {
		return named
	}
	return all
}

type message struct{ ID, Rule string }

// receive empties the queue.
func (b *Bus) receive(ctx context.Context) ([]message, error) {
	var messages []message
	for {
		answer, err := b.queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &b.queue, MaxNumberOfMessages: 10})
		if err != nil {
			return nil, fmt.Errorf("receive matches: %w", err)
		}
		if len(answer.Messages) == 0 {
			return messages, nil
		}
		var done []sqstypes.DeleteMessageBatchRequestEntry
		for _, received := range answer.Messages {
			var m message
			if err := json.Unmarshal([]byte(aws.ToString(received.Body)), &m); err != nil {
				return nil, fmt.Errorf("decode match: %w", err)
			}
			messages = append(messages, m)
			done = append(done, sqstypes.DeleteMessageBatchRequestEntry{Id: received.MessageId, ReceiptHandle: received.ReceiptHandle})
		}
		if _, err := b.queues.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &b.queue, Entries: done}); err != nil {
			return nil, fmt.Errorf("delete matches: %w", err)
		}
		if len(answer.Messages) < 10 {
			return messages, nil
		}
	}
}
