// Command bootstrap is the Lambda function rotate-access-key.
package main

import "github.com/warder-aws/warder/functions/rotate-access-key"

func main() { rotateaccesskey.Control.Run() }
