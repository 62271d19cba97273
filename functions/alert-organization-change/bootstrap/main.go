// Command bootstrap is the Lambda function alert-organization-change.
package main

import "github.com/warder-aws/warder/functions/alert-organization-change"

func main() { alertorganizationchange.Control.Run() }
