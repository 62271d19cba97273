// Command bootstrap is the Lambda function close-public-bucket.
package main

import "github.com/warder-aws/warder/functions/close-public-bucket"

func main() { closepublicbucket.Control.Run() }
