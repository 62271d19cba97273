package stack

import (
	"fmt"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/warder-aws/warder/pkg/settings"
)

// Region is the stack of one more region. It forwards events and does nothing else.
type Region struct{ awscdk.Stack }

// NewRegion adds the stack of one more region: it forwards what happens there to the hub's bus, in one hop.
// The Config rules are there as well, if it is their region. The id is also the stack's name. It panics on a
// region that is not in the hub's settings.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-region.html
func NewRegion(scope constructs.Construct, id string, props *RegionProps) *Region {
	if props == nil || props.Hub == nil {
		panic(fmt.Errorf("add region %s: RegionProps.Hub is required", id))
	}
	hub, region := props.Hub, props.Region
	s := hub.props.Settings
	if !slices.Contains(s.Regions, region) {
		panic(fmt.Errorf("add region %s: %q is not one of the settings' regions %q: add it there", id, region, s.Regions))
	}
	stack := newStack(scope, id, s, region, "Warder: forwards what happens in this region to the hub in "+s.HubRegion)
	tag(stack, "region", s)
	bus := awscdk.Fn_Sub(jsii.String("arn:${AWS::Partition}:events:"+s.HubRegion+
		":${AWS::AccountId}:event-bus/"+settings.Product), nil)
	undelivered := newUndelivered(stack, s)
	role := awsiam.NewRole(stack, jsii.String("Forward"), &awsiam.RoleProps{
		Path:        jsii.String(settings.RolePath),
		Description: jsii.String("What the rules of Warder in " + region + " may do: put events on the hub's bus"),
		AssumedBy:   servicePrincipal("events"),
		InlinePolicies: &map[string]awsiam.PolicyDocument{
			"forward": document(may(bus, "events:PutEvents")),
		},
	})
	add := func(id, description string, p pattern) {
		target := awsevents.CfnRule_TargetProperty{Id: jsii.String("Hub"), Arn: bus, RoleArn: role.RoleArn()}
		newRule(stack, id, listen(stack, description, withReads, p), target, undelivered)
	}
	for i, p := range hub.props.forwarded() {
		add(fmt.Sprintf("Forward%d", i+1), "Forwards to the hub what starts a control", p)
	}
	newConfigRules(stack, hub.props, region)

	// An alarm notifies only topics of its own region, and people are subscribed to the hub's.
	alarm := notEmpty(undelivered).alarm(*stack.StackName()+"-undelivered",
		"Events of this region did not reach Warder in "+s.HubRegion+". Look at a message of the queue Undelivered "+
			"here: its attributes ERROR_CODE and ERROR_MESSAGE say why. When that is fixed: make redrive. See "+
			handbook+".")
	alarm.DatapointsToAlarm = nil // as many as periods
	arn := awscloudwatch.NewCfnAlarm(stack, jsii.String("UndeliveredAlarm"), alarm).AttrArn()
	add("ForwardAlarm", "Forwards to the hub that events are left here", pattern{
		"source": []any{"aws.cloudwatch"}, "detail-type": []any{alarmChange}, "resources": []any{arn},
		"detail": map[string]any{"state": map[string]any{"value": []any{"ALARM"}}},
	})
	stack.AddStackDependency(hub.Stack, jsii.String("it sends to the hub's bus"))
	return &Region{stack}
}

// alarmChange is the detail-type of CloudWatch's events about an alarm.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html
const alarmChange = "CloudWatch Alarm State Change"

// newRegionAlarmRule keeps the regions' events about their own undelivered events with those
// of the hub: there is one queue to look at, and one alarm.
func newRegionAlarmRule(h *Hub) {
	alarms := pattern{"source": []any{"aws.cloudwatch"}, "detail-type": []any{alarmChange}}
	rule := listen(h.Stack, "A region has events that did not reach the hub", enabled, alarms)
	rule.EventBusName = h.Bus.Ref()
	target := awsevents.CfnRule_TargetProperty{Id: jsii.String("Queue"), Arn: h.Undelivered.QueueArn()}
	newRule(h.Stack, "RegionAlarms", rule, target, h.Undelivered)
}
