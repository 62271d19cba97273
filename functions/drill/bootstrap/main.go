// Command bootstrap is the Lambda function drill.
package main

import "github.com/warder-aws/warder/functions/drill"

func main() { drill.Tool.Serve() }
