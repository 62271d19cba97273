// Package closepublicbucket is the Lambda function that turns on the public access block of S3 buckets that Access
// Analyzer finds to be public. README.md is its runbook, control.json its description.
package closepublicbucket

import (
	"context"
	"embed"
	"maps"

	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/s3"
)

//go:embed control.json ko.json
var files embed.FS

// Control is the whole control: its program, its tests and the simulator are made from it.
var Control = handler.NewControl[readAPI](files, func(s handler.Setup) (remediation.Planner, error) {
	api := s3.New(s.AWS)
	maps.Copy(s.Kinds, s3.Kinds(api))
	return remediation.Pending(&planner{api: api}), nil
})

// readAPI is the operation that the planner decides from.
type readAPI interface {
	GetBucketPublicAccessBlock(context.Context, *s3.Bucket) (*s3.PublicAccessBlock, error)
}
