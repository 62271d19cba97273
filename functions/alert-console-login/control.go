// Package alertconsolelogin is the Lambda function that alerts on sign-ins to the AWS console and of switched roles. It
// reads nothing and changes nothing. README.md is its runbook, control.json its description.
package alertconsolelogin

import (
	"embed"

	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/remediation"
)

//go:embed control.json ko.json
var files embed.FS

// Control is the whole control: its program, its tests and the simulator are made from it.
var Control = handler.NewControl[any](files, func(s handler.Setup) (remediation.Planner, error) {
	return planner{s.Settings.AllowedNetworks}, nil
})
