package stack

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/settings"
)

// regionStack is the name of the stack of a region.
func regionStack(region string) string { return settings.Product + "-" + region }

// forwarded is what the region stacks forward to the hub: everything that starts a
// control that is on and that happens in other regions as well.
func (p HubProps) forwarded() []pattern {
	var all []pattern
	for _, c := range p.Controls {
		if p.Settings.Controls[c.ID].Mode == control.Off {
			continue
		}
		for _, q := range patterns(c, p.Settings) {
			if q.regional() {
				all = append(all, q)
			}
		}
	}
	return forwarding(all)
}

// NewRegion adds the stack of one more region to an app: what happens there is
// sent to the hub's bus, in one hop. Nothing else is there but the Config rules, if
// it is their region.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-region.html
func NewRegion(scope constructs.Construct, region string, props HubProps) awscdk.Stack {
	stack := awscdk.NewStack(scope, jsii.String(regionStack(region)), &awscdk.StackProps{
		Description: jsii.String("Warder: sends what happens in this region to the hub in " + props.Settings.HubRegion),
		Env:         &awscdk.Environment{Region: jsii.String(region)},
		Synthesizer: synthesizer(props.Settings),
	})
	tag(stack, "region", props.Settings)
	bus := awscdk.Fn_Sub(jsii.String(fmt.Sprintf("arn:${AWS::Partition}:events:%s:${AWS::AccountId}:event-bus/%s", props.Settings.HubRegion, settings.Product)), nil)
	undelivered := newUndelivered(stack, props.Settings)
	role := awsiam.NewRole(stack, jsii.String("Forward"), &awsiam.RoleProps{
		Path:           jsii.String(settings.RolePath),
		Description:    jsii.String("What the rules of Warder in " + region + " may do: put events on the hub's bus"),
		AssumedBy:      awsiam.NewServicePrincipal(jsii.String("events.amazonaws.com"), nil),
		InlinePolicies: &map[string]awsiam.PolicyDocument{"forward": document(allow([]string{"events:PutEvents"}, []string{*bus}, nil))},
	})
	add := func(id, description string, p pattern) {
		awsevents.NewCfnRule(stack, jsii.String(id), &awsevents.CfnRuleProps{
			Description:  jsii.String(description),
			EventPattern: p.of(stack.Account()),
			State:        jsii.String(anyState),
			Targets: &[]any{&awsevents.CfnRule_TargetProperty{
				Id:               jsii.String("Hub"),
				Arn:              bus,
				RoleArn:          role.RoleArn(),
				DeadLetterConfig: &awsevents.CfnRule_DeadLetterConfigProperty{Arn: undelivered.QueueArn()},
			}},
		})
	}
	for i, p := range props.forwarded() {
		add(fmt.Sprintf("Forward%d", i+1), "Sends to the hub what starts a control", p)
	}
	newConfigRules(stack, region, props)
	alarm := newUndeliveredAlarm(stack, undelivered, props.Settings.HubRegion)
	add("ForwardAlarm", "Sends to the hub that events are left here", pattern{
		"source": []any{"aws.cloudwatch"}, "detail-type": []any{alarmChange}, "resources": []any{alarm.AttrArn()},
		"detail": map[string]any{"state": map[string]any{"value": []any{"ALARM"}}},
	})
	return stack
}

// alarmChange is the detail-type of what CloudWatch tells of an alarm.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html
const alarmChange = "CloudWatch Alarm State Change"

// newUndeliveredAlarm tells that the region has events that did not reach the hub.
// An alarm notifies topics of its own region alone, and people listen to the hub's.
func newUndeliveredAlarm(stack awscdk.Stack, undelivered awssqs.Queue, hub string) awscloudwatch.CfnAlarm {
	const minutes = 5
	return awscloudwatch.NewCfnAlarm(stack, jsii.String("UndeliveredAlarm"), &awscloudwatch.CfnAlarmProps{
		AlarmName: jsii.String(*stack.StackName() + "-undelivered"),
		AlarmDescription: jsii.String("Events of this region did not reach Warder in " + hub + ". Look at a message of the queue Undelivered here: " +
			"its attributes ERROR_CODE and ERROR_MESSAGE say why. When that is put right: make redrive. See " + handbook + "."),
		Namespace:          jsii.String("AWS/SQS"),
		MetricName:         jsii.String("ApproximateNumberOfMessagesVisible"),
		Dimensions:         &[]any{&awscloudwatch.CfnAlarm_DimensionProperty{Name: jsii.String("QueueName"), Value: undelivered.QueueName()}},
		Statistic:          jsii.String("Maximum"),
		Period:             jsii.Number(minutes * 60),
		EvaluationPeriods:  jsii.Number(1),
		Threshold:          jsii.Number(0),
		ComparisonOperator: jsii.String("GreaterThanThreshold"),
		TreatMissingData:   jsii.String("notBreaching"), // SQS measures nothing of a queue that nobody uses
	})
}

// newRegionAlarms keeps what a region tells of its own undelivered events with those
// of the hub, so that there is one place to look at and one alarm to hear.
func newRegionAlarms(stack awscdk.Stack, bus awsevents.CfnEventBus, undelivered awssqs.Queue) {
	awsevents.NewCfnRule(stack, jsii.String("RegionAlarms"), &awsevents.CfnRuleProps{
		Description:  jsii.String("A region has events that did not reach the hub"),
		EventBusName: bus.Ref(),
		EventPattern: pattern{"source": []any{"aws.cloudwatch"}, "detail-type": []any{alarmChange}}.of(stack.Account()),
		State:        jsii.String("ENABLED"),
		Targets: &[]any{&awsevents.CfnRule_TargetProperty{
			Id:               jsii.String("Queue"),
			Arn:              undelivered.QueueArn(),
			DeadLetterConfig: &awsevents.CfnRule_DeadLetterConfigProperty{Arn: undelivered.QueueArn()},
		}},
	})
}
