package stack

import (
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
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

// HubProps is what a hub is made from.
type HubProps struct {
	Settings settings.Settings
	Controls []control.Control // and tools
	Binaries string            // folder with one folder per control that holds its bootstrap
}

// subjectIndex is the ledger's index by whom an entry is about.
const subjectIndex = "subject"

// Hub is the stack in the region where IAM's events arrive: every control and
// tool, and what they share. One an account.
type Hub struct {
	awscdk.Stack
	Table awsdynamodb.Table
	Topic awssns.ITopic // the stack's own, or one elsewhere
	Key   awskms.IKey   // of the topic, nil when one elsewhere has none
	Halt  awsssm.StringParameter
	// What could not be done, and what could not be handed over.
	Failed, Undelivered awssqs.Queue

	// What only some tools need, nil without them.
	Reports awss3.Bucket
	Bus     awsevents.CfnEventBus // there is one for regions as well
	Drill   awssqs.Queue
	Slack   settings.Slack
}

// NewHub adds the hub to an app. It panics on props that check has not passed.
func NewHub(scope constructs.Construct, id string, props HubProps) Hub {
	stack := awscdk.NewStack(scope, jsii.String(id), &awscdk.StackProps{
		Description: jsii.String("Warder keeps the IAM of this account in order, tells people before and after, and can undo what it did"),
		Env:         &awscdk.Environment{Region: jsii.String(props.Settings.HubRegion)},
		Synthesizer: synthesizer(props.Settings),
	})
	topic, key := newNotices(stack, props.Settings)
	hub := Hub{
		Stack: stack,
		Table: newLedger(stack),
		Topic: topic,
		Key:   key,
		Halt: awsssm.NewStringParameter(stack, jsii.String("Halt"), &awsssm.StringParameterProps{
			ParameterName: jsii.String(settings.HaltParameter),
			Description:   jsii.String("Any value but no: Warder changes nothing and goes on telling"),
			StringValue:   jsii.String("no"),
		}),
		Failed:      newFailed(stack),
		Undelivered: newUndelivered(stack, props.Settings),
		Slack:       props.Settings.Notify.Slack,
	}
	if props.any(control.Reports) {
		hub.Reports = newReports(stack)
	}
	if props.needsBus() {
		hub.Bus = newBus(stack)
	}
	if len(props.Settings.Regions) > 0 {
		newRegionAlarms(stack, hub.Bus, hub.Undelivered)
	}
	if props.any(control.DrillQueue) {
		hub.Drill = newDrill(stack, hub.Bus, hub.Undelivered)
		newDrillPolicy(stack)
	}
	tag(stack, "hub", props.Settings)

	var functions []Function
	var roles []string
	for _, c := range props.Controls {
		add := NewControl
		if c.Tool {
			add = NewTool
		}
		function := add(stack, pascal(c.ID), ControlProps{Hub: hub, Control: c, Settings: props.Settings, Binaries: props.Binaries})
		functions = append(functions, function)
		roles = append(roles, *function.Role.RoleName())
	}
	newConfigRules(stack, props.Settings.HubRegion, props)
	denying := newQuarantine(stack, props.Settings)
	// Every function knows all roles, so that one does not take another's change
	// for somebody else's.
	for i, c := range props.Controls {
		f := props.Settings.Function(c)
		f.Topic, f.Account, f.Roles, f.Quarantine = *hub.Topic.TopicArn(), *stack.Account(), roles, denying
		hub.tell(c, &f)
		if names(c, control.DrillQueue) {
			f.Drilled = props.drilled()
		}
		functions[i].Tell(f)
	}
	newOperations(hub, props)

	if props.Settings.Notify.Chat {
		newChat(stack, props.Settings.HubRegion)
	}
	awscdk.NewCfnOutput(stack, jsii.String("TopicArn"), &awscdk.CfnOutputProps{
		Description: jsii.String("Subscribe to it to be told of everything Warder finds and does"),
		Value:       hub.Topic.TopicArn(),
	})
	return hub
}

// tag gives everything in a stack its tags: Warder's own, and those of the settings.
func tag(stack awscdk.Stack, part string, s settings.Settings) {
	tags := awscdk.Tags_Of(stack)
	for _, key := range slices.Sorted(maps.Keys(s.Tags)) {
		tags.Add(jsii.String(key), jsii.String(s.Tags[key]), nil)
	}
	tags.Add(jsii.String(settings.Product), jsii.String(part), nil)
}

// tell adds what only the tools are told that name it.
func (h Hub) tell(c control.Control, f *settings.Function) {
	if names(c, control.Reports) {
		f.Reports = *h.Reports.BucketName()
	}
	if names(c, control.DrillQueue) {
		f.Drill = *h.Drill.QueueUrl()
	}
	if names(c, control.Bus) {
		f.Bus = *h.Bus.Ref()
	}
	if names(c, control.Slack) {
		f.Slack = h.Slack
	}
}

// newLedger is the table that holds what was done and what undoes it. It
// outlives the stack.
func newLedger(scope constructs.Construct) awsdynamodb.Table {
	text := func(name string) *awsdynamodb.Attribute {
		return &awsdynamodb.Attribute{Name: jsii.String(name), Type: awsdynamodb.AttributeType_STRING}
	}
	table := awsdynamodb.NewTable(scope, jsii.String("Ledger"), &awsdynamodb.TableProps{
		TableName:                        jsii.String(settings.TableName),
		PartitionKey:                     text("pk"),
		SortKey:                          text("sk"),
		TimeToLiveAttribute:              jsii.String("expires"),
		BillingMode:                      awsdynamodb.BillingMode_PAY_PER_REQUEST,
		PointInTimeRecoverySpecification: &awsdynamodb.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: jsii.Bool(true)},
		DeletionProtection:               jsii.Bool(true),
		RemovalPolicy:                    awscdk.RemovalPolicy_RETAIN,
	})
	table.AddGlobalSecondaryIndex(&awsdynamodb.GlobalSecondaryIndexProps{
		IndexName:    jsii.String(subjectIndex),
		PartitionKey: text("subject"),
		SortKey:      text("at"),
	})
	return table
}

// newTopicKey is the key the topic's messages rest under. Who uses it is decided
// by the functions' roles, and only through SNS; who looks after it, by the
// account's own IAM.
func newTopicKey(stack awscdk.Stack) awskms.Key {
	account := func(conditions map[string]any, actions ...string) awsiam.PolicyStatement {
		return awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Principals: &[]awsiam.IPrincipal{awsiam.NewAccountRootPrincipal()},
			Actions:    jsii.Strings(actions...),
			Resources:  jsii.Strings("*"), // in a key policy: this key
			Conditions: &conditions,
		})
	}
	return awskms.NewKey(stack, jsii.String("TopicKey"), &awskms.KeyProps{
		Description:       jsii.String("Messages of Warder's topic"),
		EnableKeyRotation: jsii.Bool(true),
		// Nothing is kept under it: messages are delivered and gone.
		RemovalPolicy: awscdk.RemovalPolicy_DESTROY,
		Policy: awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: &[]awsiam.PolicyStatement{
			account(map[string]any{},
				"kms:CancelKeyDeletion", "kms:DescribeKey", "kms:DisableKey", "kms:DisableKeyRotation", "kms:EnableKey",
				"kms:EnableKeyRotation", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListGrants", "kms:ListKeyPolicies",
				"kms:ListResourceTags", "kms:PutKeyPolicy", "kms:RevokeGrant", "kms:ScheduleKeyDeletion", "kms:TagResource",
				"kms:UntagResource", "kms:UpdateKeyDescription"),
			account(map[string]any{"StringEquals": map[string]any{"kms:ViaService": viaSNS(*stack.Region())}},
				"kms:Decrypt", "kms:GenerateDataKey"),
		}}),
	})
}

// viaSNS is the values of kms:ViaService for what SNS does for a caller. The pages
// on China's regions do not say which domain the value has there: both are AWS's.
// https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
func viaSNS(region string) []string {
	via := []string{"sns." + region + ".amazonaws.com"}
	if strings.HasPrefix(region, "cn-") {
		via = append(via, via[0]+".cn")
	}
	return via
}

// newNotices is where every notice goes, and the key that it rests under: the
// stack's own, or those that the settings name. What may publish to a topic
// elsewhere, and who listens to it, is decided there.
func newNotices(stack awscdk.Stack, s settings.Settings) (awssns.ITopic, awskms.IKey) {
	if s.Notify.Topic == "" {
		key := newTopicKey(stack)
		return newTopic(stack, key, s), key
	}
	topic := awssns.Topic_FromTopicArn(stack, jsii.String("Notices"), jsii.String(s.Notify.Topic))
	if s.Notify.TopicKey == "" {
		return topic, nil
	}
	return topic, awskms.Key_FromKeyArn(stack, jsii.String("TopicKey"), jsii.String(s.Notify.TopicKey))
}

// newTopic is the stack's own topic. The addresses of notify are told of
// everything; those of owners of what is addressed to them, and of the rest
// nothing. Each has to confirm once, in a mail that SNS sends.
func newTopic(stack awscdk.Stack, key awskms.Key, s settings.Settings) awssns.Topic {
	topic := awssns.NewTopic(stack, jsii.String("Notices"), &awssns.TopicProps{
		DisplayName: jsii.String("Warder"), // who emails are from
		MasterKey:   key,
		EnforceSSL:  jsii.Bool(true),
	})
	subscribe := func(email string, filter *map[string]awssns.SubscriptionFilter) {
		awssns.NewSubscription(topic, jsii.String(email), &awssns.SubscriptionProps{
			Topic:        topic,
			Protocol:     awssns.SubscriptionProtocol_EMAIL,
			Endpoint:     jsii.String(email),
			FilterPolicy: filter,
		})
	}
	for _, email := range s.Notify.Emails {
		subscribe(email, nil)
	}
	for _, email := range s.Owners.Addresses() {
		if !slices.Contains(s.Notify.Emails, email) {
			subscribe(email, &map[string]awssns.SubscriptionFilter{
				"owner": awssns.SubscriptionFilter_StringFilter(&awssns.StringConditions{Allowlist: jsii.Strings(email)}),
			})
		}
	}
	return topic
}
