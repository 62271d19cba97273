package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/warder-aws/warder/pkg/control"
)

// scheduledInput is what a tool's schedule sends in place of an event: no request.
const scheduledInput = "{}"

// addTool adds a tool to the hub: a function that a person invokes and waits for.
// One that also has a schedule is retried as a control is. One that is subscribed to
// the topic retries by itself what is worth it. What fails then is kept.
func (h *Hub) addTool(c control.Control) function {
	scope := newTagged(h.Stack, c)
	byPersonOnly := c.Schedule == "" && !c.Subscribes
	var plumbing []awsiam.PolicyStatement
	if !byPersonOnly {
		plumbing = append(plumbing, h.mayFail())
	}
	f := h.newFunction(scope, c, plumbing...)
	if !byPersonOnly {
		tries := retries
		if c.Subscribes {
			tries = 0
		}
		h.retry(scope, f, tries)
	}
	if c.Schedule != "" {
		rule := schedule(c)
		rule.Description = jsii.String(c.Title)
		h.start(scope, "Schedule", f, rule, jsii.String(scheduledInput))
	}
	if c.Subscribes {
		h.subscribe(scope, f)
	}
	return f
}

// subscribe starts the function for every notice of the topic. What SNS cannot
// hand over is kept with what EventBridge cannot.
// https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html
func (h *Hub) subscribe(scope constructs.Construct, f function) {
	topic := h.Topic.TopicArn()
	awssns.NewCfnSubscription(scope, jsii.String("Subscription"), &awssns.CfnSubscriptionProps{
		TopicArn:      topic,
		Protocol:      jsii.String("lambda"),
		Endpoint:      f.lambda.FunctionArn(),
		RedrivePolicy: map[string]any{"deadLetterTargetArn": h.Undelivered.QueueArn()},
	})
	mayInvoke(scope, "SubscriptionPermission", f, "sns", topic)
	h.Undelivered.AddToResourcePolicy(
		allowService("sns", h.Undelivered.QueueArn(), "ArnEquals", "aws:SourceArn", topic, "sqs:SendMessage"))
}
