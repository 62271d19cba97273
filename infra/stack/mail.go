package stack

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsses"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/warder-aws/warder/pkg/settings"
)

// newMail adds what owners get mail with: a configuration set, unless the settings name one, which puts onto the
// default bus what comes back. It returns the set's name.
// https://docs.aws.amazon.com/ses/latest/dg/event-publishing-add-event-destination-eventbridge.html
func newMail(h *Hub) string {
	scope := constructs.NewConstruct(h.Stack, jsii.String("Mail"))
	set := h.props.Settings.Notify.SES.ConfigurationSet
	if set == "" {
		set = *awsses.NewCfnConfigurationSet(scope, jsii.String("Set"), &awsses.CfnConfigurationSetProps{}).Ref()
	}
	bus := h.FormatArn(&awscdk.ArnComponents{
		Service: jsii.String("events"), Resource: jsii.String("event-bus"), ResourceName: jsii.String("default"),
	})
	awsses.NewCfnConfigurationSetEventDestination(scope, jsii.String("Back"),
		&awsses.CfnConfigurationSetEventDestinationProps{
			ConfigurationSetName: jsii.String(set),
			EventDestination: &awsses.CfnConfigurationSetEventDestination_EventDestinationProperty{
				Enabled:            jsii.Bool(true),
				MatchingEventTypes: jsii.Strings("bounce", "complaint"),
				EventBridgeDestination: &awsses.CfnConfigurationSetEventDestination_EventBridgeDestinationProperty{
					EventBusArn: bus,
				},
			},
		})
	return set
}

// addMailTopics adds the topics of the addresses that get mail through SNS: those of notify, for everything, alarms
// too; and those of owners, for what is addressed to them. Each has to confirm once, in a mail that SNS sends. A tool
// publishes there, which folds notices: more than ten messages in a second suspend a subscription by email.
// https://docs.aws.amazon.com/general/latest/gr/sns.html
func (h *Hub) addMailTopics() {
	s := h.props.Settings
	if s.Notify.Topic == "" && len(s.Notify.Emails) > 0 {
		h.Mails = newTopic(h.Stack, "Mails", h.Key)
		h.names.Mail.All = *h.Mails.TopicArn()
		for _, email := range s.Notify.Emails {
			subscribe(h.Mails, email, nil)
		}
	}
	if owners := s.MailedOwners(); len(owners) > 0 {
		h.OwnerMails = newTopic(h.Stack, "OwnerMails", h.Key)
		h.names.Mail.Owners = *h.OwnerMails.TopicArn()
		for _, email := range owners {
			// SNS compares the values of a filter exactly, so that they are in lower case on both sides.
			only := awssns.SubscriptionFilter_StringFilter(&awssns.StringConditions{
				Allowlist: jsii.Strings(settings.Address(email)),
			})
			subscribe(h.OwnerMails, email, &map[string]awssns.SubscriptionFilter{"owner": only})
		}
	}
}

// mailTopics are the topics that addresses are subscribed to.
func (h *Hub) mailTopics() (all []awssns.Topic) {
	for _, topic := range []awssns.Topic{h.Mails, h.OwnerMails} {
		if topic != nil {
			all = append(all, topic)
		}
	}
	return all
}

func subscribe(topic awssns.Topic, email string, filter *map[string]awssns.SubscriptionFilter) {
	awssns.NewSubscription(topic, jsii.String(email), &awssns.SubscriptionProps{
		Topic: topic, Protocol: awssns.SubscriptionProtocol_EMAIL, Endpoint: jsii.String(email), FilterPolicy: filter,
	})
}

// mailARNs are the resources that SES asks about for a mail of the sender: the address or its domain, whichever is
// verified, and the configuration set.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsimpleemailservicev2.html
func (h *Hub) mailARNs() []string {
	arn := func(resource, name string) string {
		return *h.FormatArn(&awscdk.ArnComponents{
			Service: jsii.String("ses"), Resource: jsii.String(resource), ResourceName: jsii.String(name),
		})
	}
	sender := h.props.Settings.Notify.SES.Sender
	if sender == "" {
		return nil
	}
	return []string{
		arn("identity", sender), arn("identity", sender[strings.LastIndex(sender, "@")+1:]),
		arn("configuration-set", h.names.Mail.Set),
	}
}
