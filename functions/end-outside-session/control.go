// Package endoutsidesession is the Lambda function that ends Session Manager sessions that come from outside the
// allowed networks or are on a closed machine. README.md is its runbook, control.json its description.
package endoutsidesession

import (
	"embed"
	"maps"

	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/ssm"
)

//go:embed control.json ko.json
var files embed.FS

// Control is the whole control: its program, its tests and the simulator are made from it.
var Control = handler.NewControl[ssm.Reader](files, func(s handler.Setup) (remediation.Planner, error) {
	api := ssm.New(s.AWS)
	maps.Copy(s.Kinds, ssm.Kinds(api))
	p, err := newPlanner(api, s.Settings)
	return remediation.Pending(p), err
})
