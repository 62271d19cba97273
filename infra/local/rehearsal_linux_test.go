package main

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// processOf is the process of a function of the account.
func (r *running) processOf(t *testing.T, function string) int {
	t.Helper()
	for _, pid := range children(t, os.Getpid()) {
		environment, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
		if err != nil {
			continue
		}
		all := strings.Split(string(environment), "\x00")
		if slices.Contains(all, "AWS_ENDPOINT_URL="+r.env["AWS_ENDPOINT_URL"]) &&
			slices.Contains(all, "AWS_LAMBDA_FUNCTION_NAME=warder-"+function) {
			return pid
		}
	}
	t.Fatalf("%s has no process", function) // a signal to 0 would be one to this process
	return 0
}

// A drill whose function is ended by force leaves its user. The next drill waits until that is known,
// and deletes it.
func TestADrillThatIsKilledIsCleanedUpByTheNext(t *testing.T) {
	t.Parallel()
	r := startUp(t, "--mode", "enforce")
	client, ask := iam.NewFromConfig(r.config()), asker(t, r)
	before, err := identities(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	// The drill waits for a control, which stands still: it is in the middle, however slow this machine is.
	if _, err := lambda.NewFromConfig(r.config()).Invoke(t.Context(), &lambda.InvokeInput{
		FunctionName: aws.String("warder-detach-direct-policy"), Payload: event(t, "access-keys-rotated-noncompliant.json"),
	}); err != nil {
		t.Fatal(err)
	}
	control := r.processOf(t, "detach-direct-policy")
	if err := syscall.Kill(control, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	type result struct {
		output string
		err    error
	}
	first := make(chan result, 1)
	go func() {
		output, err := ask("drill", "--minutes=2")
		first <- result{output, err}
	}()
	left := ""
	for left == "" {
		select {
		case came := <-first:
			t.Fatalf("the drill came to its end first: %v\n%s", came.err, came.output)
		case <-time.After(10 * time.Millisecond):
		}
		users, err := client.ListUsers(t.Context(), &iam.ListUsersInput{PathPrefix: aws.String("/warder-drill/")})
		if err != nil {
			t.Fatal(err)
		}
		for _, user := range users.Users {
			left = *user.UserName
		}
	}
	if err := syscall.Kill(r.processOf(t, "drill"), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(control, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if came := <-first; came.err == nil {
		t.Errorf("the drill that was killed: %s", came.output)
	}
	output, err := ask("drill", "--minutes=2")
	if err != nil || !strings.Contains(output, "deleted "+left+"\n") || strings.Count(output, "deleted ") != 2 ||
		!strings.HasSuffix(output, ": passed\n") {
		t.Errorf("the next drill: %v; want that it passes and deletes %s", err, left)
	}
	asBefore(t, client, before)
}
