// Command bootstrap is the Lambda function close-public-bucket.
package main

import (
	"github.com/warder-aws/warder/functions/close-public-bucket"
	"github.com/warder-aws/warder/pkg/handler"
)

func main() { handler.Run(closepublicbucket.Control) }
