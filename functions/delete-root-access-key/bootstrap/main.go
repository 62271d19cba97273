// Command bootstrap is the Lambda function delete-root-access-key.
package main

import "github.com/warder-aws/warder/functions/delete-root-access-key"

func main() { deleterootaccesskey.Control.Run() }
