package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/settings"
)

const (
	// drillSource is the source of the events that a drill puts on the hub's bus:
	// nobody but AWS may put one of an "aws." source.
	// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsRequestEntry.html
	drillSource = "warder.drill"
	// drillUsers begins the names of the users that a drill makes.
	drillUsers = "warder-drill-"
)

// anyState makes the pattern alone decide: ENABLED would drop read-only calls,
// some of which matter (root listing its keys).
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
const anyState = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"

// needsBus tells whether events come to the hub from elsewhere: from other
// regions, or from a drill.
func (p HubProps) needsBus() bool {
	return len(p.Settings.Regions) > 0 || p.any(control.Bus, control.DrillQueue)
}

// any tells whether one of the tools names one of Warder's own resources.
func (p HubProps) any(own ...string) bool {
	for _, c := range p.Controls {
		if names(c, own...) {
			return true
		}
	}
	return false
}

// newBus is the bus for what is not put on the hub's default bus by AWS. It has no
// policy: only this account's own roles may put events on it.
func newBus(stack awscdk.Stack) awsevents.CfnEventBus {
	return awsevents.NewCfnEventBus(stack, jsii.String("Bus"), &awsevents.CfnEventBusProps{
		Name:        jsii.String(settings.Product),
		Description: jsii.String("What happens in other regions, and what a drill makes of it"),
	})
}

// newDrill is the queue that a drill watches, to learn when each of its events
// came: the IAM calls about its own users, and what it puts on the bus itself.
func newDrill(stack awscdk.Stack, bus awsevents.CfnEventBus, undelivered awssqs.Queue) awssqs.Queue {
	queue := newQueue(stack, "Drill")
	var arns []*string
	add := func(id string, bus *string, p pattern) {
		rule := awsevents.NewCfnRule(stack, jsii.String(id), &awsevents.CfnRuleProps{
			Description:  jsii.String("Drill: when its events come"),
			EventBusName: bus,
			EventPattern: p.of(stack.Account()),
			State:        jsii.String("ENABLED"),
			Targets: &[]any{&awsevents.CfnRule_TargetProperty{
				Id:               jsii.String("Queue"),
				Arn:              queue.QueueArn(),
				DeadLetterConfig: &awsevents.CfnRule_DeadLetterConfigProperty{Arn: undelivered.QueueArn()},
			}},
		})
		arns = append(arns, rule.AttrArn())
	}
	add("DrillCalls", nil, pattern{
		"source": []any{"aws.iam"},
		"detail": map[string]any{"requestParameters": map[string]any{"userName": []any{map[string]any{"prefix": drillUsers}}}},
	})
	add("DrillEvents", bus.Ref(), pattern{"source": []any{drillSource}})
	queue.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(jsii.String("events.amazonaws.com"), nil)},
		Actions:    jsii.Strings("sqs:SendMessage"),
		Resources:  &[]*string{queue.QueueArn()},
		Conditions: &map[string]any{"ArnEquals": map[string]any{"aws:SourceArn": &arns}},
	}))
	return queue
}
