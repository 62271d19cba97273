// Command bootstrap is the Lambda function deactivate-old-credential.
package main

import "github.com/warder-aws/warder/functions/deactivate-old-credential"

func main() { deactivateoldcredential.Control.Run() }
