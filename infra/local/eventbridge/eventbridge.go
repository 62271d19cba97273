// Package eventbridge puts events on moto's EventBridge and returns which of the templates' rules matched.
//
// The matching is moto's: every rule has an SQS queue as its target, which stands for Lambda's
// asynchronous queue, and a message in it is a match. Schedules are the one thing that moto does
// not know as events, so that a scheduled event is matched with the schedule rules here.
//
// An event happens in its own region when there are rules for that region, and reaches what is
// elsewhere only by a rule that forwards it to another bus, in one hop. An event of any other region
// is taken as one of the region that the bus is in.
package eventbridge

import (
	"cmp"
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

	"github.com/warder-aws/warder/infra/local/eventfile"
	made "github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/settings"
)

// A Rule is a rule of a template and one target of it: exactly one of Function, Queue, Topic and Forward. Or it is a
// schedule of EventBridge Scheduler, of a function.
type Rule struct {
	Name        string
	Group       string       // of a schedule; empty for a rule
	Region      string       // empty for the region of the bus
	Bus         string       // name of its event bus; empty for the default bus
	Function    string       // name
	Queue       string       // ARN of an SQS queue
	Topic       string       // ARN of an SNS topic
	Transformer *Transformer // makes the topic's message of the event; nil for the event itself
	Forward     string       // ARN of another event bus
	Role        string       // ARN of the role that it forwards with, or that a schedule starts its function with
	Keep        string       // ARN of the queue for what a schedule cannot start
	Input       string       // JSON that the target gets in place of the event
	Pattern     string       // JSON; empty for a rule that has a schedule alone
	Schedule    string       // rate() or cron(); empty for a rule that has a pattern alone
	State       string       // as EventBridge names it; ENABLED when empty
	Disabled    bool
}

// A Match is an event for a function, for a queue or for a topic.
type Match struct {
	Rule     string
	Function string          // name, or
	Queue    string          // ARN, or
	Topic    string          // ARN; Event is the message then, which need not be JSON
	Through  string          // the rule that forwarded the event here; empty when it happened here
	To       string          // ARN of the bus that it forwarded it to,
	Role     string          // and of the role that it did so with, or that a schedule starts the function with
	Keep     string          // ARN of the queue for what a schedule cannot start
	Source   string          // of the event
	Event    json.RawMessage // or the rule's input
}

// An Entry is one event of a PutEvents request.
type Entry struct {
	Event  eventfile.Event
	Bus    string // name or ARN; empty for the default bus
	Region string // that it is put in; empty for the region of the bus
}

// A Result is what PutEvents answers for one entry, and the matches of the event.
type Result struct {
	ID           string
	ErrorCode    string
	ErrorMessage string
	Matches      []Match
}

// A Bus is the account's EventBridge, with the templates' rules on its buses.
type Bus struct {
	events    *eventbridge.Client
	queues    *sqs.Client
	account   string
	region    string
	buses     []string
	regions   map[string]string // URL of the queue of each region
	rules     map[string]Rule   // by target, see target
	schedules []Rule

	mu sync.Mutex // a put and the reading of its matches are one step

	// Allowed reports whether a role may put events on a bus, or invoke a function, whose ARN it is; nil for all. What a
	// rule may not forward does not arrive, and what a schedule may not start does not start.
	Allowed func(ctx context.Context, role, target string) bool

	switches sync.Mutex
	off      map[string]bool // rules that were turned off, by region and name
}

// queueName is the target of all rules of a region.
const queueName = "warder-local-invocations"

// New creates the event buses, which are all in region, the rules, and in each region that has rules
// the queue that is their target.
func New(
	ctx context.Context, events *eventbridge.Client, queues *sqs.Client, account, region string,
	buses []string, rules []Rule,
) (*Bus, error) {
	b := &Bus{
		events: events, queues: queues, account: account, region: region, buses: buses,
		regions: map[string]string{}, rules: map[string]Rule{}, off: map[string]bool{},
	}
	for _, name := range buses {
		input := &eventbridge.CreateEventBusInput{Name: &name}
		if _, err := events.CreateEventBus(ctx, input, b.inRegion(region)); err != nil {
			return nil, fmt.Errorf("create event bus %s: %w", name, err)
		}
	}
	if err := b.open(ctx, region); err != nil {
		return nil, err
	}
	for i, rule := range rules {
		rule.Region = cmp.Or(rule.Region, region)
		if err := b.open(ctx, rule.Region); err != nil {
			return nil, err
		}
		target := fmt.Sprintf("%d %s", i, rule.Name)
		if rule.Group == "" { // a schedule is in moto's Scheduler
			if err := b.create(ctx, rule, target); err != nil {
				return nil, fmt.Errorf("create rule %s: %w", rule.Name, err)
			}
		}
		b.rules[target] = rule
		if rule.Schedule != "" && !rule.Disabled {
			b.schedules = append(b.schedules, rule)
		}
	}
	return b, nil
}

// open creates the queue of a region, once.
func (b *Bus) open(ctx context.Context, region string) error {
	if b.regions[region] != "" {
		return nil
	}
	queue, err := b.queues.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String(queueName)},
		func(o *sqs.Options) { o.Region = region })
	if err != nil {
		return fmt.Errorf("create queue %s in %s: %w", queueName, region, err)
	}
	b.regions[region] = aws.ToString(queue.QueueUrl)
	return nil
}

func (b *Bus) inRegion(region string) func(*eventbridge.Options) {
	return func(o *eventbridge.Options) { o.Region = region }
}

// create makes a rule with the queue of its region as its target. A rule of more targets is made
// again for each, as one.
func (b *Bus) create(ctx context.Context, rule Rule, target string) error {
	input := &eventbridge.PutRuleInput{Name: &rule.Name, State: types.RuleStateEnabled}
	if rule.Bus != "" {
		input.EventBusName = &rule.Bus
	}
	if rule.Pattern != "" {
		input.EventPattern = &rule.Pattern
	}
	if rule.Schedule != "" {
		input.ScheduleExpression = &rule.Schedule
	}
	switch {
	case rule.Disabled:
		input.State = types.RuleStateDisabled
	case rule.State != "":
		input.State = types.RuleState(rule.State)
	}
	if _, err := b.events.PutRule(ctx, input, b.inRegion(rule.Region)); err != nil {
		return err
	}
	// moto delivers for a disabled rule, and takes a rule without a pattern for one that matches
	// everything: neither gets a target.
	if rule.Disabled || rule.Pattern == "" {
		return nil
	}
	name, err := json.Marshal(target)
	if err != nil {
		return err
	}
	number, _, _ := strings.Cut(target, " ")
	// The message names the event and the rule and carries no content: the function gets the
	// original event, with its own id, account, region and time, which moto's copy has not.
	answer, err := b.events.PutTargets(ctx, &eventbridge.PutTargetsInput{
		Rule: &rule.Name, EventBusName: input.EventBusName,
		Targets: []types.Target{{
			Id:  aws.String("invocations" + number),
			Arn: aws.String(fmt.Sprintf("arn:aws:sqs:%s:%s:%s", rule.Region, b.account, queueName)),
			InputTransformer: &types.InputTransformer{
				InputPathsMap: map[string]string{"id": "$.id"},
				InputTemplate: aws.String(`{"id": "<id>", "rule": ` + string(name) + `}`),
			},
		}},
	}, b.inRegion(rule.Region))
	if err != nil {
		return err
	}
	if answer.FailedEntryCount > 0 {
		return errors.New(aws.ToString(answer.FailedEntries[0].ErrorMessage))
	}
	return nil
}

// Switch turns a rule or a schedule off or on again; with the name of a group and a slash all schedules of the group.
func (b *Bus) Switch(region, rule string, on bool) {
	b.switches.Lock()
	defer b.switches.Unlock()
	b.off[region+" "+rule] = !on
}

func (b *Bus) isOff(rule Rule) bool {
	b.switches.Lock()
	defer b.switches.Unlock()
	return b.off[rule.Region+" "+rule.Name] || rule.Group != "" && b.off[rule.Region+" "+rule.Group+"/"]
}

// Put puts one event where it happens and returns its matches: on the default bus of its region, or if
// it is one of Warder's own, of a drill or of people, on Warder's bus. An event that no bus would take, because it
// has no source or no detail-type, matches nothing.
func (b *Bus) Put(ctx context.Context, event eventfile.Event) ([]Match, error) {
	if event.Source == "" || event.DetailType == "" {
		return nil, nil
	}
	entry := Entry{Event: event, Region: event.Region}
	own := event.Source == made.Drilled || event.Source == made.People
	if own && slices.Contains(b.buses, settings.Product) {
		entry.Bus, entry.Region = settings.Product, b.region
	}
	results, err := b.PutEntries(ctx, []Entry{entry})
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
	b.mu.Lock()
	defer b.mu.Unlock()
	results := make([]Result, 0, len(entries))
	for _, entry := range entries {
		if b.regions[entry.Region] == "" {
			entry.Region = b.region
		}
		result, matched, err := b.put(ctx, &entry)
		if err != nil {
			return nil, err
		}
		for _, rule := range matched {
			if rule.Forward == "" {
				result.Matches = append(result.Matches, match(rule, entry.Event, Rule{}))
				continue
			}
			if !b.forwards(ctx, rule) {
				continue
			}
			// What arrives there is not forwarded again: EventBridge makes one hop
			// (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-region.html).
			_, arrived, err := b.put(ctx, &Entry{Event: entry.Event, Bus: rule.Forward, Region: b.region})
			if err != nil {
				return nil, err
			}
			for _, there := range arrived {
				if there.Forward == "" {
					result.Matches = append(result.Matches, match(there, entry.Event, rule))
				}
			}
		}
		results = append(results, result)
	}
	return results, nil
}

// forwards reports whether a rule reaches the other bus: it is there, and the rule's role may put events on it.
func (b *Bus) forwards(ctx context.Context, rule Rule) bool {
	name := rule.Forward[strings.LastIndex(rule.Forward, "/")+1:]
	_, err := b.events.DescribeEventBus(ctx, &eventbridge.DescribeEventBusInput{Name: &name}, b.inRegion(b.region))
	return err == nil && (b.Allowed == nil || b.Allowed(ctx, rule.Role, rule.Forward))
}

// starts reports whether a schedule may start its function.
func (b *Bus) starts(ctx context.Context, rule Rule) bool {
	return rule.Group == "" || b.Allowed == nil || b.Allowed(ctx, rule.Role,
		"arn:aws:lambda:"+rule.Region+":"+b.account+":function:"+rule.Function)
}

func match(rule Rule, event eventfile.Event, through Rule) Match {
	m := Match{Rule: rule.Name, Function: rule.Function, Queue: rule.Queue, Topic: rule.Topic, Event: event.JSON}
	if rule.Transformer != nil {
		m.Event = json.RawMessage(rule.Transformer.Text(event.JSON))
	}
	if through.Name != "" {
		m.Through, m.To, m.Role, m.Source = through.Name, through.Forward, through.Role, event.Source
	}
	if rule.Input != "" {
		m.Event = json.RawMessage(rule.input(event))
	}
	if rule.Group != "" {
		m.Role, m.Keep = rule.Role, rule.Keep
	}
	return m
}

// input is what the target gets in place of the event, in which Scheduler fills in what the event says.
// https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
func (r Rule) input(event eventfile.Event) string {
	if r.Group == "" {
		return r.Input
	}
	var named struct{ ID, Time, Account, Region string }
	_ = json.Unmarshal(event.JSON, &named) // what was put is JSON
	return strings.NewReplacer("<aws.scheduler.execution-id>", named.ID, "<aws.scheduler.scheduled-time>", named.Time,
		"<aws.scheduler.schedule-arn>", r.ARN(named.Account)).Replace(r.Input)
}

// ARN is that of the rule or the schedule, in that account.
func (r Rule) ARN(account string) string {
	service, resource := "events", "rule/"
	if r.Group != "" {
		service, resource = "scheduler", "schedule/"+r.Group+"/"
	}
	return "arn:aws:" + service + ":" + r.Region + ":" + account + ":" + resource + r.Name
}

// put puts one entry on its bus and returns the rules that matched, one for each target.
func (b *Bus) put(ctx context.Context, entry *Entry) (Result, []Rule, error) {
	event := &entry.Event
	detail := string(event.Detail)
	if detail == "" && len(event.JSON) > 0 {
		detail = "{}" // a recorded event without a detail
	}
	request := types.PutEventsRequestEntry{
		Source: &event.Source, DetailType: &event.DetailType, Detail: &detail, Resources: event.Resources,
	}
	if entry.Bus != "" {
		request.EventBusName = &entry.Bus
	}
	input := &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{request}}
	answer, err := b.events.PutEvents(ctx, input, b.inRegion(entry.Region))
	if err != nil {
		return Result{}, nil, fmt.Errorf("put events: %w", err)
	}
	messages, err := b.receive(ctx, entry.Region)
	if err != nil {
		return Result{}, nil, err
	}
	put := answer.Entries[0]
	result := Result{
		ID: aws.ToString(put.EventId), ErrorCode: aws.ToString(put.ErrorCode), ErrorMessage: aws.ToString(put.ErrorMessage),
	}
	if result.ID != "" && len(event.JSON) == 0 {
		if err := b.seal(event, result.ID, entry.Region); err != nil { // what Python takes for JSON, such as NaN
			result.ErrorCode, result.ErrorMessage = "MalformedDetail", "Detail is malformed."
		}
	}
	if result.ID == "" || result.ErrorCode != "" {
		return result, nil, nil
	}
	var matched []Rule
	if entry.Bus == "" && entry.Region == b.region {
		matched = slices.DeleteFunc(b.scheduled(*event), func(r Rule) bool { return !b.starts(ctx, r) })
	}
	for _, message := range messages {
		if rule := b.rules[message.Rule]; message.ID == result.ID && rule.Name != "" {
			matched = append(matched, rule)
		}
	}
	// moto delivers for them as well.
	return result, slices.DeleteFunc(matched, b.isOff), nil
}

// seal writes the event as EventBridge delivers it.
func (b *Bus) seal(event *eventfile.Event, id, region string) error {
	if event.Time == "" {
		event.Time = time.Now().UTC().Format(time.RFC3339)
	}
	if event.Resources == nil {
		event.Resources = []string{}
	}
	data, err := json.Marshal(map[string]any{
		"version": "0", "id": id, "detail-type": event.DetailType, "source": event.Source, "account": b.account,
		"time": event.Time, "region": region, "resources": event.Resources, "detail": event.Detail,
	})
	if err != nil {
		return fmt.Errorf("encode event: %w", err)
	}
	event.ID, event.JSON = id, data
	return nil
}

// scheduled matches a scheduled event with the rule that it names, or with every schedule when it
// names none of the template's rules.
func (b *Bus) scheduled(event eventfile.Event) []Rule {
	if event.Source != "aws.events" || event.DetailType != "Scheduled Event" {
		return nil
	}
	var named, all []Rule
	for _, rule := range b.schedules {
		all = append(all, rule)
		for _, resource := range event.Resources {
			if strings.HasSuffix(resource, "/"+rule.Name) {
				named = append(named, rule)
			}
		}
	}
	if named != nil {
		return named
	}
	return all
}

type message struct{ ID, Rule string }

// receive empties the queue of a region.
func (b *Bus) receive(ctx context.Context, region string) ([]message, error) {
	var messages []message
	err := Drain(ctx, b.queues, b.regions[region], region, func(body []byte) error {
		var m message
		if err := json.Unmarshal(body, &m); err != nil {
			return fmt.Errorf("decode match: %w", err)
		}
		messages = append(messages, m)
		return nil
	})
	return messages, err
}

// Drain takes every message out of the queue at url, which is in that region.
func Drain(ctx context.Context, client *sqs.Client, url, region string, each func(body []byte) error) error {
	there := func(o *sqs.Options) { o.Region = region }
	for {
		request := &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10}
		received, err := client.ReceiveMessage(ctx, request, there)
		if err != nil {
			return fmt.Errorf("read queue %s: %w", url, err)
		}
		if len(received.Messages) == 0 {
			return nil
		}
		var done []sqstypes.DeleteMessageBatchRequestEntry
		for _, message := range received.Messages {
			if err := each([]byte(aws.ToString(message.Body))); err != nil {
				return err
			}
			done = append(done, sqstypes.DeleteMessageBatchRequestEntry{
				Id: message.MessageId, ReceiptHandle: message.ReceiptHandle,
			})
		}
		input := &sqs.DeleteMessageBatchInput{QueueUrl: &url, Entries: done}
		if _, err := client.DeleteMessageBatch(ctx, input, there); err != nil {
			return fmt.Errorf("empty queue %s: %w", url, err)
		}
		if len(received.Messages) < 10 {
			return nil
		}
	}
}
