// Package checkwarder is the Lambda function that checks every day that Warder is as it was deployed, and notifies by
// both topics of what is not. It changes nothing. README.md is its runbook, control.json its description.
package checkwarder

import (
	"context"
	_ "embed"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/warder-aws/warder/functions"
	"github.com/warder-aws/warder/pkg/deployment"
	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/mailstate"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/settings"
)

var (
	//go:embed control.json
	description []byte
	//go:embed ko.json
	korean []byte
)

// Tool is the whole tool: its program and its tests are made from it.
var Tool = handler.Tool[request, answer]{Description: description, Korean: korean, New: newCheck}

func newCheck(s handler.Setup) (func(context.Context, request) (answer, error), error) {
	return newWatchman(s).watch, nil
}

func newWatchman(s handler.Setup) watchman {
	w := watchman{
		Runner: s.Runner, controls: sync.OnceValues(functions.Controls),
		clients: clients{
			stacks: cloudformation.NewFromConfig(s.AWS), alarms: cloudwatch.NewFromConfig(s.AWS),
			logs: cloudwatchlogs.NewFromConfig(s.AWS), tables: dynamodb.NewFromConfig(s.AWS),
			rules: eventbridge.NewFromConfig(s.AWS), schedules: deployment.NewScheduler(s.AWS), roles: s.IAM,
			mails:     mailstate.Client(s.AWS),
			keys:      kms.NewFromConfig(s.AWS),
			functions: lambda.NewFromConfig(s.AWS), topics: sns.NewFromConfig(s.AWS), queues: sqs.NewFromConfig(s.AWS),
		},
	}
	for _, topic := range s.Settings.Own.Topics {
		// The second way needs neither the ledger nor a key: it remembers, as long as the process lives, what it has sent.
		second := *s.Runner
		second.Topic, second.Ledger = notice.Topic{
			API:  w.topics,
			ARN:  topic,
			UTF8: w.Settings.Subjects == settings.UTF8,
		}, ledger.New(
			new(ledger.Memory),
		)
		w.ways = append(w.ways, &second)
	}
	w.ways = append(w.ways, s.Runner)
	return w
}
