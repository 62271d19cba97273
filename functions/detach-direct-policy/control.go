// Package detachdirectpolicy is the Lambda function that takes policies off IAM users to whom they
// are attached directly. README.md is its runbook, control.json its description.
package detachdirectpolicy

import (
	"context"
	"embed"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/iamuser"
	"github.com/warder-aws/warder/pkg/remediation"
)

//go:embed control.json ko.json
var files embed.FS

// Control is the whole control: its program, its tests and the simulator are made from it.
var Control = handler.NewControl[readAPI](files, func(s handler.Setup) (remediation.Planner, error) {
	return newPlanner(s.IAM, s.Settings, s.Sleep, s.Concurrency)
})

// readAPI are the operations that the planner decides from.
type readAPI interface {
	iamuser.UserLister
	iam.GetAccountAuthorizationDetailsAPIClient
	iam.ListAttachedUserPoliciesAPIClient
	iam.ListUserPoliciesAPIClient
	GetUserPolicy(context.Context, *iam.GetUserPolicyInput, ...func(*iam.Options)) (*iam.GetUserPolicyOutput, error)
	iam.GetPolicyAPIClient
	GetPolicyVersion(
		context.Context, *iam.GetPolicyVersionInput, ...func(*iam.Options),
	) (*iam.GetPolicyVersionOutput, error)
	iam.ListGroupsForUserAPIClient
	ListServiceSpecificCredentials(
		context.Context, *iam.ListServiceSpecificCredentialsInput, ...func(*iam.Options),
	) (*iam.ListServiceSpecificCredentialsOutput, error)
	iam.ListAttachedGroupPoliciesAPIClient
	iam.ListGroupPoliciesAPIClient
}
