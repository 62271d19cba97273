package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/warder-aws/warder/infra/warder/account"
	"github.com/warder-aws/warder/infra/warder/terminal"
	"github.com/warder-aws/warder/pkg/s3"
	"github.com/warder-aws/warder/pkg/settings"
)

// A session is a connection to the account that Warder is deployed in.
type session struct {
	*app
	cfg    aws.Config
	lambda interface {
		Invoke(context.Context, *lambda.InvokeInput, ...func(*lambda.Options)) (*lambda.InvokeOutput, error)
	}
	ssm interface {
		PutParameter(context.Context, *ssm.PutParameterInput, ...func(*ssm.Options)) (*ssm.PutParameterOutput, error)
	}
	sts interface {
		GetCallerIdentity(
			context.Context, *sts.GetCallerIdentityInput, ...func(*sts.Options),
		) (*sts.GetCallerIdentityOutput, error)
	}
	events interface {
		TestEventPattern(
			context.Context, *eventbridge.TestEventPatternInput, ...func(*eventbridge.Options),
		) (*eventbridge.TestEventPatternOutput, error)
	}
	objects interface {
		GetObject(ctx context.Context, b *s3.Bucket, key string) ([]byte, error)
	}
	places func(context.Context) ([]place, error) // the hub, and the other regions
	region string
}

// connect makes the clients for the account of the credentials.
func connect(ctx context.Context, a *app) (*session, error) {
	hub := ""
	if a.settings != "" {
		file, err := account.Read(a.settings, a.controls)
		if err != nil {
			return nil, err
		}
		hub = file.HubRegion
	}
	cfg, err := account.Config(ctx, hub)
	if err != nil {
		return nil, err
	}
	s := &session{
		app: a, cfg: cfg, region: cfg.Region,
		lambda: lambda.NewFromConfig(cfg), ssm: ssm.NewFromConfig(cfg), sts: sts.NewFromConfig(cfg),
		events: eventbridge.NewFromConfig(cfg), objects: s3.New(cfg),
	}
	s.places = func(ctx context.Context) ([]place, error) {
		set, err := s.readSettings(ctx)
		if err != nil {
			return nil, err
		}
		places := []place{newPlace(cfg, s.region, settings.Product)}
		for _, region := range set.Regions {
			places = append(places, newPlace(cfg, region, settings.Product+"-"+region))
		}
		return places, nil
	}
	return s, nil
}

// newPlace makes the clients for the stack of a region.
func newPlace(cfg aws.Config, region, stack string) place {
	cfg.Region = region
	return place{region, stack, cloudformation.NewFromConfig(cfg), sqs.NewFromConfig(cfg)}
}

// readSettings reads the settings of the file that was named, or else those that were deployed.
func (s *session) readSettings(ctx context.Context) (account.Settings, error) {
	if s.settings != "" {
		return account.Read(s.settings, s.controls)
	}
	return account.Deployed(ctx, s.cfg, s.controls)
}

// requester is who asks: who was named, else whoever the credentials belong to.
func (s *session) requester(ctx context.Context) (string, error) {
	if by := s.who(); by != "" {
		return by, nil
	}
	caller, err := s.caller(ctx)
	return aws.ToString(caller.Arn), err
}

func (s *session) caller(ctx context.Context) (*sts.GetCallerIdentityOutput, error) {
	caller, err := s.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return &sts.GetCallerIdentityOutput{}, fmt.Errorf("find out whose the credentials are: %w", account.Cause(err))
	}
	return caller, nil
}

// functionTimeout is longer than Lambda lets a function run.
const functionTimeout = 16 * time.Minute

// invoke asks the function of a control or a tool and waits for its answer.
func (s *session) invoke(ctx context.Context, id string, request, answer any, options ...func(*lambda.Options)) error {
	name := settings.FunctionName(id)
	payload, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("encode request to %s: %w", name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, functionTimeout)
	defer cancel()
	out, err := s.lambda.Invoke(ctx, &lambda.InvokeInput{FunctionName: &name, Payload: payload}, options...)
	var missing *lambdatypes.ResourceNotFoundException
	if errors.As(err, &missing) {
		return fmt.Errorf("invoke %s: it is not deployed in %s of this account", name, s.region)
	}
	if err != nil {
		return fmt.Errorf("invoke %s: %w", name, account.Cause(err))
	}
	if out.FunctionError != nil {
		// https://docs.aws.amazon.com/lambda/latest/dg/golang-exceptions.html
		var failure struct{ ErrorMessage string }
		if json.Unmarshal(out.Payload, &failure) != nil || failure.ErrorMessage == "" {
			failure.ErrorMessage = string(out.Payload)
		}
		return fmt.Errorf("%s failed: %s", name, terminal.Plain(failure.ErrorMessage))
	}
	if err := json.Unmarshal(out.Payload, answer); err != nil {
		return fmt.Errorf("read answer of %s: %w", name, err)
	}
	return nil
}
