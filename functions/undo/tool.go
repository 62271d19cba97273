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

// Tool is the whole tool: its program, the scenarios and the simulator are made from it.
var Tool = handler.Tool[remediation.UndoRequest, remediation.UndoAnswer]{Description: description, New: newUndo}

func newUndo(s handler.Setup) (func(context.Context, remediation.UndoRequest) (remediation.UndoAnswer, error), error) {
	maps.Copy(s.Kinds, change.ForS3(s3.New(s.AWS, s.Now)))
	maps.Copy(s.Kinds, change.ForRotation(s.IAM, secretsmanager.NewFromConfig(s.AWS)))
	// A session and a root key cannot be put back: their kinds are there to say so, and call nothing.
	maps.Copy(s.Kinds, change.ForSSM(nil))
	maps.Copy(s.Kinds, change.ForRoot(nil, nil))
	return (&remediation.Undoer{Runner: s.Runner}).Undo, nil
}
