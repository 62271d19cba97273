package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/warder-aws/warder/pkg/control"
)

const (
	// fedMinutes is the timeout of a function that a queue feeds, which must not be longer than the time that the queue
	// keeps a message from others; AWS advises six times as long.
	// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
	fedMinutes = 2
	// A queue hands over what came in a while at once, up to maxBatch messages, to two invocations at a time, which is the
	// least: notices never use up the concurrency that controls need. A message that has to wait is handed over again many
	// times before it counts as failed.
	maxBatch       = 500
	maxInvocations = 2
	maxReceives    = 200
	// What comes within mailSeconds is one mail; a channel does not wait longer than it must for a batch of that size.
	mailSeconds = 10
	fedSeconds  = 1
)

// newFeed adds a queue that feeds a function. What the function could not do in all its tries is kept with what others
// could not.
func (h *Hub) newFeed(scope constructs.Construct) awssqs.Queue {
	return awssqs.NewQueue(scope, jsii.String("Queue"), &awssqs.QueueProps{
		Encryption:        awssqs.QueueEncryption_SQS_MANAGED,
		EnforceSSL:        jsii.Bool(true),
		RetentionPeriod:   awscdk.Duration_Days(jsii.Number(queueDays)),
		VisibilityTimeout: awscdk.Duration_Minutes(jsii.Number(6 * fedMinutes)),
		DeadLetterQueue:   &awssqs.DeadLetterQueue{Queue: h.Failed, MaxReceiveCount: jsii.Number(maxReceives)},
	})
}

// feed starts the function for the notices of the topic, through its queue; a function that sends mail for what SES
// says of its mails as well.
func (h *Hub) feed(scope constructs.Construct, c control.Control, f awslambda.Function, queue awssqs.Queue) {
	seconds, filter := fedSeconds, any(nil)
	if uses(c, control.Mail) {
		seconds = mailSeconds
		// All notices have one; what others publish, such as alarms, is for whoever is subscribed.
		filter = map[string]any{"control": []any{map[string]any{"exists": true}}}
	}
	awslambda.NewCfnEventSourceMapping(scope, jsii.String("Feed"), &awslambda.CfnEventSourceMappingProps{
		FunctionName:                   f.FunctionName(),
		EventSourceArn:                 queue.QueueArn(),
		BatchSize:                      jsii.Number(maxBatch),
		MaximumBatchingWindowInSeconds: jsii.Number(seconds),
		FunctionResponseTypes:          jsii.Strings("ReportBatchItemFailures"),
		ScalingConfig: &awslambda.CfnEventSourceMapping_ScalingConfigProperty{
			MaximumConcurrency: jsii.Number(maxInvocations),
		},
	})
	topic := h.Topic.TopicArn()
	awssns.NewCfnSubscription(scope, jsii.String("Subscription"), &awssns.CfnSubscriptionProps{
		TopicArn:           topic,
		Protocol:           jsii.String("sqs"),
		Endpoint:           queue.QueueArn(),
		RawMessageDelivery: jsii.Bool(true),
		FilterPolicy:       filter,
		RedrivePolicy:      map[string]any{"deadLetterTargetArn": h.Undelivered.QueueArn()},
	})
	for _, q := range []awssqs.Queue{queue, h.Undelivered} {
		q.AddToResourcePolicy(allowService("sns", q.QueueArn(), "ArnEquals", "aws:SourceArn", topic, "sqs:SendMessage"))
	}
	if uses(c, control.Mail) && h.props.Settings.Notify.SES.On() {
		events := pattern{
			"source":      []any{"aws.ses"},
			"detail-type": []any{"Email Bounced", "Email Complaint Received"},
		}
		target := awsevents.CfnRule_TargetProperty{Id: jsii.String("Queue"), Arn: queue.QueueArn()}
		rule := newRule(scope, "Back", listen(h.Stack, nil, "Mail that came back", enabled, events), target, h.Undelivered)
		queue.AddToResourcePolicy(allowService("events", queue.QueueArn(), "ArnEquals", "aws:SourceArn", rule.AttrArn(),
			"sqs:SendMessage"))
	}
}
