// Command bootstrap is the Lambda function check-warder.
package main

import checkwarder "github.com/warder-aws/warder/functions/check-warder"

func main() { checkwarder.Tool.Serve() }
