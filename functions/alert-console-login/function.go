// Package alertconsolelogin is the Lambda function that tells of sign-ins to the AWS console and
// of switched roles. It reads nothing and changes nothing. README.md is its runbook, control.json its
// description.
package alertconsolelogin

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
	return newPlanner(s.Settings), nil
}
