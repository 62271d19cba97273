// Package offboarduser is the Lambda function that ends the credentials of the IAM users of a person who left.
// README.md is its runbook, control.json its description.
package offboarduser

import (
	"context"
	"embed"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/owner"
	"github.com/warder-aws/warder/pkg/quarantine"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
)

//go:embed control.json ko.json
var files embed.FS

// Control is the whole control: its program, its tests and the simulator are made from it.
var Control = handler.NewControl[readAPI](files, func(s handler.Setup) (remediation.Planner, error) {
	q, err := settings.Parameters[parameters](s.Settings)
	return &planner{
		parameters: q, api: s.IAM, ledger: s.Ledger, book: owner.Book{Owners: s.Settings.Owners}, account: s.Settings.Account,
		policy: s.Settings.Quarantine.Key, most: s.Settings.BlastRadius,
	}, err
})

// parameters are those of control.json. Publishers are for the policy of the bus.
type parameters struct {
	Publishers []string          `json:"publishers"`
	Users      map[string]string `json:"users"`
}

// readAPI are the operations that the planner decides from.
type readAPI interface {
	quarantine.API
	GetLoginProfile(context.Context, *iam.GetLoginProfileInput, ...func(*iam.Options)) (*iam.GetLoginProfileOutput, error)
	change.CredentialAPI
	iam.ListAccessKeysAPIClient
	iam.GetAccountAuthorizationDetailsAPIClient
}
