// Command bootstrap is the Lambda function require-mfa.
package main

import "github.com/warder-aws/warder/functions/require-mfa"

func main() { requiremfa.Control.Run() }
