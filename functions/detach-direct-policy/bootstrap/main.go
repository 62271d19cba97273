// Command bootstrap is the Lambda function detach-direct-policy.
package main

import (
	"github.com/warder-aws/warder/functions/detach-direct-policy"
	"github.com/warder-aws/warder/pkg/handler"
)

func main() { handler.Run(detachdirectpolicy.Control) }
