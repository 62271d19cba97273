// Command bootstrap is the Lambda function alert-external-access.
package main

import (
	"github.com/warder-aws/warder/functions/alert-external-access"
	"github.com/warder-aws/warder/pkg/handler"
)

func main() { handler.Run(alertexternalaccess.Control) }
