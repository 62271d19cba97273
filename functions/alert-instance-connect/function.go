// Package alertinstanceconnect is the Lambda function that tells of connections to instances by
// EC2 Instance Connect, and quarantines an IAM user who makes one from outside the allowed networks.
// README.md is its runbook, control.json its description.
package alertinstanceconnect

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
