package posttoslack

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/warder-aws/warder/pkg/parameter"
	"github.com/warder-aws/warder/pkg/settings"
)

// secrets and parameters list the operations that a [vault] reads with.
type secrets interface {
	GetSecretValue(
		context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options),
	) (*secretsmanager.GetSecretValueOutput, error)
}

type parameters interface {
	GetParameter(context.Context, *parameter.GetParameterInput) (*parameter.GetParameterOutput, error)
}

// vault holds Slack's bot token or the address of the webhook: it is read once, and again when Slack does not take it.
type vault struct {
	Slack      settings.Slack
	Secrets    secrets
	Parameters parameters

	kept string
}

// read returns the secret. Its errors hold the secret's name, never the secret.
func (v *vault) read(ctx context.Context, again bool) (string, error) {
	if v.kept != "" && !again {
		return v.kept, nil
	}
	var value string
	switch {
	case v.Slack.Secret != "":
		out, err := v.Secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &v.Slack.Secret})
		if err != nil {
			return "", fmt.Errorf("get secret %q: %w", v.Slack.Secret, err)
		}
		value = aws.ToString(out.SecretString)
	case v.Slack.Parameter != "":
		out, err := v.Parameters.GetParameter(ctx,
			&parameter.GetParameterInput{Name: v.Slack.Parameter, WithDecryption: true})
		if err != nil {
			return "", fmt.Errorf("get parameter %q: %w", v.Slack.Parameter, err)
		}
		value = out.Parameter.Value
	default:
		return "", errors.New("no secret is set: set notify.slack.secret or notify.slack.parameter")
	}
	v.kept = strings.TrimSpace(value)
	return v.kept, nil
}
