// Command deactivate-stale-access-key is the Lambda function that makes access keys inactive once
// they are older than the allowed age. README.md is its runbook, control.json its description.
package main

import (
	_ "embed"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/warder-aws/warder/pkg/function"
	"github.com/warder-aws/warder/pkg/remedy"
	"github.com/warder-aws/warder/pkg/say"
)

//go:embed control.json
var description []byte

//go:embed ko.json
var korean []byte

func init() { say.Register("ko", korean) }

func main() {
	function.Run(description, func(s function.Setup) (remedy.Planner, error) {
		return newPlanner(iam.NewFromConfig(s.AWS), s.Ledger, s.Settings, s.Sleep)
	})
}
