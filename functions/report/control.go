// Package report is the Lambda function that writes the evidence of a month, or of another period, and says where it
// is. Its schedule starts it, and a person may; README.md is its runbook, control.json its description.
package report

import (
	"context"
	_ "embed"
	"maps"
	"sync"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/s3"
)

var (
	//go:embed control.json
	description []byte
	//go:embed ko.json
	korean []byte
)

// Tool is the whole tool: its program and its tests are made from it.
var Tool = handler.Tool[request, answer]{Description: description, Korean: korean, New: newWriter}

func newWriter(s handler.Setup) (func(context.Context, request) (answer, error), error) {
	maps.Copy(s.Kinds, change.Described())
	w := writer{Runner: s.Runner, users: s.IAM, objects: s3.New(s.AWS)}
	// To read all of them takes longer than a cold start may.
	controls := sync.OnceValues(described)
	return func(ctx context.Context, q request) (a answer, err error) {
		if w.controls, err = controls(); err != nil {
			return answer{}, err
		}
		return w.write(ctx, q)
	}, nil
}
