// Package containexposedkey is the Lambda function that makes an access key inactive and quarantines its user as soon
// as AWS says that others have the key. README.md is its runbook, control.json its description.
package containexposedkey

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
		return remediation.Pending(newPlanner(s.IAM, s.Settings)), nil
	},
}
