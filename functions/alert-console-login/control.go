// Package alertconsolelogin is the Lambda function that alerts on sign-ins to the AWS console and of switched roles. It
// reads nothing and changes nothing. README.md is its runbook, control.json its description.
package alertconsolelogin

import (
	_ "embed"

	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/remediation"
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
	New:         func(s handler.Setup) (remediation.Planner, error) { return newPlanner(s.Settings), nil },
}
