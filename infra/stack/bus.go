package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/jsii-runtime-go"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/settings"
)

// anyState makes the pattern alone decide: ENABLED would drop read-only calls,
// some of which matter (root listing its keys).
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
const anyState = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"

// needsBus tells whether events come to the hub from elsewhere: from other
// regions, or from a drill.
func (p HubProps) needsBus() bool {
	return len(p.Settings.Regions) > 0 || p.any(control.Bus, control.DrillQueue)
}

// any tells whether one of the tools names one of Warder's own resources.
func (p HubProps) any(own ...string) bool {
	for _, c := range p.Controls {
		if names(c, own...) {
			return true
		}
	}
	return false
}

// newBus is the bus for what is not put on the hub's default bus by AWS. It has no
// policy: only this account's own roles may put events on it.
func newBus(stack awscdk.Stack) awsevents.CfnEventBus {
	return awsevents.NewCfnEventBus(stack, jsii.String("Bus"), &awsevents.CfnEventBusProps{
		Name:        jsii.String(settings.Product),
		Description: jsii.String("What happens in other regions, and what a drill makes of it"),
	})
}
