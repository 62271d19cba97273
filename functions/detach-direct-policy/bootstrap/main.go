// Command bootstrap is the Lambda function detach-direct-policy.
package main

import "github.com/warder-aws/warder/functions/detach-direct-policy"

func main() { detachdirectpolicy.Control.Run() }
