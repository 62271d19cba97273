// Command bootstrap is the Lambda function contain-exposed-key.
package main

import (
	"github.com/warder-aws/warder/functions/contain-exposed-key"
	"github.com/warder-aws/warder/pkg/handler"
)

func main() { handler.Run(containexposedkey.Control) }
