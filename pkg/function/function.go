// Package function turns a control into a Lambda function: it reads what the function was told,
// makes the clients, and hands each event to the runner. It is the only package that knows the wall
// clock and the environment; it decides nothing.
package function

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/halt"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/owner"
	"github.com/warder-aws/warder/pkg/remedy"
	"github.com/warder-aws/warder/pkg/settings"
)

// Setup is what a planner is made from.
type Setup struct {
	// AWS makes the clients that the planner reads with.
	AWS aws.Config
	// Settings is what the function was told.
	Settings settings.Function
	// Sleep waits, for planners that look again at what IAM does not show yet.
	Sleep func(context.Context, time.Duration)
}

// Run serves the control that the description (its control.json) describes, with the planner that
// plan makes. It ends the process when the function is not set up as it must be: nothing runs then.
func Run(description []byte, plan func(Setup) (remedy.Planner, error)) {
	log := slog.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: redact}))
	runner, err := newRunner(description, plan, log)
	if err != nil {
		log.Error("set up", "error", err.Error())
		os.Exit(1)
	}
	lambda.Start(func(ctx context.Context, raw json.RawMessage) (remedy.Report, error) {
		by := remedy.Invocation{ID: "unknown", Left: time.Minute}
		if lc, ok := lambdacontext.FromContext(ctx); ok {
			by.ID = lc.AwsRequestID
		}
		if end, ok := ctx.Deadline(); ok {
			by.Left = time.Until(end)
		}
		started := time.Now()
		report, err := runner.Run(ctx, by, raw)
		level := slog.LevelInfo
		if err != nil {
			level = slog.LevelError
			err = errors.New(notice.Redact(err.Error()))
		}
		log.Log(ctx, level, "run", "control", report.Control, "event", report.Event, "outcome", report.Outcome,
			"reason", report.Reason, "changes", len(report.Changes), "notices", len(report.Notices),
			"milliseconds", time.Since(started).Milliseconds(), "request_id", by.ID, "error", text(err))
		return report, err
	})
}

func newRunner(description []byte, plan func(Setup) (remedy.Planner, error), log *slog.Logger) (*remedy.Runner, error) {
	// The description names the control, and so does the function's name: they must agree.
	id := strings.TrimPrefix(os.Getenv("AWS_LAMBDA_FUNCTION_NAME"), settings.FunctionName(""))
	c, err := control.Parse(id+"/control.json", description)
	if err != nil {
		return nil, err
	}
	told, err := settings.FromEnv(os.LookupEnv)
	if err != nil {
		return nil, err
	}
	cfg, err := environment()
	if err != nil {
		return nil, err
	}
	planner, err := plan(Setup{AWS: cfg, Settings: told, Sleep: sleep})
	if err != nil {
		return nil, fmt.Errorf("make the planner of %s: %w", c.ID, err)
	}
	users := iam.NewFromConfig(cfg)
	return &remedy.Runner{
		Control:  c,
		Settings: told,
		Planner:  planner,
		Kinds:    change.ForIAM(users),
		Ledger:   ledger.New(ledger.Dynamo{API: dynamodb.NewFromConfig(cfg), Name: told.Table}),
		Topic:    notice.Topic{API: sns.NewFromConfig(cfg), ARN: told.Topic},
		Owners:   owner.Book{API: users, Owners: told.Owners},
		Halt:     halt.Switch{API: ssm.NewFromConfig(cfg), Name: told.Halt},
		Now:      time.Now,
		Sleep:    sleep,
		Log:      log,
	}, nil
}

// environment is the AWS configuration of a Lambda function: region, credentials and, in the local
// account, the endpoint all come from the environment, and from nowhere else. The default chain of
// the SDK would look in files and on the network as well, and make the binary an eighth larger.
func environment() (aws.Config, error) {
	env, err := config.NewEnvConfig()
	if err != nil {
		return aws.Config{}, fmt.Errorf("read AWS configuration from the environment: %w", err)
	}
	if env.Region == "" || !env.Credentials.HasKeys() {
		return aws.Config{}, errors.New("read AWS configuration from the environment: no region or no credentials")
	}
	cfg := aws.Config{
		Region:      env.Region,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return env.Credentials, nil }),
		// IAM is one endpoint for the whole account and throttles hard.
		Retryer: func() aws.Retryer { return retry.NewAdaptiveMode() },
	}
	if env.BaseEndpoint != "" {
		cfg.BaseEndpoint = &env.BaseEndpoint
	}
	return cfg, nil
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// redact keeps access key ids out of the log, whoever put them into a value.
func redact(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindString {
		a.Value = slog.StringValue(notice.Redact(a.Value.String()))
	}
	return a
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
