package stack

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/jsii-runtime-go"
)

//go:embed watch.json
var silencing []byte

// newWatch adds the second way: a topic without a key, and rules that send it the calls that could silence Warder, with
// no function between. alert-warder-change reports the same calls through its function, the topic of notices and its
// key, so that whatever is switched off of one way is reported by the other. EventBridge cannot publish to a topic
// under SNS's own key, and one of the stack's could be disabled like the first; the messages hold no secret.
// https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
func newWatch(h *Hub) awssns.Topic {
	topic := awssns.NewTopic(h.Stack, jsii.String("Watch"), &awssns.TopicProps{
		DisplayName: jsii.String("Warder"), EnforceSSL: jsii.Bool(true),
	})
	for _, email := range h.props.Settings.Watchers() {
		awssns.NewSubscription(topic, jsii.String(email), &awssns.SubscriptionProps{
			Topic: topic, Protocol: awssns.SubscriptionProtocol_EMAIL, Endpoint: jsii.String(email),
		})
	}
	var rules []*string
	add := func(id string, bus *string, p pattern) {
		target := awsevents.CfnRule_TargetProperty{
			Id: jsii.String("Topic"), Arn: topic.TopicArn(), InputTransformer: watchMessage(),
		}
		rule := listen(h.Stack, bus, "To the second topic: a call that could silence Warder", enabled, p)
		rules = append(rules, newRule(h.Stack, id, rule, target, h.Undelivered).AttrArn())
	}
	for i, p := range h.silencing(h.keys()) {
		add(fmt.Sprintf("Watch%d", i+1), nil, p)
	}
	if h.Bus != nil && len(h.props.Settings.Regions) > 0 {
		for i, p := range h.silencing(nil) {
			add(fmt.Sprintf("WatchBus%d", i+1), h.Bus.Ref(), p)
		}
	}
	topic.AddToResourcePolicy(
		allowService("events", topic.TopicArn(), "ArnEquals", "aws:SourceArn", &rules, "sns:Publish"))
	topic.AddToResourcePolicy(
		allowService("cloudwatch", topic.TopicArn(), "StringEquals", "aws:SourceAccount", h.Account(), "sns:Publish"))
	awscdk.NewCfnOutput(h.Stack, jsii.String("WatchTopicArn"), &awscdk.CfnOutputProps{
		Description: jsii.String("Subscribe to it to be notified when somebody switches off a part of Warder"),
		Value:       topic.TopicArn(),
	})
	return topic
}

// watchRegion adds the second way to the stack of a region, as rules of their own beside those that forward what starts
// a control: what is switched off of one of them, the others forward. Both arrive on the hub's bus, so that a call in
// another region is in two mails there.
func (h *Hub) watchRegion(add func(id, description string, p pattern)) {
	for i, p := range h.silencing(nil) {
		add(fmt.Sprintf("Watch%d", i+1), "Forwards to the hub a call that could silence Warder", p)
	}
}

// silencing are the patterns of the calls that could silence Warder: those of watch.json, and of the keys. What
// CloudFormation does for a deployment is left out; that somebody deploys or deletes is not.
func (h *Hub) silencing(keys []awskms.IKey) []pattern {
	var all []pattern
	if err := json.Unmarshal(silencing, &all); err != nil {
		panic(fmt.Sprintf("decode watch.json: %v", err)) // a test has read it
	}
	for i, p := range all {
		detail := p["detail"].(map[string]any)
		detail["errorCode"] = []any{map[string]any{"exists": false}}
		detail["userIdentity"] = map[string]any{"invokedBy": []any{
			map[string]any{"exists": false}, map[string]any{"anything-but": "cloudformation.amazonaws.com"},
		}}
		if len(keys) > 0 && slices.Contains(p.list("source"), any("aws.kms")) {
			var ids []any
			for _, key := range keys {
				ids = append(ids, key.KeyId(), key.KeyArn())
			}
			detail["$or"] = append(detail["$or"].([]any), map[string]any{
				"eventName":         []any{"DisableKey", "PutKeyPolicy", "ScheduleKeyDeletion"},
				"requestParameters": map[string]any{"keyId": ids},
			})
		}
		all[i] = p
	}
	return all
}

// watchFields are what a message says of the call: the name in the message, and where the event has it. What an event
// does not have is left out of the message.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
var watchFields = [][2]string{
	{"event", "$.detail.eventName"}, {"by", "$.detail.userIdentity.arn"}, {"type", "$.detail.userIdentity.type"},
	{"from", "$.detail.sourceIPAddress"}, {"at", "$.time"}, {"account", "$.account"}, {"region", "$.region"},
	{"what1", "$.detail.requestParameters.name"}, {"what2", "$.detail.requestParameters.rule"},
	{"what3", "$.detail.requestParameters.functionName"}, {"what4", "$.detail.requestParameters.stackName"},
	{"what5", "$.detail.requestParameters.stackSetName"}, {"what6", "$.detail.requestParameters.topicArn"},
	{"what7", "$.detail.requestParameters.resourceArn"}, {"what8", "$.detail.requestParameters.subscriptionArn"},
	{"what9", "$.detail.requestParameters.alarmNames[0]"}, {"what10", "$.detail.requestParameters.alarmName"},
	{"what11", "$.detail.requestParameters.queueUrl"}, {"what12", "$.detail.requestParameters.logGroupName"},
	{"what13", "$.detail.requestParameters.tableName"}, {"what14", "$.detail.requestParameters.keyId"},
	{"what15", "$.detail.requestParameters.uUID"}, // of what starts a function for the messages of a queue
}

// watchMessage makes the message of a call. Each line is a string of its own.
func watchMessage() *awsevents.CfnRule_InputTransformerProperty {
	paths, what := map[string]*string{}, ""
	for _, field := range watchFields {
		paths[field[0]] = jsii.String(field[1])
		if strings.HasPrefix(field[0], "what") {
			what += "<" + field[0] + ">"
		}
	}
	lines := []string{
		`Warder: somebody called <event> on ` + what + `.`,
		`By: <by> (<type>)`,
		`From: <from>`,
		`At: <at>, account <account>, region <region>`,
		`This can silence Warder. It comes from EventBridge directly, in case Warder's own notices do not come any more.`,
		`Nothing to do if you are deploying Warder. If nobody knows who did it and why, treat it as an attack: make the ` +
			`caller's credentials inactive, then deploy Warder again and run make doctor.`,
	}
	return &awsevents.CfnRule_InputTransformerProperty{
		InputPathsMap: &paths, InputTemplate: jsii.String(`"` + strings.Join(lines, "\"\n\"") + `"`),
	}
}
