// Command bootstrap is the Lambda function end-outside-session.
package main

import "github.com/warder-aws/warder/functions/end-outside-session"

func main() { endoutsidesession.Control.Run() }
