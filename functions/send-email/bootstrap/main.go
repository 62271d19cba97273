// Command bootstrap is the Lambda function send-email.
package main

import "github.com/warder-aws/warder/functions/send-email"

func main() { sendemail.Tool.Serve() }
