// Package requiremfa is the Lambda function that keeps a console user without MFA from everything but setting it up.
// README.md is its runbook, control.json its description.
package requiremfa

import (
	"embed"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/iamuser"
	"github.com/warder-aws/warder/pkg/quarantine"
	"github.com/warder-aws/warder/pkg/remediation"
)

//go:embed control.json ko.json
var files embed.FS

// Control is the whole control: its program, its tests and the simulator are made from it.
var Control = handler.NewControl[readAPI](files, func(s handler.Setup) (remediation.Planner, error) {
	return &planner{api: s.IAM, lock: quarantine.MFA(s.Settings), sleep: s.Sleep, concurrency: s.Concurrency}, nil
})

// readAPI are the operations that the planner decides from.
type readAPI interface {
	quarantine.API
	change.MFA
	iamuser.ReportAPI
	iam.GetAccountAuthorizationDetailsAPIClient
}
