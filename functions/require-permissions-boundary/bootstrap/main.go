// Command bootstrap is the Lambda function require-permissions-boundary.
package main

import "github.com/warder-aws/warder/functions/require-permissions-boundary"

func main() { requirepermissionsboundary.Control.Run() }
