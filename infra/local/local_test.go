package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/functions"
	"github.com/warder-aws/warder/infra/local/emulator"
	"github.com/warder-aws/warder/infra/local/endpoint"
	"github.com/warder-aws/warder/infra/local/project"
)

var update = flag.Bool("update", false, "rewrite the golden file")

func TestMain(m *testing.M) {
	// The tests never build: make test has, and what is missing fails with the command that makes it.
	if err := os.Setenv("WARDER_NO_MAKE", "1"); err != nil {
		panic(err)
	}
	if err := os.Unsetenv("AWS_ENDPOINT_URL"); err != nil {
		panic(err)
	}
	// Commands are run in the project's folder.
	root, err := project.Find()
	if err != nil {
		panic(err)
	}
	if err := os.Chdir(string(root)); err != nil {
		panic(err)
	}
	// Most of what an account does is to wait, so that more of them fit on a machine than it has
	// processors. A flag of the command line comes later, and wins.
	if err := flag.Set("test.parallel", "5"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// root is the project's folder.
func root(t *testing.T) string {
	t.Helper()
	root, err := project.Find()
	if err != nil {
		t.Fatal(err)
	}
	return string(root)
}

// command runs the command line in the project's folder and returns what it printed.
func command(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	err = run(t.Context(), args, &out, &errs)
	return out.String(), errs.String(), err
}

// A running is an account that `up` has started in this process.
type running struct {
	env   map[string]string // what it exports
	topic string
	ready time.Duration // from the start to the line that says so
	end   func() error  // what up returns

	mu    sync.Mutex
	lines []string // after ready
}

func startUp(t *testing.T, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	reader, writer := io.Pipe()
	ended := make(chan error, 1)
	begin := time.Now()
	go func() {
		err := run(ctx, append([]string{"up"}, args...), writer, os.Stderr)
		_ = writer.Close()
		ended <- err
	}()
	r := &running{env: map[string]string{}}
	var once sync.Once
	var result error
	r.end = func() error {
		once.Do(func() { cancel(); result = <-ended })
		return result
	}
	t.Cleanup(func() { _ = r.end() })

	scanner := bufio.NewScanner(reader)
	for scanner.Scan() {
		line := scanner.Text()
		if name, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "="); ok &&
			strings.HasPrefix(line, "export ") {
			r.env[name] = value
		}
		if topic, ok := strings.CutPrefix(line, "# topic "); ok {
			r.topic = topic
		}
		if strings.HasPrefix(line, "ready") {
			r.ready = time.Since(begin)
			break
		}
	}
	if r.ready == 0 {
		t.Fatalf("up ended: %v", r.end())
	}
	go func() {
		for scanner.Scan() {
			r.mu.Lock()
			r.lines = append(r.lines, scanner.Text())
			r.mu.Unlock()
		}
	}()
	return r
}

func (r *running) config() aws.Config {
	return emulator.Config(r.env["AWS_ENDPOINT_URL"], r.env["AWS_ACCESS_KEY_ID"], r.env["AWS_SECRET_ACCESS_KEY"])
}

// idle waits until no function has anything left to do.
func (r *running) idle(t *testing.T) {
	t.Helper()
	if err := emulator.At(r.env["AWS_ENDPOINT_URL"]).Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// printed waits until the account has printed a line that begins so.
func (r *running) printed(t *testing.T, begin string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		r.mu.Lock()
		lines := slices.Clone(r.lines)
		r.mu.Unlock()
		if slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, begin) }) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("it printed\n%s\nwithout\n%s", strings.Join(lines, "\n"), begin)
		}
	}
}

// subscribe makes a queue that gets what the topic gets, and returns its URL.
func (r *running) subscribe(t *testing.T) string {
	t.Helper()
	queue, err := sqs.NewFromConfig(r.config()).CreateQueue(t.Context(), &sqs.CreateQueueInput{
		QueueName: aws.String("inbox"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sns.NewFromConfig(r.config()).Subscribe(t.Context(), &sns.SubscribeInput{
		TopicArn: &r.topic, Protocol: aws.String("sqs"), Endpoint: aws.String("arn:aws:sqs:us-east-1:123456789012:inbox"),
	}); err != nil {
		t.Fatal(err)
	}
	return *queue.QueueUrl
}

func (r *running) messages(t *testing.T, queue string) []string {
	t.Helper()
	answer, err := sqs.NewFromConfig(r.config()).ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: &queue, MaxNumberOfMessages: 10,
	})
	if err != nil {
		t.Fatal(err)
	}
	var bodies []string
	for _, message := range answer.Messages {
		bodies = append(bodies, *message.Body)
	}
	return bodies
}

func addUser(t *testing.T, client *iam.Client, name string) {
	t.Helper()
	if _, err := client.CreateUser(t.Context(), &iam.CreateUserInput{UserName: &name}); err != nil {
		t.Fatal(err)
	}
}

func attached(t *testing.T, client *iam.Client, user string) int {
	t.Helper()
	policies, err := client.ListAttachedUserPolicies(t.Context(), &iam.ListAttachedUserPoliciesInput{UserName: &user})
	if err != nil {
		t.Fatal(err)
	}
	return len(policies.AttachedPolicies)
}

// patience is after how long a thing that is waited for will not come. It only ends a hang.
const patience = 5 * time.Minute

func TestUp_DetachesDirectPolicy(t *testing.T) {
	t.Parallel()
	r := startUp(t, "--mode", "enforce")
	t.Logf("ready after %v", r.ready)
	client := iam.NewFromConfig(r.config())
	inbox := r.subscribe(t)

	for _, state := range []string{"cold", "warm"} {
		t.Run("a "+state+" function detaches it", func(t *testing.T) {
			addUser(t, client, state)
			begin := time.Now()
			if _, err := client.AttachUserPolicy(t.Context(), &iam.AttachUserPolicyInput{
				UserName: &state, PolicyArn: aws.String("arn:aws:iam::aws:policy/AdministratorAccess"),
			}); err != nil {
				t.Fatal(err)
			}
			for attached(t, client, state) > 0 {
				// How long it takes is printed, not tested: a machine may be busy.
				if time.Since(begin) > patience {
					t.Fatal("the policy is still attached")
				}
				time.Sleep(10 * time.Millisecond)
			}
			t.Logf("%s: detached after %v", state, time.Since(begin))
		})
	}
	r.idle(t)

	t.Run("a subscriber of the topic has the notices", func(t *testing.T) {
		told := map[string]bool{}
		for _, body := range r.messages(t, inbox) {
			for _, name := range []string{"cold", "warm"} {
				if strings.Contains(body, "detached policy arn:aws:iam::aws:policy/AdministratorAccess from "+name) {
					told[name] = true
				}
			}
		}
		if !told["cold"] || !told["warm"] {
			t.Errorf("told of %v, want of both", told)
		}
	})
	t.Run("a line is printed for what was done", func(t *testing.T) {
		r.printed(t, "detach-direct-policy changed: managed user policy of warm, "+
			"arn:aws:iam::aws:policy/AdministratorAccess: attached -> nothing (verified)")
	})
	t.Run("the function's output is in its log group", func(t *testing.T) {
		logs := cloudwatchlogs.NewFromConfig(r.config())
		deadline := time.Now().Add(patience)
		for {
			events, err := logs.FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{
				LogGroupName: aws.String("/aws/lambda/warder-detach-direct-policy"),
			})
			if err != nil {
				t.Fatal(err)
			}
			if slices.ContainsFunc(events.Events, func(e logtypes.FilteredLogEvent) bool {
				return strings.Contains(*e.Message, `"outcome":"changed"`)
			}) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d lines, none of them tells of the change", len(events.Events))
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
	t.Run("a function is invoked as in Lambda", func(t *testing.T) {
		answer, err := lambda.NewFromConfig(r.config()).Invoke(t.Context(), &lambda.InvokeInput{
			FunctionName: aws.String("warder-detach-direct-policy"), Payload: event(t, "access-keys-rotated-noncompliant.json"),
		})
		if err != nil {
			t.Fatal(err)
		}
		var got outcome
		if err := json.Unmarshal(answer.Payload, &got); err != nil || got.Outcome == "" || answer.FunctionError != nil {
			t.Errorf("answer %s, error %s", answer.Payload, aws.ToString(answer.FunctionError))
		}
	})
	t.Run("functions are seen to do what they did", func(t *testing.T) {
		response, err := http.Get(r.env["AWS_ENDPOINT_URL"] + "/_warder/calls")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		var calls []endpoint.Call
		if err := json.NewDecoder(response.Body).Decode(&calls); err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(calls, func(c endpoint.Call) bool {
			return c.Function == "warder-detach-direct-policy" && c.Action == "iam:DetachUserPolicy" &&
				c.Resource == "arn:aws:iam::123456789012:user/warm" && c.Status == 200
		}) {
			t.Errorf("%d calls, none of them the detachment", len(calls))
		}
	})
	t.Run("the account is gone after its end", func(t *testing.T) {
		if err := r.end(); err != nil {
			t.Error(err)
		}
		if response, err := http.Get(r.env["AWS_ENDPOINT_URL"]); err == nil {
			response.Body.Close()
			t.Error("the endpoint still answers")
		}
	})
}

// cli is the AWS CLI with the account's environment. It returns what the CLI prints.
func (r *running) cli(t *testing.T) func(args ...string) string {
	t.Helper()
	cli := filepath.Join(root(t), ".venv/bin/aws")
	if _, err := os.Stat(cli); err != nil {
		t.Fatalf("%v: run make local", err)
	}
	home := t.TempDir()
	return func(args ...string) string {
		t.Helper()
		c := exec.Command(cli, args...)
		c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home}
		for name, value := range r.env {
			c.Env = append(c.Env, name+"="+value)
		}
		output, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("aws %s: %v\n%s", strings.Join(args, " "), err, output)
		}
		return string(output)
	}
}

func TestUp_OrdinaryCLI(t *testing.T) {
	t.Parallel()
	r := startUp(t, "--mode", "enforce")
	call := r.cli(t)
	endpoint := r.env["AWS_ENDPOINT_URL"]
	call("iam", "create-user", "--user-name", "alice")
	call("iam", "attach-user-policy", "--user-name", "alice", "--policy-arn",
		"arn:aws:iam::aws:policy/AdministratorAccess")
	r.idle(t)
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"sts", "get-caller-identity"}, "user/operator"},
		{[]string{"iam", "list-attached-user-policies", "--user-name", "alice"}, `"AttachedPolicies": []`},
		{[]string{"sns", "list-topics"}, r.topic},
		{[]string{"sqs", "list-queues", "--endpoint-url", endpoint}, endpoint + "/123456789012/warder-"},
		{
			[]string{"events", "put-events", "--entries", `[{"Source":"mine","DetailType":"t","Detail":"{}"}]`},
			`"FailedEntryCount": 0`,
		},
		{[]string{"dynamodb", "scan", "--table-name", "warder"}, "detach-direct-policy"},
		{[]string{"logs", "describe-log-groups"}, "/aws/lambda/warder-detach-direct-policy"},
		{
			[]string{
				"lambda", "invoke", "--function-name", "warder-alert-console-login", "--payload",
				string(event(t, "root-console-login.json")), os.DevNull,
			},
			`"StatusCode": 200`,
		},
	} {
		if got := call(test.args...); !strings.Contains(got, test.want) {
			t.Errorf("aws %s\n%s\nwithout %s", strings.Join(test.args, " "), got, test.want)
		}
	}
}

// event is a file of events/.
func event(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root(t), "events", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestRoute_Samples(t *testing.T) {
	t.Parallel()
	got, stderr, err := command(t, "route", "events")
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr)
	}
	golden := filepath.Join("events", "routes.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("make golden rewrites it. Routes (-want +got):\n%s", diff)
	}
	controls, err := functions.Controls()
	if err != nil {
		t.Fatal(err)
	}
	for _, control := range controls {
		if len(control.Rules) > 0 && !strings.Contains(got, control.ID) {
			t.Errorf("no sample event reaches %s", control.ID)
		}
	}
}

// write makes files of the name and content pairs in a folder, which it returns.
func write(t *testing.T, pairs ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(pairs); i += 2 {
		if err := os.WriteFile(filepath.Join(dir, pairs[i]), []byte(pairs[i+1]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const record = `{"eventSource":"iam.amazonaws.com","eventName":"AttachUserPolicy","eventType":"AwsApiCall",` +
	`"readOnly":false,"userIdentity":{"type":"IAMUser","userName":"a"},"requestParameters":{"userName":"b",` +
	`"policyArn":"p"}}`

func TestRoute_WrongFile(t *testing.T) {
	t.Parallel()
	dir := write(t, "a-list.json", "[1]", "b-record.json", record, "c-cut.json", `{"source":`, "d-odd.json",
		`{"source":5,"detail":null}`, "not.txt", "x")
	stdout, stderr, err := command(t, "route", dir, filepath.Join(dir, "none.json"))
	if !errors.Is(err, errPart) {
		t.Errorf("error %v, want errPart", err)
	}
	want := filepath.Join(dir, "b-record.json") + "\talert-policy-change,detach-direct-policy\n" +
		filepath.Join(dir, "d-odd.json") + "\t-\n"
	if diff := cmp.Diff(want, stdout); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
	for _, name := range []string{"a-list.json", "c-cut.json", "none.json"} {
		if !strings.Contains(stderr, name) {
			t.Errorf("errors %q do not name %s", stderr, name)
		}
	}
}

func TestSend_JSON(t *testing.T) {
	t.Parallel()
	dir := write(t, "a.json", record, "b.json", `{"source":"aws.s3","detail-type":"t","detail":{}}`, "c.json", `{`)
	stdout, stderr, err := command(t, "send", dir, "--json")
	if !errors.Is(err, errPart) {
		t.Errorf("error %v, want errPart\n%s", err, stderr)
	}
	var got []string
	for line := range strings.Lines(stdout) {
		var object map[string]any
		if err := json.Unmarshal([]byte(line), &object); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		for _, name := range []string{"file", "control", "outcome", "reason", "severity", "changes", "notices"} {
			if object[name] == nil {
				t.Errorf("line %s has no %s", line, name)
			}
		}
		got = append(got, filepath.Base(object["file"].(string))+" "+object["control"].(string))
	}
	want := []string{"a.json alert-policy-change", "a.json detach-direct-policy", "b.json -"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}

func TestSend_RunningAccount(t *testing.T) {
	r := startUp(t, "--mode", "enforce")
	client := iam.NewFromConfig(r.config())
	addUser(t, client, "alice")
	r.idle(t)
	t.Setenv("AWS_ENDPOINT_URL", r.env["AWS_ENDPOINT_URL"])
	stdout, stderr, err := command(t, "send", "events/root-console-login.json")
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr)
	}
	if !strings.Contains(stdout, "events/root-console-login.json\n") ||
		!strings.Contains(stdout, "alert-console-login: notified") {
		t.Errorf("output %s", stdout)
	}
	r.printed(t, "alert-console-login notified")
	if _, _, err := command(t, "send", "--mode", "enforce", "events/root-console-login.json"); err == nil {
		t.Error("--mode is taken for an account that has its mode already")
	}
}

func TestSend_LoopbackOnly(t *testing.T) {
	t.Setenv("AWS_ENDPOINT_URL", "https://sts.amazonaws.com")
	_, _, err := command(t, "send", "events/root-console-login.json")
	if err == nil || !strings.Contains(err.Error(), "loopback") {
		t.Errorf("error %v, want one that speaks of loopback", err)
	}
}

func TestUp_ObservesByDefault(t *testing.T) {
	t.Parallel()
	r := startUp(t)
	client := iam.NewFromConfig(r.config())
	addUser(t, client, "alice")
	if _, err := client.AttachUserPolicy(t.Context(), &iam.AttachUserPolicyInput{
		UserName: aws.String("alice"), PolicyArn: aws.String("arn:aws:iam::aws:policy/AdministratorAccess"),
	}); err != nil {
		t.Fatal(err)
	}
	r.idle(t)
	if n := attached(t, client, "alice"); n != 1 {
		t.Errorf("%d policies, want the one that was attached", n)
	}
	r.printed(t, "detach-direct-policy would_change")
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{
		{}, {"dance"}, {"route"}, {"send"}, {"send", "--json"}, {"up", "now"}, {"demo", "twice"}, {"tour", "twice"},
		{"up", "--mode", "off"}, {"route", "--json", "x"},
		{"invoke"}, {"invoke", "explain"}, {"invoke", "explain", "{}", "more"},
	} {
		stdout, stderr, err := command(t, args...)
		if !errors.Is(err, errUsage) || stderr == "" || stdout != "" {
			t.Errorf("%q: error %v, output %q, errors %q; want errUsage with words on stderr", args, err, stdout, stderr)
		}
	}
	stdout, _, err := command(t, "help")
	if err != nil || !strings.Contains(stdout, "Usage:") {
		t.Errorf("help: error %v, output %q", err, stdout)
	}
}

func TestUp_LoopbackOnly(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:80", "example.com:80"} {
		_, _, err := command(t, "up", "--addr", address)
		if err == nil || !strings.Contains(err.Error(), "loopback") {
			t.Errorf("--addr %s: error %v, want one that speaks of loopback", address, err)
		}
	}
}

func TestDemo_Passes(t *testing.T) {
	t.Parallel()
	stdout, stderr, err := command(t, "demo")
	if err != nil {
		t.Errorf("%v\n%s%s", err, stdout, stderr)
	}
	if strings.Contains(stdout, "\x1b") {
		t.Error("colour where there is no terminal")
	}
}

func TestSend_LeavesNothingBehind(t *testing.T) {
	r := startUp(t)
	endpoint := r.env["AWS_ENDPOINT_URL"]
	send := func() {
		t.Helper()
		if _, err := emulator.At(endpoint).Send(t.Context(), event(t, "iam-console-login-failed.json")); err != nil {
			t.Fatal(err)
		}
	}
	send()
	before := runtime.NumGoroutine()
	const events = 50
	for range events {
		send()
	}
	http.DefaultClient.CloseIdleConnections()
	// Connections come and go with how busy the machine is: what matters is that events leave none each.
	deadline := time.Now().Add(patience)
	for runtime.NumGoroutine() > before+events/2 {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines after %d events, %d before", runtime.NumGoroutine(), events, before)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
