// Command bootstrap is the Lambda function deactivate-stale-access-key.
package main

import "github.com/warder-aws/warder/functions/deactivate-stale-access-key"

func main() { deactivatestaleaccesskey.Control.Run() }
