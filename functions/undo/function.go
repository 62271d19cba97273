// Package undo is the Lambda function that puts back what Warder changed. A person invokes it;
// README.md is its runbook, control.json its description.
package undo

import (
	"context"
	_ "embed"
	"maps"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/s3"
)

//go:embed control.json
var description []byte

// Run serves the tool.
func Run() {
	handler.Serve(description, func(s handler.Setup, r *remediation.Runner) (func(context.Context, remediation.UndoRequest) (remediation.UndoAnswer, error), error) {
		maps.Copy(r.Kinds, change.ForS3(s3.New(s.AWS, s.Now)))
		maps.Copy(r.Kinds, change.ForRotation(s.IAM, secretsmanager.NewFromConfig(s.AWS)))
		// A session and a root key cannot be put back: their kinds are there to say so, and call nothing.
		maps.Copy(r.Kinds, change.ForSSM(nil))
		maps.Copy(r.Kinds, change.ForRoot(nil, nil))
		return (&remediation.Undoer{Runner: r}).Undo, nil
	})
}
