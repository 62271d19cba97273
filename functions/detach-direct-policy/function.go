// Package detachdirectpolicy is the Lambda function that takes policies off IAM users to whom they
// are attached directly. README.md is its runbook, control.json its description.
package detachdirectpolicy

import (
	_ "embed"

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
	p, err := newPlanner(s.IAM, s.Settings, s.Sleep)
	if err != nil {
		return nil, err
	}
	p.abreast = s.Concurrency
	return p, nil
}
