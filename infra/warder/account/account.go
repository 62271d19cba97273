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
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/settings"
)

// login is what to do about credentials.
const login = "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run: aws sso login"

// ErrNoCredentials says that there are none in the environment.
var ErrNoCredentials = errors.New("no AWS credentials: " + login)

// credentialsTimeout is how long to look for credentials, the metadata of a machine in EC2 included.
const credentialsTimeout = 5 * time.Second

// Config is the configuration for the account, in the region where Warder is.
func Config(ctx context.Context, hub string) (aws.Config, error) {
	silent := config.WithLogger(logging.Nop{}) // what goes wrong is an error, in plain words
	paced := config.WithRetryer(func() aws.Retryer { return retry.NewAdaptiveMode() })
	cfg, err := config.LoadDefaultConfig(ctx, silent, paced)
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
	if _, err := cfg.Credentials.Retrieve(soon); err != nil {
		if text := expired(err); text != "" {
			return cfg, errors.New(text)
		}
		return cfg, ErrNoCredentials
	}
	return cfg, nil
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

// expired says that a login has ended, empty if that is not why credentials are missing.
func expired(err error) string {
	if text := strings.ToLower(err.Error()); strings.Contains(text, "sso") || strings.Contains(text, "expired") {
		return "the login has expired or was never made; run: aws sso login"
	}
	return ""
}

// Codes of AWS: of credentials that it does not accept, and of calls that they may not make.
var (
	unaccepted = []string{
		"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "InvalidAccessKeyId", "InvalidToken",
		"SignatureDoesNotMatch", "InvalidSignatureException", "UnrecognizedClientException", "AuthFailure",
	}
	denied = []string{
		"AccessDenied", "AccessDeniedException", "AuthorizationError", "AuthorizationErrorException", "UnauthorizedOperation",
	}
)

// Coded reports whether err is one of AWS's with one of the codes.
func Coded(err error, codes ...string) bool { return slices.Contains(codes, code(err)) }

func code(err error) string {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return ""
	}
	return api.ErrorCode()
}

// Denial is the code with which AWS refuses a call for want of permission, empty if err is something else.
func Denial(err error) string {
	if Coded(err, denied...) {
		return code(err)
	}
	return ""
}

// Cause says what an error of the SDK comes to, without the SDK's own words, and what to do about it.
func Cause(err error) error {
	var api smithy.APIError
	var address *url.Error
	var network net.Error
	var operation *smithy.OperationError
	switch {
	case errors.As(err, &api) && Coded(err, unaccepted...):
		return fmt.Errorf("AWS does not accept these credentials (%s); %s", api.ErrorCode(), login)
	case errors.As(err, &api) && Coded(err, denied...):
		return fmt.Errorf("access denied: %s", api.ErrorMessage())
	case errors.As(err, &api):
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

// Settings are those of Warder, and where they come from.
type Settings struct {
	settings.Settings
	// Source names where they come from.
	Source string
	// File is the file, empty if they were not read from one.
	File string
	// Synth is the folder of the templates that were synthesized with the file; empty if it names none.
	Synth string
}

// Read reads settings from a file: cdk.json, or an object of settings alone.
func Read(path string, controls []control.Control) (Settings, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Settings{}, fmt.Errorf("read settings: %w", err)
	}
	var cdk struct {
		Output  string
		Context *struct{ Warder json.RawMessage }
	}
	if err := json.Unmarshal(data, &cdk); err != nil {
		return Settings{}, fmt.Errorf("read settings: %s: %w", path, err)
	}
	s := Settings{Source: path, File: path}
	if cdk.Context != nil {
		data = cdk.Context.Warder
	}
	if cdk.Output != "" {
		s.Synth = filepath.Join(filepath.Dir(path), cdk.Output)
	}
	s.Settings, err = parse(data, controls)
	if err != nil {
		return s, fmt.Errorf("read settings: %s: %w", path, err)
	}
	return s, nil
}

// Faults are all that is wrong with settings, a line each.
type Faults struct{ error }

func parse(data []byte, controls []control.Control) (settings.Settings, error) {
	if len(data) == 0 {
		data = []byte("{}")
	}
	s, err := settings.Parse(data, controls)
	if err != nil {
		return s, Faults{err}
	}
	return s, nil
}

// Deployed reads the settings that Warder was deployed with: its stack has them as metadata. Where it is not
// deployed they are the defaults.
func Deployed(ctx context.Context, cfg aws.Config, controls []control.Control) (Settings, error) {
	stack := settings.Product
	out, err := cloudformation.NewFromConfig(cfg).GetTemplate(ctx, &cloudformation.GetTemplateInput{StackName: &stack})
	s := Settings{Settings: settings.Settings{HubRegion: cfg.Region}, Source: "not known"}
	var template struct {
		Metadata map[string]json.RawMessage
	}
	switch {
	// CloudFormation has no code of its own for it.
	case Coded(err, "ValidationError") && strings.Contains(err.Error(), "does not exist"):
		s.Source = fmt.Sprintf("the defaults: there is no stack %s in %s", stack, cfg.Region)
		template.Metadata = map[string]json.RawMessage{stack: fmt.Appendf(nil, `{"hubRegion":%q}`, cfg.Region)}
	case err != nil:
		return s, fmt.Errorf("read the settings of the stack %s in %s: %w; or name a file: --settings cdk.json",
			stack, cfg.Region, Cause(err))
	default:
		s.Source = fmt.Sprintf("those of the stack %s in %s", stack, cfg.Region)
		if err := json.Unmarshal([]byte(aws.ToString(out.TemplateBody)), &template); err != nil {
			return s, fmt.Errorf("read the template of the stack %s in %s: %w", stack, cfg.Region, err)
		}
	}
	given, ok := template.Metadata[stack]
	if !ok {
		return s, fmt.Errorf("the stack %s in %s does not say its settings; name a file: --settings cdk.json",
			stack, cfg.Region)
	}
	parsed, err := parse(given, controls)
	if err != nil {
		return s, fmt.Errorf("read the settings of the stack %s in %s: %w", stack, cfg.Region, err)
	}
	s.Settings = parsed
	return s, nil
}
