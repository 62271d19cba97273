// Package alertrootusage is the Lambda function that alerts on what the root user does, and once a day of root access
// keys and missing root MFA. It changes nothing. README.md is its runbook, control.json its description.
package alertrootusage

import (
	"context"
	"embed"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
)

//go:embed control.json ko.json
var files embed.FS

// Control is the whole control: its program, its tests and the simulator are made from it.
var Control = handler.NewControl[readAPI](files, func(s handler.Setup) (remediation.Planner, error) {
	p, err := settings.Parameters[parameters](s.Settings)
	return &planner{s.IAM, p.SignIns, s.Settings.AllowedNetworks}, err
})

// readAPI are the operations that the planner decides from.
type readAPI interface {
	GetAccountSummary(
		context.Context, *iam.GetAccountSummaryInput, ...func(*iam.Options),
	) (*iam.GetAccountSummaryOutput, error)
}
