package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/warder-aws/warder/pkg/settings"
)

const queueDays = 14 // SQS keeps a message no longer

// newQueue adds an encrypted queue.
func newQueue(scope constructs.Construct, id string) awssqs.Queue {
	return awssqs.NewQueue(scope, jsii.String(id), &awssqs.QueueProps{
		Encryption:      awssqs.QueueEncryption_SQS_MANAGED,
		EnforceSSL:      jsii.Bool(true),
		RetentionPeriod: awscdk.Duration_Days(jsii.Number(queueDays)),
	})
}

// newUndelivered adds the one queue of a stack for what EventBridge could not hand
// over: the dead-letter queue of every rule's target. Only rules of this account,
// which the ARN names, and of this stack may write to it: the stack's name begins the
// names of its rules, and the bus's name is the hub's. A stack that a StackSet makes
// has the StackSet's name after a word of its own.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
func newUndelivered(stack awscdk.Stack, s settings.Settings) awssqs.Queue {
	queue := newQueue(stack, "Undelivered")
	prefixes := []string{*stack.StackName()}
	if s.AssetBucket != "" {
		prefixes = append(prefixes, "StackSet-"+settings.Product)
	}
	var rules []string
	for _, prefix := range prefixes {
		rules = append(rules, "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/"+prefix+"*")
	}
	queue.AddToResourcePolicy(allowService("events", queue.QueueArn(), "ArnLike", "aws:SourceArn",
		substitute(rules), "sqs:SendMessage"))
	return queue
}
