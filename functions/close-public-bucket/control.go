// Package closepublicbucket is the Lambda function that turns on the public access block of S3 buckets that Access
// Analyzer finds to be public. README.md is its runbook, control.json its description.
package closepublicbucket

import (
	_ "embed"
	"maps"
	"reflect"

	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/s3"
)

var (
	//go:embed control.json
	description []byte
	//go:embed ko.json
	korean []byte
)

// Control is the whole control: its program, its tests and the simulator are made from it.
var Control = handler.Control{
	Description: description,
	Korean:      korean,
	ReadAPI:     reflect.TypeFor[readAPI](),
	New: func(s handler.Setup) (remediation.Planner, error) {
		api := s3.New(s.AWS)
		maps.Copy(s.Kinds, s3.Kinds(api))
		return remediation.Pending(&planner{api: api}), nil
	},
}
