// Command undo is the Lambda function that puts back what Warder changed. A person invokes it;
// README.md is its runbook, control.json its description.
package main

import (
	"context"
	_ "embed"

	"github.com/warder-aws/warder/pkg/function"
	"github.com/warder-aws/warder/pkg/remedy"
)

//go:embed control.json
var description []byte

func main() {
	function.Serve(description, func(_ function.Setup, r *remedy.Runner) (func(context.Context, remedy.UndoRequest) (remedy.UndoAnswer, error), error) {
		return (&remedy.Undoer{Runner: r}).Undo, nil
	})
}
