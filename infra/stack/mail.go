package stack

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsses"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
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
	return []string{
		arn("identity", sender), arn("identity", sender[strings.LastIndex(sender, "@")+1:]),
		arn("configuration-set", h.names.Mail.Set),
	}
}
