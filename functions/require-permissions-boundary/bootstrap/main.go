// Command bootstrap is the Lambda function require-permissions-boundary.
package main

import (
	"github.com/warder-aws/warder/functions/require-permissions-boundary"
	"github.com/warder-aws/warder/pkg/handler"
)

func main() { handler.Run(requirepermissionsboundary.Control) }
