// Package alertinstanceconnect is the Lambda function that alerts on connections to instances by
// EC2 Instance Connect, and quarantines an IAM user who makes one from outside the allowed networks.
// README.md is its runbook, control.json its description.
package alertinstanceconnect

import (
	"embed"

	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/quarantine"
	"github.com/warder-aws/warder/pkg/remediation"
)

//go:embed control.json ko.json
var files embed.FS

// Control is the whole control: its program, its tests and the simulator are made from it.
var Control = handler.NewControl[quarantine.API](files, func(s handler.Setup) (remediation.Planner, error) {
	p, err := newPlanner(s.IAM, s.Settings)
	return remediation.Pending(p), err
})
