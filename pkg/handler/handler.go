// Package handler turns a control into a Lambda function: it reads what the function was told,
// makes the clients, and hands each event to the runner. It is the only package that knows the wall
// clock and the environment; it decides nothing.
package handler

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	stdlog "log"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/halt"
	"github.com/warder-aws/warder/pkg/iamuser"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/metric"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/owner"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
)

// Setup is what a planner is made from.
type Setup struct {
	// Control is what the function tells of itself: see [control.Read].
	Control control.Control
	// AWS makes the clients that the planner reads with, but that of IAM.
	AWS aws.Config
	// IAM is the one client of IAM: its connection, and its pace when there are too many calls, are the
	// planner's and the runner's.
	IAM *iam.Client
	// Settings is what the function was told.
	Settings settings.Function
	// Kinds are the changes that the runner can make: those of IAM. What changes something else adds
	// its own.
	Kinds change.Registry
	// Ledger is for planners that look at what was done before, and keep notes of what they need not
	// read again.
	Ledger *ledger.Ledger
	// Now is the clock, for clients that sign their requests themselves.
	Now func() time.Time
	// Concurrency is how many users a sweep looks at side by side; one after the other if it is 0.
	Concurrency int
	// Sleep waits, for planners that look again at what IAM does not show yet.
	Sleep func(context.Context, time.Duration)
}

// Run serves the control that the description (its control.json) describes, with the planner that
// plan makes. It ends the process when the function is not set up as it must be: nothing runs then.
//
// Beside events it takes {"release":{"by":"…","reason":"…"}}, which lets the control go on after its
// blast radius was reached.
func Run(description []byte, plan func(Setup) (remediation.Planner, error)) {
	serve(description, func(s Setup, runner *remediation.Runner) (handler, error) {
		planner, err := plan(s)
		if err != nil {
			return nil, err
		}
		runner.Planner = planner
		return func(ctx context.Context, by remediation.Invocation, raw json.RawMessage) (any, error) {
			if q, ok := release(raw); ok {
				answer, err := runner.Release(ctx, q)
				var metrics metric.Sheet
				if answer.Released {
					metrics.Set(metric.BreakerOpen, 0)
				}
				logged(ctx, runner.Log, s.Control.ID, metrics, err, "released", answer.Released)
				return answer, err
			}
			report, err := runner.Run(ctx, by, raw)
			logged(ctx, runner.Log, s.Control.ID, report.Metrics, err, "event", report.Event, "outcome", report.Outcome,
				"reason", report.Reason, "changes", len(report.Changes), "notices", len(report.Notices))
			return report, err
		}, nil
	})
}

// release returns the request to release the control, if that is what was sent.
func release(raw []byte) (remediation.ReleaseRequest, bool) {
	var q struct {
		Release *remediation.ReleaseRequest `json:"release"`
	}
	if json.Unmarshal(raw, &q) != nil || q.Release == nil {
		return remediation.ReleaseRequest{}, false
	}
	return *q.Release, true
}

// Serve serves a tool: a function that a person invokes with a request and that answers it. The
// handler is made once, from a runner without a planner, by build.
func Serve[Request, Answer any](description []byte, build func(Setup, *remediation.Runner) (func(context.Context, Request) (Answer, error), error)) {
	serve(description, func(s Setup, runner *remediation.Runner) (handler, error) {
		answer, err := build(s, runner)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, by remediation.Invocation, raw json.RawMessage) (any, error) {
			var out Answer
			q, err := understand[Request](raw)
			if err == nil {
				out, err = answer(ctx, q)
			}
			logged(ctx, runner.Log, s.Control.ID, metric.Sheet{}, err)
			return out, err
		}, nil
	})
}

// understand reads a request. What it does not know it refuses by name: a request that is understood in
// part would be another one.
func understand[Request any](raw []byte) (q Request, err error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&q); err != nil {
		return q, fmt.Errorf("request not understood: %w", err)
	}
	return q, nil
}

// logged writes the line of an invocation: what came of it, for people, and behind that what was
// measured, for CloudWatch.
func logged(ctx context.Context, log *slog.Logger, id string, metrics metric.Sheet, err error, args ...any) {
	level := slog.LevelInfo
	if err != nil {
		level, args = slog.LevelError, append(args, "error", err.Error())
	}
	for _, attr := range metrics.Attrs(time.Now(), map[string]string{metric.Control: id}) {
		args = append(args, attr)
	}
	log.Log(ctx, level, "invocation", args...)
}

// handler answers one invocation, and logs it.
type handler func(ctx context.Context, by remediation.Invocation, raw json.RawMessage) (any, error)

func serve(description []byte, build func(Setup, *remediation.Runner) (handler, error)) {
	log := NewLog(os.Stdout)
	stdlog.SetFlags(0)
	stdlog.SetOutput(spoken{log})
	handle, err := setUp(description, build, log)
	if err != nil {
		log.Error("set up", "error", err.Error())
		os.Exit(1)
	}
	lambda.Start(func(ctx context.Context, raw json.RawMessage) (any, error) {
		by := remediation.Invocation{ID: "unknown", Left: time.Minute}
		if lc, ok := lambdacontext.FromContext(ctx); ok {
			by.ID = lc.AwsRequestID
		}
		if end, ok := ctx.Deadline(); ok {
			by.Left = time.Until(end)
		}
		answer, err := handle(ctx, by, raw)
		if err != nil {
			err = errors.New(notice.Redact(err.Error()))
		}
		return answer, err
	})
}

func setUp(description []byte, build func(Setup, *remediation.Runner) (handler, error), log *slog.Logger) (handler, error) {
	// The description names the control, and so does the function's name: they must agree.
	id := strings.TrimPrefix(os.Getenv("AWS_LAMBDA_FUNCTION_NAME"), settings.FunctionName(""))
	c, err := control.Read(id, description)
	if err != nil {
		return nil, err
	}
	told, err := settings.FromEnv(os.LookupEnv)
	if err != nil {
		return nil, err
	}
	topic, err := arn.Parse(told.Topic)
	if err != nil {
		return nil, fmt.Errorf("read the topic's ARN: %w", err)
	}
	cfg, err := environment()
	if err != nil {
		return nil, err
	}
	users := iam.NewFromConfig(cfg)
	kinds := change.ForIAM(users)
	memory := ledger.New(ledger.Dynamo{API: dynamodb.NewFromConfig(cfg), Name: told.Table})
	handle, err := build(Setup{Control: c, AWS: cfg, IAM: users, Settings: told, Kinds: kinds, Ledger: memory, Now: time.Now, Sleep: sleep, Concurrency: iamuser.Concurrency}, &remediation.Runner{
		Control:  c,
		Settings: told,
		Kinds:    kinds,
		Ledger:   memory,
		// The topic may be one of another account, in another region.
		Topic:   notice.Topic{API: sns.NewFromConfig(cfg, func(o *sns.Options) { o.Region = topic.Region }), ARN: told.Topic},
		Owners:  owner.Book{API: users, Owners: told.Owners},
		Halt:    halt.Switch{API: ssm.NewFromConfig(cfg), Name: told.Halt},
		Account: told.Account,
		Region:  cfg.Region,
		Now:     time.Now,
		Sleep:   sleep,
		Log:     log.With("control", c.ID),
	})
	if err != nil {
		return nil, fmt.Errorf("set up %s: %w", c.ID, err)
	}
	return handle, nil
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
