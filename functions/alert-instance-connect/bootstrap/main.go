// Command bootstrap is the Lambda function alert-instance-connect.
package main

import (
	"github.com/warder-aws/warder/functions/alert-instance-connect"
	"github.com/warder-aws/warder/pkg/handler"
)

func main() { handler.Run(alertinstanceconnect.Control) }
