// Package alertinstanceconnect is the Lambda function that alerts on connections to instances by
// EC2 Instance Connect, and quarantines an IAM user who makes one from outside the allowed networks.
// README.md is its runbook, control.json its description.
package alertinstanceconnect

import (
	_ "embed"
	"reflect"

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
	ReadAPI:     reflect.TypeFor[readAPI](),
	New: func(s handler.Setup) (remediation.Planner, error) {
		p, err := newPlanner(s.IAM, s.Settings)
		return remediation.Pending(p), err
	},
}
