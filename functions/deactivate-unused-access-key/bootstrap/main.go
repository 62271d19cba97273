// Command bootstrap is the Lambda function deactivate-unused-access-key.
package main

import (
	"github.com/warder-aws/warder/functions/deactivate-unused-access-key"
	"github.com/warder-aws/warder/pkg/handler"
)

func main() { handler.Run(deactivateunusedaccesskey.Control) }
