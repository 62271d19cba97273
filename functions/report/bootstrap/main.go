// Command bootstrap is the Lambda function report.
package main

import (
	"github.com/warder-aws/warder/functions/report"
	"github.com/warder-aws/warder/pkg/handler"
)

func main() { handler.Serve(report.Tool) }
