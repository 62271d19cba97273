// Package sendemail is the Lambda function that mails notices to owners through Amazon SES. A queue that is subscribed
// to the topic starts it; README.md is its runbook, control.json its description.
package sendemail

import (
	"context"
	_ "embed"
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/warder-aws/warder/pkg/feed"
	"github.com/warder-aws/warder/pkg/handler"
)

var (
	//go:embed control.json
	description []byte
	//go:embed ko.json
	korean []byte
)

// Tool is the whole tool: its program and its tests are made from it.
var Tool = handler.Tool[json.RawMessage, answer]{Description: description, Korean: korean, New: newMailer}

func newMailer(s handler.Setup) (func(context.Context, json.RawMessage) (answer, error), error) {
	m := &mailer{Runner: s.Runner, Service: newSES(s.AWS), Topics: snsTopics{sns.NewFromConfig(s.AWS)}, Feed: feed.Feed{
		Queue: feed.NewQueue(s.AWS, s.Settings.Queue), Ledger: s.Ledger, Account: s.Account, Now: s.Now, Log: s.Log,
	}}
	return m.handle, nil
}
