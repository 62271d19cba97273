// Command doctor checks what Warder needs of an account and how it fares there: `make doctor`. It
// asks AWS with the credentials at hand, or the local account when AWS_ENDPOINT_URL names it, and
// changes nothing; it has no operation that could. What it may not read is "not known", never "ok".
//
// The lines stand in the order in which somebody would put them right. The exit status is 0 when
// everything is as it should be, 1 when something is a problem or could not be read, and 2 when the
// arguments were not understood.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/configservice"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/warder-aws/warder/functions"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/settings"
)

const usage = `usage: make doctor [ARGS="-json"]

  Checks what Warder needs of the account of the credentials in the environment, or of the local
  account at AWS_ENDPOINT_URL, and how it fares there. It only reads. AWS's policies SecurityAudit
  and ViewOnlyAccess, and dynamodb:GetItem and dynamodb:Scan on the table warder, are enough.

  -json   one JSON object: lines, each with check, state (ok, problem, not known, remark), text, do
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr, connect)
	stop()
	os.Exit(status)
}

// run examines the account, prints what it found and returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, connect func(context.Context) (*doctor, error)) int {
	flags := flag.NewFlagSet("doctor", flag.ContinueOnError)
	machine := flags.Bool("json", false, "")
	flags.SetOutput(io.Discard)
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "%v\n%s", err, usage)
		return 2
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "doctor takes no %q\n%s", flags.Arg(0), usage)
		return 2
	}
	d, err := connect(ctx)
	if err != nil {
		fmt.Fprintln(stderr, i18n.Paragraph(err.Error())) // it may have words of the account
		return 1
	}
	lines := d.examine(ctx)
	if *machine {
		encoder := json.NewEncoder(stdout)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(map[string]any{"lines": lines})
	} else {
		err = show(stdout, lines, colourful(stdout))
	}
	if err != nil {
		fmt.Fprintln(stderr, i18n.Paragraph(err.Error())) // it may have words of the account
		return 1
	}
	for _, line := range lines {
		if line.State == problem || line.State == unknown {
			return 1
		}
	}
	return 0
}

// connect reads the settings and makes clients for the account of the credentials.
func connect(ctx context.Context) (*doctor, error) {
	controls, err := functions.Controls()
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile("cdk.json")
	if err != nil {
		return nil, fmt.Errorf("read settings: %w", err)
	}
	var cdk struct {
		Output  string
		Context struct{ Warder json.RawMessage }
	}
	if err := json.Unmarshal(data, &cdk); err != nil {
		return nil, fmt.Errorf("read settings: cdk.json: %w", err)
	}
	if cdk.Context.Warder == nil {
		cdk.Context.Warder = []byte("{}") // no settings: the defaults
	}
	s, err := settings.Parse(cdk.Context.Warder, controls)
	if err != nil {
		return nil, err
	}
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(s.HubRegion), config.WithRetryer(func() aws.Retryer { return retry.NewAdaptiveMode() }))
	if err != nil {
		return nil, fmt.Errorf("read AWS configuration: %w", err)
	}
	return &doctor{
		settings: s, controls: controls, now: time.Now,
		account: account(cfg),
		synth: func(stack string) (synth, error) {
			return readSynth(filepath.Join(cdk.Output, stack+".template.json"), "cdk.json")
		},
	}, nil
}

// account makes the clients of a region, once for each.
func account(cfg aws.Config) func(region string) clients {
	var mu sync.Mutex
	made := map[string]clients{}
	return func(region string) clients {
		mu.Lock()
		defer mu.Unlock()
		if c, ok := made[region]; ok {
			return c
		}
		cfg := cfg.Copy()
		cfg.Region = region
		made[region] = clients{
			formation: cloudformation.NewFromConfig(cfg), trail: cloudtrail.NewFromConfig(cfg), config: configservice.NewFromConfig(cfg),
			events: eventbridge.NewFromConfig(cfg), iam: iam.NewFromConfig(cfg), lambda: lambda.NewFromConfig(cfg),
			secrets: secretsmanager.NewFromConfig(cfg), sns: sns.NewFromConfig(cfg), sqs: sqs.NewFromConfig(cfg),
			ssm: ssm.NewFromConfig(cfg), sts: sts.NewFromConfig(cfg),
			store: ledger.Dynamo{API: dynamodb.NewFromConfig(cfg), Name: settings.TableName},
		}
		return made[region]
	}
}
