// Package deactivateunusedaccesskey is the Lambda function that makes access keys inactive that
// nobody has used for long, and tells of console passwords that nobody uses. README.md is its
// runbook, control.json its description.
package deactivateunusedaccesskey

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
	p, err := newPlanner(s.IAM, s.Ledger, s.Settings, s.Sleep)
	if err != nil {
		return nil, err
	}
	p.Abreast = s.Abreast
	return p, nil
}
