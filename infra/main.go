// Command infra is Warder's CDK app: it turns the settings of cdk.json and the
// control.json of every function into CloudFormation stacks: the hub, and one for
// each other region. The CDK CLI runs it (see cdk.json); it calls no AWS API and knows no control by name.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/aws/jsii-runtime-go"

	"github.com/warder-aws/warder/functions"
	"github.com/warder-aws/warder/infra/stack"
	"github.com/warder-aws/warder/pkg/settings"
)

// binaries is where the build puts a function's bootstrap for Lambda, one
// folder a control.
const binaries = "bin/arm64"

func main() {
	err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	stack.CloseRuntime()
	if err != nil {
		os.Exit(1)
	}
}

func run() error {
	app := stack.NewApp(nil)
	context, err := json.Marshal(app.Node().TryGetContext(jsii.String("warder")))
	if err != nil {
		return fmt.Errorf("read cdk.json: %w", err)
	}
	if string(context) == "null" {
		context = []byte("{}") // no settings: the defaults
	}
	controls, err := functions.Controls()
	if err != nil {
		return err
	}
	s, err := settings.Parse(context, controls)
	if err != nil {
		return err
	}
	props := stack.HubProps{Settings: s, Controls: stack.Deployable(controls, s), Binaries: binaries}
	if err := props.Check(); err != nil {
		return err
	}
	stack.NewStacks(app, props)
	app.Synth(nil)
	if s.AssetBucket != "" {
		folder := filepath.Join(*app.Outdir(), stack.CodeFolder)
		fmt.Fprintf(os.Stderr, "the templates name code in %s: put it there with\n  aws s3 sync %s s3://%s\n", s.AssetBucket, folder, s.AssetBucket)
	}
	return nil
}
