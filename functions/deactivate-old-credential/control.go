// Package deactivateoldcredential is the Lambda function that makes the long-lived credentials of IAM users that are no
// access keys inactive once they are older than the allowed age. README.md is its runbook, control.json its
// description.
package deactivateoldcredential

import (
	"embed"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/iamuser"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
)

//go:embed control.json ko.json
var files embed.FS

// Control is the whole control: its program, its tests and the simulator are made from it.
var Control = handler.NewControl[readAPI](files, func(s handler.Setup) (remediation.Planner, error) {
	q, err := settings.Parameters[parameters](s.Settings)
	return &planner{
		api: s.IAM, ledger: s.Ledger, control: s.Control.ID, sleep: s.Sleep, concurrency: s.Concurrency,
		maxAge: days(q.MaxAgeDays), notice: days(s.Settings.Days(settings.NoticeDays)),
		most: s.Settings.BlastRadius,
	}, err
})

func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }

// parameters are those of control.json.
type parameters struct {
	MaxAgeDays int `json:"maxAgeDays"`
}

// readAPI are the operations that the planner decides from.
type readAPI interface {
	iamuser.UserLister
	iam.GetUserAPIClient
	change.CredentialAPI
}
