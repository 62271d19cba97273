// Package quarantineoutsidelogin is the Lambda function that quarantines an IAM user who signed in to the console from
// outside the allowed networks. README.md is its runbook, control.json its description.
package quarantineoutsidelogin

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
