package checkwarder

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/warder-aws/warder/pkg/deployment"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/notice"
)

// policyOf is the policy that the template has for a topic or a queue; nil for none.
func (c *checker) policyOf(kind, list, name string) any {
	for _, p := range c.stack.Of(kind) {
		if deployment.Fits(p.Properties[list], name) {
			return p.Properties["PolicyDocument"]
		}
	}
	return nil
}

// topic checks a topic: its policy, its key, what it does with messages, and who is subscribed.
func (c *checker) topic(ctx context.Context, r deployment.Resource) {
	kind, name := i18n.T("topic"), r.Name
	out, err := c.topics.GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: &name})
	if err != nil {
		c.unread(critical, name, kind, err)
		return
	}
	policy := c.policyOf("AWS::SNS::TopicPolicy", "Topics", name)
	if !deployment.Same(policy, deployment.JSON(out.Attributes["Policy"])) {
		c.differs(critical, name, i18n.T("The topic %s has another policy than it was deployed with: what is published may "+
			"not arrive, or others may publish.", name))
	}
	if r.Text("KmsMasterKeyId") != out.Attributes["KmsMasterKeyId"] {
		c.differs(critical, name, i18n.T("The topic %s is encrypted with another key than it was deployed with.", name))
	}
	protection, err := c.topics.GetDataProtectionPolicy(ctx, &sns.GetDataProtectionPolicyInput{ResourceArn: &name})
	if err != nil && !isAbsent(err) {
		c.unread(critical, name, kind, err)
	} else if err == nil && aws.ToString(protection.DataProtectionPolicy) != "" {
		c.differs(critical, name, i18n.T("The topic %s masks or refuses messages, which was not deployed.", name))
	}
	c.subscriptions(ctx, name)
}

// subscriptions checks who is subscribed to a topic.
func (c *checker) subscriptions(ctx context.Context, topic string) {
	there := map[string]types.Subscription{} // by protocol and endpoint
	pages := sns.NewListSubscriptionsByTopicPaginator(c.topics, &sns.ListSubscriptionsByTopicInput{TopicArn: &topic})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			c.unread(critical, topic, i18n.T("topic"), err)
			return
		}
		for _, s := range page.Subscriptions {
			there[aws.ToString(s.Protocol)+" "+strings.ToLower(aws.ToString(s.Endpoint))] = s
		}
	}
	for _, r := range c.stack.Of("AWS::SNS::Subscription") {
		if r.Text("TopicArn") != topic {
			continue
		}
		c.checked++
		key := r.Text("Protocol") + " " + strings.ToLower(r.Text("Endpoint"))
		s, known := there[key]
		delete(there, key)
		// https://docs.aws.amazon.com/sns/latest/api/API_ListSubscriptionsByTopic.html
		switch address := masked(r.Text("Endpoint")); {
		case !known || aws.ToString(s.SubscriptionArn) == "Deleted":
			c.differs(critical, topic, i18n.T("%s is not subscribed to the topic %s any more, and gets no message.", address,
				topic))
		case aws.ToString(s.SubscriptionArn) == "PendingConfirmation":
			c.differs(high, topic, i18n.T("%s has not confirmed the subscription to the topic %s, and gets no message.",
				address, topic))
		default:
			c.subscription(ctx, r, s)
		}
	}
	for _, s := range there {
		c.differs(high, topic, i18n.T("%s is subscribed to the topic %s, which was not deployed, and may read every message.",
			masked(aws.ToString(s.Endpoint)), topic))
	}
}

// subscription checks which messages a subscriber gets.
func (c *checker) subscription(ctx context.Context, r deployment.Resource, s types.Subscription) {
	topic := r.Text("TopicArn")
	out, err := c.topics.GetSubscriptionAttributes(ctx,
		&sns.GetSubscriptionAttributesInput{SubscriptionArn: s.SubscriptionArn})
	if err != nil {
		c.unread(critical, aws.ToString(s.SubscriptionArn), i18n.T("subscription"), err)
		return
	}
	for _, name := range []string{"FilterPolicy", "RedrivePolicy"} {
		if !deployment.Same(r.Properties[name], deployment.JSON(out.Attributes[name])) {
			c.differs(critical, topic, i18n.T("%s does not get the messages of the topic %s that it was deployed for: %s "+
				"differs.", masked(r.Text("Endpoint")), topic, name))
		}
	}
}

// masked is an endpoint by which its owner knows it, and others learn little. The address of a webhook is a secret.
func masked(endpoint string) string {
	name, domain, isMail := strings.Cut(endpoint, "@")
	switch {
	case isMail && name != "":
		return string([]rune(name)[0]) + "…@" + domain
	case strings.HasPrefix(endpoint, "arn:"):
		return endpoint
	}
	scheme, rest, _ := strings.Cut(endpoint, "://")
	host, _, _ := strings.Cut(rest, "/")
	if rest == "" {
		return "…" + notice.Plain(endpoint[max(0, len(endpoint)-3):], 3)
	}
	return scheme + "://" + host + "/…"
}

// queue checks a queue.
func (c *checker) queue(ctx context.Context, r deployment.Resource) {
	url, name := r.Name, r.Name[strings.LastIndex(r.Name, "/")+1:]
	out, err := c.queues.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &url, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameAll},
	}, func(o *sqs.Options) { o.Region = c.region })
	if err != nil {
		c.unread(critical, name, i18n.T("queue"), err)
		return
	}
	policy := c.policyOf("AWS::SQS::QueuePolicy", "Queues", url)
	if !deployment.Same(policy, deployment.JSON(out.Attributes["Policy"])) {
		c.differs(critical, name, i18n.T("The queue %s has another policy than it was deployed with: what fails may not be "+
			"kept, or others may read it.", name))
	}
	for _, field := range []string{"MessageRetentionPeriod", "SqsManagedSseEnabled"} {
		if !deployment.Fits(r.Properties[field], out.Attributes[field]) {
			c.differs(high, name, i18n.T("The queue %s is not as it was deployed: %s differs.", name, field))
		}
	}
	if out.Attributes["RedrivePolicy"] != "" || out.Attributes["KmsMasterKeyId"] != "" {
		c.differs(high, name, i18n.T("The queue %s hands its messages to another queue, or is encrypted with another key.",
			name))
	}
}

// key checks that a key can be used, and by whom.
func (c *checker) key(ctx context.Context, r deployment.Resource) {
	kind, name := i18n.T("key"), r.Name
	out, err := c.keys.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &name})
	if err != nil {
		c.unread(critical, name, kind, err)
		return
	}
	if state := out.KeyMetadata.KeyState; state != kmstypes.KeyStateEnabled {
		c.differs(
			critical,
			name,
			i18n.T("The key %s is %s: without it nothing can be published to the topic of notices, and "+
				"nothing recorded.", name, string(state)),
		)
	}
	policy, err := c.keys.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: &name, PolicyName: aws.String("default")})
	if err != nil {
		c.unread(critical, name, kind, err)
	} else if !deployment.Same(r.Properties["KeyPolicy"], deployment.JSON(aws.ToString(policy.Policy))) {
		c.differs(critical, name, i18n.T("The key %s has another policy than it was deployed with: others may use it, or "+
			"Warder may not.", name))
	}
}
