// Command bootstrap is the Lambda function report.
package main

import "github.com/warder-aws/warder/functions/report"

func main() { report.Tool.Serve() }
