// Command bootstrap is the Lambda function alert-root-usage.
package main

import (
	"github.com/warder-aws/warder/functions/alert-root-usage"
	"github.com/warder-aws/warder/pkg/handler"
)

func main() { handler.Run(alertrootusage.Control) }
