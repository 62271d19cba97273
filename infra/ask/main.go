// Command ask asks the deployed Warder for what people decide: to halt and to go
// on, to release a control, to put back what was changed, to explain, to sweep
// now, to send again what is kept in the queues, to rehearse an incident, to write
// a report. The make targets of these names run it. It calls the account of the
// credentials in the environment, or the local account when AWS_ENDPOINT_URL
// names it, in the region of cdk.json. It needs no right to IAM: it invokes
// Warder's functions, sets the halt parameter and empties the queues, and does
// nothing by itself.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/warder-aws/warder/functions"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/s3"
	"github.com/warder-aws/warder/pkg/settings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr, connect)
	stop()
	os.Exit(status)
}

// run does what the arguments ask for and returns the exit status: 0 when it was
// done, 1 when it was not or not wholly, 2 when it was not understood.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, connect func(context.Context) (asker, error)) int {
	command, q, err := parse(args)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 2
	}
	a, err := connect(ctx)
	if err != nil {
		fmt.Fprintln(stderr, i18n.Paragraph(err.Error())) // all faults of the settings, a line each
		return 1
	}
	a.out = stdout
	switch err := command.run(a, ctx, q); {
	case errors.Is(err, errNotAll): // the answer has said why
		return 1
	case err != nil:
		fmt.Fprintln(stderr, plain(err.Error())) // it may have words of the account
		return 1
	}
	return 0
}

// connect makes the clients for the account that Warder is deployed in.
func connect(ctx context.Context) (asker, error) {
	controls, err := functions.Controls()
	if err != nil {
		return asker{}, err
	}
	data, err := os.ReadFile("cdk.json")
	if err != nil {
		return asker{}, fmt.Errorf("read settings: %w", err)
	}
	var cdk struct {
		Context struct{ Warder json.RawMessage }
	}
	if err := json.Unmarshal(data, &cdk); err != nil {
		return asker{}, fmt.Errorf("read settings: cdk.json: %w", err)
	}
	if cdk.Context.Warder == nil {
		cdk.Context.Warder = []byte("{}") // no settings: the defaults
	}
	s, err := settings.Parse(cdk.Context.Warder, controls)
	if err != nil {
		return asker{}, err
	}
	// Not the region of the environment: Warder is where IAM's events are.
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(s.HubRegion))
	if err != nil {
		return asker{}, fmt.Errorf("read AWS configuration: %w", err)
	}
	places := []place{newPlace(cfg, s.HubRegion, settings.Product)}
	for _, region := range s.Regions {
		places = append(places, newPlace(cfg, region, settings.Product+"-"+region))
	}
	return asker{
		lambda: lambda.NewFromConfig(cfg), ssm: ssm.NewFromConfig(cfg), sts: sts.NewFromConfig(cfg),
		events: eventbridge.NewFromConfig(cfg), objects: s3.New(cfg), places: places,
		region: s.HubRegion, controls: controls, by: os.Getenv("BY"), now: time.Now,
	}, nil
}

// newPlace makes the clients for the stack of a region.
func newPlace(cfg aws.Config, region, stack string) place {
	cfg.Region = region
	return place{region: region, stack: stack, formation: cloudformation.NewFromConfig(cfg), queues: sqs.NewFromConfig(cfg)}
}
