// Package containexposedkey is the Lambda function that makes an access key inactive and
// quarantines its user as soon as AWS says that others have the key. README.md is its runbook,
// control.json its description.
package containexposedkey

import (
	_ "embed"

	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/remediation"
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
	return remediation.Pending(newPlanner(s.IAM, s.Settings)), nil
}
