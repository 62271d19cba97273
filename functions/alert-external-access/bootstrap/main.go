// Command bootstrap is the Lambda function alert-external-access.
package main

import "github.com/warder-aws/warder/functions/alert-external-access"

func main() { alertexternalaccess.Control.Run() }
