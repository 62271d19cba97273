// Package containexposedkey is the Lambda function that makes an access key inactive and quarantines its user as soon
// as AWS says that others have the key, revokes sessions of roles that others have, and keeps it so. README.md is its
// runbook, control.json its description.
package containexposedkey

import (
	"context"
	"embed"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/quarantine"
	"github.com/warder-aws/warder/pkg/remediation"
)

//go:embed control.json ko.json
var files embed.FS

// Control is the whole control: its program, its tests and the simulator are made from it.
var Control = handler.NewControl[readAPI](files, func(s handler.Setup) (remediation.Planner, error) {
	return newPlanner(s.IAM, s.Settings)
})

// readAPI are the operations that the planner decides from.
type readAPI interface {
	quarantine.API
	GetAccessKeyLastUsed(
		context.Context, *iam.GetAccessKeyLastUsedInput, ...func(*iam.Options),
	) (*iam.GetAccessKeyLastUsedOutput, error)
	iam.GetUserAPIClient
	iam.ListAccessKeysAPIClient
	iam.ListUsersAPIClient
	iam.ListEntitiesForPolicyAPIClient
	GetRole(context.Context, *iam.GetRoleInput, ...func(*iam.Options)) (*iam.GetRoleOutput, error)
	GetRolePolicy(context.Context, *iam.GetRolePolicyInput, ...func(*iam.Options)) (*iam.GetRolePolicyOutput, error)
}
