package stack

import (
	"os"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"github.com/warder-aws/warder/pkg/settings"
)

// CloseRuntime ends the CDK's JavaScript process and removes its files. jsii
// waits for the process in two places and complains of the second on stderr, so
// nothing more can be printed there.
func CloseRuntime() {
	os.Stderr = nil
	jsii.Close()
}

// NewStacks adds the hub and the stack of each other region to the app. A region
// sends to what the hub has, so that it is deployed after it.
func NewStacks(app awscdk.App, props HubProps) {
	hub := NewHub(app, settings.Product, props)
	for _, region := range props.Settings.Regions {
		NewRegion(app, region, props).AddStackDependency(hub.Stack, jsii.String("it sends to the hub's bus"))
	}
}

// NewApp is an app whose template depends on nothing but the sources: no record
// of the CDK's version, no construct tree.
func NewApp(outdir *string) awscdk.App {
	return awscdk.NewApp(&awscdk.AppProps{
		AnalyticsReporting: jsii.Bool(false),
		TreeMetadata:       jsii.Bool(false),
		Outdir:             outdir,
	})
}
