// Command bootstrap is the Lambda function post-to-slack.
package main

import (
	"github.com/warder-aws/warder/functions/post-to-slack"
	"github.com/warder-aws/warder/pkg/handler"
)

func main() { handler.Serve(posttoslack.Tool) }
