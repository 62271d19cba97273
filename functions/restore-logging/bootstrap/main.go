// Command bootstrap is the Lambda function restore-logging.
package main

import "github.com/warder-aws/warder/functions/restore-logging"

func main() { restorelogging.Control.Run() }
