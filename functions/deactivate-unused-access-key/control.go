// Package deactivateunusedaccesskey is the Lambda function that makes access keys inactive that nobody has used for
// long, and alerts on console passwords that nobody uses. README.md is its runbook, control.json its description.
package deactivateunusedaccesskey

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
		p, err := newPlanner(s.IAM, s.Ledger, s.Settings, s.Sleep)
		p.Abreast = s.Concurrency
		return p, err
	},
}
