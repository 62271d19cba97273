// Command bootstrap is the Lambda function post-to-slack.
package main

import "github.com/warder-aws/warder/functions/post-to-slack"

func main() { posttoslack.Tool.Serve() }
