// Package restorelogging is the Lambda function that starts again what records the account when somebody stops or
// narrows it: trails of CloudTrail, the configuration recorders of AWS Config, GuardDuty, Security Hub, flow logs and
// the log of DNS queries. README.md is its runbook, control.json its description.
package restorelogging

import (
	"context"
	"embed"
	"maps"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/cloudtrail"
	"github.com/warder-aws/warder/pkg/config"
	"github.com/warder-aws/warder/pkg/ec2"
	"github.com/warder-aws/warder/pkg/guardduty"
	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/route53resolver"
	"github.com/warder-aws/warder/pkg/securityhub"
)

//go:embed control.json ko.json
var files embed.FS

// Control is the whole control: its program, its tests and the simulator are made from it.
var Control = handler.NewControl[readAPI](files, func(s handler.Setup) (remediation.Planner, error) {
	trails, recorders, networks := cloudtrail.New(s.AWS), config.New(s.AWS), ec2.New(s.AWS)
	detectors, hubs, queries := guardduty.New(s.AWS), securityhub.New(s.AWS), route53resolver.New(s.AWS)
	for _, kinds := range []change.Registry{
		cloudtrail.Kinds(trails), config.Kinds(recorders), ec2.FlowKinds(networks),
		guardduty.Kinds(detectors), securityhub.Kinds(hubs), route53resolver.Kinds(queries, ec2.Tagged(networks)),
	} {
		maps.Copy(s.Kinds, kinds)
	}
	api := struct {
		*cloudtrail.Client
		recorderAPI
		detectorAPI
		hubAPI
		networkAPI
		queryAPI
	}{trails, recorders, detectors, hubs, networks, queries}
	return &planner{api: api, notes: s.Ledger, account: s.Account, region: s.Region}, nil
})

// readAPI are the operations that the planner decides from.
type readAPI interface {
	cloudtrail.Reads
	ListTrails(context.Context, *cloudtrail.ListTrailsInput) (*cloudtrail.ListTrailsOutput, error)
	recorderAPI
	detectorAPI
	hubAPI
	networkAPI
	queryAPI
}

type (
	detectorAPI interface{ guardduty.Reads }
	hubAPI      interface{ securityhub.Reads }
	queryAPI    interface{ route53resolver.Reads }
)

type networkAPI interface {
	ec2.FlowReads
	DescribeVpcs(context.Context, *ec2.DescribeVpcsInput) (*ec2.DescribeVpcsOutput, error)
}

type recorderAPI interface {
	DescribeConfigurationRecorderStatus(
		context.Context, *config.DescribeConfigurationRecorderStatusInput,
	) (*config.DescribeConfigurationRecorderStatusOutput, error)
}
