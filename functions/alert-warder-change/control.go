// Package alertwarderchange is the Lambda function that alerts on every change to Warder itself: its functions, rules,
// topics, queues, table, key, alarms, log groups, halt switch and stacks. Its IAM roles and policies are watched by
// alert-policy-change. README.md is its runbook, control.json its description.
package alertwarderchange

import (
	"context"
	"embed"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/remediation"
)

//go:embed control.json ko.json
var files embed.FS

// Control is the whole control: its program, its tests and the simulator are made from it.
var Control = handler.NewControl[readAPI](files, func(s handler.Setup) (remediation.Planner, error) {
	return &planner{cloudformation.NewFromConfig(s.AWS), s.Settings, s.Region}, nil
})

// readAPI are the operations that the planner decides from.
type readAPI interface {
	DescribeStacks(
		context.Context, *cloudformation.DescribeStacksInput, ...func(*cloudformation.Options),
	) (*cloudformation.DescribeStacksOutput, error)
}
