// Command bootstrap is the Lambda function reduce-unused-access.
package main

import "github.com/warder-aws/warder/functions/reduce-unused-access"

func main() { reduceunusedaccess.Control.Run() }
