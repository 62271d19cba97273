package lambdahost_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/infra/local/lambdahost"
)

var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "host")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "bootstrap")
	build := exec.Command("go", "build", "-tags", "lambda.norpc", "-o", binary, "./testdata/function")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("build the test function: %v\n%s", err, output))
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

func function() lambdahost.Function {
	return lambdahost.Function{
		Name: "warder-test", ARN: "arn:aws:lambda:us-east-1:123456789012:function:warder-test", Binary: binary,
		Env: map[string]string{"AWS_LAMBDA_FUNCTION_NAME": "warder-test"}, Timeout: time.Hour, Retries: 2,
	}
}

func newHost(t *testing.T, options lambdahost.Options, functions ...lambdahost.Function) *lambdahost.Host {
	t.Helper()
	if len(functions) == 0 {
		functions = []lambdahost.Function{function()}
	}
	if options.RetryDelays == nil {
		options.RetryDelays = []time.Duration{time.Millisecond, time.Millisecond}
	}
	h := lambdahost.New(functions, options)
	t.Cleanup(h.Close)
	return h
}

func invoke(t *testing.T, h *lambdahost.Host, event string) lambdahost.Result {
	t.Helper()
	result, err := h.Invoke(t.Context(), "warder-test", []byte(event))
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func decode(t *testing.T, payload []byte) map[string]any {
	t.Helper()
	var answer map[string]any
	if err := json.Unmarshal(payload, &answer); err != nil {
		t.Fatalf("decode %s: %v", payload, err)
	}
	return answer
}

func TestHost_WarmProcess(t *testing.T) {
	h := newHost(t, lambdahost.Options{})
	first, second := invoke(t, h, `{}`), invoke(t, h, `{}`)
	if !first.Cold || second.Cold {
		t.Errorf("cold = %v, %v, want true, false", first.Cold, second.Cold)
	}
	a, b := decode(t, first.Payload), decode(t, second.Payload)
	if a["pid"] != b["pid"] || b["count"] != float64(2) {
		t.Errorf("answers %v and %v are not from one process", a, b)
	}
}

func TestHost_Concurrency(t *testing.T) {
	for _, concurrency := range []int{0, 1, 3} {
		f := function()
		f.Concurrency = concurrency
		begun := make(chan string, 10)
		h := newHost(t, lambdahost.Options{Log: func(_ string, lines []lambdahost.Line) {
			for _, line := range lines {
				begun <- line.Text
			}
		}}, f)
		want := max(concurrency, 1)
		for range want + 1 { // none of them ends
			if _, err := h.Send("warder-test", []byte(`{"do":"sleep","wait":3600000}`)); err != nil {
				t.Fatal(err)
			}
		}
		for range want {
			<-begun
		}
		if got := len(h.Processes()); got != want || len(begun) > 0 {
			t.Errorf("concurrency %d: %d processes, %d more events were begun with", concurrency, got, len(begun))
		}
		h.Close()
		if left := h.Processes(); len(left) > 0 {
			t.Errorf("concurrency %d: the processes %v are left", concurrency, left)
		}
	}
}

func TestHost_Environment(t *testing.T) {
	t.Setenv("AWS_PROFILE", "the user's own")
	t.Setenv("SECRET_OF_THE_SHELL", "x")
	h := newHost(t, lambdahost.Options{})
	var got []string
	for _, entry := range decode(t, invoke(t, h, `{"do":"environment"}`).Payload)["environment"].([]any) {
		name, _, _ := strings.Cut(entry.(string), "=")
		got = append(got, name)
	}
	// The trace id is set by the runtime library in the process itself.
	want := []string{"AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_RUNTIME_API", "_X_AMZN_TRACE_ID"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
}

func TestHost_InvocationContext(t *testing.T) {
	h := newHost(t, lambdahost.Options{})
	result := invoke(t, h, `{"do":"context"}`)
	got := decode(t, result.Payload)
	remaining := got["remaining"].(float64)
	if timeout := float64(time.Hour.Milliseconds()); remaining < timeout/2 || remaining > timeout {
		t.Errorf("remaining = %v ms, want a little under the timeout of %v", remaining, timeout)
	}
	delete(got, "remaining")
	want := map[string]any{"request": result.RequestID, "arn": function().ARN, "name": "warder-test"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("context (-want +got):\n%s", diff)
	}
}

func TestHost_FailureReports(t *testing.T) {
	slow := function()
	slow.Timeout = 300 * time.Millisecond
	noMood := function()
	noMood.Env = map[string]string{"EXIT_AT_INIT": "1"}
	missing := function()
	missing.Binary = "/nonexistent/bootstrap"
	tests := []struct {
		name      string
		function  lambdahost.Function
		event     string
		errorType string
		message   string
	}{
		{"an error of the handler", function(), `{"do":"fail"}`, "errorString", "as asked"},
		{"a panic", function(), `{"do":"panic"}`, "string", "as asked"},
		{"an exit", function(), `{"do":"exit"}`, "Runtime.ExitError", "exit status 3"},
		{"a timeout", slow, `{"do":"sleep","wait":3600000}`, "Sandbox.Timedout", "Task timed out after 0.30 seconds"},
		{"an exit before the first event", noMood, `{}`, "Runtime.ExitError", "exit status 1"},
		{"a binary that does not exist", missing, `{}`, "Runtime.InvalidEntrypoint", "/nonexistent/bootstrap"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHost(t, lambdahost.Options{}, test.function)
			result := invoke(t, h, test.event)
			got := decode(t, result.Payload)
			if !result.Failed || got["errorType"] != test.errorType ||
				!strings.Contains(got["errorMessage"].(string), test.message) {
				t.Errorf("failed %v, payload %s; want %s: %s", result.Failed, result.Payload, test.errorType, test.message)
			}
		})
	}
}

func TestHost_RestartAfterEnd(t *testing.T) {
	const sleep = `{"do":"sleep","wait":3600000}`
	for _, end := range []string{`{"do":"panic"}`, `{"do":"exit"}`, sleep} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			f := function()
			if end == sleep {
				f.Timeout = 5 * time.Second // which the other events need nothing of
			}
			h := newHost(t, lambdahost.Options{}, f)
			first := decode(t, invoke(t, h, `{}`).Payload)["pid"]
			invoke(t, h, end)
			result := invoke(t, h, `{}`)
			if result.Failed || !result.Cold || decode(t, result.Payload)["pid"] == first {
				t.Errorf("failed %v, cold %v, payload %s; want an answer from a new process", result.Failed, result.Cold,
					result.Payload)
			}
		})
	}
}

func TestHost_Timeout(t *testing.T) {
	slow := function()
	slow.Timeout = time.Second
	h := newHost(t, lambdahost.Options{}, slow)
	if _, err := h.Warm(t.Context(), "warder-test"); err != nil {
		t.Fatal(err)
	}
	pid := h.Processes()[0]
	invoke(t, h, `{"do":"sleep","wait":3600000}`)
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process %d: %v, want none", pid, err)
	}
}

func TestHost_Retries(t *testing.T) {
	var mu sync.Mutex
	var records [][]byte
	var done []lambdahost.Result
	h := newHost(t, lambdahost.Options{
		Failed: func(_ string, record []byte) { mu.Lock(); records = append(records, record); mu.Unlock() },
		Done:   func(result lambdahost.Result) { mu.Lock(); done = append(done, result); mu.Unlock() },
	})
	results, err := h.Send("warder-test", []byte(`{"do":"fail"}`))
	if err != nil {
		t.Fatal(err)
	}
	result := <-results
	if !result.Failed || result.Attempts != 3 {
		t.Errorf("failed %v after %d attempts, want true after 3", result.Failed, result.Attempts)
	}
	if err := h.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(records) != 1 || len(done) != 1 {
		t.Fatalf("%d records and %d results, want one of each", len(records), len(done))
	}
	record := decode(t, records[0])
	if _, err := time.Parse(time.RFC3339, record["timestamp"].(string)); err != nil {
		t.Error(err)
	}
	delete(record, "timestamp")
	want := map[string]any{
		"version": "1.0",
		"requestContext": map[string]any{
			"requestId": result.RequestID, "functionArn": function().ARN + ":$LATEST",
			"condition": "RetriesExhausted", "approximateInvokeCount": float64(3),
		},
		"requestPayload": map[string]any{"do": "fail"},
		"responseContext": map[string]any{
			"statusCode": float64(200), "executedVersion": "$LATEST", "functionError": "Unhandled",
		},
		"responsePayload": map[string]any{"errorType": "errorString", "errorMessage": "as asked"},
	}
	if diff := cmp.Diff(want, record); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
}

func TestHost_RequestIDOverRetries(t *testing.T) {
	var mu sync.Mutex
	var lines []string
	h := newHost(t, lambdahost.Options{Log: func(_ string, batch []lambdahost.Line) {
		mu.Lock()
		defer mu.Unlock()
		for _, line := range batch {
			if strings.HasPrefix(line.Text, "handling") {
				lines = append(lines, line.Text)
			}
		}
	}})
	results, err := h.Send("warder-test", []byte(`{"do":"fail"}`))
	if err != nil {
		t.Fatal(err)
	}
	line := "handling fail " + (<-results).RequestID
	h.Close() // hands on what is left of the output
	if diff := cmp.Diff([]string{line, line, line}, lines); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}

func TestHost_RetrySucceeds(t *testing.T) {
	f := function()
	f.Retries = 0
	h := newHost(t, lambdahost.Options{Failed: func(string, []byte) { t.Error("a record of a success") }}, f)
	results, err := h.Send("warder-test", []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	if result := <-results; result.Failed || result.Attempts != 1 {
		t.Errorf("failed %v after %d attempts, want a success at once", result.Failed, result.Attempts)
	}
}

func TestHost_LogTail(t *testing.T) {
	h := newHost(t, lambdahost.Options{})
	first, second := invoke(t, h, `{"do":"a"}`), invoke(t, h, `{"do":"b"}`)
	if got, want := string(second.Log), "handling b "+second.RequestID+"\n"; got != want {
		t.Errorf("log %q, want %q and nothing of %q", got, want, first.Log)
	}
}

func TestHost_UnknownFunction(t *testing.T) {
	h := newHost(t, lambdahost.Options{})
	if _, err := h.Invoke(t.Context(), "other", nil); !errors.Is(err, lambdahost.ErrUnknown) {
		t.Errorf("Invoke = %v, want ErrUnknown", err)
	}
	if _, err := h.Send("other", nil); !errors.Is(err, lambdahost.ErrUnknown) {
		t.Errorf("Send = %v, want ErrUnknown", err)
	}
}

func TestHost_CloseDuringEvent(t *testing.T) {
	h := newHost(t, lambdahost.Options{})
	pid := int(decode(t, invoke(t, h, `{}`).Payload)["pid"].(float64))
	results, err := h.Send("warder-test", []byte(`{"do":"sleep","wait":3600000}`))
	if err != nil {
		t.Fatal(err)
	}
	h.Close() // and does not wait for the hour
	if result, ok := <-results; ok {
		t.Errorf("result %+v of an event that was cut short", result)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process %d: %v, want none", pid, err)
	}
	if _, err := h.Invoke(context.Background(), "warder-test", nil); !errors.Is(err, lambdahost.ErrClosed) {
		t.Errorf("Invoke = %v, want ErrClosed", err)
	}
}

func TestHost_LeavesNoGoroutines(t *testing.T) {
	h := newHost(t, lambdahost.Options{})
	invoke(t, h, `{}`)
	const events = 100
	before := runtime.NumGoroutine()
	for range events {
		if _, err := h.Send("warder-test", []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The last ones end by themselves; what matters is that events leave none each.
	deadline := time.Now().Add(5 * time.Minute)
	for ; runtime.NumGoroutine() > before+events/10; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines after %d events, %d before", runtime.NumGoroutine(), events, before)
		}
	}
}
