// Package endoutsidesession is the Lambda function that ends Session Manager sessions that come
// from outside the allowed networks or are on a closed machine. README.md is its runbook,
// control.json its description.
package endoutsidesession

import (
	_ "embed"
	"maps"

	"github.com/aws/aws-sdk-go-v2/service/ssm"

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
	api := ssm.NewFromConfig(s.AWS)
	maps.Copy(s.Kinds, change.ForSSM(api))
	p, err := newPlanner(api, s.Settings)
	return remediation.Pending(p), err
}
