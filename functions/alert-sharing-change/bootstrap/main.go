// Command bootstrap is the Lambda function alert-sharing-change.
package main

import "github.com/warder-aws/warder/functions/alert-sharing-change"

func main() { alertsharingchange.Control.Run() }
