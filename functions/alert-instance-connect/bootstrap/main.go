// Command bootstrap is the Lambda function alert-instance-connect.
package main

import "github.com/warder-aws/warder/functions/alert-instance-connect"

func main() { alertinstanceconnect.Control.Run() }
