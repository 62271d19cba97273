// Command alert-external-access is the Lambda function that tells of what IAM Access Analyzer finds.
// It reads nothing and changes nothing. README.md is its runbook, control.json its description.
package main

import (
	_ "embed"

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
		return newPlanner(s.Settings)
	})
}
