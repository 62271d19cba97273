// Command bootstrap is the Lambda function alert-policy-change.
package main

import "github.com/warder-aws/warder/functions/alert-policy-change"

func main() { alertpolicychange.Control.Run() }
