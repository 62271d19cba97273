package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	formationtypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"
)

// A held message is one of a queue: hidden while somebody looks at it.
type held struct {
	id, body   string
	attributes map[string]string
	from       string // the queue that it was moved from, as SQS says
	hidden     bool
}

// keeping is a stack with its queues, by their URL, in an account whose functions accept what they are sent.
type keeping struct {
	fakeAccount
	queues   map[string][]*held
	sent     []string // function and payload
	refuse   string   // the function that cannot be invoked
	status   int32    // of what Lambda answers; 0 means 202, accepted
	stuck    bool     // messages cannot be removed
	onInvoke func()
}

func (k *keeping) GetTemplate(
	context.Context,
	*cloudformation.GetTemplateInput,
	...func(*cloudformation.Options),
) (*cloudformation.GetTemplateOutput, error) {
	return &cloudformation.GetTemplateOutput{
		TemplateBody: aws.String(`{"Metadata":{"warder":{"regions":["us-west-2"]}}}`),
	}, nil
}

func (k *keeping) ListStackResources(
	_ context.Context,
	in *cloudformation.ListStackResourcesInput,
	_ ...func(*cloudformation.Options),
) (*cloudformation.ListStackResourcesOutput, error) {
	out := &cloudformation.ListStackResourcesOutput{}
	add := func(kind, logical, physical string) {
		out.StackResourceSummaries = append(out.StackResourceSummaries, formationtypes.StackResourceSummary{
			ResourceType: &kind, LogicalResourceId: &logical, PhysicalResourceId: &physical})
	}
	if in.NextToken == nil { // the queues are on the second page
		add("AWS::SNS::Topic", "FailedABCDEF01", "a topic")
		out.NextToken = aws.String("more")
		return out, nil
	}
	if *in.StackName == "warder" {
		add("AWS::SQS::Queue", "UndeliveredABCDEF01", "hub/undelivered")
		add("AWS::SQS::Queue", "FailedABCDEF01", "hub/failed")
		add("AWS::SQS::Queue", "DrillABCDEF01", "hub/drill")
		add("AWS::SQS::Queue", "PostToSlackQueueABCDEF01", "hub/slack-feed")
		add("AWS::SQS::Queue", "SendEmailQueueABCDEF01", "hub/mail-feed")
	} else {
		add("AWS::SQS::Queue", "UndeliveredABCDEF01", "region/undelivered")
	}
	return out, nil
}

func (k *keeping) ReceiveMessage(
	_ context.Context,
	in *sqs.ReceiveMessageInput,
	_ ...func(*sqs.Options),
) (*sqs.ReceiveMessageOutput, error) {
	if _, there := k.queues[*in.QueueUrl]; !there && *in.QueueUrl == "hub/drill" {
		return nil, errors.New("the queue of the drill is nobody's to empty")
	}
	out := &sqs.ReceiveMessageOutput{}
	for _, m := range k.queues[*in.QueueUrl] {
		if m.hidden || len(out.Messages) == int(in.MaxNumberOfMessages) {
			continue
		}
		m.hidden = true
		message := sqstypes.Message{MessageId: &m.id, ReceiptHandle: &m.id, Body: &m.body}
		if m.from != "" && slices.Contains(in.MessageSystemAttributeNames, sqstypes.MessageSystemAttributeNameAll) {
			message.Attributes = map[string]string{"DeadLetterQueueSourceArn": "arn:aws:sqs:us-east-1:111122223333:" + m.from}
		}
		for name, value := range m.attributes {
			if message.MessageAttributes == nil {
				message.MessageAttributes = map[string]sqstypes.MessageAttributeValue{}
			}
			message.MessageAttributes[name] = sqstypes.MessageAttributeValue{
				DataType:    aws.String("String"),
				StringValue: aws.String(value),
			}
		}
		out.Messages = append(out.Messages, message)
	}
	return out, nil
}

func (k *keeping) SendMessage(
	_ context.Context,
	in *sqs.SendMessageInput,
	_ ...func(*sqs.Options),
) (*sqs.SendMessageOutput, error) {
	if *in.QueueUrl == k.refuse {
		return nil, errors.New("AccessDenied")
	}
	k.sent = append(k.sent, *in.QueueUrl+" "+*in.MessageBody)
	return &sqs.SendMessageOutput{}, nil
}

func (k *keeping) DeleteMessage(
	_ context.Context,
	in *sqs.DeleteMessageInput,
	_ ...func(*sqs.Options),
) (*sqs.DeleteMessageOutput, error) {
	if k.stuck {
		return nil, errors.New("denied")
	}
	k.queues[*in.QueueUrl] = slices.DeleteFunc(k.queues[*in.QueueUrl],
		func(m *held) bool { return m.id == *in.ReceiptHandle })
	return &sqs.DeleteMessageOutput{}, nil
}

func (k *keeping) ChangeMessageVisibility(
	_ context.Context,
	in *sqs.ChangeMessageVisibilityInput,
	_ ...func(*sqs.Options),
) (*sqs.ChangeMessageVisibilityOutput, error) {
	for _, m := range k.queues[*in.QueueUrl] {
		if m.id == *in.ReceiptHandle {
			m.hidden = in.VisibilityTimeout > 0
		}
	}
	return &sqs.ChangeMessageVisibilityOutput{}, nil
}

func (k *keeping) Invoke(
	_ context.Context,
	in *lambda.InvokeInput,
	_ ...func(*lambda.Options),
) (*lambda.InvokeOutput, error) {
	if *in.FunctionName == k.refuse {
		return nil, errors.New("TooManyRequestsException")
	}
	if in.InvocationType != lambdatypes.InvocationTypeEvent {
		return nil, errors.New("somebody waits for the answer")
	}
	k.sent = append(k.sent, *in.FunctionName+" "+string(in.Payload))
	if k.onInvoke != nil {
		k.onInvoke()
	}
	if k.status != 0 {
		return &lambda.InvokeOutput{StatusCode: k.status}, nil
	}
	return &lambda.InvokeOutput{StatusCode: 202}, nil
}

// TestEventPattern knows patterns of sources alone.
func (k *keeping) TestEventPattern(
	_ context.Context,
	in *eventbridge.TestEventPatternInput,
	_ ...func(*eventbridge.Options),
) (*eventbridge.TestEventPatternOutput, error) {
	var event struct{ Source string }
	var pattern struct{ Source []string }
	err := errors.Join(json.Unmarshal([]byte(*in.Event), &event), json.Unmarshal([]byte(*in.EventPattern), &pattern))
	if err != nil {
		return nil, err
	}
	return &eventbridge.TestEventPatternOutput{Result: slices.Contains(pattern.Source, event.Source)}, nil
}

// redrive runs warder redrive.
func (k *keeping) redrive(t *testing.T) (status int, lines []string) {
	t.Helper()
	status, stdout, stderr := run(t, k, "redrive")
	if stderr != "" {
		t.Errorf("error %s", stderr)
	}
	return status, strings.Split(strings.TrimSpace(stdout), "\n")
}

const (
	functionARN = "arn:aws:lambda:us-east-1:111122223333:function:"
	anEvent     = `{"version":"0","id":"e-1","detail-type":"AWS API Call via CloudTrail","source":"aws.iam",` +
		`"region":"us-east-1","detail":{"eventName":"AttachUserPolicy"}}`
	aSignIn = `{"version":"0","id":"e-2","detail-type":"AWS Console Sign In via CloudTrail","source":"aws.signin",` +
		`"region":"us-west-2","detail":{"eventName":"ConsoleLogin"}}`
)

// record is what Lambda keeps of an event.
func record(function, payload string) string {
	return fmt.Sprintf(
		`{"version":"1.0","timestamp":"2026-11-21T03:00:00.000Z","requestContext":{"requestId":"r","functionArn":%q,
			"condition":"RetriesExhausted","approximateInvokeCount":3},
		"requestPayload":%s,"responseContext":{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"},
		"responsePayload":{"errorMessage":"get item: denied","errorType":"errorString"}}`,
		function,
		payload,
	)
}

func TestRedrive(t *testing.T) {
	undeliveredTo := func(target string) map[string]string {
		return map[string]string{
			"RULE_ARN":       "arn:aws:events:us-east-1:111122223333:rule/warder-x",
			"TARGET_ARN":     target,
			"ERROR_CODE":     "NO_PERMISSIONS",
			"ERROR_MESSAGE":  "not authorized",
			"RETRY_ATTEMPTS": "0",
		}
	}
	const hubBus = "arn:aws:events:us-east-1:111122223333:event-bus/warder"
	alarm := `{"id":"e-3","detail-type":"CloudWatch Alarm State Change","source":"aws.cloudwatch",` +
		`"region":"us-west-2","detail":{"state":{"value":"ALARM"}}}`
	published := `{"version":"1","id":"n","kind":"changed","finding":"abcdefghij","title":"Policy attached directly",` +
		`"severity":"high","subject":"alice"}`
	const aNotice = `notice "Policy attached directly" (changed, high) about alice, action abcdefghij`
	const inVain = "(handed over in vain too often; why: the saved query warder/failures)"
	enveloped := `{"Type":"Notification","MessageId":"m-1","TopicArn":"arn:aws:sns:us-east-1:111122223333:warder-Notices",` +
		`"Message":` + strconv.Quote(
		published,
	) + `}`
	anAlarm := `{"AlarmName":"warder-failed","NewStateValue":"ALARM"}`
	bounce := `{"source":"aws.ses","detail-type":"Email Bounced","detail":{"mail":{"messageId":"0100-mail"}}}`
	tests := []struct {
		name  string
		queue string
		held
		sent []string
		said string // first line; sent, done or left
	}{
		{"an event that failed", "hub/failed", held{body: record(functionARN+"warder-detach-direct-policy:$LATEST", anEvent)},
			[]string{"warder-detach-direct-policy " + anEvent},
			"sent  AWS API Call via CloudTrail: AttachUserPolicy, event e-1 to warder-detach-direct-policy " +
				"(RetriesExhausted after 3 tries, get item: denied)"},
		{
			"an event that did not reach its function",
			"hub/undelivered",
			held{body: anEvent, attributes: undeliveredTo(functionARN + "warder-detach-direct-policy")},
			[]string{"warder-detach-direct-policy " + anEvent},
			"sent  AWS API Call via CloudTrail: AttachUserPolicy, event e-1 to warder-detach-direct-policy (not delivered " +
				"NO_PERMISSIONS, not authorized)",
		},
		{
			"the schedule of a tool",
			"hub/undelivered",
			held{body: anEvent, attributes: undeliveredTo(functionARN + "warder-report")},
			[]string{
				"warder-report {}",
			},
			"sent  a request of 2 bytes to warder-report (not delivered NO_PERMISSIONS, not authorized)",
		},
		{"an event of another region", "region/undelivered", held{body: aSignIn, attributes: undeliveredTo(hubBus)},
			[]string{"warder-alert-console-login " + aSignIn},
			"sent  AWS Console Sign In via CloudTrail: ConsoleLogin, event e-2 to warder-alert-console-login (not delivered " +
				"NO_PERMISSIONS, not authorized)"},
		{
			"an event of another region that starts nothing",
			"region/undelivered",
			held{body: strings.ReplaceAll(aSignIn, "aws.signin", "aws.ec2"), attributes: undeliveredTo(hubBus)},
			nil,
			"left  Undelivered in us-west-2, message m: it starts no control",
		},
		{"the word of a region whose events are sent", "hub/undelivered", held{body: alarm}, nil,
			"done  the region us-west-2 has reported that it keeps events: they are sent"},
		{
			"the word of a region that is not looked after",
			"hub/undelivered",
			held{body: strings.ReplaceAll(alarm, "us-west-2", "eu-west-1")},
			nil,
			"left  Undelivered in us-east-1, message m: the region eu-west-1 has events that did not reach the hub, and " +
				"they are not all sent",
		},
		{"a notice that did not reach a queue", "hub/undelivered", held{body: published},
			[]string{"hub/slack-feed " + published, "hub/mail-feed " + published},
			"sent  " + aNotice + " to the queue of warder-post-to-slack (not delivered by SNS)"},
		{"the same in SNS's own words", "hub/undelivered", held{body: enveloped},
			[]string{"hub/slack-feed " + published, "hub/mail-feed " + published},
			"sent  " + aNotice + " to the queue of warder-post-to-slack (not delivered by SNS)"},
		{"a notice that was not posted in all its tries", "hub/failed", held{body: published, from: "slack-feed"},
			[]string{"hub/slack-feed " + published}, "sent  " + aNotice + " to the queue of warder-post-to-slack " + inVain},
		{"a notice that was not mailed in all its tries", "hub/failed", held{body: published, from: "mail-feed"},
			[]string{"hub/mail-feed " + published}, "sent  " + aNotice + " to the queue of warder-send-email " + inVain},
		{"a notice of which nothing says where it was", "hub/failed", held{body: published},
			[]string{"hub/slack-feed " + published, "hub/mail-feed " + published},
			"sent  " + aNotice + " to the queue of warder-post-to-slack " + inVain},
		{"an alarm that was not posted", "hub/failed", held{body: anAlarm}, []string{"hub/slack-feed " + anAlarm},
			"sent  alarm warder-failed, ALARM to the queue of warder-post-to-slack " + inVain},
		{"a mail that came back, in vain", "hub/failed", held{body: bounce}, []string{"hub/mail-feed " + bounce},
			"sent  Email Bounced, mail 0100-mail to the queue of warder-send-email " + inVain},
		{"a mail that came back, and did not reach the queue", "hub/undelivered",
			held{body: bounce, attributes: undeliveredTo("arn:aws:sqs:us-east-1:111122223333:mail-feed")},
			[]string{"hub/mail-feed " + bounce},
			"sent  Email Bounced, mail 0100-mail to the queue of warder-send-email (not delivered NO_PERMISSIONS, " +
				"not authorized)"},
		{"what is no notice, out of a queue of Warder's", "hub/failed", held{body: "make undo", from: "slack-feed"},
			[]string{"hub/slack-feed make undo"},
			"sent  a message of 9 bytes that is no notice to the queue of warder-post-to-slack " + inVain},
		{"a notice out of somebody else's queue", "hub/failed", held{body: published, from: "payroll"}, nil,
			"left  Failed in us-east-1, message m: " + aNotice +
				": it is from the queue payroll, which feeds nothing of Warder's"},
		{"no JSON", "hub/failed", held{body: "x"}, nil, "left  Failed in us-east-1, message m: not understood: no JSON"},
		{
			"an event among the records",
			"hub/failed",
			held{body: anEvent},
			nil,
			"left  Failed in us-east-1, message m: not understood: not what Lambda keeps of an event",
		},
		{
			"an event that is for nobody",
			"hub/undelivered",
			held{body: anEvent},
			nil,
			"left  Undelivered in us-east-1, message m: not understood: nothing says whom it was for",
		},
		{
			"a number",
			"hub/undelivered",
			held{body: "1"},
			nil,
			"left  Undelivered in us-east-1, message m: not understood: no event",
		},
		{"somebody else's function", "hub/failed", held{body: record(functionARN+"payroll:$LATEST", anEvent)}, nil,
			"left  Failed in us-east-1, message m: it was for " + functionARN + "payroll:$LATEST, which is not Warder's"},
		{
			"a function of another account",
			"hub/failed",
			held{
				body: record(strings.Replace(functionARN, "111122223333", "444455556666", 1)+"warder-detach-direct-policy",
					anEvent),
			},
			nil,
			"left  Failed in us-east-1, message m: it was for " +
				"arn:aws:lambda:us-east-1:444455556666:function:warder-detach-direct-policy, which is not Warder's",
		},
		{
			"a target that is no function",
			"hub/undelivered",
			held{body: anEvent, attributes: undeliveredTo("arn:aws:sqs:us-east-1:111122223333:warder-detach-direct-policy")},
			nil,
			"left  Undelivered in us-east-1, message m: it was for " +
				"arn:aws:sqs:us-east-1:111122223333:warder-detach-direct-policy, which is not Warder's",
		},
		{
			"a record without its event",
			"hub/failed",
			held{body: record(functionARN+"warder-detach-direct-policy", "null")},
			nil,
			"left  Failed in us-east-1, message m: the event itself is not in it: look it up in CloudTrail, or warder sweep " +
				"--control detach-direct-policy",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			message := tt.held
			message.id = "m"
			k := &keeping{queues: map[string][]*held{tt.queue: {&message}}}
			status, lines := k.redrive(t)
			if lines[0] != tt.said {
				t.Errorf("said %q\nwant %q", lines[0], tt.said)
			}
			if diff := cmp.Diff(tt.sent, k.sent); diff != "" {
				t.Errorf("sent (-want +got):\n%s", diff)
			}
			left := strings.HasPrefix(tt.said, "left")
			if kept := len(k.queues[tt.queue]) == 1; kept != left || (status == 1) != left {
				t.Errorf("kept %v, status %d", kept, status)
			}
			if left && message.hidden {
				t.Error("what was left stays hidden from whoever looks next")
			}
		})
	}
}

func TestRedrive_Failures(t *testing.T) {
	one := func() map[string][]*held {
		return map[string][]*held{"hub/failed": {{id: "m", body: record(functionARN+"warder-detach-direct-policy", anEvent)}}}
	}
	k := &keeping{queues: one(), refuse: "warder-detach-direct-policy"}
	if status, lines := k.redrive(t); status != 1 || len(k.queues["hub/failed"]) != 1 ||
		!strings.Contains(lines[0], "invoke warder-detach-direct-policy: TooManyRequests") {
		t.Errorf("not accepted: status %d, %q, kept %d", status, lines, len(k.queues["hub/failed"]))
	}
	k = &keeping{queues: one(), status: 200}
	if status, lines := k.redrive(t); status != 1 || len(k.queues["hub/failed"]) != 1 ||
		!strings.Contains(lines[0], "status 200, want 202") {
		t.Errorf("answered, but not accepted: status %d, %q, kept %d", status, lines, len(k.queues["hub/failed"]))
	}
	k = &keeping{queues: one(), stuck: true}
	if status, lines := k.redrive(t); status != 1 || len(k.sent) != 1 ||
		!strings.Contains(strings.Join(lines, "\n"), "could not be removed: denied") {
		t.Errorf("not removed: status %d, %q, sent %d", status, lines, len(k.sent))
	}
}

// The same notice twice is put into the queue once, and both are removed: whoever is fed does it once.
func TestRedrive_SameNoticeTwice(t *testing.T) {
	body := `{"kind":"changed","finding":"abcdefghij","title":"T"}`
	k := &keeping{queues: map[string][]*held{"hub/failed": {{id: "1", body: body, from: "slack-feed"},
		{id: "2", body: body, from: "slack-feed"}}}}
	if status, lines := k.redrive(t); status != 0 || len(k.sent) != 1 || len(k.queues["hub/failed"]) != 0 {
		t.Errorf("status %d, sent %q, %q", status, k.sent, lines)
	}
	k = &keeping{queues: map[string][]*held{"hub/failed": {{id: "1", body: body, from: "slack-feed"}}},
		refuse: "hub/slack-feed"}
	if status, lines := k.redrive(t); status != 1 || len(k.queues["hub/failed"]) != 1 ||
		!strings.Contains(lines[0], "send to the queue of warder-post-to-slack: AccessDenied") {
		t.Errorf("refused: status %d, %q", status, lines)
	}
}

func TestRedrive_Ends(t *testing.T) {
	k := &keeping{queues: map[string][]*held{"hub/failed": {}}}
	back := func() {
		k.queues["hub/failed"] = append(k.queues["hub/failed"],
			&held{id: fmt.Sprint(len(k.sent)), body: record(functionARN+"warder-detach-direct-policy", anEvent)})
	}
	back()
	k.onInvoke = back
	status, lines := k.redrive(t)
	if status != 1 || len(k.sent) != 1 || len(k.queues["hub/failed"]) != 1 ||
		lines[len(lines)-1] != "1 message sent again, 1 left" {
		t.Errorf("status %d, sent %d, kept %d:\n%s", status, len(k.sent), len(k.queues["hub/failed"]),
			strings.Join(lines, "\n"))
	}
}

func TestRedrive_ManyMessages(t *testing.T) {
	k := &keeping{queues: map[string][]*held{}}
	for i := range 25 {
		k.queues["hub/failed"] = append(
			k.queues["hub/failed"],
			&held{
				id:   fmt.Sprint(i),
				body: record(functionARN+"warder-detach-direct-policy", strings.Replace(anEvent, "e-1", fmt.Sprint(i), 1)),
			},
		)
	}
	if status, lines := k.redrive(t); status != 0 || len(k.sent) != 25 ||
		lines[len(lines)-1] != "25 messages sent again, 0 left" {
		t.Errorf("status %d, sent %d, %s", status, len(k.sent), lines[len(lines)-1])
	}
}

func TestRedrive_EmptyQueues(t *testing.T) {
	if status, lines := new(keeping).redrive(t); status != 0 ||
		!slices.Equal(lines, []string{"0 messages sent again, 0 left"}) {
		t.Errorf("status %d, %q", status, lines)
	}
}
