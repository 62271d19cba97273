package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/warder-aws/warder/pkg/settings"
)

const queueDays = 14 // SQS keeps a message no longer

// newFailed is the one queue of the hub for what a function could not do: the
// on-failure destination of all of them. A record says whose it was, so that one
// queue is one place to look at, and one alarm, however many controls there are.
func newFailed(stack awscdk.Stack) awssqs.Queue { return newQueue(stack, "Failed") }

// newUndelivered is the one queue of a stack for what EventBridge could not hand
// over: the dead-letter queue of every rule's target. Only rules of this account,
// which the ARN has, and of this stack may write to it; the stack's name begins the
// names of those, and the bus's name is the hub's. A stack that a StackSet makes has
// the StackSet's name after a word of its own.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
func newUndelivered(stack awscdk.Stack, s settings.Settings) awssqs.Queue {
	queue := newQueue(stack, "Undelivered")
	rules := []string{*stack.StackName()}
	if s.AssetBucket != "" {
		rules = append(rules, "StackSet-"+settings.Product)
	}
	var arns []*string
	for _, name := range rules {
		arns = append(arns, awscdk.Fn_Sub(jsii.String("arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/"+name+"*"), nil))
	}
	queue.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(jsii.String("events.amazonaws.com"), nil)},
		Actions:    jsii.Strings("sqs:SendMessage"),
		Resources:  &[]*string{queue.QueueArn()},
		Conditions: &map[string]any{
			"ArnLike": map[string]any{"aws:SourceArn": &arns},
		},
	}))
	return queue
}

// mayKeep lets the topic put into the queue what it could not hand to a function.
func mayKeep(undelivered awssqs.Queue, topic *string) {
	undelivered.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(jsii.String("sns.amazonaws.com"), nil)},
		Actions:    jsii.Strings("sqs:SendMessage"),
		Resources:  &[]*string{undelivered.QueueArn()},
		Conditions: &map[string]any{"ArnEquals": map[string]any{"aws:SourceArn": topic}},
	}))
}

func newQueue(scope constructs.Construct, id string) awssqs.Queue {
	return awssqs.NewQueue(scope, jsii.String(id), &awssqs.QueueProps{
		Encryption:      awssqs.QueueEncryption_SQS_MANAGED,
		EnforceSSL:      jsii.Bool(true),
		RetentionPeriod: awscdk.Duration_Days(jsii.Number(queueDays)),
	})
}
