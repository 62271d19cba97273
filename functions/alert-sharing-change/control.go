// Package alertsharingchange is the Lambda function that alerts on what is shared outside the account or opened to the
// public: policies of resources, shares, access lists, blocks of public access, and roles given to machines. It reads
// nothing and changes nothing. README.md is its runbook, control.json its description.
package alertsharingchange

import (
	"embed"

	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/remediation"
)

//go:embed control.json ko.json
var files embed.FS

// Control is the whole control: its program, its tests and the simulator are made from it.
var Control = handler.NewControl[any](files, func(s handler.Setup) (remediation.Planner, error) {
	return newPlanner(s.Settings), nil
})
