// Package explain is the Lambda function that says what Warder did about a key, a user, a policy or
// by an action, and why. A person invokes it; README.md is its runbook, control.json its description.
package explain

import (
	"context"
	_ "embed"

	"github.com/warder-aws/warder/pkg/function"
	"github.com/warder-aws/warder/pkg/history"
	"github.com/warder-aws/warder/pkg/remedy"
)

//go:embed control.json
var description []byte

// Run serves the tool.
func Run() {
	function.Serve(description, func(s function.Setup, r *remedy.Runner) (func(context.Context, history.Request) (history.Answer, error), error) {
		return history.Reader{Ledger: r.Ledger, Kinds: r.Kinds, API: s.IAM, Now: r.Now}.Explain, nil
	})
}
