// Package explain is the Lambda function that says what Warder did about a key, a user, a policy or
// by an action, and why. A person invokes it; README.md is its runbook, control.json its description.
package explain

import (
	"context"
	_ "embed"

	"github.com/warder-aws/warder/pkg/explain"
	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/remediation"
)

//go:embed control.json
var description []byte

// Run serves the tool.
func Run() {
	handler.Serve(description, func(s handler.Setup, r *remediation.Runner) (func(context.Context, explain.Request) (explain.Answer, error), error) {
		return explain.Reader{Ledger: r.Ledger, Kinds: r.Kinds, API: s.IAM, Now: r.Now}.Explain, nil
	})
}
