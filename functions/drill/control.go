// Package drill is the Lambda function that rehearses an incident. A person invokes it; README.md is
// its runbook, control.json its description.
package drill

import (
	"context"
	_ "embed"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/warder-aws/warder/pkg/drill"
	"github.com/warder-aws/warder/pkg/handler"
)

//go:embed control.json
var description []byte

// Tool is the whole tool: its program and its tests are made from it.
var Tool = handler.Tool[drill.Request, drill.Answer]{Description: description, New: newDrill}

func newDrill(s handler.Setup) (func(context.Context, drill.Request) (drill.Answer, error), error) {
	topic, err := arn.Parse(s.Settings.Topic)
	if err != nil {
		return nil, fmt.Errorf("read the topic's ARN: %w", err)
	}
	if s.Settings.Drill == "" || s.Settings.Bus == "" {
		return nil, errors.New("there is no queue to watch, or no bus: deploy the stack again")
	}
	return (&driller{
		iam: s.IAM, bus: eventbridge.NewFromConfig(s.AWS), queue: sqs.NewFromConfig(s.AWS),
		ledger: s.Ledger, settings: s.Settings, policy: drill.PolicyARN(topic.Partition, s.Settings.Account),
		partition: topic.Partition, region: s.Region, now: s.Now, sleep: s.Sleep, log: s.Log,
	}).Drill, nil
}
