// Package containexposedkey is the Lambda function that makes an access key inactive and
// quarantines its user as soon as AWS says that others have the key. README.md is its runbook,
// control.json its description.
package containexposedkey

import (
	_ "embed"

	"github.com/warder-aws/warder/pkg/function"
	"github.com/warder-aws/warder/pkg/remedy"
	"github.com/warder-aws/warder/pkg/say"
)

// Description is control.json.
//
//go:embed control.json
var Description []byte

//go:embed ko.json
var korean []byte

func init() { say.Register("ko", korean) }

// New makes the planner.
func New(s function.Setup) (remedy.Planner, error) {
	return remedy.Waiting(newPlanner(s.IAM, s.Settings)), nil
}
