// Command bootstrap is the Lambda function rotate-access-key.
package main

import (
	"github.com/warder-aws/warder/functions/rotate-access-key"
	"github.com/warder-aws/warder/pkg/handler"
)

func main() { handler.Run(rotateaccesskey.Control) }
