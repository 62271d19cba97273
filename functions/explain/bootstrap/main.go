// Command bootstrap is the Lambda function explain.
package main

import "github.com/warder-aws/warder/functions/explain"

func main() { explain.Tool.Serve() }
