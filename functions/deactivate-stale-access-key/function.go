// Package deactivatestaleaccesskey is the Lambda function that makes access keys inactive once
// they are older than the allowed age. README.md is its runbook, control.json its description.
package deactivatestaleaccesskey

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
	p, err := newPlanner(s.IAM, s.Ledger, s.Settings, s.Sleep)
	if err != nil {
		return nil, err
	}
	p.Abreast = s.Concurrency
	return p, nil
}
