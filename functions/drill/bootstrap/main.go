// Command bootstrap is the Lambda function drill.
package main

import (
	"github.com/warder-aws/warder/functions/drill"
	"github.com/warder-aws/warder/pkg/handler"
)

func main() { handler.Serve(drill.Tool) }
