// Command bootstrap is the Lambda function alert-warder-change.
package main

import "github.com/warder-aws/warder/functions/alert-warder-change"

func main() { alertwarderchange.Control.Run() }
