// Package deleterootaccesskey is the Lambda function that looks for access keys of the root users of member accounts,
// and deletes them if it is asked to. README.md is its runbook, control.json its description.
package deleterootaccesskey

import (
	"embed"
	"maps"

	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/rootkey"
)

//go:embed control.json ko.json
var files embed.FS

// Control is the whole control: its program, its tests and the simulator are made from it.
var Control = handler.NewControl[rootkey.Roots](files, func(s handler.Setup) (remediation.Planner, error) {
	api, sessions := clients(s.AWS)
	maps.Copy(s.Kinds, rootkey.Kinds(api, sessions))
	return newPlanner(api, sessions, s.Settings)
})
