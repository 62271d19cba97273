package stack

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/settings"
)

const (
	enabled  = "ENABLED"
	disabled = "DISABLED"
	// withReads lets the pattern alone decide: ENABLED would drop read-only calls,
	// some of which matter (root listing its keys).
	// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
	withReads = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
)

// addRules adds what starts a control: a rule for each pattern of control.json, limited to this account, and
// one for the schedule. Events of other regions arrive on the hub's bus, which has rules of its own. In mode
// off the rules are disabled.
func (h *Hub) addRules(scope constructs.Construct, c control.Control, f function) {
	add := func(id, description string, rule awsevents.CfnRuleProps) {
		rule.Description = jsii.String(description)
		if h.props.off(c) {
			rule.State = jsii.String(disabled)
		}
		h.start(scope, id, f, rule, nil)
	}
	for i, p := range patterns(c, h.props.Settings) {
		rule := awsevents.CfnRuleProps{EventPattern: p.of(h.Account()), State: jsii.String(withReads)}
		add(fmt.Sprintf("Rule%d", i+1), c.Title, rule)
		if p = h.onBus(c, p); p != nil {
			rule.EventPattern, rule.EventBusName = p.of(h.Account()), h.Bus.Ref()
			add(fmt.Sprintf("Bus%d", i+1), c.Title+": in other regions, and in a drill", rule)
		}
	}
	if c.Schedule != "" {
		add("Schedule", c.Title+": sweep of the whole account", schedule(c))
	}
}

func schedule(c control.Control) awsevents.CfnRuleProps {
	return awsevents.CfnRuleProps{ScheduleExpression: jsii.String(c.Schedule), State: jsii.String(enabled)}
}

// onBus returns the pattern of a control for events on the hub's bus, nil when none come there.
func (h *Hub) onBus(c control.Control, p pattern) pattern {
	regions := len(h.props.Settings.Regions) > 0
	if h.Drill != nil {
		if drilled := p.drilled(c.Drill.Source(), !regions); drilled != nil {
			return drilled
		}
	}
	if regions && p.regional() {
		return p
	}
	return nil
}

// start adds a rule that starts the function, with the event or with input in its place.
func (h *Hub) start(scope constructs.Construct, id string, f function, rule awsevents.CfnRuleProps, input *string) {
	made := newRule(scope, id, rule, awsevents.CfnRule_TargetProperty{
		Id: jsii.String("Function"), Arn: f.lambda.FunctionArn(), Input: input,
	}, h.Undelivered)
	mayInvoke(scope, id+"Permission", f, "events", made.AttrArn())
}

// newRule adds a rule with one target. Undelivered keeps the events that EventBridge cannot hand over.
func newRule(scope constructs.Construct, id string, rule awsevents.CfnRuleProps,
	target awsevents.CfnRule_TargetProperty, undelivered awssqs.Queue,
) awsevents.CfnRule {
	target.DeadLetterConfig = &awsevents.CfnRule_DeadLetterConfigProperty{Arn: undelivered.QueueArn()}
	rule.Targets = &[]any{&target}
	return awsevents.NewCfnRule(scope, jsii.String(id), &rule)
}

// newBus adds the bus for events that AWS does not put on the hub's default bus. It
// has no policy: only this account's own roles may put events on it.
func newBus(stack awscdk.Stack) awsevents.CfnEventBus {
	return awsevents.NewCfnEventBus(stack, jsii.String("Bus"), &awsevents.CfnEventBusProps{
		Name:        jsii.String(settings.Product),
		Description: jsii.String("What happens in other regions, and what a drill makes of it"),
	})
}
