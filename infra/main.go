// Command infra is Warder's CDK app: the constructs of package stack with the settings of cdk.json, or of the file that
// SETTINGS names. The CDK's command line runs it; it calls no AWS API.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"github.com/warder-aws/warder/infra/stack"
	"github.com/warder-aws/warder/pkg/settings"
)

func main() {
	err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	// Close waits for the CDK's process in two places and complains about the second on stderr.
	os.Stderr = nil
	jsii.Close()
	if err != nil {
		os.Exit(1)
	}
}

func run() error {
	app := stack.NewApp(nil)
	given, props, err := read(app)
	if err != nil {
		return err
	}
	props.Binaries = os.Getenv("WARDER_BINARIES") // of the local account: stand-ins
	if err := props.Validate(); err != nil {
		return err
	}
	organization := slices.Contains(os.Args[1:], orgTemplate)
	if organization && props.Settings.AssetBucket == "" {
		return errors.New("assetBucket: name the bucket that the accounts read the functions' code from")
	}
	stack.NewStacks(app, props)
	// The operator's command needs no checkout: the hub says which settings it was deployed with.
	app.Node().FindChild(jsii.String(settings.Product)).(awscdk.Stack).
		AddMetadata(jsii.String(settings.Product), given)
	app.Synth(nil)
	if organization {
		commands, err := publish(*app.Outdir(), props.Settings)
		fmt.Print(commands)
		return err
	}
	if bucket := props.Settings.AssetBucket; bucket != "" {
		folder := filepath.Join(*app.Outdir(), stack.CodeFolder)
		fmt.Fprintf(os.Stderr, "the templates name code in %s: upload it with\n  aws s3 sync %s s3://%s\n",
			bucket, folder, bucket)
	}
	return nil
}

// settingsFile is the environment variable with the path of a file of settings. The Makefile sets it to SETTINGS.
const settingsFile = "WARDER_SETTINGS_FILE"

// read returns the settings as they were written, and the props with them.
func read(app awscdk.App) (given any, props *stack.HubProps, err error) {
	path := os.Getenv(settingsFile)
	if path == "" {
		props, err = stack.FromContext(app)
		return app.Node().TryGetContext(jsii.String(settings.Product)), props, err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("read settings: %w", err)
	}
	document, err := settings.Document(data)
	if err != nil {
		return nil, nil, fmt.Errorf("read settings: %s: %w", path, err)
	}
	if props, err = stack.FromDocument(path, document); err != nil {
		return nil, nil, err
	}
	err = json.Unmarshal(document, &given)
	return given, props, err
}
