// Command bootstrap is the Lambda function quarantine-outside-login.
package main

import (
	"github.com/warder-aws/warder/functions/quarantine-outside-login"
	"github.com/warder-aws/warder/pkg/handler"
)

func main() { handler.Run(quarantineoutsidelogin.Control) }
