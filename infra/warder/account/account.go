// Package account is the AWS account of the credentials in the environment, as the operator's command finds
// it: the configuration of the SDK, the settings of Warder there, and what went wrong with a call, in words
// for people. It reads one CloudFormation template and changes nothing.
package account

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/deployment"
	"github.com/warder-aws/warder/pkg/settings"
)

// login is what to do about credentials.
const login = "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run: aws sso login"

// credentialsTimeout is how long to look for credentials, the metadata of a machine in EC2 included.
const credentialsTimeout = 5 * time.Second

// Config is the configuration for the account, in the region where Warder is.
func Config(ctx context.Context, hub string) (aws.Config, error) {
	pace := retry.NewAdaptiveMode() // of all clients together
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRetryer(func() aws.Retryer { return pace }),
		config.WithLogger(logging.Nop{})) // what goes wrong is an error, in plain words
	var missing config.SharedConfigProfileNotExistError
	switch {
	case errors.As(err, &missing):
		return cfg, fmt.Errorf("there is no AWS profile %q: aws configure list-profiles shows those there are",
			missing.Profile)
	case err != nil:
		return cfg, fmt.Errorf("read AWS configuration: %w", Cause(err))
	}
	// Not the region of the environment: Warder is where IAM's events are.
	cfg.Region = cmp.Or(hub, hubOf(cfg.Region))
	soon, cancel := context.WithTimeout(ctx, credentialsTimeout)
	defer cancel()
	_, err = cfg.Credentials.Retrieve(soon)
	if err == nil {
		return cfg, nil
	}
	if text := strings.ToLower(err.Error()); strings.Contains(text, "sso") || strings.Contains(text, "expired") {
		return cfg, errors.New("the login has expired or was never made; run: aws sso login")
	}
	return cfg, errors.New("no AWS credentials: " + login)
}

// hubOf is the region in which IAM's events arrive in the partition of a region.
func hubOf(region string) string {
	switch {
	case strings.HasPrefix(region, "us-gov-"):
		return "us-gov-west-1"
	case strings.HasPrefix(region, "cn-"):
		return "cn-north-1"
	}
	return "us-east-1"
}

// Codes of AWS: of credentials that it does not accept, of what is not there, and of calls that may not be made.
var (
	unaccepted = []string{
		"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "InvalidAccessKeyId", "InvalidToken",
		"SignatureDoesNotMatch", "InvalidSignatureException", "UnrecognizedClientException", "AuthFailure",
	}
	missing = []string{
		"ResourceNotFoundException", "NoSuchEntity", "ParameterNotFound", "NotFound", "NotFoundException",
		"NoSuchConfigRuleException", "AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist",
	}
	denied = []string{
		"AccessDenied", "AccessDeniedException", "AuthorizationError", "AuthorizationErrorException", "UnauthorizedOperation",
	}
)

// Coded reports whether err is one of AWS's with one of the codes.
func Coded(err error, codes ...string) bool {
	var api smithy.APIError
	return errors.As(err, &api) && slices.Contains(codes, api.ErrorCode())
}

// Missing reports whether err says that what was asked for is not there.
func Missing(err error) bool { return Coded(err, missing...) }

// NoStack reports whether err says that there is no such stack. CloudFormation has no code of its own for it.
func NoStack(err error) bool {
	return Coded(err, "ValidationError") && strings.Contains(err.Error(), "does not exist")
}

// Denial is the code with which AWS refuses a call for want of permission, empty if err is something else.
func Denial(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) && slices.Contains(denied, api.ErrorCode()) {
		return api.ErrorCode()
	}
	return ""
}

// Cause says what an error of the SDK comes to, without the SDK's own words, and what to do about it.
func Cause(err error) error {
	var api smithy.APIError
	var address *url.Error
	var network net.Error
	var operation *smithy.OperationError
	switch isAPI := errors.As(err, &api); {
	case Coded(err, unaccepted...):
		return fmt.Errorf("AWS does not accept these credentials (%s); %s", api.ErrorCode(), login)
	case Coded(err, denied...):
		return fmt.Errorf("access denied: %s", api.ErrorMessage())
	case isAPI:
		return fmt.Errorf("%s: %s", api.ErrorCode(), api.ErrorMessage())
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.As(err, &address):
		host := address.URL
		if parsed, e := url.Parse(address.URL); e == nil {
			host = parsed.Host
		}
		return fmt.Errorf("%s does not answer: %w; check the network and AWS_ENDPOINT_URL", host, address.Err)
	case errors.As(err, &network):
		return fmt.Errorf("no answer: %w; check the network", network)
	case errors.As(err, &operation):
		return operation.Err
	}
	return err
}

// ScheduledEvent is what a scheduled rule sends.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html
func ScheduledEvent(id, account, region string, at time.Time) json.RawMessage {
	return fmt.Appendf(nil, `{"version":"0","id":%q,"detail-type":"Scheduled Event","source":"aws.events","account":%q,`+
		`"time":%q,"region":%q,"resources":[],"detail":{}}`, id, account, at.UTC().Format(time.RFC3339), region)
}

// Resources are those of a stack.
func Resources(ctx context.Context, cfg aws.Config, stack string) ([]types.StackResourceSummary, error) {
	var found []types.StackResourceSummary
	pages := cloudformation.NewListStackResourcesPaginator(cloudformation.NewFromConfig(cfg),
		&cloudformation.ListStackResourcesInput{StackName: &stack})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		found = append(found, page.StackResourceSummaries...)
	}
	return found, nil
}

// OfStackSet is the name of the stack that a StackSet made of Warder in the region, empty without one.
func OfStackSet(ctx context.Context, cfg aws.Config) (string, error) {
	names, err := deployment.OfStackSets(ctx, cloudformation.NewFromConfig(cfg))
	if NoStack(err) {
		err = nil
	}
	return append(names, "")[0], err
}

// Settings are those of Warder, and where they come from.
type Settings struct {
	settings.Settings
	Source string // names where they come from
	File   string // empty if they were not read from one
	Synth  string // folder of the templates that were synthesized with the file; empty if it names none
}

// Read reads settings from a file: cdk.json, or an object of settings alone.
func Read(path string, controls []control.Control) (Settings, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Settings{}, fmt.Errorf("read settings: %w", err)
	}
	document, err := settings.Document(data)
	if err != nil {
		return Settings{}, fmt.Errorf("read settings: %s: %w", path, err)
	}
	var cdk struct{ Output string }
	if err := json.Unmarshal(data, &cdk); err != nil {
		return Settings{}, fmt.Errorf("read settings: %s: %w", path, err)
	}
	s := Settings{Source: path, File: path}
	if cdk.Output != "" {
		s.Synth = filepath.Join(filepath.Dir(path), cdk.Output)
	}
	return s, s.parse(document, controls, "read settings: "+path)
}

// Faults are all that is wrong with settings, a line each.
type Faults struct{ error }

func (s *Settings) parse(data []byte, controls []control.Control, what string) (err error) {
	if len(data) == 0 {
		data = []byte("{}")
	}
	parsed, err := settings.Parse(data, controls)
	if err != nil {
		return fmt.Errorf("%s: %w", what, Faults{err})
	}
	s.Settings = parsed
	return nil
}

// Deployed reads the settings that Warder was deployed with: its stack has them as metadata. Where it is not
// deployed they are the defaults.
func Deployed(ctx context.Context, cfg aws.Config, controls []control.Control) (Settings, error) {
	return deployed(ctx, cfg, settings.Product, controls)
}

// deployed reads the settings of the stack of that name, or of that which a StackSet made.
func deployed(ctx context.Context, cfg aws.Config, stack string, controls []control.Control) (Settings, error) {
	where := fmt.Sprintf("the stack %s in %s", stack, cfg.Region)
	s := Settings{Settings: settings.Settings{HubRegion: cfg.Region}, Source: "not known"}
	var template struct {
		Metadata map[string]json.RawMessage
	}
	out, err := cloudformation.NewFromConfig(cfg).GetTemplate(ctx, &cloudformation.GetTemplateInput{StackName: &stack})
	if NoStack(err) && stack == settings.Product {
		name, err := OfStackSet(ctx, cfg)
		if err != nil {
			return s, fmt.Errorf("read the settings of %s: %w; or name a file: --settings cdk.json", where, Cause(err))
		}
		if name != "" {
			return deployed(ctx, cfg, name, controls)
		}
	}
	switch {
	case NoStack(err):
		s.Source = fmt.Sprintf("the defaults: there is no stack %s in %s", stack, cfg.Region)
		return s, s.parse(fmt.Appendf(nil, `{"hubRegion":%q}`, cfg.Region), controls, "read the defaults")
	case err != nil:
		return s, fmt.Errorf("read the settings of %s: %w; or name a file: --settings cdk.json", where, Cause(err))
	}
	s.Source = "those of " + where
	if err := json.Unmarshal([]byte(aws.ToString(out.TemplateBody)), &template); err != nil {
		return s, fmt.Errorf("read the template of %s: %w", where, err)
	}
	given, ok := template.Metadata[settings.Product]
	if !ok {
		return s, fmt.Errorf("%s does not say its settings; name a file: --settings cdk.json", where)
	}
	return s, s.parse(given, controls, "read the settings of "+where)
}
