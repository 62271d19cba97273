package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/warder-aws/warder/infra/warder/account"
	"github.com/warder-aws/warder/infra/warder/terminal"
	"github.com/warder-aws/warder/pkg/settings"
)

// subscriptions checks that somebody is notified: that the addresses of the settings are subscribed and have
// confirmed, and that there is anybody at all.
func (d *doctor) subscriptions(ctx context.Context, l *lines) {
	topic := d.settings.Notify.Topic
	elsewhere := topic != ""
	if !elsewhere {
		if d.hub.err != nil {
			l.unread(d.hub.unread, d.hub.err)
			return
		}
		for _, id := range d.hub.of("AWS::SNS::Topic") {
			topic = d.hub.physical[id]
		}
	}
	at, err := arn.Parse(topic)
	if err != nil {
		l.problem("make deploy", "the deployed stack has no topic")
		return
	}
	type subscriber struct{ protocol, endpoint, state string }
	var found []subscriber
	pages := sns.NewListSubscriptionsByTopicPaginator(d.in(at.Region).sns,
		&sns.ListSubscriptionsByTopicInput{TopicArn: &topic})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		switch {
		case account.Coded(err, "NotFound", "NotFoundException"):
			l.problem("make deploy; or correct notify.topic in cdk.json", "the topic %s does not exist", topic)
			return
		case err != nil && elsewhere && at.AccountID != d.id:
			l.add(unknown, fmt.Sprintf("look at the topic's subscriptions with credentials of account %s", at.AccountID),
				"the topic is of account %s: who is subscribed cannot be read from here", at.AccountID)
			return
		case err != nil:
			l.unread("sns:ListSubscriptionsByTopic", err)
			return
		}
		for _, s := range page.Subscriptions {
			found = append(found,
				subscriber{aws.ToString(s.Protocol), aws.ToString(s.Endpoint), aws.ToString(s.SubscriptionArn)})
		}
	}
	// https://docs.aws.amazon.com/sns/latest/api/API_ListSubscriptionsByTopic.html
	const pending, deleted = "PendingConfirmation", "Deleted"
	again := func(protocol, endpoint string) string {
		return fmt.Sprintf("aws sns subscribe --region %s --topic-arn %s --protocol %s --notification-endpoint %s", at.Region,
			topic, protocol, endpoint)
	}
	confirmed := 0
	for _, s := range found {
		switch s.state {
		case pending:
			l.problem("open the mail from AWS Notifications and confirm; for another mail: "+again(s.protocol, "ADDRESS"),
				"%s has not confirmed", masked(s.protocol, s.endpoint))
		case deleted:
			l.problem(again(s.protocol, "ADDRESS"), "%s has unsubscribed", masked(s.protocol, s.endpoint))
		default:
			confirmed++
		}
	}
	if !elsewhere {
		for _, address := range slices.Concat(d.settings.Notify.Emails, d.settings.Owners.Addresses()) {
			if !slices.ContainsFunc(found,
				func(s subscriber) bool { return s.protocol == "email" && strings.EqualFold(s.endpoint, address) }) {
				l.problem(again("email", "ADDRESS"), "%s of the settings is not subscribed", masked("email", address))
			}
		}
		for _, c := range d.controls {
			function := ":function:" + settings.FunctionName(c.ID)
			if c.Subscribes && d.settings.Notify.Slack.On() &&
				!slices.ContainsFunc(found,
					func(s subscriber) bool { return s.protocol == "lambda" && strings.HasSuffix(s.endpoint, function) }) {
				l.problem(redeploy, "%s is not subscribed", c.ID)
			}
		}
	}
	switch {
	case confirmed == 0 && l.fine():
		l.problem("add an address to notify.emails in cdk.json and make deploy, or subscribe something to "+topic,
			"nobody is subscribed: nobody is notified of what Warder finds and does")
	case l.fine():
		l.ok("%s", terminal.Count(confirmed, "subscriber"))
	}
}

// masked is an endpoint by which its owner knows it, and others learn little.
func masked(protocol, endpoint string) string {
	name, domain, _ := strings.Cut(endpoint, "@")
	switch {
	case strings.HasPrefix(protocol, "email") && name != "":
		return string([]rune(name)[0]) + "…@" + domain
	case protocol == "sms":
		return "…" + endpoint[max(0, len(endpoint)-3):]
	case strings.HasPrefix(protocol, "http"): // the address of a webhook is a secret
		return "an address of protocol " + protocol
	}
	return endpoint
}

// tryIt is how to see whether Slack accepts what the secret or parameter holds: only the function may read it.
const tryIt = "to see whether Slack accepts it, send a message as functions/post-to-slack/README.md shows"

// slack checks that what holds Slack's token or webhook is there. It never reads what it holds.
func (d *doctor) slack(ctx context.Context, l *lines) {
	in, set := d.in(d.settings.HubRegion), d.settings.Notify.Slack
	with := " with the bot token or the webhook's address, in " + d.settings.HubRegion
	if set.Secret != "" {
		out, err := in.secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &set.Secret})
		switch {
		case account.Coded(err, "ResourceNotFoundException"):
			l.problem("aws secretsmanager create-secret --name "+set.Secret+with, "the secret %s is not there", set.Secret)
		case err != nil:
			l.unread("secretsmanager:DescribeSecret", err)
		case out.DeletedDate != nil:
			l.problem("aws secretsmanager restore-secret --secret-id "+set.Secret,
				"the secret %s is to be deleted, and cannot be read", set.Secret)
		default:
			l.add(ok, tryIt, "the secret %s is there", set.Secret)
		}
		return
	}
	out, err := in.ssm.DescribeParameters(ctx, &ssm.DescribeParametersInput{
		ParameterFilters: []ssmtypes.ParameterStringFilter{
			{Key: aws.String("Name"), Option: aws.String("Equals"), Values: []string{set.Parameter}},
		},
	})
	create := "aws ssm put-parameter --type SecureString --overwrite --name " + set.Parameter + with
	switch {
	case err != nil:
		l.unread("ssm:DescribeParameters", err)
	case len(out.Parameters) == 0:
		l.problem(create, "the parameter %s is not there", set.Parameter)
	case out.Parameters[0].Type != ssmtypes.ParameterTypeSecureString:
		l.problem(create, "the parameter %s is no SecureString: whoever may read parameters can read it", set.Parameter)
	default:
		l.add(ok, tryIt, "the parameter %s is there", set.Parameter)
	}
}
