// Package quarantineoutsidelogin is the Lambda function that quarantines an IAM user who signed in
// to the console from outside the allowed networks. README.md is its runbook, control.json its
// description.
package quarantineoutsidelogin

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
	p, err := newPlanner(s.IAM, s.Settings)
	return remedy.Waiting(p), err
}
