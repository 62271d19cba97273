package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	formationtypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/spf13/cobra"

	"github.com/warder-aws/warder/infra/warder/account"
	"github.com/warder-aws/warder/infra/warder/terminal"
	"github.com/warder-aws/warder/pkg/control"
	events "github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/settings"
)

// A queue is one that keeps what could not be done or handed over. Its name is Failed or Undelivered.
type queue struct{ region, name, url string }

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

// redriver is one go over all queues.
type redriver struct {
	*session
	account     string
	sent        map[string]bool // what was sent in this go: function and payload
	emptied     map[string]bool // regions whose queue was emptied
	feeds       []feed
	again, left int
	messages    []message
}

// A feed is the queue that feeds a tool with what is published.
type feed struct {
	control   control.Control
	name, url string
}

func (a *app) redrive() *cobra.Command {
	return a.add(command{
		name: "redrive", short: "Send again what is kept in the queues Failed and Undelivered",
		long: `Send what is kept in the queues Failed and Undelivered to the functions that it was for, or to the queues
that feed them, and remove it once it was accepted. What is not understood stays where it is. Sending something
twice does no harm: a control handles an event once.`,
		run: func(ctx context.Context, s *session) error {
			r, err := s.redriveAll(ctx)
			if err != nil {
				return err
			}
			return s.show(map[string]any{"sent": r.again, "left": r.left, "messages": r.messages}, r.left == 0, func() {
				s.print("%s sent again, %d left", terminal.Count(r.again, "message"), r.left)
			})
		},
	})
}

// redriveAll goes over the queues of all regions. With an error it returns how far it came.
func (s *session) redriveAll(ctx context.Context) (*redriver, error) {
	r := &redriver{session: s, sent: map[string]bool{}, emptied: map[string]bool{}}
	caller, err := s.caller(ctx)
	if err != nil {
		return r, err
	}
	r.account = aws.ToString(caller.Account)
	set, err := s.readSettings(ctx)
	if err != nil {
		return r, err
	}
	// The hub comes last: what it keeps may say that a region keeps something.
	for _, region := range append(slices.Clone(set.Regions), s.cfg.Region) {
		if err := r.emptyStack(ctx, region); err != nil {
			return r, err
		}
	}
	return r, nil
}

// logical is the id that the CDK gives a queue at the top of a stack: its name, and a hash.
var logical = regexp.MustCompile(`^(` + failedQueue + `|` + undeliveredQueue + `)[0-9A-F]{8}$`)

// emptyStack empties the queues of a region's stack that keep something, those of functions first.
func (r *redriver) emptyStack(ctx context.Context, region string) error {
	cfg, found, resources, err := r.keepers(ctx, region)
	if err != nil {
		return err
	}
	if region == r.cfg.Region {
		r.findFeeds(resources)
	}
	for _, q := range found {
		if err := r.empty(ctx, sqs.NewFromConfig(cfg), q); err != nil {
			return err
		}
	}
	return nil
}

// keepers are the queues of a region's stack that keep something, those of functions first, with the configuration for
// the region and all resources of the stack.
func (s *session) keepers(ctx context.Context, region string) (
	cfg aws.Config, found []queue, resources []formationtypes.StackResourceSummary, err error,
) {
	cfg, stack := s.cfg.Copy(), settings.Product
	if region != cfg.Region {
		cfg.Region, stack = region, stack+"-"+region
	}
	resources, err = account.Resources(ctx, cfg, stack)
	if account.NoStack(err) {
		if made, _ := account.OfStackSet(ctx, cfg); made != "" {
			stack = made
			resources, err = account.Resources(ctx, cfg, stack)
		}
	}
	if err != nil {
		return cfg, nil, nil, fmt.Errorf("list the resources of stack %s in %s: %w", stack, region, account.Cause(err))
	}
	for _, one := range resources {
		if name := logical.FindStringSubmatch(aws.ToString(one.LogicalResourceId)); name != nil &&
			aws.ToString(one.ResourceType) == "AWS::SQS::Queue" {
			found = append(found, queue{region, name[1], aws.ToString(one.PhysicalResourceId)}) // of a queue, its URL
		}
	}
	if len(found) == 0 {
		err = fmt.Errorf("stack %s in %s has no queue %s or %s", stack, region, failedQueue, undeliveredQueue)
	}
	slices.SortFunc(found, func(a, b queue) int { return cmp.Compare(a.name, b.name) })
	return cfg, found, resources, err
}

// findFeeds finds the queues that feed tools among the resources of the hub, by the ids that the CDK gives them.
func (r *redriver) findFeeds(resources []formationtypes.StackResourceSummary) {
	for _, c := range r.controls {
		prefix := strings.ReplaceAll(c.ID, "-", "") + "queue"
		i := slices.IndexFunc(resources, func(s formationtypes.StackResourceSummary) bool {
			return aws.ToString(s.ResourceType) == "AWS::SQS::Queue" &&
				strings.HasPrefix(strings.ToLower(aws.ToString(s.LogicalResourceId)), prefix)
		})
		if c.Subscribes && i >= 0 {
			url := aws.ToString(resources[i].PhysicalResourceId)
			r.feeds = append(r.feeds, feed{c, url[strings.LastIndex(url, "/")+1:], url})
		}
	}
}

// empty sends what is in the queue, until there is no more.
func (r *redriver) empty(ctx context.Context, client *sqs.Client, q queue) error {
	var leave []sqstypes.Message
	for {
		out, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: &q.url, MaxNumberOfMessages: atOnce, VisibilityTimeout: hidden, WaitTimeSeconds: 1,
			MessageAttributeNames:       []string{"All"},
			MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{sqstypes.MessageSystemAttributeNameAll},
		})
		if err != nil {
			return fmt.Errorf("receive messages of queue %s in %s: %w", q.name, q.region, account.Cause(err))
		}
		if len(out.Messages) == 0 {
			break
		}
		for _, m := range out.Messages {
			if err := r.handle(ctx, client, q, m); err != nil {
				r.left++
				leave = append(leave, m)
				r.note("left", q, m, err.Error())
			}
		}
	}
	r.emptied[q.region] = len(leave) == 0
	for _, m := range leave {
		// Whoever looks next sees it at once.
		show := &sqs.ChangeMessageVisibilityInput{QueueUrl: &q.url, ReceiptHandle: m.ReceiptHandle}
		if _, err := client.ChangeMessageVisibility(ctx, show); err != nil {
			return fmt.Errorf("show message %s again in queue %s: %w", aws.ToString(m.MessageId), q.name, account.Cause(err))
		}
	}
	return nil
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

// A parcel is what is to be sent to a function.
type parcel struct {
	control control.Control
	payload json.RawMessage
	why     string // it was kept
	feed    string // URL of the queue that it goes to; empty: to the function itself
}

// handle sends what a message keeps, and removes the message. The error says why it does not.
func (r *redriver) handle(ctx context.Context, client *sqs.Client, q queue, m sqstypes.Message) error {
	parcels, instead, err := r.open(ctx, q, m)
	if err != nil {
		return err
	}
	for _, p := range parcels {
		name := settings.FunctionName(p.control.ID)
		key := name + " " + string(p.payload)
		if p.feed != "" {
			if err := r.put(ctx, client, p, r.sent[key]); err != nil {
				return err
			}
			r.sent[key] = true
			r.note("sent", q, m, fmt.Sprintf("%s to the queue of %s (%s)", published(p.payload), name, p.why))
			continue
		}
		if r.sent[key] {
			return fmt.Errorf("the same was just sent to %s: if it has failed again, fix the cause, then warder redrive", name)
		}
		out, err := lambda.NewFromConfig(r.cfg).Invoke(ctx,
			&lambda.InvokeInput{FunctionName: &name, InvocationType: lambdatypes.InvocationTypeEvent, Payload: p.payload})
		if err != nil {
			return fmt.Errorf("invoke %s: %w", name, account.Cause(err))
		}
		// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
		if out.StatusCode != 202 {
			return fmt.Errorf("invoke %s: status %d, want 202: accepted", name, out.StatusCode)
		}
		r.sent[key] = true
		r.note("sent", q, m, fmt.Sprintf("%s to %s (%s)", subject(p.payload), name, p.why))
	}
	if len(parcels) == 0 {
		r.note("done", q, m, instead)
	}
	remove := &sqs.DeleteMessageInput{QueueUrl: &q.url, ReceiptHandle: m.ReceiptHandle}
	if _, err := client.DeleteMessage(ctx, remove); err != nil {
		return fmt.Errorf("it was accepted, and could not be removed: %w; to send it again does no harm", account.Cause(err))
	}
	if len(parcels) > 0 {
		r.again++
	}
	return nil
}

// put puts a message into the queue that feeds a tool, unless the same was just put there: whoever is fed does a
// message once.
func (r *redriver) put(ctx context.Context, client *sqs.Client, p parcel, sent bool) error {
	if sent {
		return nil
	}
	_, err := client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &p.feed, MessageBody: aws.String(string(p.payload))})
	if err != nil {
		return fmt.Errorf("send to the queue of %s: %w", settings.FunctionName(p.control.ID), account.Cause(err))
	}
	return nil
}

// published names a message that somebody is fed with: a notice, an alarm, or that a mail came back.
func published(body []byte) string {
	var m struct {
		notice.Message
		AlarmName, NewStateValue string
		DetailType               string `json:"detail-type"`
		Source                   string
		Detail                   struct {
			Mail struct{ MessageID string }
		}
	}
	switch err := json.Unmarshal(body, &m); {
	case err == nil && notice.ID(m.Finding):
		about := ""
		if m.Subject != "" {
			about = " about " + notice.Plain(m.Subject, 80)
		}
		return fmt.Sprintf("notice %q (%s, %s)%s, action %s", notice.Plain(m.Title, 80), notice.Plain(string(m.Kind), 20),
			notice.Plain(m.Severity, 20), about, m.Finding)
	case err == nil && m.AlarmName != "":
		return fmt.Sprintf("alarm %s, %s", notice.Plain(m.AlarmName, 80), notice.Plain(m.NewStateValue, 20))
	case err == nil && m.Source == "aws.ses":
		return fmt.Sprintf("%s, mail %s", notice.Plain(m.DetailType, 40), notice.Plain(m.Detail.Mail.MessageID, 80))
	}
	return fmt.Sprintf("a message of %d bytes that is no notice", len(body))
}

// toFeeds is for whom a message is that was published: for the queue that it comes from, if that is known, else for
// each tool that understands it.
func (r *redriver) toFeeds(body []byte, from, why string) []parcel {
	var m struct {
		notice.Message
		AlarmName, Source string
	}
	_ = json.Unmarshal(body, &m) // it is JSON, perhaps of another form
	var parcels []parcel
	for _, f := range r.feeds {
		mails := slices.ContainsFunc(f.control.Permissions, func(p control.Permission) bool {
			return slices.Contains(p.Resources, control.Mail)
		})
		known := notice.ID(m.Finding) || m.AlarmName != "" && !mails || m.Source == "aws.ses" && mails
		if f.name == from || from == "" && known {
			parcels = append(parcels, parcel{control: f.control, payload: body, why: why, feed: f.url})
		}
	}
	return parcels
}

// subject names what is in a payload.
func subject(payload json.RawMessage) string {
	var event struct {
		ID         string
		DetailType string `json:"detail-type"`
		Detail     struct{ EventName string }
	}
	if json.Unmarshal(payload, &event) == nil && event.DetailType != "" {
		return fmt.Sprintf("%s, event %s", strings.TrimSuffix(event.DetailType+": "+event.Detail.EventName, ": "), event.ID)
	}
	return fmt.Sprintf("a request of %d bytes", len(payload))
}

// open reads what a message keeps, and whom it was for; without anything to send, what it was instead. The error says
// that it is not understood.
func (r *redriver) open(ctx context.Context, q queue, m sqstypes.Message) (_ []parcel, instead string, err error) {
	body := []byte(aws.ToString(m.Body))
	var event struct {
		Source, Region, Type, TopicArn, Message string
		DetailType                              string `json:"detail-type"`
	}
	err = json.Unmarshal(body, &event)
	attribute := func(name string) string { return aws.ToString(m.MessageAttributes[name].StringValue) }
	target, parcels := attribute("TARGET_ARN"), []parcel(nil)
	// Of what EventBridge could not hand over.
	// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
	reason := because(strings.TrimSpace("not delivered "+attribute("ERROR_CODE")), attribute("ERROR_MESSAGE"))
	switch at, _ := arn.Parse(target); {
	case q.name == failedQueue:
		from := m.Attributes[string(sqstypes.MessageSystemAttributeNameDeadLetterQueueSourceArn)]
		parcels, err = r.failed(body, from[strings.LastIndex(from, ":")+1:])
	case !json.Valid(body):
		err = errors.New("not understood: no JSON")
	case err != nil:
		err = errors.New("not understood: no event")
	case len(m.MessageAttributes) == 0 && event.Source == "aws.cloudwatch" &&
		event.DetailType == "CloudWatch Alarm State Change":
		if !r.emptied[event.Region] {
			err = fmt.Errorf("the region %s has events that did not reach the hub, and they are not all sent", event.Region)
			break
		}
		instead = "the region " + event.Region + " has reported that it keeps events: they are sent"
	case event.Source == events.Heartbeat:
		instead = "a heartbeat of the daily check: the next one is sent with the next check"
	case at.Service == "sqs" && at.AccountID == r.account && at.Region == r.cfg.Region &&
		slices.ContainsFunc(r.feeds, func(f feed) bool { return f.name == at.Resource }):
		parcels = r.toFeeds(body, at.Resource, reason)
	case target == "":
		if event.Type == "Notification" && event.TopicArn != "" { // as SNS words it where it is not to hand over as it is
			body = []byte(event.Message)
		}
		if parcels = r.toFeeds(body, "", "not delivered by SNS"); len(parcels) == 0 {
			err = errors.New("not understood: nothing says whom it was for")
		}
	case at.Service == "events" && at.AccountID == r.account && at.Region == r.cfg.Region:
		parcels, err = r.forwarded(ctx, body, reason)
	default:
		var c control.Control
		if c, err = r.function(target); err != nil {
			break
		}
		if c.Tool { // its schedule sends it an empty request in place of the event
			body = []byte("{}")
		}
		parcels = []parcel{{control: c, payload: body, why: reason}}
	}
	return parcels, instead, err
}

// failed reads what is in the queue Failed: what Lambda keeps of an event, or a message that a queue has handed over in
// vain. SQS does not say why: the log of the function does.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
func (r *redriver) failed(body []byte, from string) ([]parcel, error) {
	const why = "handed over in vain too often; why: the saved query warder/failures"
	if from != "" {
		parcels := r.toFeeds(body, from, why)
		if len(parcels) == 0 {
			return nil, fmt.Errorf("%s: it is from the queue %s, which feeds nothing of Warder's", published(body), from)
		}
		return parcels, nil
	}
	if !json.Valid(body) {
		return nil, errors.New("not understood: no JSON")
	}
	parcels, err := r.record(body)
	if err == nil {
		return parcels, nil
	}
	if fed := r.toFeeds(body, "", why); len(fed) > 0 {
		return fed, nil
	}
	return nil, err
}

// record reads what Lambda keeps of an event that failed in all its tries.
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
func (r *redriver) record(body []byte) ([]parcel, error) {
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
		return nil, errors.New("not understood: not what Lambda keeps of an event")
	}
	c, err := r.function(record.RequestContext.FunctionArn)
	if err != nil {
		return nil, err
	}
	if len(record.RequestPayload) == 0 || string(record.RequestPayload) == "null" {
		return nil, fmt.Errorf("the event itself is not in it: look it up in CloudTrail, or warder sweep --control %s",
			c.ID)
	}
	kept := fmt.Sprintf("%s after %d tries", record.RequestContext.Condition, record.RequestContext.ApproximateInvokeCount)
	return []parcel{
		{control: c, payload: record.RequestPayload, why: because(kept, record.ResponsePayload.ErrorMessage)},
	}, nil
}

// forwarded returns the controls that an event starts which did not reach the hub's bus. It cannot be put on the bus
// again: nobody but AWS puts events of its services there. So the controls' own patterns are asked.
func (r *redriver) forwarded(ctx context.Context, event []byte, why string) ([]parcel, error) {
	var parcels []parcel
	for _, c := range r.controls {
		for _, pattern := range c.Rules {
			out, err := eventbridge.NewFromConfig(r.cfg).TestEventPattern(ctx,
				&eventbridge.TestEventPatternInput{Event: aws.String(string(event)), EventPattern: aws.String(string(pattern))})
			if err != nil {
				return nil, fmt.Errorf("test the pattern of %s: %w", c.ID, account.Cause(err))
			}
			if out.Result {
				parcels = append(parcels, parcel{control: c, payload: event, why: why})
				break
			}
		}
	}
	if len(parcels) == 0 {
		return nil, errors.New("it starts no control")
	}
	return parcels, nil
}

// function is the control or tool of a function's ARN, with or without a qualifier.
func (r *redriver) function(target string) (control.Control, error) {
	at, err := arn.Parse(target)
	name, _, _ := strings.Cut(strings.TrimPrefix(at.Resource, "function:"), ":")
	i := slices.IndexFunc(r.controls, func(c control.Control) bool { return settings.FunctionName(c.ID) == name })
	if err != nil || at.Service != "lambda" || at.AccountID != r.account || at.Region != r.cfg.Region || i < 0 {
		return control.Control{}, fmt.Errorf("it was for %s, which is not Warder's", target)
	}
	return r.controls[i], nil
}
