// Command bootstrap is the Lambda function explain.
package main

import (
	"github.com/warder-aws/warder/functions/explain"
	"github.com/warder-aws/warder/pkg/handler"
)

func main() { handler.Serve(explain.Tool) }
