package main

import (
	"slices"

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
	Topic awssns.Topic
	Key   awskms.Key // of the topic
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
	})
	key := newTopicKey(stack)
	hub := Hub{
		Stack: stack,
		Table: newLedger(stack),
		Topic: newTopic(stack, key, props.Settings),
		Key:   key,
		Halt: awsssm.NewStringParameter(stack, jsii.String("Halt"), &awsssm.StringParameterProps{
			ParameterName: jsii.String(settings.HaltParameter),
			Description:   jsii.String("Any value but no: Warder changes nothing and goes on telling"),
			StringValue:   jsii.String("no"),
		}),
		Failed:      newFailed(stack),
		Undelivered: newUndelivered(stack),
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
	}
	awscdk.Tags_Of(stack).Add(jsii.String(settings.Product), jsii.String("hub"), nil)

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
	denying := newQuarantine(stack, props.Settings)
	// Every function knows all roles, so that one does not take another's change
	// for somebody else's.
	for i, c := range props.Controls {
		f := props.Settings.Function(c)
		f.Topic, f.Account, f.Roles, f.Quarantine = *hub.Topic.TopicArn(), *stack.Account(), roles, denying
		hub.tell(c, &f)
		functions[i].Tell(f)
	}

	awscdk.NewCfnOutput(stack, jsii.String("TopicArn"), &awscdk.CfnOutputProps{
		Description: jsii.String("Subscribe to it to be told of everything Warder finds and does"),
		Value:       hub.Topic.TopicArn(),
	})
	return hub
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
			account(map[string]any{"StringEquals": map[string]any{"kms:ViaService": viaSNS(stack)}},
				"kms:Decrypt", "kms:GenerateDataKey"),
		}}),
	})
}

// viaSNS is the value of kms:ViaService for what SNS does for a caller.
func viaSNS(stack awscdk.Stack) string { return "sns." + *stack.Region() + ".amazonaws.com" }

// newTopic is where every notice goes. The addresses of notify are told of
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
