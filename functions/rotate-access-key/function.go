// Package rotateaccesskey is the Lambda function that gives users a new access key before the old
// one gets stale. README.md is its runbook, control.json its description.
package rotateaccesskey

import (
	_ "embed"
	"maps"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/remediation"
)

// Description is control.json.
//
//go:embed control.json
var Description []byte

//go:embed ko.json
var korean []byte

func init() { i18n.Register("ko", korean) }

// New makes the planner.
func New(s handler.Setup) (remediation.Planner, error) {
	api := clients{s.IAM, secretsmanager.NewFromConfig(s.AWS)}
	maps.Copy(s.Kinds, change.ForRotation(api.Client, api.secrets))
	p, err := newPlanner(api, s.Ledger, s.Sleep, s.Settings)
	if err != nil {
		return nil, err
	}
	p.Abreast = s.Concurrency
	return p, nil
}

// clients are the two services that the planner reads from.
type clients struct {
	*iam.Client
	secrets
}

// secrets is the client of Secrets Manager; a name of its own, because both are called Client.
type secrets = *secretsmanager.Client
