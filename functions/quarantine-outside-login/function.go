// Package quarantineoutsidelogin is the Lambda function that quarantines an IAM user who signed in
// to the console from outside the allowed networks. README.md is its runbook, control.json its
// description.
package quarantineoutsidelogin

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
	p, err := newPlanner(s.IAM, s.Settings)
	return remediation.Pending(p), err
}
