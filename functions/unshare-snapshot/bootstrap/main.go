// Command bootstrap is the Lambda function unshare-snapshot.
package main

import "github.com/warder-aws/warder/functions/unshare-snapshot"

func main() { unsharesnapshot.Control.Run() }
