// Command function is what the tests of the host run: a real Lambda function that does what its
// event says.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sort"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type request struct {
	Do   string `json:"do"`
	Wait int    `json:"wait"` // milliseconds
}

var count int

func handle(ctx context.Context, r request) (map[string]any, error) {
	count++
	invocation, _ := lambdacontext.FromContext(ctx)
	fmt.Println("handling", r.Do, invocation.AwsRequestID)
	switch r.Do {
	case "environment":
		environment := os.Environ()
		sort.Strings(environment)
		return map[string]any{"environment": environment}, nil
	case "context":
		deadline, _ := ctx.Deadline()
		return map[string]any{
			"request": invocation.AwsRequestID, "arn": invocation.InvokedFunctionArn, "name": lambdacontext.FunctionName,
			"remaining": time.Until(deadline).Milliseconds(),
		}, nil
	case "fail":
		return nil, errors.New("as asked")
	case "panic":
		panic("as asked")
	case "exit":
		os.Exit(3)
	case "sleep":
		time.Sleep(time.Duration(r.Wait) * time.Millisecond)
	}
	return map[string]any{"count": count, "pid": os.Getpid()}, nil
}

func main() {
	if os.Getenv("EXIT_AT_INIT") != "" {
		fmt.Println("no mood")
		os.Exit(1)
	}
	lambda.Start(handle)
}
