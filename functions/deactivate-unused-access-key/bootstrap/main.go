// Command bootstrap is the Lambda function deactivate-unused-access-key.
package main

import "github.com/warder-aws/warder/functions/deactivate-unused-access-key"

func main() { deactivateunusedaccesskey.Control.Run() }
