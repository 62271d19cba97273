// Package requirepermissionsboundary is the Lambda function that puts a permissions boundary on
// IAM users who have none. README.md is its runbook, control.json its description.
package requirepermissionsboundary

import (
	"embed"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/remediation"
)

//go:embed control.json ko.json
var files embed.FS

// Control is the whole control: its program, its tests and the simulator are made from it.
var Control = handler.NewControl[readAPI](files, func(s handler.Setup) (remediation.Planner, error) {
	return newPlanner(s.IAM, s.Settings, s.Sleep)
})

// readAPI are the operations that the planner decides from.
type readAPI interface {
	iam.GetUserAPIClient
	iam.GetAccountAuthorizationDetailsAPIClient
	iam.GetPolicyAPIClient
}
