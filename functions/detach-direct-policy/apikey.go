package detachdirectpolicy

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/iamuser"
)

// apiKeyService is the service whose long-term API keys work by one of AWS's policies, which AWS attaches to the user
// of such a key; empty for any other policy.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_api_keys_for_aws_services.html
func apiKeyService(d direct) string {
	parsed, err := arn.Parse(d.target)
	if d.kind != change.ManagedUserPolicy || err != nil || parsed.Service != "iam" || parsed.AccountID != "aws" {
		return ""
	}
	return map[string]string{
		"AmazonBedrockLimitedAccess": "bedrock.amazonaws.com",
		"AnthropicInferenceAccess":   "aws-external-anthropic.amazonaws.com",
		"CloudWatchAPIKeyAccess":     "cloudwatch.amazonaws.com",
		"CloudWatchLogsAPIKeyAccess": "logs.amazonaws.com",
	}[parsed.Resource[strings.LastIndex(parsed.Resource, "/")+1:]]
}

// errNoKey is for a retry.
var errNoKey = &types.NoSuchEntityException{Message: aws.String("the user has no API key")}

// apiKey assesses the policy of a long-term API key: it stays as long as its user has a key of the service that works.
// ok is false if there is none, and the policy goes like any. The policy is attached before the key is created, so that
// the key is waited for when the policy is new.
func (v *scan) apiKey(ctx context.Context, user, service string, fresh bool) (found assessment, ok bool, err error) {
	var working []types.ServiceSpecificCredentialMetadata
	look := func() error {
		in := &iam.ListServiceSpecificCredentialsInput{UserName: &user, ServiceName: &service}
		for more := true; more; {
			out, err := v.api.ListServiceSpecificCredentials(ctx, in)
			if err != nil {
				return change.Wrap(err, "list the API keys of %q for %s", user, service)
			}
			for _, key := range out.ServiceSpecificCredentials {
				if aws.ToString(key.ServiceName) == service && key.Status == types.StatusTypeActive &&
					(key.ExpirationDate == nil || v.now.Before(*key.ExpirationDate)) {
					working = append(working, key)
				}
			}
			in.Marker, more = out.Marker, out.IsTruncated && out.Marker != nil
		}
		return nil
	}
	if !fresh {
		err = look()
	} else if err = iamuser.RetryUntilVisible(ctx, v.sleep, func() error {
		if err := look(); err != nil || len(working) > 0 {
			return err
		}
		return errNoKey
	}); errors.Is(err, errNoKey) {
		err = nil
	}
	if err != nil || len(working) == 0 {
		return assessment{}, false, err
	}
	key := working[0]
	until := i18n.T("It never expires.")
	if key.ExpirationDate != nil {
		until = i18n.T("It expires at %s.", i18n.Minute(*key.ExpirationDate))
	}
	return assessment{
		severity: control.Medium,
		unchangedReason: i18n.Sentences(i18n.T("The user has the long-term API key %s for %s, which works by this policy: "+
			"detaching the policy would stop the key.", change.KeyHint(aws.ToString(key.ServiceSpecificCredentialId)), service),
			until),
		advice: i18n.T("Use short-term API keys or a role instead. When nothing uses the key any more, make it inactive or " +
			"delete it: Warder then detaches the policy."),
	}, true, nil
}
