// Package restorelogging is the Lambda function that starts again what records the account when somebody stops or
// narrows it: trails of CloudTrail and the configuration recorders of AWS Config. README.md is its runbook,
// control.json its description.
package restorelogging

import (
	"context"
	"embed"
	"maps"

	"github.com/warder-aws/warder/pkg/cloudtrail"
	"github.com/warder-aws/warder/pkg/config"
	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/remediation"
)

//go:embed control.json ko.json
var files embed.FS

// Control is the whole control: its program, its tests and the simulator are made from it.
var Control = handler.NewControl[readAPI](files, func(s handler.Setup) (remediation.Planner, error) {
	trails, recorders := cloudtrail.New(s.AWS), config.New(s.AWS)
	maps.Copy(s.Kinds, cloudtrail.Kinds(trails))
	maps.Copy(s.Kinds, config.Kinds(recorders))
	api := struct {
		*cloudtrail.Client
		recorderAPI
	}{trails, recorders}
	return &planner{api: api, notes: s.Ledger, account: s.Account, region: s.Region}, nil
})

// readAPI are the operations that the planner decides from.
type readAPI interface {
	cloudtrail.Reads
	ListTrails(context.Context, *cloudtrail.ListTrailsInput) (*cloudtrail.ListTrailsOutput, error)
	recorderAPI
}

type recorderAPI interface {
	DescribeConfigurationRecorderStatus(
		context.Context, *config.DescribeConfigurationRecorderStatusInput,
	) (*config.DescribeConfigurationRecorderStatusOutput, error)
}
