// Package explain is the Lambda function that says what Warder did about a key, a user, a policy or
// by an action, and why. A person invokes it; README.md is its runbook, control.json its description.
package explain

import (
	"context"
	_ "embed"

	"github.com/warder-aws/warder/pkg/explain"
	"github.com/warder-aws/warder/pkg/handler"
)

//go:embed control.json
var description []byte

// Tool is the whole tool: its program and its tests are made from it.
var Tool = handler.Tool[explain.Request, explain.Answer]{
	Description: description,
	New: func(s handler.Setup) (func(context.Context, explain.Request) (explain.Answer, error), error) {
		return explain.Reader{
			Ledger: s.Ledger, Kinds: s.Kinds, API: s.IAM, Now: s.Now, Mail: s.Settings.Reach.Mail,
			Language: string(s.Settings.Language),
		}.Explain, nil
	},
}
