// Package unsharesnapshot is the Lambda function that takes away what shares snapshots and images with everybody, or
// with accounts that are not trusted. README.md is its runbook, control.json its description.
package unsharesnapshot

import (
	"embed"
	"maps"
	"slices"

	"github.com/warder-aws/warder/pkg/ec2"
	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/rds"
	"github.com/warder-aws/warder/pkg/remediation"
)

//go:embed control.json ko.json
var files embed.FS

// Control is the whole control: its program, its tests and the simulator are made from it.
var Control = handler.NewControl[readAPI](files, func(s handler.Setup) (remediation.Planner, error) {
	machines, databases := ec2.New(s.AWS), rds.New(s.AWS)
	maps.Copy(s.Kinds, ec2.Kinds(machines))
	maps.Copy(s.Kinds, rds.Kinds(databases))
	api := struct {
		machineReads
		databaseReads
	}{machines, databases}
	return &planner{
		api: api, trusted: s.Settings.TrustedAccounts, regions: slices.Concat([]string{s.Region}, s.Settings.Regions),
		account: s.Account, sleep: s.Sleep, concurrency: s.Concurrency,
	}, nil
})

// readAPI are the operations that the planner decides from.
type readAPI interface {
	machineReads
	databaseReads
}

type machineReads interface {
	ec2.Reads
	ec2.Lists
}

type databaseReads interface{ rds.Reads }
