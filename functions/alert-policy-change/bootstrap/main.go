// Command bootstrap is the Lambda function alert-policy-change.
package main

import (
	"github.com/warder-aws/warder/functions/alert-policy-change"
	"github.com/warder-aws/warder/pkg/handler"
)

func main() { handler.Run(alertpolicychange.Control) }
