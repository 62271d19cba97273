package stack

import (
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsssm"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/settings"
)

// Hub is the stack in the region where IAM's events arrive: every control and tool, and what they share. An
// account has one.
type Hub struct {
	awscdk.Stack

	Ledger awsdynamodb.Table
	Topic  awssns.ITopic // of all notices: the stack's own, or the one that the settings name
	Key    awskms.IKey   // of the topic; nil if the settings name a topic without one
	Halt   awsssm.StringParameter

	Failed      awssqs.Queue // what a function could not handle in all its tries
	Undelivered awssqs.Queue // what EventBridge or SNS could not hand to a function

	Reports awss3.Bucket          // nil if no tool uses it
	Bus     awsevents.CfnEventBus // for events of other regions and of drills; nil without either
	Drill   awssqs.Queue          // where a drill watches its events arrive; nil if no tool uses it

	props *HubProps
}

// NewHub adds the hub's stack to an app or a stage, in the region that the settings name. The id is also the
// stack's name. Nil props are the defaults. It panics with the error of [HubProps.Validate] on bad props.
func NewHub(scope constructs.Construct, id string, props *HubProps) *Hub {
	if err := props.Validate(); err != nil {
		panic(fmt.Errorf("add hub %s: %w", id, err))
	}
	props, err := props.withDefaults()
	if err != nil {
		panic(err) // Validate has returned it
	}
	s := props.Settings
	stack := newStack(scope, id, s, s.HubRegion,
		"Warder keeps the IAM of this account in order, notifies people before and after, and can undo what it did")
	hub := &Hub{Stack: stack, props: props}
	hub.Topic, hub.Key = newTopicAndKey(stack, s)
	hub.Ledger = newLedger(stack)
	hub.Halt = awsssm.NewStringParameter(stack, jsii.String("Halt"), &awsssm.StringParameterProps{
		ParameterName: jsii.String(settings.HaltParameter),
		Description:   jsii.String("Any value except no: Warder changes nothing and still notifies"),
		StringValue:   jsii.String("no"),
	})
	hub.Failed = newQueue(stack, "Failed")
	hub.Undelivered = newUndelivered(stack, s)
	if props.anyUses(control.Reports) {
		hub.Reports = newReports(stack)
	}
	if len(s.Regions) > 0 || props.anyUses(control.Bus, control.DrillQueue) {
		hub.Bus = newBus(stack)
	}
	if len(s.Regions) > 0 {
		newRegionAlarmRule(hub)
	}
	if props.anyUses(control.DrillQueue) {
		hub.Drill = newDrill(hub)
	}
	tag(stack, "hub", s)
	hub.addFunctions()
	hub.addOperations()
	if s.Notify.Chat {
		newChat(stack, s.HubRegion)
	}
	awscdk.NewCfnOutput(stack, jsii.String("TopicArn"), &awscdk.CfnOutputProps{
		Description: jsii.String("Subscribe to it to be notified of everything Warder finds and does"),
		Value:       hub.Topic.TopicArn(),
	})
	return hub
}

// newStack adds a stack of Warder's.
func newStack(scope constructs.Construct, id string, s settings.Settings, region, description string) awscdk.Stack {
	return awscdk.NewStack(scope, jsii.String(id), &awscdk.StackProps{
		Description: jsii.String(description),
		Env:         &awscdk.Environment{Region: jsii.String(region)},
		Synthesizer: synthesizer(s),
	})
}

// addFunctions adds the controls, the tools and what their functions refer to.
func (h *Hub) addFunctions() {
	r := references{account: *h.Account(), topic: *h.Topic.TopicArn()}
	var functions []function
	for _, c := range h.props.Controls {
		f := h.addFunction(c)
		functions = append(functions, f)
		r.roles = append(r.roles, *f.role.RoleName())
	}
	newConfigRules(h.Stack, h.props, h.props.Settings.HubRegion)
	r.quarantine = newQuarantine(h.Stack, h.props.Settings)
	if h.Reports != nil {
		r.reports = *h.Reports.BucketName()
	}
	if h.Drill != nil {
		r.drillQueue = *h.Drill.QueueUrl()
	}
	if h.Bus != nil {
		r.bus = *h.Bus.Ref()
	}
	for i, c := range h.props.Controls {
		document := h.props.functionSettings(c, r).Env()[settings.Variable]
		functions[i].lambda.AddEnvironment(jsii.String(settings.Variable), jsii.String(document), nil)
	}
}

// tag gives everything in a stack its tags: Warder's own, and those of the settings.
func tag(stack awscdk.Stack, part string, s settings.Settings) {
	tags := awscdk.Tags_Of(stack)
	for _, key := range slices.Sorted(maps.Keys(s.Tags)) {
		tags.Add(jsii.String(key), jsii.String(s.Tags[key]), nil)
	}
	tags.Add(jsii.String(settings.Product), jsii.String(part), nil)
}
