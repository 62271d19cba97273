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

// newDrillQueue adds the queue from which a drill learns when each of its events
// arrived: the IAM calls about its own users, and what it puts on the bus itself.
func newDrillQueue(h *Hub) awssqs.Queue {
	queue := newQueue(h.Stack, "DrillArrivals")
	var arns []*string
	add := func(id string, bus *string, p pattern) {
		rule := newRule(h.Stack, id, awsevents.CfnRuleProps{
			Description:  jsii.String("Drill: when its events arrive"),
			EventBusName: bus,
			EventPattern: p.of(h.Account()),
			State:        jsii.String(enabled),
		}, awsevents.CfnRule_TargetProperty{Id: jsii.String("Queue"), Arn: queue.QueueArn()}, h.Undelivered)
		arns = append(arns, rule.AttrArn())
	}
	users := map[string]any{"userName": []any{map[string]any{"prefix": drill.Prefix}}}
	add("DrillCalls", nil, pattern{"source": []any{"aws.iam"}, "detail": map[string]any{"requestParameters": users}})
	add("DrillEvents", h.Bus.Ref(), pattern{"source": []any{event.Drilled}})
	queue.AddToResourcePolicy(
		allowService("events", queue.QueueArn(), "ArnEquals", "aws:SourceArn", &arns, "sqs:SendMessage"))
	return queue
}

// newDrillPolicy adds the policy that a drill attaches to its own users. It has a
// name, because the drill may attach it and no other.
func newDrillPolicy(stack awscdk.Stack) {
	awsiam.NewCfnManagedPolicy(stack, jsii.String("DrillPolicy"), &awsiam.CfnManagedPolicyProps{
		ManagedPolicyName: jsii.String(drill.Policy),
		Path:              jsii.String(drill.Path),
		Description: jsii.String("Allows what is allowed to everybody: " +
			"a drill attaches it to a user of its own, to see it detached"),
		PolicyDocument: policyDocument(drill.Policy, drill.Document),
	})
}

// policyDocument decodes a document of Warder's own for the template.
func policyDocument(name, text string) (document any) {
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		panic(fmt.Sprintf("decode policy %s: %v", name, err))
	}
	return document
}

// drilled lists the controls that a drill checks, in the order of the scenarios.
func (p *HubProps) drilled() []settings.Drilled {
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
			all = append(all, settings.Drilled{Control: c.ID, Scenario: scenario, Rule: rule, Off: p.off(c)})
		}
	}
	return all
}

// configRule returns the first rule of AWS Config that the pattern names, empty if it
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
