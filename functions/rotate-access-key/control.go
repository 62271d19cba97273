// Package rotateaccesskey is the Lambda function that gives users a new access key before the old
// one gets stale. README.md is its runbook, control.json its description.
package rotateaccesskey

import (
	_ "embed"
	"maps"
	"reflect"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/rotation"
)

var (
	//go:embed control.json
	description []byte
	//go:embed ko.json
	korean []byte
)

// Control is the whole control: its program, its tests and the simulator are made from it.
var Control = handler.Control{
	Description: description,
	Korean:      korean,
	ReadAPI:     reflect.TypeFor[readAPI](),
	New: func(s handler.Setup) (remediation.Planner, error) {
		api := clients{s.IAM, secretsmanager.NewFromConfig(s.AWS)}
		maps.Copy(s.Kinds, rotation.Kinds(api.Client, api.secrets))
		p, err := newPlanner(api, s.Ledger, s.Sleep, s.Settings)
		p.Abreast = s.Concurrency
		return p, err
	},
}

// clients are those of the two services that the planner reads from.
type clients struct {
	*iam.Client
	secrets
}

// secrets is the client of Secrets Manager; a name of its own, because both are called Client.
type secrets = *secretsmanager.Client
