package stack

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsses"
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
	// A queue hands over what came in fedSeconds at once, up to maxBatch messages, to two invocations at a time, which is
	// the least. A message that has to wait is handed over again many times before it counts as failed.
	fedSeconds     = 10
	maxBatch       = 500
	maxInvocations = 2
	maxReceives    = 200
)

// newMail adds what owners get mail with: a configuration set, unless the settings name one, which puts onto the
// default bus what comes back. It returns the set's name.
// https://docs.aws.amazon.com/ses/latest/dg/event-publishing-add-event-destination-eventbridge.html
func newMail(h *Hub) string {
	scope := constructs.NewConstruct(h.Stack, jsii.String("Mail"))
	set := h.props.Settings.Notify.SES.ConfigurationSet
	if set == "" {
		set = *awsses.NewCfnConfigurationSet(scope, jsii.String("Set"), &awsses.CfnConfigurationSetProps{}).Ref()
	}
	bus := h.FormatArn(&awscdk.ArnComponents{
		Service: jsii.String("events"), Resource: jsii.String("event-bus"), ResourceName: jsii.String("default"),
	})
	awsses.NewCfnConfigurationSetEventDestination(scope, jsii.String("Back"),
		&awsses.CfnConfigurationSetEventDestinationProps{
			ConfigurationSetName: jsii.String(set),
			EventDestination: &awsses.CfnConfigurationSetEventDestination_EventDestinationProperty{
				Enabled:            jsii.Bool(true),
				MatchingEventTypes: jsii.Strings("bounce", "complaint"),
				EventBridgeDestination: &awsses.CfnConfigurationSetEventDestination_EventBridgeDestinationProperty{
					EventBusArn: bus,
				},
			},
		})
	return set
}

// mailARNs are the resources that SES asks about for a mail of the sender: the address or its domain, whichever is
// verified, and the configuration set.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsimpleemailservicev2.html
func (h *Hub) mailARNs() []string {
	arn := func(resource, name string) string {
		return *h.FormatArn(&awscdk.ArnComponents{
			Service: jsii.String("ses"), Resource: jsii.String(resource), ResourceName: jsii.String(name),
		})
	}
	sender := h.props.Settings.Notify.SES.Sender
	return []string{
		arn("identity", sender), arn("identity", sender[strings.LastIndex(sender, "@")+1:]),
		arn("configuration-set", h.names.Mail.Set),
	}
}

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
	awslambda.NewCfnEventSourceMapping(scope, jsii.String("Feed"), &awslambda.CfnEventSourceMappingProps{
		FunctionName:                   f.FunctionName(),
		EventSourceArn:                 queue.QueueArn(),
		BatchSize:                      jsii.Number(maxBatch),
		MaximumBatchingWindowInSeconds: jsii.Number(fedSeconds),
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
		// All notices have one; what others publish, such as alarms, is for whoever is subscribed.
		FilterPolicy:  map[string]any{"control": []any{map[string]any{"exists": true}}},
		RedrivePolicy: map[string]any{"deadLetterTargetArn": h.Undelivered.QueueArn()},
	})
	for _, q := range []awssqs.Queue{queue, h.Undelivered} {
		q.AddToResourcePolicy(allowService("sns", q.QueueArn(), "ArnEquals", "aws:SourceArn", topic, "sqs:SendMessage"))
	}
	if uses(c, control.Mail) {
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
