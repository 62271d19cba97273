// Command bootstrap is the Lambda function alert-detection-change.
package main

import "github.com/warder-aws/warder/functions/alert-detection-change"

func main() { alertdetectionchange.Control.Run() }
