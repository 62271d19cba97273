package stack

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/drill"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/quarantine"
	"github.com/warder-aws/warder/pkg/settings"
)

// subjectIndex is the ledger's index by the subject of an entry.
const subjectIndex = "subject"

// newLedger adds the table of what was done and what undoes it. It outlives the stack.
func newLedger(stack awscdk.Stack, name string, s settings.Settings) awsdynamodb.Table {
	text := func(name string) *awsdynamodb.Attribute {
		return &awsdynamodb.Attribute{Name: jsii.String(name), Type: awsdynamodb.AttributeType_STRING}
	}
	table := awsdynamodb.NewTable(stack, jsii.String("Ledger"), &awsdynamodb.TableProps{
		TableName:           jsii.String(name),
		PartitionKey:        text("pk"),
		SortKey:             text("sk"),
		TimeToLiveAttribute: jsii.String("expires"),
		BillingMode:         awsdynamodb.BillingMode_PAY_PER_REQUEST,
		PointInTimeRecoverySpecification: &awsdynamodb.PointInTimeRecoverySpecification{
			PointInTimeRecoveryEnabled: jsii.Bool(true),
		},
		DeletionProtection: jsii.Bool(true),
		RemovalPolicy:      awscdk.RemovalPolicy_RETAIN,
		ResourcePolicy:     newLedgerPolicy(s),
	})
	table.AddGlobalSecondaryIndex(&awsdynamodb.GlobalSecondaryIndexProps{
		IndexName: jsii.String(subjectIndex), PartitionKey: text("subject"), SortKey: text("at"),
	})
	return table
}

const (
	queueDays      = 14 // SQS keeps a message no longer
	unfinishedDays = 7  // when the parts of an upload that never ended are dropped
)

// newReports is the bucket of reports, which are evidence: it is nobody else's to
// read, a report that is written again keeps what it was, and it outlives the stack.
func newReports(stack awscdk.Stack) awss3.Bucket {
	return awss3.NewBucket(stack, jsii.String("Reports"), &awss3.BucketProps{
		BlockPublicAccess: awss3.BlockPublicAccess_BLOCK_ALL(),
		ObjectOwnership:   awss3.ObjectOwnership_BUCKET_OWNER_ENFORCED,
		Encryption:        awss3.BucketEncryption_S3_MANAGED,
		EnforceSSL:        jsii.Bool(true),
		Versioned:         jsii.Bool(true),
		RemovalPolicy:     awscdk.RemovalPolicy_RETAIN,
		LifecycleRules: &[]*awss3.LifecycleRule{{
			AbortIncompleteMultipartUploadAfter: awscdk.Duration_Days(jsii.Number(unfinishedDays)),
		}},
	})
}

// newQueue adds an encrypted queue.
func newQueue(stack awscdk.Stack, id string) awssqs.Queue {
	return awssqs.NewQueue(stack, jsii.String(id), &awssqs.QueueProps{
		Encryption:      awssqs.QueueEncryption_SQS_MANAGED,
		EnforceSSL:      jsii.Bool(true),
		RetentionPeriod: awscdk.Duration_Days(jsii.Number(queueDays)),
	})
}

// newUndelivered adds the one queue of a stack for what EventBridge could not hand over: the dead-letter queue of every
// rule's target. Only rules of this account, which the ARN names, and of this stack may write to it: the stack's name
// begins the names of its rules, and the bus's name is the hub's. A stack that a StackSet makes has the StackSet's name
// after a word of its own.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
func newUndelivered(stack awscdk.Stack, s settings.Settings) awssqs.Queue {
	queue := newQueue(stack, "Undelivered")
	const rule = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/"
	rules := []string{rule + *stack.StackName() + "*"}
	if s.AssetBucket != "" {
		rules = append(rules, rule+"StackSet-"+settings.Product+"*")
	}
	queue.AddToResourcePolicy(allowService("events", queue.QueueArn(), "ArnLike", "aws:SourceArn",
		substitute(rules), "sqs:SendMessage"))
	return queue
}

// newBus adds the bus for events that AWS does not put on the hub's default bus. No policy allows anybody outside this
// account anything.
func newBus(stack awscdk.Stack) awsevents.CfnEventBus {
	return awsevents.NewCfnEventBus(stack, jsii.String("Bus"), &awsevents.CfnEventBusProps{
		Name:        jsii.String(settings.Product),
		Description: jsii.String("What happens in other regions, and what a drill makes of it"),
	})
}

// guardBus keeps everybody but the publishers from putting the events of people on the bus, whatever else they may do
// in the account.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html
func guardBus(stack awscdk.Stack, bus awsevents.CfnEventBus, publishers []string) {
	condition := map[string]any{"ForAnyValue:StringEquals": map[string]any{"events:source": []string{event.People}}}
	if len(publishers) > 0 {
		condition["ArnNotEquals"] = map[string]any{"aws:PrincipalArn": publishers}
	}
	awsevents.NewCfnEventBusPolicy(stack, jsii.String("BusPolicy"), &awsevents.CfnEventBusPolicyProps{
		EventBusName: bus.Ref(), StatementId: jsii.String("WarderPublishers"),
		Statement: map[string]any{
			"Sid": "WarderPublishers", "Effect": "Deny", "Principal": "*", "Action": "events:PutEvents",
			"Resource": bus.AttrArn(), "Condition": condition,
		},
	})
}

// addTopicAndKeys adds the topic of all notices and its key, the stack's own or those that the settings name, and the
// key of the ledger: that of the stack's own topic, or one for it alone, or that of a ledger that stayed when Warder
// was removed, whose seals open with no other. Who may publish to a topic elsewhere, and who is subscribed to it, is
// decided there.
func (h *Hub) addTopicAndKeys() {
	s := h.props.Settings
	if s.LedgerKey != "" {
		h.LedgerKey = awskms.Key_FromKeyArn(h.Stack, jsii.String("LedgerKey"), jsii.String(s.LedgerKey))
	}
	if s.Notify.Topic == "" {
		key := newKey(h.Stack, "TopicKey", "Messages of Warder's topic, and seals of its ledger", true, s)
		h.Key, h.Topic = key, newTopic(h.Stack, "Notices", key)
		if h.LedgerKey == nil {
			h.LedgerKey = key
		}
		return
	}
	if h.LedgerKey == nil {
		h.LedgerKey = newKey(h.Stack, "LedgerKey", "Seals of Warder's ledger", false, s)
	}
	h.Topic = awssns.Topic_FromTopicArn(h.Stack, jsii.String("Notices"), jsii.String(s.Notify.Topic))
	if s.Notify.TopicKey != "" {
		h.Key = awskms.Key_FromKeyArn(h.Stack, jsii.String("TopicKey"), jsii.String(s.Notify.TopicKey))
	}
}

// newTopic adds a topic.
func newTopic(stack awscdk.Stack, id string, key awskms.IKey) awssns.Topic {
	return awssns.NewTopic(stack, jsii.String(id), &awssns.TopicProps{
		DisplayName: jsii.String("Warder"), // the sender of emails
		MasterKey:   key,
		EnforceSSL:  jsii.Bool(true),
	})
}

// newKey adds the key of the topic's messages, if it is for the topic, and of the secret of the ledger's seals. The
// functions' roles decide who uses it for messages, only through SNS. For the ledger only roles under Warder's own path
// use it, and who manages it is an administrator: whoever could write its policy could write the ledger. It outlives
// the stack, as the ledger does.
//
// KMS refuses a policy that would keep who deploys it from writing it again, before anything is changed.
// https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
func newKey(stack awscdk.Stack, id, description string, topic bool, s settings.Settings) awskms.Key {
	account := func(conditions map[string]any, actions ...string) awsiam.PolicyStatement {
		return awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Principals: &[]awsiam.IPrincipal{awsiam.NewAccountRootPrincipal()},
			Actions:    jsii.Strings(actions...),
			Resources:  jsii.Strings("*"), // in a key policy: this key
			Conditions: &conditions,
		})
	}
	statements := []awsiam.PolicyStatement{
		account(map[string]any{},
			"kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListGrants", "kms:ListKeyPolicies",
			"kms:ListResourceTags"),
		account(map[string]any{"ArnLike": map[string]any{principalARN: administrators(s)}},
			"kms:CancelKeyDeletion", "kms:DisableKey", "kms:DisableKeyRotation", "kms:EnableKey", "kms:EnableKeyRotation",
			"kms:PutKeyPolicy", "kms:RevokeGrant", "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource",
			"kms:UpdateKeyDescription"),
		account(map[string]any{
			"ArnLike":      map[string]any{principalARN: substitute([]string{ownRoles})},
			"StringEquals": map[string]any{ledgerContext: ledger.Purpose},
		}, "kms:Decrypt", "kms:GenerateDataKey"),
	}
	if topic {
		statements = append(statements,
			account(map[string]any{"StringEquals": map[string]any{viaService: viaSNS(*stack.Region())}},
				"kms:Decrypt", "kms:GenerateDataKey"))
	}
	return awskms.NewKey(stack, jsii.String(id), &awskms.KeyProps{
		Description:       jsii.String(description),
		EnableKeyRotation: jsii.Bool(true),
		RemovalPolicy:     awscdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE,
		Policy:            document(statements...),
	})
}

// principalARN is the condition key for who calls: of a session the ARN of its role.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalarn
const principalARN = "aws:PrincipalArn"

// ledgerContext is the condition key for what the ledger's secret is encrypted with.
const ledgerContext = "kms:EncryptionContext:" + ledger.PurposeKey

// ownRoles is the ARNs of Warder's roles. Only who may create roles could add one, and that is an administrator.
const ownRoles = "arn:${AWS::Partition}:iam::${AWS::AccountId}:role" + settings.RolePath + "*"

// administrators returns the ARNs of who may manage what the ledger rests on, the root user among them.
func administrators(s settings.Settings) *[]*string {
	const account = "arn:${AWS::Partition}:iam::${AWS::AccountId}:"
	arns := []string{account + "root"}
	for _, name := range s.Administrators {
		arns = append(arns, account+name)
	}
	return substitute(arns)
}

// newLedgerPolicy is the table's own policy: only Warder's roles write items, and only administrators change or
// delete the table and this policy, whatever else their policies allow. The root user can always delete the policy.
// One item administrators may put as well, and not take away: the one that halts Warder when no function can be asked.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/rbac-considerations.html
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DeleteResourcePolicy.html
func newLedgerPolicy(s settings.Settings) awsiam.PolicyDocument {
	deny := func(but []*string, actions ...string) awsiam.PolicyStatement {
		return awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Effect:     awsiam.Effect_DENY,
			Principals: &[]awsiam.IPrincipal{awsiam.NewAnyPrincipal()},
			Actions:    jsii.Strings(actions...),
			Resources:  jsii.Strings("*"), // in the policy of a table: this table; its ARN would refer to itself
			Conditions: &map[string]any{"ArnNotLike": map[string]any{principalARN: but}},
		})
	}
	own, admin := *substitute([]string{ownRoles}), *administrators(s)
	other := deny(own, "dynamodb:PutItem")
	other.AddCondition(jsii.String("ForAnyValue:StringNotEquals"),
		map[string]any{"dynamodb:LeadingKeys": ledger.EmergencyPartition})
	return document(
		deny(own, "dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:PartiQLDelete",
			"dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate", "dynamodb:UpdateItem"),
		deny(append(own, admin...), "dynamodb:PutItem"),
		other,
		deny(admin, "dynamodb:DeleteResourcePolicy", "dynamodb:DeleteTable", "dynamodb:PutResourcePolicy",
			"dynamodb:UpdateContinuousBackups", "dynamodb:UpdateTable", "dynamodb:UpdateTimeToLive"),
	)
}

// viaService is the condition key for the service through which a key is used.
const viaService = "kms:ViaService"

// viaSNS returns the values of kms:ViaService for what SNS does for a caller. AWS's pages do not say which of
// its two domains the value has in China: both are listed.
// https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
func viaSNS(region string) []string {
	via := []string{"sns." + region + ".amazonaws.com"}
	if strings.HasPrefix(region, "cn-") {
		via = append(via, via[0]+".cn")
	}
	return via
}

// newPolicy adds a policy with a document of Warder's own. It has a name, because functions may attach it and no other.
func newPolicy(stack awscdk.Stack, id, path, name, text, description string) awsiam.CfnManagedPolicy {
	var document any
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		panic(fmt.Sprintf("decode policy %s: %v", name, err))
	}
	return awsiam.NewCfnManagedPolicy(stack, jsii.String(id), &awsiam.CfnManagedPolicyProps{
		ManagedPolicyName: jsii.String(name),
		Path:              jsii.String(path),
		Description:       jsii.String(description),
		PolicyDocument:    document,
	})
}

// newQuarantine adds the policies that keep a user from acting, and for each a group that carries it, for users who can
// take no more policies. They apply to nobody until a control attaches one.
//
// When a document changes, as it does with allowedNetworks, IAM makes the new text the default version of the same
// policy, for those who are under it as well. Both are there whatever the settings are: who is under one is not let go
// because somebody took the networks out of the settings.
func newQuarantine(stack awscdk.Stack, s settings.Settings) (arns settings.Quarantine) {
	deny := func(id, name, document, description string) string {
		policy := newPolicy(stack, id, change.QuarantinePath, name, document, description)
		awsiam.NewCfnGroup(stack, jsii.String(id+"Group"), &awsiam.CfnGroupProps{
			GroupName:         jsii.String(name),
			Path:              jsii.String(change.QuarantinePath),
			ManagedPolicyArns: &[]any{policy.Ref()},
		})
		return *policy.Ref()
	}
	arns.Key = deny("KeyQuarantine", change.KeyQuarantine, quarantine.KeyDocument(),
		"Denies everything to a user whose access key is known to others")
	arns.Outside = deny("OutsideQuarantine", change.OutsideQuarantine, quarantine.OutsideDocument(s.AllowedNetworks),
		"Denies what comes from outside the allowed networks to a user who signed in from there")
	deny("MFALock", change.MFALock, quarantine.MFADocument(),
		"Denies a console user without MFA everything but to set up MFA and to change the password")
	return arns
}

// newDrill adds the queue from which a drill learns when each of its events arrived, the IAM calls about its own
// users and what it puts on the bus itself, and the policy that it attaches to its own users.
func newDrill(h *Hub) awssqs.Queue {
	queue := newQueue(h.Stack, "DrillArrivals")
	const description = "Drill: when its events arrive"
	users := map[string]any{"userName": []any{map[string]any{"prefix": drill.Prefix}}}
	calls := pattern{"source": []any{"aws.iam"}, "detail": map[string]any{"requestParameters": users}}
	rules := []*string{
		h.keep("DrillCalls", nil, description, calls, queue).AttrArn(),
		h.keep("DrillEvents", h.Bus.Ref(), description, pattern{"source": []any{event.Drilled}}, queue).AttrArn(),
	}
	queue.AddToResourcePolicy(
		allowService("events", queue.QueueArn(), "ArnEquals", "aws:SourceArn", &rules, "sqs:SendMessage"))
	newPolicy(h.Stack, "DrillPolicy", drill.Path, drill.Policy, drill.Document,
		"Allows what is allowed to everybody: a drill attaches it to a user of its own, to see it detached")
	return queue
}
