// Package handler turns a control into a Lambda function: it reads the settings, makes the clients, and hands each
// event to the runner. Only it knows the wall clock and the environment; it decides nothing.
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
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/iamuser"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/metric"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/orders"
	"github.com/warder-aws/warder/pkg/parameter"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
)

// Run serves a control. It ends the process when the function is not set up as it must be: nothing runs then.
//
// Beside events it takes {"release":{"by":"…","reason":"…"}}, which ends the stop by the blast radius, and
// {"apply":{"action":"ID","by":"…","reason":"…"}}, which applies what was proposed.
func (c Control) Run() {
	serve(c.Description, func(runner *remediation.Runner, cfg aws.Config) (handler, error) {
		if err := c.Connect(runner, cfg, iamuser.Concurrency); err != nil {
			return nil, err
		}
		return func(ctx context.Context, by remediation.Invocation, raw json.RawMessage) (any, error) {
			if q, ok := release(raw); ok {
				answer, err := runner.Release(ctx, q)
				var metrics metric.Sheet
				if answer.Released {
					metrics.Set(metric.BreakerOpen, 0)
				}
				logged(ctx, runner.Log, metrics, err, "released", answer.Released)
				return answer, err
			}
			run := func() (remediation.Report, error) { return runner.Run(ctx, by, raw) }
			if q, ok := apply(raw); ok {
				run = func() (remediation.Report, error) { return remediation.Proposals{Runner: runner}.Apply(ctx, by, q) }
			}
			report, err := run()
			logged(ctx, runner.Log, report.Metrics, err, "event", report.Event, "outcome", report.Outcome,
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

// apply returns the request to apply a proposal, if that is what was sent.
func apply(raw []byte) (remediation.ApplyRequest, bool) {
	var q struct {
		Apply *remediation.ApplyRequest `json:"apply"`
	}
	if json.Unmarshal(raw, &q) != nil || q.Apply == nil {
		return remediation.ApplyRequest{}, false
	}
	return *q.Apply, true
}

// Serve serves a tool. It ends the process when the function is not set up as it must be.
func (t Tool[Request, Answer]) Serve() {
	serve(t.Description, func(runner *remediation.Runner, cfg aws.Config) (handler, error) {
		answer, err := t.Connect(runner, cfg)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, _ remediation.Invocation, raw json.RawMessage) (any, error) {
			var out Answer
			q, err := understand[Request](raw)
			if err == nil {
				out, err = answer(ctx, q)
			}
			fault := err
			if partly, ok := any(out).(interface{ Fault() error }); ok && err == nil {
				fault = partly.Fault() // what failed of it is an error of the function, and what was done is not done again
			}
			logged(ctx, runner.Log, metric.Sheet{}, fault)
			return out, err
		}, nil
	})
}

// understand reads a request. Unknown fields are errors: understood in part, it would be another request.
func understand[Request any](raw []byte) (q Request, err error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&q); err != nil {
		return q, fmt.Errorf("request not understood: %w", err)
	}
	return q, nil
}

// logged writes the line of an invocation: what came of it, then what was measured, for CloudWatch.
func logged(ctx context.Context, log *slog.Logger, metrics metric.Sheet, err error, args ...any) {
	level := slog.LevelInfo
	if err != nil {
		level, args = slog.LevelError, append(args, "error", err.Error())
	}
	for _, attr := range metrics.Attrs(time.Now()) {
		args = append(args, attr)
	}
	log.Log(ctx, level, "invocation", args...)
}

// handler answers one invocation, and logs it.
type handler func(ctx context.Context, by remediation.Invocation, raw json.RawMessage) (any, error)

// builder makes the handler of a function from its runner, which has no clients yet.
type builder func(*remediation.Runner, aws.Config) (handler, error)

func serve(description []byte, build builder) {
	log := NewLog(os.Stdout)
	stdlog.SetFlags(0)
	stdlog.SetOutput(runtimeLog{log})
	handle, err := setUp(description, build, log)
	if err != nil {
		log.Error("set up", "error", err.Error())
		os.Exit(1)
	}
	lambda.Start(func(ctx context.Context, raw json.RawMessage) (json.RawMessage, error) {
		by := remediation.Invocation{ID: "unknown", Left: time.Minute}
		if lc, ok := lambdacontext.FromContext(ctx); ok {
			by.ID = lc.AwsRequestID
		}
		if end, ok := ctx.Deadline(); ok {
			by.Left = time.Until(end)
		}
		return leave(handle(ctx, by, raw))
	})
}

// leave is what a function answers: JSON without whole access key ids, or an error without them. Whoever may invoke a
// function, and whoever reads where its answers are kept, need not know them: a change is addressed by its id.
func leave(answer any, err error) (json.RawMessage, error) {
	if err != nil {
		return nil, errors.New(notice.Redact(err.Error()))
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return nil, fmt.Errorf("encode the answer: %s", notice.Redact(err.Error()))
	}
	return json.RawMessage(notice.Redact(string(text))), nil
}

func setUp(description []byte, build builder, log *slog.Logger) (handler, error) {
	// The description names the control, and so does the function's name: they must agree.
	id := strings.TrimPrefix(os.Getenv("AWS_LAMBDA_FUNCTION_NAME"), settings.FunctionName(""))
	c, err := control.Read(id, description)
	if err != nil {
		return nil, err
	}
	set, err := settings.FromEnv(os.LookupEnv)
	if err != nil {
		return nil, err
	}
	if err := i18n.SetZone(set.Timezone); err != nil {
		return nil, err
	}
	topic, err := arn.Parse(set.Topic)
	if err != nil {
		return nil, fmt.Errorf("read the topic's ARN: %w", err)
	}
	cfg, err := environment()
	if err != nil {
		return nil, err
	}
	table := ledger.Dynamo{API: dynamodb.NewFromConfig(cfg), Name: set.Table}
	secret := &ledger.Envelope{Table: table, KMS: ledger.NewKMS(cfg), Name: set.LedgerKey}
	book := ledger.New(&ledger.Sealed{Unsealed: table, Keys: secret}).WithHolds(set.HoldDays)
	handle, err := build(&remediation.Runner{
		Control:  c,
		Settings: set,
		Ledger:   book,
		Orders:   ordersOf(set, cfg, book),
		// The topic may be one of another account, in another region.
		Topic: notice.Topic{
			API: sns.NewFromConfig(cfg, func(o *sns.Options) { o.Region = topic.Region }), ARN: set.Topic,
			UTF8: set.Subjects == settings.UTF8,
		},
		Environment: remediation.Environment{Now: time.Now, Sleep: sleep, Log: log.With("control", c.ID)},
	}, cfg)
	if err != nil {
		return nil, fmt.Errorf("set up %s: %w", c.ID, err)
	}
	verifier := caller.Verifier{
		Config: cfg, Account: set.Account, Function: settings.FunctionName(c.ID), Now: time.Now, HTTP: caller.NewClient(),
	}
	return func(ctx context.Context, by remediation.Invocation, raw json.RawMessage) (any, error) {
		ctx, request, err := open(ctx, verifier, raw)
		if err != nil {
			logged(ctx, log.With("control", c.ID), metric.Sheet{}, err)
			return nil, err
		}
		return handle(ctx, by, request)
	}, nil
}

// ordersOf is what reads the organization's orders; nil if it gives none.
func ordersOf(set settings.Function, cfg aws.Config, memory orders.Memory) remediation.Orders {
	parsed, err := arn.Parse(set.Orders)
	if err != nil {
		return nil // it is empty: settings have ARNs alone
	}
	cfg.Region = parsed.Region
	return orders.Reader{Store: parameter.New(cfg), Memory: memory, Name: set.Orders}
}

// open returns what a function is asked for, and a context that has who asks if that is signed. A request that is
// signed wrongly is an error; one that is not signed is as it was sent.
func open(ctx context.Context, v caller.Verifier, raw json.RawMessage) (context.Context, json.RawMessage, error) {
	var q struct {
		Signed *caller.Signed `json:"signed"`
	}
	if json.Unmarshal(raw, &q) != nil || q.Signed == nil {
		return ctx, raw, nil //nolint:nilerr // what is not understood is said by who reads the rest of it
	}
	if _, err := understand[struct {
		Signed caller.Signed `json:"signed"`
	}](raw); err != nil {
		return ctx, nil, err
	}
	arn, err := v.Verify(ctx, *q.Signed)
	if err != nil {
		return ctx, nil, err
	}
	return caller.NewContext(ctx, arn), json.RawMessage(q.Signed.Request), nil
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
