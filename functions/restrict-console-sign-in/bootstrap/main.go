// Command bootstrap is the Lambda function restrict-console-sign-in.
package main

import "github.com/warder-aws/warder/functions/restrict-console-sign-in"

func main() { restrictconsolesignin.Control.Run() }
