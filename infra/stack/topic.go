package stack

import (
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/jsii-runtime-go"

	"github.com/warder-aws/warder/pkg/settings"
)

// newTopicAndKey returns the topic of all notices and its key: the stack's own, or those that the settings
// name. Who may publish to a topic elsewhere, and who is subscribed to it, is decided there.
func newTopicAndKey(stack awscdk.Stack, s settings.Settings) (awssns.ITopic, awskms.IKey) {
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

// newTopic adds the stack's own topic. The addresses of notify get every notice, those of owners only the ones
// addressed to them. Each has to confirm once, in a mail that SNS sends.
func newTopic(stack awscdk.Stack, key awskms.Key, s settings.Settings) awssns.Topic {
	topic := awssns.NewTopic(stack, jsii.String("Notices"), &awssns.TopicProps{
		DisplayName: jsii.String("Warder"), // the sender of emails
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
			only := &awssns.StringConditions{Allowlist: jsii.Strings(email)}
			subscribe(email, &map[string]awssns.SubscriptionFilter{
				"owner": awssns.SubscriptionFilter_StringFilter(only),
			})
		}
	}
	return topic
}

// newTopicKey adds the key that encrypts the topic's messages at rest. The functions' roles decide who uses
// it, only through SNS; the account's own IAM decides who manages it.
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
		RemovalPolicy:     awscdk.RemovalPolicy_DESTROY, // SNS keeps no message that it has delivered
		Policy: awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: &[]awsiam.PolicyStatement{
			account(map[string]any{},
				"kms:CancelKeyDeletion", "kms:DescribeKey", "kms:DisableKey", "kms:DisableKeyRotation", "kms:EnableKey",
				"kms:EnableKeyRotation", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListGrants",
				"kms:ListKeyPolicies", "kms:ListResourceTags", "kms:PutKeyPolicy", "kms:RevokeGrant",
				"kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource", "kms:UpdateKeyDescription"),
			account(map[string]any{"StringEquals": map[string]any{viaService: viaSNS(*stack.Region())}},
				"kms:Decrypt", "kms:GenerateDataKey"),
		}}),
	})
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
