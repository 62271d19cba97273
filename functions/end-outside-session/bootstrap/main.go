// Command bootstrap is the Lambda function end-outside-session.
package main

import (
	"github.com/warder-aws/warder/functions/end-outside-session"
	"github.com/warder-aws/warder/pkg/function"
)

func main() { function.Run(endoutsidesession.Description, endoutsidesession.New) }
