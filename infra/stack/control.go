package stack

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/settings"
)

const (
	// Lambda retries a failed run after one and two minutes, and keeps trying to
	// start a throttled one for as long as it can.
	// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
	retries         = 2
	maxEventSeconds = 6 * 60 * 60
)

// ControlProps is what a control or a tool becomes resources from.
type ControlProps struct {
	Hub      Hub
	Control  control.Control
	Settings settings.Settings
	Binaries string
}

// NewControl adds a control to the hub: the rules that start it and its function.
// What does not reach the function, and what the function cannot do, is kept in
// the hub's two queues. Tell completes it.
func NewControl(scope constructs.Construct, id string, props ControlProps) Function {
	c, hub := props.Control, props.Hub
	construct := newTagged(scope, id, c)
	ledger := []string{"dynamodb:GetItem", "dynamodb:PutItem"}
	if c.Schedule != "" { // a sweep lists the open cases
		ledger = append(ledger, "dynamodb:Query")
	}
	if changes(c) { // what the ledger may have against a change is read at once
		ledger = append(ledger, "dynamodb:BatchGetItem")
	}
	plumbing := []awsiam.PolicyStatement{
		// The ledger: what was done, and what undoes it.
		allow(ledger, []string{*hub.Table.TableArn()}, nil),
		// Notices.
		allow([]string{"sns:Publish"}, []string{*hub.Topic.TopicArn()}, nil),
		// The switch that stops every change.
		allow([]string{"ssm:GetParameter"}, []string{*hub.Halt.ParameterArn()}, nil),
		hub.mayFail(),
	}
	if hub.Key != nil {
		plumbing = append(plumbing, allow([]string{"kms:Decrypt", "kms:GenerateDataKey"}, []string{*hub.Key.KeyArn()},
			map[string]map[string][]string{"StringEquals": {viaService: viaSNS(*hub.Region())}}))
	}
	function := newFunction(construct, props, plumbing...)
	newRetry(construct, function.Lambda, hub, retries)
	newRules(construct, props, function.Lambda)
	return function
}

// changes reports whether the control may do more than look.
func changes(c control.Control) bool {
	return slices.ContainsFunc(c.Permissions, func(p control.Permission) bool {
		return slices.ContainsFunc(p.Actions, func(action string) bool {
			_, name, _ := strings.Cut(action, ":")
			return !slices.ContainsFunc([]string{"Describe", "Generate", "Get", "List"}, func(verb string) bool { return strings.HasPrefix(name, verb) })
		})
	})
}

// mayFail lets Lambda itself hand over, with the function's role, what failed.
func (h Hub) mayFail() awsiam.PolicyStatement {
	return allow([]string{"sqs:SendMessage"}, []string{*h.Failed.QueueArn()}, nil)
}

// newRetry has a failed run tried again so often, and then kept.
func newRetry(scope constructs.Construct, function awslambda.Function, hub Hub, tries int) {
	awslambda.NewCfnEventInvokeConfig(scope, jsii.String("Retry"), &awslambda.CfnEventInvokeConfigProps{
		FunctionName:             function.FunctionName(),
		Qualifier:                jsii.String("$LATEST"),
		MaximumRetryAttempts:     jsii.Number(tries),
		MaximumEventAgeInSeconds: jsii.Number(maxEventSeconds),
		DestinationConfig: &awslambda.CfnEventInvokeConfig_DestinationConfigProperty{
			OnFailure: &awslambda.CfnEventInvokeConfig_OnFailureProperty{Destination: hub.Failed.QueueArn()},
		},
	})
}

// newTagged is the construct of a control or a tool; all in it says whose it is.
func newTagged(scope constructs.Construct, id string, c control.Control) constructs.Construct {
	construct := constructs.NewConstruct(scope, jsii.String(id))
	awscdk.Tags_Of(construct).Add(jsii.String(settings.Product), jsii.String(c.ID), nil)
	return construct
}

// newRules starts the function: one rule for each pattern of control.json, as it
// is written there but for this account alone, and one for the schedule. What
// happens in other regions comes on the hub's bus, and has rules there. In mode off
// the rules are there, disabled.
func newRules(scope constructs.Construct, props ControlProps, function awslambda.Function) {
	c, hub := props.Control, props.Hub
	add := func(id, description string, rule awsevents.CfnRuleProps) {
		rule.Description = jsii.String(description)
		if props.Settings.Controls[c.ID].Mode == control.Off {
			rule.State = jsii.String("DISABLED")
		}
		newRule(scope, id, function, hub.Undelivered, rule, nil)
	}
	for i, p := range patterns(c, props.Settings) {
		rule := awsevents.CfnRuleProps{EventPattern: p.of(hub.Account()), State: jsii.String(anyState)}
		add(fmt.Sprintf("Rule%d", i+1), c.Title, rule)
		if p = hub.onBus(c, p, len(props.Settings.Regions) > 0); p != nil {
			rule.EventPattern, rule.EventBusName = p.of(hub.Account()), hub.Bus.Ref()
			add(fmt.Sprintf("Bus%d", i+1), c.Title+": in other regions, and in a drill", rule)
		}
	}
	if c.Schedule != "" {
		add("Schedule", c.Title+": sweep of the whole account", awsevents.CfnRuleProps{
			ScheduleExpression: jsii.String(c.Schedule),
			State:              jsii.String("ENABLED"),
		})
	}
}

// onBus is the pattern of a control for what comes on the hub's bus, nil when nothing does.
func (h Hub) onBus(c control.Control, p pattern, regions bool) pattern {
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

// newRule starts the function, with the event or with input in its place. What
// EventBridge cannot hand over is kept in undelivered.
func newRule(scope constructs.Construct, id string, function awslambda.Function, undelivered awssqs.Queue, props awsevents.CfnRuleProps, input *string) {
	props.Targets = &[]any{&awsevents.CfnRule_TargetProperty{
		Id:               jsii.String("Function"),
		Arn:              function.FunctionArn(),
		Input:            input,
		DeadLetterConfig: &awsevents.CfnRule_DeadLetterConfigProperty{Arn: undelivered.QueueArn()},
	}}
	rule := awsevents.NewCfnRule(scope, jsii.String(id), &props)
	awslambda.NewCfnPermission(scope, jsii.String(id+"Permission"), &awslambda.CfnPermissionProps{
		Action:       jsii.String("lambda:InvokeFunction"),
		FunctionName: function.FunctionArn(),
		Principal:    jsii.String("events.amazonaws.com"),
		SourceArn:    rule.AttrArn(),
	})
}
