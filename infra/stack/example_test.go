package stack_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/jsii-runtime-go"

	"github.com/warder-aws/warder/functions"
	"github.com/warder-aws/warder/infra/stack"
	"github.com/warder-aws/warder/pkg/settings"
)

// A CDK app of your own adds Warder beside its other stacks. The binaries come from `make build` in a checkout
// of the same version.
func ExampleNewHub() {
	app := awscdk.NewApp(nil)
	controls, err := functions.Controls()
	if err != nil {
		panic(err)
	}
	parsed, err := settings.Parse([]byte(`{
		"regions": ["eu-west-1"],
		"notify": {"emails": ["security@example.com"]},
		"controls": {"detach-direct-policy": {"mode": "enforce"}}
	}`), controls)
	if err != nil {
		panic(err) // every fault of the settings at once
	}
	hub := stack.NewHub(app, "warder", &stack.HubProps{Settings: parsed, Binaries: "../warder/bin/arm64"})
	stack.NewRegion(app, "warder-eu-west-1", &stack.RegionProps{Hub: hub, Region: "eu-west-1"})
	app.Synth(nil)
}

// binaries writes a stand-in for every function's binary: a template needs only the files.
func binaries(t *testing.T) string {
	t.Helper()
	controls, err := functions.Controls()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for _, c := range controls {
		if err := os.Mkdir(filepath.Join(folder, c.ID), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, c.ID, "bootstrap"), []byte(c.ID), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func TestConstructs_ForeignApp(t *testing.T) {
	app := awscdk.NewApp(&awscdk.AppProps{
		Outdir: jsii.String(t.TempDir()),
		Context: &map[string]any{"warder": map[string]any{
			"regions":  []string{"eu-west-1"},
			"notify":   map[string]any{"emails": []any{"security@example.com"}},
			"controls": map[string]any{"detach-direct-policy": map[string]any{"mode": "enforce"}},
		}},
	})
	props, err := stack.FromContext(app)
	if err != nil {
		t.Fatal(err)
	}
	props.Binaries = binaries(t)
	stage := awscdk.NewStage(app, jsii.String("Production"), nil)
	hub := stack.NewHub(stage, "security-warder", props)
	region := stack.NewRegion(stage, "security-warder-ireland", &stack.RegionProps{Hub: hub, Region: "eu-west-1"})
	// The app's own resources can refer to the hub's.
	awssns.NewCfnSubscription(hub.Stack, jsii.String("OnCall"), &awssns.CfnSubscriptionProps{
		TopicArn: hub.Topic.TopicArn(), Protocol: jsii.String("email"), Endpoint: jsii.String("on-call@example.com"),
	})

	t.Run("the hub has a function for each control, the ledger and the app's own subscription", func(t *testing.T) {
		got := assertions.Template_FromStack(hub.Stack, nil)
		got.ResourceCountIs(jsii.String("AWS::Lambda::Function"), jsii.Number(len(props.Controls)))
		got.HasResourceProperties(jsii.String("AWS::DynamoDB::Table"), map[string]any{"TableName": "warder"})
		got.HasResourceProperties(jsii.String("AWS::Lambda::Function"), map[string]any{
			"FunctionName": settings.FunctionName("detach-direct-policy"),
		})
		got.HasResourceProperties(jsii.String("AWS::SNS::Subscription"), map[string]any{"Endpoint": "on-call@example.com"})
	})
	t.Run("the region forwards to the hub and is deployed after it", func(t *testing.T) {
		got := assertions.Template_FromStack(region.Stack, nil)
		got.ResourceCountIs(jsii.String("AWS::Lambda::Function"), jsii.Number(0))
		got.HasResourceProperties(jsii.String("AWS::Events::Rule"), map[string]any{
			"Targets": []any{map[string]any{"Id": "Hub"}},
		})
		if after := *region.Dependencies(); len(after) != 1 || *after[0].StackName() != *hub.StackName() {
			t.Errorf("the region depends on %d stacks, want the hub", len(after))
		}
	})
	t.Run("a region that the settings do not name is refused", func(t *testing.T) {
		defer wantPanic(t, `"eu-north-1" is not one of the settings' regions`)
		stack.NewRegion(stage, "other", &stack.RegionProps{Hub: hub, Region: "eu-north-1"})
	})
	t.Run("a hub without binaries names the first one and how to build it", func(t *testing.T) {
		defer wantPanic(t, `find binary of "alert-console-login"`, "make build")
		stack.NewHub(app, "unbuilt", &stack.HubProps{Binaries: filepath.Join(t.TempDir(), "nowhere")})
	})
}

func wantPanic(t *testing.T, want ...string) {
	t.Helper()
	err, ok := recover().(error)
	if !ok {
		t.Fatal("no panic with an error")
	}
	for _, text := range want {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("panic with %q, want %q in it", err, text)
		}
	}
}
