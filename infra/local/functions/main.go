// Command functions is every function in one program, for the local account: it is the one that Lambda's environment
// names. To build it takes a fraction of the time that a program for each takes, as they are deployed.
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/warder-aws/warder/functions/all"
	"github.com/warder-aws/warder/functions/all/tools"
	"github.com/warder-aws/warder/pkg/settings"
)

func main() {
	id := strings.TrimPrefix(os.Getenv("AWS_LAMBDA_FUNCTION_NAME"), settings.FunctionName(""))
	if serve, ok := tools.Serve[id]; ok {
		serve()
		return
	}
	c, ok := all.Controls[id]
	if !ok {
		fmt.Fprintf(os.Stderr, "AWS_LAMBDA_FUNCTION_NAME: %q is no function of Warder's\n", id)
		os.Exit(1)
	}
	c.Run()
}
