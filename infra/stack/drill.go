package stack

import (
	"encoding/json"
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/drill"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/settings"
)

// newDrill is the queue that a drill watches, to learn when each of its events
// came: the IAM calls about its own users, and what it puts on the bus itself.
func newDrill(stack awscdk.Stack, bus awsevents.CfnEventBus, undelivered awssqs.Queue) awssqs.Queue {
	queue := newQueue(stack, "DrillArrivals")
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
		"detail": map[string]any{"requestParameters": map[string]any{"userName": []any{map[string]any{"prefix": drill.Prefix}}}},
	})
	add("DrillEvents", bus.Ref(), pattern{"source": []any{event.Drilled}})
	queue.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(jsii.String("events.amazonaws.com"), nil)},
		Actions:    jsii.Strings("sqs:SendMessage"),
		Resources:  &[]*string{queue.QueueArn()},
		Conditions: &map[string]any{"ArnEquals": map[string]any{"aws:SourceArn": &arns}},
	}))
	return queue
}

// newDrillPolicy is the policy that a drill attaches to its own users. It has a
// name, because the drill may attach it and no other.
func newDrillPolicy(stack awscdk.Stack) {
	var raw any
	if err := json.Unmarshal([]byte(drill.Document), &raw); err != nil {
		panic(fmt.Sprintf("decode policy %s: %v", drill.Policy, err)) // package drill has written it
	}
	awsiam.NewCfnManagedPolicy(stack, jsii.String("DrillPolicy"), &awsiam.CfnManagedPolicyProps{
		ManagedPolicyName: jsii.String(drill.Policy),
		Path:              jsii.String(drill.Path),
		Description:       jsii.String("Allows what is allowed to everybody: a drill attaches it to a user of its own, to see it detached"),
		PolicyDocument:    raw,
	})
}

// drilled is the controls that a drill is to see at work, in the order of the
// scenarios.
func (p HubProps) drilled() []settings.Drilled {
	var all []settings.Drilled
	for _, scenario := range control.Scenarios {
		for _, c := range p.Controls {
			if c.Drill != scenario {
				continue
			}
			rule := ""
			for _, q := range patterns(c, p.Settings) {
				if q.drilled(scenario.Source(), true) != nil {
					rule = q.configRule()
				}
			}
			all = append(all, settings.Drilled{Control: c.ID, Scenario: scenario, Rule: rule, Off: p.Settings.Controls[c.ID].Mode == control.Off})
		}
	}
	return all
}

// configRule is the first rule of AWS Config that the pattern names, empty if it
// names none.
func (p pattern) configRule() string {
	detail, _ := p["detail"].(map[string]any)
	names, _ := detail["configRuleName"].([]any)
	for _, name := range names {
		if text, ok := name.(string); ok { // a filter is no name
			return text
		}
	}
	return ""
}
