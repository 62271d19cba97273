// Command bootstrap is the Lambda function alert-console-login.
package main

import (
	"github.com/warder-aws/warder/functions/alert-console-login"
	"github.com/warder-aws/warder/pkg/handler"
)

func main() { handler.Run(alertconsolelogin.Control) }
