// Command bootstrap is the Lambda function alert-root-usage.
package main

import "github.com/warder-aws/warder/functions/alert-root-usage"

func main() { alertrootusage.Control.Run() }
