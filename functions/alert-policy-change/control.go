// Package alertpolicychange is the Lambda function that alerts on every change to who may do what, to Warder's own
// roles and policies too. README.md is its runbook, control.json its description.
package alertpolicychange

import (
	"context"
	"embed"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/iamuser"
	"github.com/warder-aws/warder/pkg/remediation"
)

//go:embed control.json ko.json
var files embed.FS

// Control is the whole control: its program, its tests and the simulator are made from it.
var Control = handler.NewControl[readAPI](files, func(s handler.Setup) (remediation.Planner, error) {
	return &planner{s.IAM, cloudformation.NewFromConfig(s.AWS), s.Settings, s.Region, s.Sleep}, nil
})

// readAPI are the operations that the planner decides from.
type readAPI interface {
	rightsAPI
	cloudformation.DescribeStacksAPIClient
}

// rightsAPI are those of IAM.
type rightsAPI interface {
	iam.GetPolicyAPIClient
	GetPolicyVersion(
		context.Context, *iam.GetPolicyVersionInput, ...func(*iam.Options),
	) (*iam.GetPolicyVersionOutput, error)
	iamuser.UserLister
	iam.GetAccountAuthorizationDetailsAPIClient
	iam.ListRolesAPIClient
	iam.ListAttachedGroupPoliciesAPIClient
	iam.ListGroupPoliciesAPIClient
	GetGroupPolicy(context.Context, *iam.GetGroupPolicyInput, ...func(*iam.Options)) (*iam.GetGroupPolicyOutput, error)
}
