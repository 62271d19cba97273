// Command bootstrap is the Lambda function contain-exposed-key.
package main

import "github.com/warder-aws/warder/functions/contain-exposed-key"

func main() { containexposedkey.Control.Run() }
