// Package posttoslack is the Lambda function that posts notices and alarms to Slack. A queue
// that is subscribed to the topic starts it; README.md is its runbook, control.json its description.
package posttoslack

import (
	"context"
	_ "embed"
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/warder-aws/warder/pkg/feed"
	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/parameter"
	"github.com/warder-aws/warder/pkg/slack"
)

//go:embed control.json
var description []byte

// Tool is the whole tool: its program and its tests are made from it.
var Tool = handler.Tool[json.RawMessage, answer]{Description: description, New: newPoster}

func newPoster(s handler.Setup) (func(context.Context, json.RawMessage) (answer, error), error) {
	http, err := slack.NewHTTP(s.Settings.SlackLocal)
	if err != nil {
		return nil, err
	}
	p := &poster{
		Ledger: s.Ledger, Language: s.Settings.Language, Runbooks: s.Settings.Runbooks, Account: s.Account, Region: s.Region,
		Now: s.Now, Log: s.Log,
		Feed: feed.Feed{
			Queue: feed.NewQueue(s.AWS, s.Settings.Queue), Ledger: s.Ledger, Account: s.Account, Now: s.Now, Log: s.Log,
		},
		Client: &slack.Client{
			HTTP: http, Channel: s.Settings.Slack.Channel,
			Secret: (&vault{
				Slack: s.Settings.Slack, Secrets: secretsmanager.NewFromConfig(s.AWS), Parameters: parameter.New(s.AWS),
			}).read,
		},
	}
	return p.post, nil
}
