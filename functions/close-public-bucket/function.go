// Package closepublicbucket is the Lambda function that turns on the public access block of S3
// buckets that Access Analyzer finds to be public. README.md is its runbook, control.json its
// description.
package closepublicbucket

import (
	_ "embed"
	"maps"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/s3"
)

// Description is control.json.
//
//go:embed control.json
var Description []byte

//go:embed ko.json
var korean []byte

func init() { i18n.Register("ko", korean) }

// New makes the planner.
func New(s handler.Setup) (remediation.Planner, error) {
	api := s3.New(s.AWS, s.Now)
	maps.Copy(s.Kinds, change.ForS3(api))
	return remediation.Pending(&planner{api: api}), nil
}
