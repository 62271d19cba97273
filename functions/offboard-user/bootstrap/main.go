// Command bootstrap is the Lambda function offboard-user.
package main

import "github.com/warder-aws/warder/functions/offboard-user"

func main() { offboarduser.Control.Run() }
