// Command bootstrap is the Lambda function undo.
package main

import (
	"github.com/warder-aws/warder/functions/undo"
	"github.com/warder-aws/warder/pkg/handler"
)

func main() { handler.Serve(undo.Tool) }
