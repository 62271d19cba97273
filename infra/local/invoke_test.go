package main

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
)

func TestInvoke(t *testing.T) {
	r := startUp(t)
	addUser(t, iam.NewFromConfig(r.config()), "alice")
	t.Setenv("AWS_ENDPOINT_URL", r.env["AWS_ENDPOINT_URL"])
	for _, function := range []string{"explain", "warder-explain"} {
		stdout, stderr, err := command(t, "invoke", function, `{"user":"alice"}`)
		var answer struct{ Text string }
		if err != nil || json.Unmarshal([]byte(stdout), &answer) != nil || !strings.Contains(answer.Text, "alice") {
			t.Errorf("%s: %v, printed %s%s", function, err, stdout, stderr)
		}
	}
	if _, _, err := command(t, "invoke", "explain", `{"nonsense":1}`); err == nil ||
		!strings.Contains(err.Error(), "warder-explain failed: request not understood") {
		t.Errorf("a request that is none: %v", err)
	}
	if _, _, err := command(t, "invoke", "nonsense", `{}`); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("a function that is none: %v", err)
	}
	if _, stderr, err := command(t, "invoke", "explain", `{`); !errors.Is(err, errUsage) ||
		!strings.Contains(stderr, "no JSON") {
		t.Errorf("a payload that is none: %v, %s", err, stderr)
	}
	if _, _, err := command(t, "invoke", "explain", "{}", "--mode", "enforce"); err == nil {
		t.Error("-mode is taken for an account that has its mode already")
	}
	t.Setenv("AWS_ENDPOINT_URL", "https://lambda.us-east-1.amazonaws.com")
	if _, _, err := command(t, "invoke", "explain", "{}"); err == nil || !strings.Contains(err.Error(), "loopback") {
		t.Errorf("another machine: %v", err)
	}
}
