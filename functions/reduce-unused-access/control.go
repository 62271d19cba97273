// Package reduceunusedaccess is the Lambda function that locks roles that nobody uses, and proposes narrower
// policies to who uses few of its permissions. README.md is its runbook, control.json its description.
package reduceunusedaccess

import (
	"context"
	"embed"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/warder-aws/warder/pkg/analyzer"
	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/owner"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
)

//go:embed control.json ko.json
var files embed.FS

// parameters are those of control.json.
type parameters struct {
	MaxUnusedDays int `json:"maxUnusedDays"`
}

// Control is the whole control: its program, its tests and the simulator are made from it.
var Control = handler.NewControl[readAPI](files, func(s handler.Setup) (remediation.Planner, error) {
	given, err := settings.Parameters[parameters](s.Settings)
	api := struct {
		iamReads
		analyzer.Reads
	}{s.IAM, analyzer.New(s.AWS)}
	return &planner{
		api: api, parameters: given, account: s.Account, owners: owner.Book{Owners: s.Settings.Owners},
		regions: slices.Concat([]string{s.Region}, s.Settings.Regions), sleep: s.Sleep, concurrency: s.Concurrency,
	}, err
})

// readAPI are the operations that the planner decides from.
type readAPI interface {
	iamReads
	analyzer.Reads
}

type iamReads interface {
	iam.GetUserAPIClient
	iam.ListUserPoliciesAPIClient
	iam.ListAttachedUserPoliciesAPIClient
	GetUserPolicy(context.Context, *iam.GetUserPolicyInput, ...func(*iam.Options)) (*iam.GetUserPolicyOutput, error)
	iam.ListRolePoliciesAPIClient
	iam.ListAttachedRolePoliciesAPIClient
	iam.GetPolicyAPIClient
	GetPolicyVersion(
		context.Context, *iam.GetPolicyVersionInput, ...func(*iam.Options),
	) (*iam.GetPolicyVersionOutput, error)
	GetRole(context.Context, *iam.GetRoleInput, ...func(*iam.Options)) (*iam.GetRoleOutput, error)
	GetRolePolicy(context.Context, *iam.GetRolePolicyInput, ...func(*iam.Options)) (*iam.GetRolePolicyOutput, error)
	GenerateServiceLastAccessedDetails(
		context.Context, *iam.GenerateServiceLastAccessedDetailsInput, ...func(*iam.Options),
	) (*iam.GenerateServiceLastAccessedDetailsOutput, error)
	GetServiceLastAccessedDetails(
		context.Context, *iam.GetServiceLastAccessedDetailsInput, ...func(*iam.Options),
	) (*iam.GetServiceLastAccessedDetailsOutput, error)
}
