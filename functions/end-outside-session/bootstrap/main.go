// Command bootstrap is the Lambda function end-outside-session.
package main

import (
	"github.com/warder-aws/warder/functions/end-outside-session"
	"github.com/warder-aws/warder/pkg/handler"
)

func main() { handler.Run(endoutsidesession.Control) }
