// Package rotateaccesskey is the Lambda function that gives users a new access key before the old
// one gets stale. README.md is its runbook, control.json its description.
package rotateaccesskey

import (
	"context"
	"embed"
	"maps"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/warder-aws/warder/pkg/accesskey"
	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/rotation"
)

//go:embed control.json ko.json
var files embed.FS

// Control is the whole control: its program, its tests and the simulator are made from it.
var Control = handler.NewControl[readAPI](files, func(s handler.Setup) (remediation.Planner, error) {
	api := clients{s.IAM, secretsmanager.NewFromConfig(s.AWS)}
	maps.Copy(s.Kinds, rotation.Kinds(api.Client, api.secrets))
	p, err := newPlanner(api, s.Ledger, s.Sleep, s.Settings)
	p.Concurrency = s.Concurrency
	return p, err
})

// readAPI are the operations that the planner decides from. None reads a secret's value.
type readAPI interface {
	accesskey.API
	iam.GetUserAPIClient
	DescribeSecret(
		context.Context, *secretsmanager.DescribeSecretInput, ...func(*secretsmanager.Options),
	) (*secretsmanager.DescribeSecretOutput, error)
}
