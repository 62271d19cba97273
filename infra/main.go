// Command infra is Warder's CDK app: the constructs of package stack with the settings of cdk.json. The CDK's
// command line runs it; it calls no AWS API.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/aws/jsii-runtime-go"

	"github.com/warder-aws/warder/infra/stack"
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
	props, err := stack.FromContext(app)
	if err != nil {
		return err
	}
	if err := props.Validate(); err != nil {
		return err
	}
	stack.NewStacks(app, props)
	app.Synth(nil)
	if bucket := props.Settings.AssetBucket; bucket != "" {
		folder := filepath.Join(*app.Outdir(), stack.CodeFolder)
		fmt.Fprintf(os.Stderr, "the templates name code in %s: upload it with\n  aws s3 sync %s s3://%s\n",
			bucket, folder, bucket)
	}
	return nil
}
