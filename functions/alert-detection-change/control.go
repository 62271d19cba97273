// Package alertdetectionchange is the Lambda function that alerts on what keeps others from seeing what happens in the
// account: trails, recorders, detectors, alarms and logs that are switched off, narrowed or emptied. It reads nothing
// and changes nothing. README.md is its runbook, control.json its description.
package alertdetectionchange

import (
	"embed"

	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/remediation"
)

//go:embed control.json ko.json
var files embed.FS

// Control is the whole control: its program, its tests and the simulator are made from it.
var Control = handler.NewControl[any](files, func(s handler.Setup) (remediation.Planner, error) {
	return planner.With(s.Settings), nil
})
