// Package deactivateunusedaccesskey is the Lambda function that makes access keys inactive that nobody has used for
// long, and alerts on console passwords that nobody uses. README.md is its runbook, control.json its description.
package deactivateunusedaccesskey

import (
	"context"
	"embed"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/warder-aws/warder/pkg/accesskey"
	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/owner"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
)

//go:embed control.json ko.json
var files embed.FS

// Control is the whole control: its program, its tests and the simulator are made from it.
var Control = handler.NewControl[readAPI](files, func(s handler.Setup) (remediation.Planner, error) {
	q, err := settings.Parameters[parameters](s.Settings)
	deletion, wrong := accesskey.NewDeletion(q.DeleteAfterDays, s.Settings)
	p := &planner{s.IAM, accesskey.Days(q.MaxUnusedDays), accesskey.Days(s.Settings.Days(settings.NoticeDays))}
	return accesskey.Sweep{
		API: s.IAM, Ledger: s.Ledger, Sleep: s.Sleep, Control: "deactivate-unused-access-key", Concurrency: s.Concurrency,
		Limit: p.max - p.notice, ByUse: true, Evaluate: p.assess, User: p.user, Report: p.reported, Deletion: deletion,
	}, errors.Join(err, wrong)
})

// readAPI are the operations that the planner decides from.
type readAPI interface {
	accesskey.API
	owner.API // GetUser says when the password was last used
	GetLoginProfile(context.Context, *iam.GetLoginProfileInput, ...func(*iam.Options)) (*iam.GetLoginProfileOutput, error)
}
