// Command bootstrap is the Lambda function require-permissions-boundary.
package main

import (
	"github.com/warder-aws/warder/functions/require-permissions-boundary"
	"github.com/warder-aws/warder/pkg/function"
)

func main() { function.Run(requirepermissionsboundary.Description, requirepermissionsboundary.New) }
