package stack

import (
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awschatbot"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/settings"
)

// Hub is the stack in the region where IAM's events arrive: every control and tool, and what they share. An
// account has one.
type Hub struct {
	awscdk.Stack

	Ledger awsdynamodb.Table
	Topic  awssns.ITopic // of all notices: the stack's own, or the one that the settings name
	Watch  awssns.Topic  // the second one, for when somebody switches off a part of Warder
	Key    awskms.IKey   // of the topic; nil if the settings name a topic without one

	Mails      awssns.Topic // of mails to the addresses of notify; nil without one
	OwnerMails awssns.Topic // of mails to owners; nil if they get mail through SES, or there are none

	LedgerKey awskms.IKey // of the secret that the ledger's items are sealed with

	Failed      awssqs.Queue // what a function could not handle in all its tries
	Undelivered awssqs.Queue // what EventBridge or SNS could not hand to a function

	Reports awss3.Bucket          // nil if no tool uses it
	Bus     awsevents.CfnEventBus // for events of other regions and of drills; nil without either
	Drill   awssqs.Queue          // where a drill watches its events arrive; nil if no tool uses it

	props *HubProps
	own   map[string]string // the ARNs of what tools name in their permissions, see [control.Own]
	names settings.Function // what functions have in their settings of what is deployed
	// queues are the URLs of the queues that feed tools, by the tools' ids.
	queues    map[string]string
	schedules *schedules    // nil if nothing has a schedule
	org       *organization // nil unless a StackSet deploys it
}

// NewHub adds the hub's stack to an app or a stage, in the region that the settings name. The id is also the
// stack's name. Nil props are the defaults. It panics with the error of [HubProps.Validate] on bad props.
func NewHub(scope constructs.Construct, id string, props *HubProps) *Hub {
	if err := props.validate(id); err != nil {
		panic(fmt.Errorf("add hub %s: %w", id, err))
	}
	props, _ = props.withDefaults() // Validate has returned the error
	s := props.Settings
	stack := newStack(scope, id, s, s.HubRegion,
		"Warder keeps the IAM of this account in order, notifies people before and after, and can undo what it did")
	hub := &Hub{Stack: stack, props: props}
	if s.AssetBucket != "" {
		hub.org = newOrganization(stack)
	}
	hub.names.Table = hub.kept(settings.TableName)
	hub.addTopicAndKeys()
	hub.Ledger = newLedger(stack, hub.names.Table, s)
	hub.Failed = newQueue(stack, "Failed")
	hub.Undelivered = newUndelivered(stack, s)
	publishers, own := props.publishers()
	if len(s.Regions) > 0 || props.anyUses(control.Bus, control.DrillQueue) || own {
		hub.Bus = newBus(stack)
		guardBus(stack, hub.Bus, publishers)
	}
	hub.Watch = newWatch(hub)
	hub.queues = map[string]string{}
	hub.own = map[string]string{
		control.Ledger:          *hub.Ledger.TableArn(),
		control.LedgerBySubject: *hub.Ledger.TableArn() + "/index/" + subjectIndex,
		control.LedgerKey:       *hub.LedgerKey.KeyArn(),
		control.Topic:           *hub.Topic.TopicArn(),
		control.WatchTopic:      *hub.Watch.TopicArn(),
	}
	if hub.Key != nil {
		hub.own[control.TopicKey] = *hub.Key.KeyArn()
	}
	if props.anyUses(control.Reports) {
		hub.Reports = newReports(stack)
		hub.own[control.Reports], hub.names.Reports = *hub.Reports.BucketArn()+"/*", *hub.Reports.BucketName()
	}
	if hub.Bus != nil {
		hub.own[control.Bus], hub.names.Bus = *hub.Bus.AttrArn(), *hub.Bus.Ref()
	}
	if len(s.Regions) > 0 {
		newRegionAlarmRule(hub)
	}
	hub.addMailTopics()
	if s.Notify.SES.On() && props.anyUses(control.Mail) {
		hub.names.Mail.Set = newMail(hub)
	}
	if props.anyUses(control.DrillQueue) {
		hub.Drill = newDrill(hub)
		hub.own[control.DrillQueue], hub.names.Drill = *hub.Drill.QueueArn(), *hub.Drill.QueueUrl()
	}
	tag(stack, "hub", s)
	hub.schedules = newSchedules(hub)
	hub.addFunctions()
	hub.addOperations()
	if s.Notify.Chat {
		newChat(stack, s.HubRegion)
	}
	awscdk.NewCfnOutput(stack, jsii.String("TopicArn"), &awscdk.CfnOutputProps{
		Description: jsii.String("Subscribe to it to be notified of everything Warder finds and does"),
		Value:       hub.Topic.TopicArn(),
	})
	awscdk.NewCfnOutput(stack, jsii.String("LedgerKeyArn"), &awscdk.CfnOutputProps{
		Description: jsii.String("The key that the ledger opens with: the setting ledgerKey, to deploy over a ledger that " +
			"stayed"),
		Value: hub.LedgerKey.KeyArn(),
	})
	return hub
}

// newStack adds a stack of Warder's. The CDK deploys it, into an environment that was bootstrapped for it; or,
// with a bucket of the functions' code, anything that takes a plain template, such as a StackSet.
func newStack(scope constructs.Construct, id string, s settings.Settings, region, description string) awscdk.Stack {
	props := &awscdk.StackProps{Description: jsii.String(description)}
	if region != "" {
		props.Env = &awscdk.Environment{Region: jsii.String(region)}
	}
	if s.AssetBucket != "" {
		props.Synthesizer = awscdk.NewBootstraplessSynthesizer(nil)
	}
	return awscdk.NewStack(scope, jsii.String(id), props)
}

// addFunctions adds the controls, the tools and what their functions refer to.
func (h *Hub) addFunctions() {
	h.names.Account, h.names.Topic, h.names.LedgerKey = *h.Account(), *h.Topic.TopicArn(), *h.LedgerKey.KeyArn()
	h.names.Own.Stack, h.names.Own.Topics = *awscdk.Aws_STACK_NAME(), []string{*h.Watch.TopicArn()}
	for _, topic := range h.mailTopics() {
		h.names.Own.Mails = append(h.names.Own.Mails, *topic.TopicArn())
	}
	h.names.Own.Regions = h.props.Settings.Regions
	for _, key := range h.keys() {
		h.names.Own.Keys = append(h.names.Own.Keys, *key.KeyArn())
	}
	var functions []awslambda.Function
	for _, c := range h.props.Controls {
		f := h.addFunction(c)
		functions = append(functions, f)
	}
	h.names.Roles = h.props.roles()
	h.names.Quarantine = newQuarantine(h.Stack, h.props.Settings)
	for i, c := range h.props.Controls {
		h.names.Queue = h.queues[c.ID]
		set := h.props.functionSettings(c, h.names)
		if h.org != nil {
			h.org.limit(c, &set)
		}
		document := set.Env()[settings.Variable]
		functions[i].AddEnvironment(jsii.String(settings.Variable), jsii.String(document), nil)
	}
}

// keys are those without which Warder is silent or does nothing: of the ledger, and of the topic if that is another.
func (h *Hub) keys() []awskms.IKey {
	keys := []awskms.IKey{h.LedgerKey}
	if h.Key != nil && h.Key != keys[0] {
		keys = append(keys, h.Key)
	}
	return keys
}

// tag gives everything in a stack its tags: Warder's own, and those of the settings.
func tag(stack awscdk.Stack, part string, s settings.Settings) {
	tags := awscdk.Tags_Of(stack)
	for _, key := range slices.Sorted(maps.Keys(s.Tags)) {
		tags.Add(jsii.String(key), jsii.String(s.Tags[key]), nil)
	}
	tags.Add(jsii.String(settings.Product), jsii.String(part), nil)
}

// Region is the stack of one more region. It forwards events and does nothing else.
type Region struct{ awscdk.Stack }

// NewRegion adds the stack of one more region: it forwards what happens there to the hub's bus, in one hop.
// The id is also the stack's name. It panics on a region that is not in the hub's settings.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-region.html
func NewRegion(scope constructs.Construct, id string, props *RegionProps) *Region {
	if props == nil || props.Hub == nil {
		panic(fmt.Errorf("add region %s: RegionProps.Hub is required", id))
	}
	hub, region := props.Hub, props.Region
	s := hub.props.Settings
	if region == "" && hub.org == nil || region != "" && !slices.Contains(s.Regions, region) {
		panic(fmt.Errorf("add region %s: %q is not one of the settings' regions %q: add it there", id, region, s.Regions))
	}
	name, in := id, region
	if region == "" {
		name, in = *awscdk.Fn_Sub(jsii.String(settings.Product+"-${AWS::Region}"), nil), "other regions"
	}
	stack := newStack(scope, id, s, region, "Warder: forwards what happens in this region to the hub in "+s.HubRegion)
	tag(stack, "region", s)
	bus := awscdk.Fn_Sub(jsii.String("arn:${AWS::Partition}:events:"+s.HubRegion+
		":${AWS::AccountId}:event-bus/"+settings.Product), nil)
	undelivered := newUndelivered(stack, s)
	role := awsiam.NewRole(stack, jsii.String("Forward"), &awsiam.RoleProps{
		Path:        jsii.String(settings.RolePath),
		Description: jsii.String("What the rules of Warder in " + in + " may do: put events on the hub's bus"),
		AssumedBy:   servicePrincipal("events"),
		InlinePolicies: &map[string]awsiam.PolicyDocument{
			"forward": document(may(bus, "events:PutEvents")),
		},
	})
	add := func(id, description string, p pattern) {
		target := awsevents.CfnRule_TargetProperty{Id: jsii.String("Hub"), Arn: bus, RoleArn: role.RoleArn()}
		newRule(stack, id, listen(stack, nil, description, withReads, p), target, undelivered)
	}
	for i, p := range hub.props.forwarded() {
		add(fmt.Sprintf("Forward%d", i+1), "Forwards to the hub what starts a control", p)
	}
	hub.watchRegion(add)
	add("Heartbeat", "Forwards to the hub the events of the daily check, which have to arrive", heartbeat)

	// An alarm notifies only topics of its own region, and people are subscribed to the hub's.
	alarm := notEmpty("UndeliveredAlarm", name+"-undelivered", undelivered,
		"Events of this region did not reach Warder in "+s.HubRegion+". Look at a message of the queue Undelivered "+
			"here: its attributes ERROR_CODE and ERROR_MESSAGE say why. When that is fixed: make redrive. See "+
			handbook+".").props(name + "-undelivered")
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
	h.keep("RegionAlarms", h.Bus.Ref(), "A region has events that did not reach the hub", alarms, h.Undelivered)
}

// button is a custom action of Amazon Q Developer in chat applications. A press on the button below a notice
// runs a command of the AWS CLI with the rights of the channel.
type button struct {
	id, text string
	tool     string // the function that it invokes
	request  string // contains the variable in place of the id
	variable string // of the notice's additional context; without it there is no button
}

// buttons are what a notice in a chat has. The command of one has at most 100 characters
// (https://docs.aws.amazon.com/chatbot/latest/APIReference/API_CustomActionDefinition.html): there is
// no room for who asks and why, so undo knows a request of an id alone.
var buttons = []button{
	{"Explain", "Explain", "explain", `{"action":"$` + notice.ChatFinding + `"}`, notice.ChatFinding},
	{"Undo", "Undo", "undo", `{"chat":"$` + notice.ChatUndo + `"}`, notice.ChatUndo},
}

// command is what a press runs, without "aws" in front.
// https://docs.aws.amazon.com/chatbot/latest/adminguide/intro-to-the-aws-cli-in-slack.html
func (b button) command(region string) string {
	return fmt.Sprintf("lambda invoke --function-name %s --region %s --payload %s",
		settings.FunctionName(b.tool), region, b.request)
}

// newChat adds the buttons to the stack. The outputs serve to tie each to a channel; post-to-slack's runbook says how.
func newChat(scope constructs.Construct, region string) {
	chat := constructs.NewConstruct(scope, jsii.String("Chat"))
	for _, b := range buttons {
		name := settings.FunctionName(b.tool)
		action := awschatbot.NewCfnCustomAction(chat, jsii.String(b.id), &awschatbot.CfnCustomActionProps{
			ActionName: jsii.String(name),
			AliasName:  jsii.String(name),
			Definition: &awschatbot.CfnCustomAction_CustomActionDefinitionProperty{CommandText: jsii.String(b.command(region))},
			Attachments: &[]any{&awschatbot.CfnCustomAction_CustomActionAttachmentProperty{
				ButtonText:       jsii.String(b.text),
				NotificationType: jsii.String("Custom"),
				Variables:        &map[string]*string{b.variable: jsii.String("event.metadata.additionalContext." + b.variable)},
				Criteria: &[]any{&awschatbot.CfnCustomAction_CustomActionAttachmentCriteriaProperty{
					Operator: jsii.String("HAS_VALUE"), VariableName: jsii.String(b.variable),
				}},
			}},
		})
		awscdk.NewCfnOutput(chat, jsii.String(b.id+"Arn"), &awscdk.CfnOutputProps{
			Description: jsii.String("The button in a chat: tie it to a channel with aws chatbot associate-to-configuration"),
			Value:       action.AttrCustomActionArn(),
		}).OverrideLogicalId(jsii.String("Chat" + b.id + "Arn"))
	}
}
