// Package undo is the Lambda function that restores what Warder changed. A person invokes it;
// README.md is its runbook, control.json its description.
package undo

import (
	"context"
	_ "embed"
	"maps"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/cloudtrail"
	"github.com/warder-aws/warder/pkg/config"
	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/rotation"
	"github.com/warder-aws/warder/pkg/s3"
)

//go:embed control.json
var description []byte

// Tool is the whole tool: its program, the scenarios and the simulator are made from it.
var Tool = handler.Tool[remediation.UndoRequest, remediation.UndoAnswer]{Description: description, New: newUndo}

func newUndo(s handler.Setup) (func(context.Context, remediation.UndoRequest) (remediation.UndoAnswer, error), error) {
	maps.Copy(s.Kinds, change.Described()) // a session and a root key cannot be put back
	maps.Copy(s.Kinds, s3.Kinds(s3.New(s.AWS)))
	maps.Copy(s.Kinds, cloudtrail.Kinds(cloudtrail.New(s.AWS)))
	maps.Copy(s.Kinds, config.Kinds(config.New(s.AWS)))
	maps.Copy(s.Kinds, rotation.Kinds(s.IAM, secretsmanager.NewFromConfig(s.AWS)))
	return (&remediation.Undoer{Runner: s.Runner}).Undo, nil
}
