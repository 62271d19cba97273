// Command undo is the Lambda function that puts back what Warder changed. A person invokes it;
// README.md is its runbook, control.json its description.
package main

import (
	"context"
	_ "embed"
	"maps"
	"time"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/function"
	"github.com/warder-aws/warder/pkg/remedy"
	"github.com/warder-aws/warder/pkg/s3"
)

//go:embed control.json
var description []byte

func main() {
	function.Serve(description, func(s function.Setup, r *remedy.Runner) (func(context.Context, remedy.UndoRequest) (remedy.UndoAnswer, error), error) {
		maps.Copy(r.Kinds, change.ForS3(s3.New(s.AWS, time.Now)))
		// A session cannot be put back: its kind is there to say so, and calls nothing.
		maps.Copy(r.Kinds, change.ForSSM(nil))
		return (&remedy.Undoer{Runner: r}).Undo, nil
	})
}
