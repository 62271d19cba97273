// Package stack holds the constructs that deploy Warder. [NewHub] adds the stack with every control and tool,
// [NewRegion] a stack that forwards the events of one more region to it. Any CDK app in Go can import them.
//
// The package knows no control by name, never calls AWS and never reads credentials.
package stack

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/warder-aws/warder/functions"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/settings"
)

// DefaultBinaries is the folder into which `make build` puts the functions' binaries for Lambda.
const DefaultBinaries = "bin/arm64"

// HubProps configures [NewHub]. The zero value deploys every control, and each observes.
type HubProps struct {
	// Settings are Warder's settings: what cdk.json has in its context under "warder". [settings.Parse] reads
	// and validates them, [FromContext] takes them from the app's context.
	// Default: the settings of an empty object. Every control observes, the hub is in us-east-1.
	Settings settings.Settings

	// Controls describe the controls and tools to deploy. What the settings have no use for is left out, such as
	// the tool that posts to Slack when they name no token.
	// Default: everything in package functions.
	Controls []control.Control

	// Binaries is the folder that holds one folder for each control and tool, named for its id, with its
	// executable `bootstrap` for linux/arm64. A relative path is relative to the working directory.
	// Default: [DefaultBinaries].
	Binaries string
}

// RegionProps configures [NewRegion].
type RegionProps struct {
	// Hub receives the events. The region's stack is deployed after it. Required.
	Hub *Hub

	// Region is the region's code, such as eu-west-1. It must be one of the settings' regions, because the hub
	// has rules for what other regions send only if there are any. Required.
	Region string
}

// FromContext returns the props with the settings that the app's context has under "warder": in cdk.json, or
// in CDK_CONTEXT_JSON. Without any, the settings are the defaults. The error lists every fault in them.
func FromContext(scope constructs.Construct) (*HubProps, error) {
	context, err := json.Marshal(scope.Node().TryGetContext(jsii.String(settings.Product)))
	if err != nil {
		return nil, fmt.Errorf("read cdk.json: %w", err)
	}
	if string(context) == "null" {
		return new(HubProps).withDefaults()
	}
	controls, err := functions.Controls()
	if err != nil {
		return nil, err
	}
	s, err := settings.Parse(context, controls)
	if err != nil {
		return nil, err
	}
	return (&HubProps{Settings: s, Controls: controls}).withDefaults()
}

// withDefaults returns a copy in which every prop has a value. It leaves out controls without a use.
func (p *HubProps) withDefaults() (*HubProps, error) {
	var filled HubProps
	if p != nil {
		filled = *p
	}
	filled.Binaries = cmp.Or(filled.Binaries, DefaultBinaries)
	var err error
	if filled.Controls == nil {
		if filled.Controls, err = functions.Controls(); err != nil {
			return nil, err
		}
	}
	if filled.Settings.HubRegion == "" {
		if filled.Settings, err = settings.Parse([]byte("{}"), filled.Controls); err != nil {
			return nil, err
		}
	}
	filled.Controls = slices.DeleteFunc(slices.Clone(filled.Controls), func(c control.Control) bool {
		return uses(c, control.Slack) && !filled.Settings.Notify.Slack.On()
	})
	return &filled, nil
}

// anyUses reports whether a control or tool uses one of Warder's own resources.
func (p *HubProps) anyUses(own ...string) bool {
	return slices.ContainsFunc(p.Controls, func(c control.Control) bool { return uses(c, own...) })
}

// uses reports whether c has a permission for one of Warder's own resources.
func uses(c control.Control, own ...string) bool {
	return slices.ContainsFunc(c.Permissions, func(p control.Permission) bool {
		return slices.ContainsFunc(own, func(name string) bool { return slices.Contains(p.Resources, name) })
	})
}

// off reports whether the settings switch the control off.
func (p *HubProps) off(c control.Control) bool { return p.Settings.Controls[c.ID].Mode == control.Off }

// NewApp returns an app whose templates depend on the sources alone: they have no record of the CDK's version
// and no construct tree. With a nil folder, it synthesizes into the one that the CDK's command line names.
func NewApp(folder *string) awscdk.App {
	return awscdk.NewApp(&awscdk.AppProps{
		AnalyticsReporting: jsii.Bool(false),
		TreeMetadata:       jsii.Bool(false),
		Outdir:             folder,
	})
}

// NewStacks adds the hub, and a stack for each other region of the settings, under their usual names.
func NewStacks(scope constructs.Construct, props *HubProps) *Hub {
	hub := NewHub(scope, settings.Product, props)
	for _, region := range hub.props.Settings.Regions {
		NewRegion(scope, settings.Product+"-"+region, &RegionProps{Hub: hub, Region: region})
	}
	return hub
}
