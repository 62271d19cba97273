// Package restrictconsolesignin is the Lambda function that keeps the resource policy of AWS Sign-In equal to the
// allowed networks. README.md is its runbook, control.json its description.
package restrictconsolesignin

import (
	"context"
	"embed"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/signin"
	"github.com/warder-aws/warder/pkg/sso"
)

//go:embed control.json ko.json
var files embed.FS

// Control is the whole control: its program, its tests and the simulator are made from it.
var Control = handler.NewControl[readAPI](files, func(s handler.Setup) (remediation.Planner, error) {
	policy := signin.New(s.AWS)
	maps.Copy(s.Kinds, signin.Kinds(policy))
	q, err := settings.Parameters[parameters](s.Settings)
	return &planner{
		api: struct {
			signin.Reads
			instances
			principals
		}{policy, sso.New(s.AWS), s.IAM},
		account: s.Account, regions: slices.Concat([]string{s.Region}, s.Settings.Regions),
		networks: s.Settings.AllowedNetworks, excluded: q.ExcludedPrincipal,
		enforcing: s.Settings.Mode == control.Enforce,
	}, err
})

// readAPI are the operations that the planner decides from.
type readAPI interface {
	signin.Reads
	instances
	principals
}

type instances interface {
	ListInstances(context.Context, *sso.ListInstancesInput) (*sso.ListInstancesOutput, error)
}

type principals interface {
	iam.ListRolesAPIClient
	GetRole(context.Context, *iam.GetRoleInput, ...func(*iam.Options)) (*iam.GetRoleOutput, error)
	GetUser(context.Context, *iam.GetUserInput, ...func(*iam.Options)) (*iam.GetUserOutput, error)
	GetLoginProfile(
		context.Context, *iam.GetLoginProfileInput, ...func(*iam.Options),
	) (*iam.GetLoginProfileOutput, error)
}

// parameters are those of control.json that the planner reads.
type parameters struct {
	ExcludedPrincipal string `json:"excludedPrincipal"`
}
