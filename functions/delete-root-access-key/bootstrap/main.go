// Command bootstrap is the Lambda function delete-root-access-key.
package main

import (
	"github.com/warder-aws/warder/functions/delete-root-access-key"
	"github.com/warder-aws/warder/pkg/handler"
)

func main() { handler.Run(deleterootaccesskey.Control) }
