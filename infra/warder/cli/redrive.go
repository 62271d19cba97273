package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/spf13/cobra"

	"github.com/warder-aws/warder/infra/warder/account"
	"github.com/warder-aws/warder/infra/warder/terminal"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/settings"
)

// queues are those of one region's stack.
type queues interface {
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	DeleteMessage(context.Context, *sqs.DeleteMessageInput, ...func(*sqs.Options)) (*sqs.DeleteMessageOutput, error)
	ChangeMessageVisibility(context.Context, *sqs.ChangeMessageVisibilityInput,
		...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityOutput, error)
}

// A place is where a stack of Warder is.
type place struct {
	region, stack string
	formation     cloudformation.ListStackResourcesAPIClient
	queues        queues
}

// A queue is one that keeps what could not be done or handed over.
type queue struct {
	place
	name string // Failed or Undelivered
	url  string
}

const (
	failedQueue      = "Failed"
	undeliveredQueue = "Undelivered"

	// hidden is for how many seconds a message that was read is not read again: longer than the messages of one go need.
	hidden = 5 * 60
	// atOnce is how many messages SQS hands out at once.
	// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
	atOnce = 10
)

// A message is one of a queue, and what was done with it.
type message struct {
	Result string `json:"result"` // sent, done or left
	Queue  string `json:"queue"`
	Region string `json:"region"`
	ID     string `json:"id"`
	Text   string `json:"text"`
}

func (a *app) redrive() *cobra.Command {
	c := a.command("redrive", "Send again what is kept in the queues Failed and Undelivered", "", nil,
		func(ctx context.Context, s *session) error { return s.emptyQueues(ctx) })
	c.Long = `Send what is kept in the queues Failed and Undelivered to the functions that it was for, and remove it
once it was accepted. What is not understood stays where it is. Sending something twice does no harm: a control
handles an event once.`
	return c
}

func (s *session) emptyQueues(ctx context.Context) error {
	caller, err := s.caller(ctx)
	if err != nil {
		return err
	}
	places, err := s.places(ctx)
	if err != nil {
		return err
	}
	r := &redriver{session: s, account: aws.ToString(caller.Account), sent: map[string]bool{}, emptied: map[string]bool{}}
	// The hub comes last: what it keeps may say that a region keeps something.
	slices.Reverse(places)
	for _, p := range places {
		queues, err := p.find(ctx)
		if err != nil {
			return err
		}
		for _, q := range queues {
			if err := r.empty(ctx, q); err != nil {
				return err
			}
		}
	}
	err = s.show(map[string]any{"sent": r.again, "left": r.left, "messages": r.messages}, func() {
		s.print("%s sent again, %d left", terminal.Count(r.again, "message"), r.left)
	})
	if err == nil && r.left > 0 {
		err = errIncomplete
	}
	return err
}

// logical is the id that the CDK gives a queue at the top of a stack: its name, and a hash.
var logical = regexp.MustCompile(`^(` + failedQueue + `|` + undeliveredQueue + `)[0-9A-F]{8}$`)

// find returns the queues of the stack that keep something, those of functions first.
func (p place) find(ctx context.Context) ([]queue, error) {
	var found []queue
	pages := cloudformation.NewListStackResourcesPaginator(p.formation,
		&cloudformation.ListStackResourcesInput{StackName: &p.stack})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the resources of stack %s in %s: %w", p.stack, p.region, account.Cause(err))
		}
		for _, r := range page.StackResourceSummaries {
			if name := logical.FindStringSubmatch(aws.ToString(r.LogicalResourceId)); name != nil &&
				aws.ToString(r.ResourceType) == "AWS::SQS::Queue" {
				found = append(found, queue{p, name[1], aws.ToString(r.PhysicalResourceId)}) // of a queue, its URL
			}
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("stack %s in %s has no queue %s or %s", p.stack, p.region, failedQueue, undeliveredQueue)
	}
	slices.SortFunc(found, func(a, b queue) int { return cmp.Compare(a.name, b.name) })
	return found, nil
}

// redriver is one go over all queues.
type redriver struct {
	*session
	account     string
	sent        map[string]bool // what was sent in this go: function and payload
	emptied     map[string]bool // regions whose queue was emptied
	again, left int
	messages    []message
}

// note says what was done with a message.
func (r *redriver) note(result string, q queue, m sqstypes.Message, text string) {
	id := aws.ToString(m.MessageId)
	r.messages = append(r.messages, message{result, q.name, q.region, id, terminal.Plain(text)})
	if r.json {
		return
	}
	if result == "left" {
		text = fmt.Sprintf("%s in %s, message %s: %s", q.name, q.region, id, text)
	}
	r.print("%-5s %s", result, text)
}

// empty sends what is in the queue, until there is no more.
func (r *redriver) empty(ctx context.Context, q queue) error {
	var leave []sqstypes.Message
	for {
		out, err := q.queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: &q.url, MaxNumberOfMessages: atOnce, VisibilityTimeout: hidden, WaitTimeSeconds: 1,
			MessageAttributeNames: []string{"All"},
		})
		if err != nil {
			return fmt.Errorf("receive messages of queue %s in %s: %w", q.name, q.region, account.Cause(err))
		}
		if len(out.Messages) == 0 {
			break
		}
		for _, m := range out.Messages {
			if why := r.handle(ctx, q, m); why != "" {
				r.left++
				leave = append(leave, m)
				r.note("left", q, m, why)
			}
		}
	}
	r.emptied[q.region] = len(leave) == 0
	for _, m := range leave {
		// Whoever looks next sees it at once.
		show := &sqs.ChangeMessageVisibilityInput{QueueUrl: &q.url, ReceiptHandle: m.ReceiptHandle}
		if _, err := q.queues.ChangeMessageVisibility(ctx, show); err != nil {
			return fmt.Errorf("show message %s again in queue %s: %w", aws.ToString(m.MessageId), q.name, account.Cause(err))
		}
	}
	return nil
}

// A parcel is what is to be sent to a function.
type parcel struct {
	control control.Control
	payload json.RawMessage
	why     string // it was kept
}

// handle sends what a message keeps, and removes the message. It returns why it does not.
func (r *redriver) handle(ctx context.Context, q queue, m sqstypes.Message) (why string) {
	parcels, what, why := r.open(ctx, q, m)
	if why != "" {
		return why
	}
	for _, p := range parcels {
		name := settings.FunctionName(p.control.ID)
		key := name + " " + string(p.payload)
		if r.sent[key] {
			return "the same was just sent to " + name + ": if it has failed again, fix the cause, then warder redrive"
		}
		out, err := r.lambda.Invoke(ctx,
			&lambda.InvokeInput{FunctionName: &name, InvocationType: lambdatypes.InvocationTypeEvent, Payload: p.payload})
		if err != nil {
			return fmt.Sprintf("invoke %s: %v", name, account.Cause(err))
		}
		// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
		if out.StatusCode != 202 {
			return fmt.Sprintf("invoke %s: status %d, want 202: accepted", name, out.StatusCode)
		}
		r.sent[key] = true
		r.note("sent", q, m, fmt.Sprintf("%s to %s (%s)", subject(p.payload), name, p.why))
	}
	if len(parcels) == 0 {
		r.note("done", q, m, what)
	}
	remove := &sqs.DeleteMessageInput{QueueUrl: &q.url, ReceiptHandle: m.ReceiptHandle}
	if _, err := q.queues.DeleteMessage(ctx, remove); err != nil {
		return fmt.Sprintf("it was accepted, and could not be removed: %v; to send it again does no harm", account.Cause(err))
	}
	if len(parcels) > 0 {
		r.again++
	}
	return ""
}

// subject names what is in a payload.
func subject(payload json.RawMessage) string {
	var event struct {
		ID         string `json:"id"`
		DetailType string `json:"detail-type"`
		Detail     struct{ EventName string }
		Records    []struct{ Sns struct{ MessageID string } }
	}
	switch err := json.Unmarshal(payload, &event); {
	case err == nil && len(event.Records) > 0 && event.Records[0].Sns.MessageID != "":
		return "notice " + event.Records[0].Sns.MessageID
	case err == nil && event.DetailType != "":
		return fmt.Sprintf("%s, event %s", strings.TrimSuffix(event.DetailType+": "+event.Detail.EventName, ": "), event.ID)
	default:
		return fmt.Sprintf("a request of %d bytes", len(payload))
	}
}

// open reads what a message keeps, and whom it was for; without anything to send, what it was instead. why says that
// it is not understood.
func (r *redriver) open(ctx context.Context, q queue, m sqstypes.Message) (parcels []parcel, instead, why string) {
	body := []byte(aws.ToString(m.Body))
	if !json.Valid(body) {
		return nil, "", "not understood: no JSON"
	}
	if q.name == failedQueue {
		parcels, why = r.record(body)
		return parcels, "", why
	}
	var alarm struct {
		Source     string
		DetailType string `json:"detail-type"`
		Region     string
	}
	if json.Unmarshal(body, &alarm) == nil && len(m.MessageAttributes) == 0 && alarm.Source == "aws.cloudwatch" &&
		alarm.DetailType == "CloudWatch Alarm State Change" {
		if !r.emptied[alarm.Region] {
			return nil, "", "the region " + alarm.Region + " has events that did not reach the hub, and they are not all sent"
		}
		return nil, "the region " + alarm.Region + " has reported that it keeps events: they are sent", ""
	}
	parcels, why = r.delivery(ctx, body, m.MessageAttributes)
	return parcels, "", why
}

// delivery reads what EventBridge or SNS could not hand over.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
func (r *redriver) delivery(
	ctx context.Context, body []byte, attributes map[string]sqstypes.MessageAttributeValue,
) ([]parcel, string) {
	attribute := func(name string) string { return aws.ToString(attributes[name].StringValue) }
	var event struct{ Type, TopicArn string }
	if err := json.Unmarshal(body, &event); err != nil {
		return nil, "not understood: no event"
	}
	target := attribute("TARGET_ARN")
	reason := because(strings.TrimSpace("not delivered "+attribute("ERROR_CODE")), attribute("ERROR_MESSAGE"))
	switch {
	case target == "" && event.Type == "Notification" && event.TopicArn != "":
		return r.notice(body)
	case target == "":
		return nil, "not understood: nothing says whom it was for"
	}
	parsed, err := arn.Parse(target)
	switch {
	case err != nil || parsed.AccountID != r.account || parsed.Region != r.region:
		return nil, "it was for " + target + ", which is not Warder's"
	case parsed.Service == "events":
		return r.forwarded(ctx, body, reason)
	}
	c, why := r.function(parsed)
	if why != "" {
		return nil, why
	}
	if c.Tool { // its schedule sends it an empty request in place of the event
		body = []byte("{}")
	}
	return []parcel{{c, body, reason}}, ""
}

// record reads what Lambda keeps of an event that failed in all its tries.
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
func (r *redriver) record(body []byte) ([]parcel, string) {
	var record struct {
		RequestContext struct {
			FunctionArn            string
			Condition              string
			ApproximateInvokeCount int
		}
		RequestPayload  json.RawMessage
		ResponsePayload struct{ ErrorMessage string }
	}
	if err := json.Unmarshal(body, &record); err != nil || record.RequestContext.FunctionArn == "" {
		return nil, "not understood: not what Lambda keeps of an event"
	}
	parsed, err := arn.Parse(record.RequestContext.FunctionArn)
	if err != nil || parsed.AccountID != r.account || parsed.Region != r.region {
		return nil, "it was for " + record.RequestContext.FunctionArn + ", which is not Warder's"
	}
	c, why := r.function(parsed)
	if why != "" {
		return nil, why
	}
	if len(record.RequestPayload) == 0 || string(record.RequestPayload) == "null" {
		return nil, "the event itself is not in it: look it up in CloudTrail, or warder sweep --control " + c.ID
	}
	kept := fmt.Sprintf("%s after %d tries", record.RequestContext.Condition, record.RequestContext.ApproximateInvokeCount)
	return []parcel{{c, record.RequestPayload, because(kept, record.ResponsePayload.ErrorMessage)}}, ""
}

// notice wraps what SNS could not hand to a function in what the function expects. It does not say which function.
// https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html
func (r *redriver) notice(body []byte) ([]parcel, string) {
	var subscribed []control.Control
	for _, c := range r.controls {
		if c.Subscribes {
			subscribed = append(subscribed, c)
		}
	}
	if len(subscribed) != 1 {
		return nil, fmt.Sprintf("a notice, and %d functions subscribe to notices: it does not say which it was for",
			len(subscribed))
	}
	payload, err := json.Marshal(map[string]any{"Records": []any{map[string]any{
		"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": json.RawMessage(body),
	}}})
	if err != nil {
		return nil, "encode the notice: " + err.Error()
	}
	return []parcel{{subscribed[0], payload, "not delivered by SNS"}}, ""
}

// forwarded returns the controls that an event starts which did not reach the hub's bus. It cannot be put on the bus
// again: nobody but AWS puts events of its services there. So the controls' own patterns are asked.
func (r *redriver) forwarded(ctx context.Context, event []byte, why string) (parcels []parcel, refused string) {
	for _, c := range r.controls {
		for _, pattern := range c.Rules {
			out, err := r.events.TestEventPattern(ctx,
				&eventbridge.TestEventPatternInput{Event: aws.String(string(event)), EventPattern: aws.String(string(pattern))})
			if err != nil {
				return nil, fmt.Sprintf("test the pattern of %s: %v", c.ID, account.Cause(err))
			}
			if out.Result {
				parcels = append(parcels, parcel{c, event, why})
				break
			}
		}
	}
	if len(parcels) == 0 {
		return nil, "it starts no control"
	}
	return parcels, ""
}

// function is the control or tool of a function's ARN, with or without a qualifier, or why it is none.
func (r *redriver) function(parsed arn.ARN) (control.Control, string) {
	name, _, _ := strings.Cut(strings.TrimPrefix(parsed.Resource, "function:"), ":")
	for _, c := range r.controls {
		if parsed.Service == "lambda" && settings.FunctionName(c.ID) == name {
			return c, ""
		}
	}
	return control.Control{}, "it was for " + parsed.String() + ", which is not Warder's"
}
