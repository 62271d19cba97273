// Command bootstrap is the Lambda function undo.
package main

import "github.com/warder-aws/warder/functions/undo"

func main() { undo.Tool.Serve() }
