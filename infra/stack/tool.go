package stack

import (
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/settings"
)

// scheduledInput is what a tool's schedule hands it in place of an event: no
// request.
const scheduledInput = "{}"

// NewTool adds a tool to the hub: its function, which a person invokes and waits
// for. One that a schedule starts as well is retried as a control is, one that the
// topic starts tries again by itself what is worth it and nothing else; what they
// could not do is kept. Tell completes it.
func NewTool(scope constructs.Construct, id string, props ControlProps) Function {
	c, hub := props.Control, props.Hub
	construct := newTagged(scope, id, c)
	alone := c.Schedule == "" && !c.Subscribes
	var plumbing []awsiam.PolicyStatement
	if !alone {
		plumbing = append(plumbing, hub.mayFail())
	}
	function := newFunction(construct, props, plumbing...)
	if !alone {
		tries := retries
		if c.Subscribes {
			tries = 0
		}
		newRetry(construct, function.Lambda, hub, tries)
	}
	if c.Schedule != "" {
		newRule(construct, "Schedule", function.Lambda, hub.Undelivered, awsevents.CfnRuleProps{
			Description:        jsii.String(c.Title),
			ScheduleExpression: jsii.String(c.Schedule),
			State:              jsii.String("ENABLED"),
		}, jsii.String(scheduledInput))
	}
	if c.Subscribes {
		newListener(construct, function.Lambda, hub)
		mayKeep(hub.Undelivered, hub.Topic.TopicArn())
	}
	return function
}

// newListener starts the function for every notice of the topic. What SNS cannot
// hand over is kept with what EventBridge cannot.
// https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html
func newListener(scope constructs.Construct, function awslambda.Function, hub Hub) {
	awssns.NewCfnSubscription(scope, jsii.String("Subscription"), &awssns.CfnSubscriptionProps{
		TopicArn:      hub.Topic.TopicArn(),
		Protocol:      jsii.String("lambda"),
		Endpoint:      function.FunctionArn(),
		RedrivePolicy: map[string]any{"deadLetterTargetArn": hub.Undelivered.QueueArn()},
	})
	awslambda.NewCfnPermission(scope, jsii.String("SubscriptionPermission"), &awslambda.CfnPermissionProps{
		Action:       jsii.String("lambda:InvokeFunction"),
		FunctionName: function.FunctionArn(),
		Principal:    jsii.String("sns.amazonaws.com"),
		SourceArn:    hub.Topic.TopicArn(),
	})
}

// names tells whether c may do something with a resource of Warder's own.
func names(c control.Control, own ...string) bool {
	return slices.ContainsFunc(c.Permissions, func(p control.Permission) bool {
		return slices.ContainsFunc(own, func(name string) bool { return slices.Contains(p.Resources, name) })
	})
}

// Deployable is the controls and tools that the settings have a use for: without
// Slack there is nothing that a tool could post to.
func Deployable(all []control.Control, s settings.Settings) []control.Control {
	return slices.DeleteFunc(slices.Clone(all), func(c control.Control) bool {
		return names(c, control.Slack) && !s.Notify.Slack.On()
	})
}
