// Command bootstrap is the Lambda function contain-exposed-key.
package main

import (
	"github.com/warder-aws/warder/functions/contain-exposed-key"
	"github.com/warder-aws/warder/pkg/function"
)

func main() { function.Run(containexposedkey.Description, containexposedkey.New) }
