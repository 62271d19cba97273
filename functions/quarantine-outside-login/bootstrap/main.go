// Command bootstrap is the Lambda function quarantine-outside-login.
package main

import "github.com/warder-aws/warder/functions/quarantine-outside-login"

func main() { quarantineoutsidelogin.Control.Run() }
