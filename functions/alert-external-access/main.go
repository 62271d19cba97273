// Command alert-external-access is the Lambda function that tells of what IAM Access Analyzer finds.
// It reads nothing and changes nothing. README.md is its runbook, control.json its description.
package main

import (
	_ "embed"

	"github.com/warder-aws/warder/pkg/function"
	"github.com/warder-aws/warder/pkg/remedy"
)

//go:embed control.json
var description []byte

func main() {
	function.Run(description, func(s function.Setup) (remedy.Planner, error) {
		return newPlanner(s.Settings)
	})
}
