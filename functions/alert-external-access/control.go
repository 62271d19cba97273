// Package alertexternalaccess is the Lambda function that alerts on what IAM Access Analyzer finds.
// It reads nothing and changes nothing. README.md is its runbook, control.json its description.
package alertexternalaccess

import (
	"embed"

	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
)

//go:embed control.json ko.json
var files embed.FS

// Control is the whole control: its program, its tests and the simulator are made from it.
var Control = handler.NewControl[any](files, func(s handler.Setup) (remediation.Planner, error) {
	p, err := settings.Parameters[parameters](s.Settings)
	return planner{p}, err
})
