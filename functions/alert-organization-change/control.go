// Package alertorganizationchange is the Lambda function that alerts on changes to the organization and to where
// identities come from: its policies and members, IAM Identity Center, Roles Anywhere and the rules of sign-in. It
// reads nothing and changes nothing. README.md is its runbook, control.json its description.
package alertorganizationchange

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
