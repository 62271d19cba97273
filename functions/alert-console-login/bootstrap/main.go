// Command bootstrap is the Lambda function alert-console-login.
package main

import "github.com/warder-aws/warder/functions/alert-console-login"

func main() { alertconsolelogin.Control.Run() }
