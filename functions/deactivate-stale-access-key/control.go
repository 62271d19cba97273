// Package deactivatestaleaccesskey is the Lambda function that makes access keys inactive once
// they are older than the allowed age. README.md is its runbook, control.json its description.
package deactivatestaleaccesskey

import (
	"embed"
	"errors"

	"github.com/warder-aws/warder/pkg/accesskey"
	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
)

//go:embed control.json ko.json
var files embed.FS

// Control is the whole control: its program, its tests and the simulator are made from it.
var Control = handler.NewControl[accesskey.API](files, func(s handler.Setup) (remediation.Planner, error) {
	q, err := settings.Parameters[parameters](s.Settings)
	deletion, wrong := accesskey.NewDeletion(q.DeleteAfterDays, s.Settings)
	p := &planner{s.IAM, accesskey.Days(q.MaxAgeDays), accesskey.Days(s.Settings.Days(settings.NoticeDays))}
	return accesskey.Sweep{
		API: s.IAM, Ledger: s.Ledger, Sleep: s.Sleep, Control: "deactivate-stale-access-key", Concurrency: s.Concurrency,
		Limit: p.maxAge - p.notice, Evaluate: p.assess, Deletion: deletion,
	}, errors.Join(err, wrong)
})
