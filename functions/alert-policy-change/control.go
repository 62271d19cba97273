// Package alertpolicychange is the Lambda function that alerts on every change to who may do what, to the trails that
// record it, and to Warder itself. README.md is its runbook, control.json its description.
package alertpolicychange

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
		return newPlanner(s.IAM, s.Settings, s.Sleep), nil
	},
}
