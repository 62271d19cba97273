package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/test/hostile"
)

// fakeAccount is an account with functions that answer what they are configured to.
type fakeAccount struct {
	functions map[string]string // by name, what it answers; an error when it begins with !, one of the call with ?
	asked     []string          // function and request, in order
	nobody    bool              // the credentials are refused
}

func (a *fakeAccount) Invoke(
	_ context.Context,
	in *lambda.InvokeInput,
	_ ...func(*lambda.Options),
) (*lambda.InvokeOutput, error) {
	answer, ok := a.functions[*in.FunctionName]
	if !ok {
		return nil, &lambdatypes.ResourceNotFoundException{Message: aws.String("Function not found")}
	}
	var proven struct{ Signed *caller.Signed }
	if err := json.Unmarshal(in.Payload, &proven); err == nil && proven.Signed != nil {
		if p := proven.Signed.Proof; p.AccessKey != "AKIDEXAMPLE" || len(p.Signature) != 64 {
			return nil, fmt.Errorf("no proof: %s", in.Payload)
		}
		in.Payload = []byte("signed " + proven.Signed.Request)
	}
	a.asked = append(a.asked, *in.FunctionName+" "+string(in.Payload))
	if failure, failed := strings.CutPrefix(answer, "?"); failed {
		return nil, errors.New(failure)
	}
	if failure, failed := strings.CutPrefix(answer, "!"); failed {
		return &lambda.InvokeOutput{FunctionError: aws.String("Unhandled"), Payload: []byte(failure)}, nil
	}
	return &lambda.InvokeOutput{Payload: []byte(answer)}, nil
}

func (a *fakeAccount) GetCallerIdentity(
	context.Context,
	*sts.GetCallerIdentityInput,
	...func(*sts.Options),
) (*sts.GetCallerIdentityOutput, error) {
	if a.nobody {
		return nil, errors.New("InvalidClientTokenId")
	}
	return &sts.GetCallerIdentityOutput{
		Account: aws.String("111122223333"),
		Arn:     aws.String("arn:aws:iam::111122223333:user/dana"),
	}, nil
}

func (a *fakeAccount) GetObject(
	ctx context.Context,
	in *s3.GetObjectInput,
	_ ...func(*s3.Options),
) (*s3.GetObjectOutput, error) {
	if *in.Bucket != "reports" || awsmiddleware.GetRegion(ctx) != "us-east-1" {
		return nil, &smithy.GenericAPIError{Code: "NoSuchBucket"}
	}
	return &s3.GetObjectOutput{Body: io.NopCloser(strings.NewReader("what is in " + *in.Key))}, nil
}

// ask runs the command against the account; by is $BY.
func (a *fakeAccount) ask(t *testing.T, by string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	t.Setenv("BY", by)
	return run(t, a, args...)
}

// answerer has the methods of a fake answer the calls of the SDK's clients, by the names of the operations.
func answerer(fake any) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		return stack.Serialize.Add(middleware.SerializeMiddlewareFunc("fake", func(
			ctx context.Context, in middleware.SerializeInput, _ middleware.SerializeHandler,
		) (middleware.SerializeOutput, middleware.Metadata, error) {
			method := reflect.ValueOf(fake).MethodByName(awsmiddleware.GetOperationName(ctx))
			got := method.Call([]reflect.Value{reflect.ValueOf(ctx), reflect.ValueOf(in.Parameters)})
			err, _ := got[1].Interface().(error)
			return middleware.SerializeOutput{Result: got[0].Interface()}, middleware.Metadata{}, err
		}), middleware.Before)
	}
}

// fakeConfig is the configuration for an account that a fake answers for.
func fakeConfig(fake any) aws.Config {
	return aws.Config{
		Region: "us-east-1", APIOptions: []func(*middleware.Stack) error{answerer(fake)},
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
	}
}

// run runs the command in an account that a fake answers for.
func run(t *testing.T, fake any, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	a := &app{
		Process: Process{In: strings.NewReader(""), Out: &out, Err: &errs, Now: func() time.Time {
			return time.Date(2026, 11, 21, 12, 0, 0, 0, time.FixedZone("KST", 9*60*60))
		}},
		controls: []control.Control{
			{ID: "alert-console-login", Rules: []json.RawMessage{json.RawMessage(`{"source":["aws.signin"]}`)}},
			{ID: "detach-direct-policy", Schedule: "rate(1 day)", Rules: []json.RawMessage{
				json.RawMessage(`{"source":["aws.iam"]}`), json.RawMessage(`{"source":["aws.iam","aws.config"]}`),
			}},
			{ID: "report", Tool: true, Schedule: "rate(30 days)"},
			{ID: "post-to-slack", Tool: true, Subscribes: true},
			{ID: "send-email", Tool: true, Subscribes: true,
				Permissions: []control.Permission{{Resources: []string{control.Mail}}}},
			{ID: "undo", Tool: true},
		},
		config: func(context.Context, string) (aws.Config, error) { return fakeConfig(fake), nil },
	}
	status = a.run(t.Context(), args)
	return status, out.String(), errs.String()
}

func TestRun_Usage(t *testing.T) {
	const missing = ` is required: --%s "…" (with make: %s="…")`
	required := func(name string) string {
		return fmt.Sprintf(strings.ToUpper(name)+missing, name, strings.ToUpper(name))
	}
	const undoOf = "one of --id, --user, --run is required (with make: ID=…)"
	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"a halt without a reason", []string{"halt"}, required("reason")},
		{"a halt with an empty reason", []string{"halt", "--reason= "}, required("reason")},
		{"an undo without a reason", []string{"undo", "--id=1"}, required("reason")},
		{"an undo of nothing", []string{"undo", "--reason=x", "--by=dana"}, undoOf},
		{"an undo of two things", []string{"undo", "--id=1", "--run=2", "--reason=x"},
			"--id and --run exclude each other: give one of --id, --user, --run"},
		{"an undo of all that was ever done to a user", []string{"undo", "--user=alice", "--reason=x"}, required("since")},
		{"an undo since some time", []string{"undo", "--user=alice", "--since=soon", "--reason=x"},
			`--since "soon" is not understood: write a time such as 2026-11-21T03:00:00Z, or a day`},
		{"an undo of one action since a time", []string{"undo", "--id=1", "--since=2026-11-21", "--reason=x"},
			"--since belongs to --user"},
		{"an explanation of nothing", []string{"explain"},
			"one of --user, --key, --policy, --id is required (with make: USER=…)"},
		{"an exemption of nobody", []string{"exempt", "--control=all"}, required("user")},
		{"an exemption without an end", []string{"exempt", "--user=a", "--control=all", "--reason=x"}, required("until")},
		{"an exemption until soon", []string{"exempt", "--user=a", "--control=all", "--until=soon", "--reason=x"},
			`--until "soon" is not understood: write a day, such as 2026-12-31`},
		{"two requests for exemptions", []string{"exempt", "--approve=x", "--list"},
			"--user, --approve, --revoke and --list exclude each other"},
		{"a revocation without a reason", []string{"exempt", "--revoke=x"}, required("reason")},
		{"a person who is a name", []string{"offboard", "kim", "--yes"},
			"PERSON is one email address: warder offboard kim@example.com"},
		{"a person of two addresses", []string{"offboard", "kim@example.com,lee@example.com", "--yes"},
			"kim@example.com,lee@example.com is not understood: email"},
		{"a manager who is a name", []string{"offboard", "kim@example.com", "--manager=lee", "--yes"},
			"kim@example.com is not understood: manager"},
		{"a due date put off by nothing", []string{"snooze", "--id=a1", "--reason=x", "--days=none"},
			`--days "none" is not understood: want a number`},
		{"a role for no time", []string{"break-glass", "--role=e", "--reason=x"}, required("minutes")},
		{"a role for less than no time", []string{"break-glass", "--role=e", "--reason=x", "--minutes=-5"},
			`--minutes "-5" is not understood: want a number`},
		{"a release without its control", []string{"release", "--reason=x"}, required("control")},
		{"a release of a tool", []string{"release", "--control=undo", "--reason=x"},
			`there is no control "undo"; there are alert-console-login, detach-direct-policy`},
		{"a drill of a control", []string{"drill", "--control=x"}, "unknown flag: --control: drill has --by, --help, " +
			"--minutes"},
		{"a drill of no minutes", []string{"drill", "--minutes=soon"}, `--minutes "soon" is not understood: want 1 to 13`},
		{"a drill of too many minutes", []string{"drill", "--minutes=20"}, `--minutes "20" is not understood: want 1 to 13`},
		{"a redrive of one message", []string{"redrive", "--id=1"}, "unknown flag: --id: redrive has --help"},
		{"a report of half a period", []string{"report", "--from=2026-10-01"}, required("to")},
		{"a report of two periods", []string{"report", "--month=2026-10", "--from=2026-10-01", "--to=2026-10-02"},
			"--month and --from with --to exclude each other"},
		{"a sweep of everything", []string{"sweep"}, required("control")},
		{"a sweep of a control that has none", []string{"sweep", "--control=alert-console-login"},
			"alert-console-login has no sweep: it acts on events alone"},
		{"a sweep with an argument", []string{"sweep", "detach-direct-policy"},
			`"detach-direct-policy" is not understood: write --control detach-direct-policy`},
		{"the form of make", []string{"explain", "USER=alice"}, `"USER=alice" is not understood: write --user "alice"`},
		{"a flag that is nearly one", []string{"explain", "--usr=alice"}, "unknown flag: --usr: did you mean --user?"},
		{"a console on no port", []string{"console", "--port=all"}, `--port "all" is not understood: want 1 to 65535`},
		{"a console in no language", []string{"console", "--language=fr"},
			`--language "fr" is not understood: want en or ko`},
		{"a console that opens no action", []string{"console", "--open=../x"},
			`--open "../x" is no id of an action or a finding`},
		{"a preview of no control", []string{"preview", "nonsense"},
			`there is no control "nonsense"; there are alert-console-login, detach-direct-policy`},
		{"a command that is nearly one", []string{"explan"},
			"unknown command \"explan\" for \"warder\"\n\nDid you mean this?\n explain"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := &fakeAccount{}
			status, stdout, stderr := a.ask(t, "", tt.args...)
			if status != 2 || stdout != "" {
				t.Errorf("status %d, printed %q, want 2 and nothing", status, stdout)
			}
			got, help, _ := strings.Cut(strings.TrimPrefix(stderr, "warder: "), "\nRun ")
			if diff := cmp.Diff(tt.want, got); diff != "" || !strings.HasSuffix(help, "--help\" for usage.\n") {
				t.Errorf("error (-want +got):\n%s", diff+help)
			}
			if len(a.asked) > 0 {
				t.Errorf("asked for %v", a.asked)
			}
		})
	}
}

func TestHalt(t *testing.T) {
	a := &fakeAccount{functions: map[string]string{"warder-undo": `{"halted":true,"text":"Warder is halted by dana: x"}`}}
	for _, tt := range []struct {
		by   string
		args []string
		want string
	}{
		{"", []string{"halt", "--reason=incident 42"}, `{"halt":{"reason":"incident 42"}}`},
		{"erin", []string{"halt", "--reason=a=b"}, `{"halt":{"by":"erin","reason":"a=b"}}`},
		{"erin", []string{"halt", "--reason=x", "--by=frank"}, `{"halt":{"by":"frank","reason":"x"}}`},
		{"", []string{"resume"}, `{"resume":{}}`},
		{"", []string{"resume", "--reason=over"}, `{"resume":{"reason":"over"}}`},
	} {
		a.asked = nil
		status, stdout, stderr := a.ask(t, tt.by, tt.args...)
		if status != 0 || stderr != "" || !strings.Contains(stdout, "Warder is halted by dana: x\n") {
			t.Errorf("%v: status %d, printed %q, error %q", tt.args, status, stdout, stderr)
		}
		if diff := cmp.Diff([]string{"warder-undo signed " + tt.want}, a.asked); diff != "" {
			t.Errorf("%v: asked (-want +got):\n%s", tt.args, diff)
		}
	}
	a.functions = nil
	if status, _, stderr := a.ask(t, "", "halt", "--reason=x"); status != 1 || !strings.Contains(stderr, "not deployed") ||
		!strings.Contains(stderr, "docs/operations.md") {
		t.Errorf("no function: status %d, error %q", status, stderr)
	}
}

func TestExempt(t *testing.T) {
	a := &fakeAccount{functions: map[string]string{"warder-undo": `{"exempt":{"text":"done","exemptions":[{"id":"x1",` +
		`"users":["al\u001b[2Jice"],"controls":["all"],"until":"2026-12-31","by":"kim","reason":"r","state":"in force"}]}}`}}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"exempt", "--user=alice, bob", "--control=all", "--until=2026-12-31", "--reason=x"},
			`{"exempt":{"users":["alice","bob"],"controls":["all"],"until":"2026-12-31","reason":"x"}}`},
		{[]string{"exempt", "--list"}, `{"exempt":{"list":true}}`},
		{[]string{"exempt", "--approve=x1"}, `{"exempt":{"approve":"x1"}}`},
		{[]string{"exempt", "--revoke=x1", "--reason=over"}, `{"exempt":{"reason":"over","revoke":"x1"}}`},
	} {
		a.asked = nil
		status, stdout, stderr := a.ask(t, "", tt.args...)
		if status != 0 || stderr != "" || !strings.HasSuffix(stdout, "done\n") || strings.Contains(stdout, "\x1b") ||
			strings.Contains(stdout, "in force") != (tt.args[1] == "--list") {
			t.Errorf("%v: status %d, printed %q, error %q", tt.args, status, stdout, stderr)
		}
		if diff := cmp.Diff([]string{"warder-undo signed " + tt.want}, a.asked); diff != "" {
			t.Errorf("%v: asked (-want +got):\n%s", tt.args, diff)
		}
	}
}

func TestOffboard(t *testing.T) {
	a := &fakeAccount{functions: map[string]string{"warder-offboard-user": `{"outcome":"changed","changes":[],"notices":[]}`}}
	status, stdout, stderr := a.ask(t, "", "offboard", "kim@example.com", "--user=kim, kim-ci", "--yes")
	if status != 0 || stderr != "" || !strings.HasPrefix(stdout, "offboard-user: changed") || len(a.asked) != 1 {
		t.Fatalf("status %d, printed %q, error %q, asked %v", status, stdout, stderr, a.asked)
	}
	sent, found := strings.CutPrefix(a.asked[0], "warder-offboard-user signed ")
	e, err := event.Decode([]byte(sent))
	left, ok := e.Detail.(*event.PersonLeft)
	if !found || err != nil || !ok || left.Fault != "" || left.Email != "kim@example.com" ||
		!slices.Equal(left.UserNames, []string{"kim", "kim-ci"}) {
		t.Errorf("asked %q: %+v, %v", a.asked[0], left, err)
	}
}

func TestSnooze(t *testing.T) {
	a := &fakeAccount{functions: map[string]string{"warder-undo": `{"snooze":{"text":"due later"}}`}}
	status, stdout, stderr := a.ask(t, "", "snooze", "--id=a1", "--days=7", "--reason=x")
	if status != 0 || stderr != "" || stdout != "due later\n" {
		t.Errorf("status %d, printed %q, error %q", status, stdout, stderr)
	}
	want := []string{`warder-undo signed {"snooze":{"id":"a1","days":7,"reason":"x"}}`}
	if diff := cmp.Diff(want, a.asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

func TestBreakGlass(t *testing.T) {
	a := &fakeAccount{functions: map[string]string{"warder-undo": `{"breakGlass":{"role":"e","text":"open \u001b[2J"}}`}}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"break-glass", "--role=e", "--minutes=60", "--reason=x"},
			`{"breakGlass":{"role":"e","minutes":60,"reason":"x"}}`},
		{[]string{"break-glass", "--role=e", "--close", "--reason=x"},
			`{"breakGlass":{"role":"e","reason":"x","close":true}}`},
	} {
		a.asked = nil
		status, stdout, stderr := a.ask(t, "", tt.args...)
		if status != 0 || stderr != "" || !strings.HasPrefix(stdout, "open ") || strings.Contains(stdout, "\x1b") {
			t.Errorf("%v: status %d, printed %q, error %q", tt.args, status, stdout, stderr)
		}
		if diff := cmp.Diff([]string{"warder-undo signed " + tt.want}, a.asked); diff != "" {
			t.Errorf("%v: asked (-want +got):\n%s", tt.args, diff)
		}
	}
}

func TestRun_Answers(t *testing.T) {
	const (
		undone = `{"action":"a1-1","undo":"b1-1","kind":"access key status","subject":"alice","text":"reactivated ` +
			`access key …WXYZ of alice"}`
		refused = `{"action":"a2-1","why":"the resource has changed since"}`
	)
	tests := []struct {
		name         string
		args         []string
		answer       string
		asked        string // function and request
		status       int
		stdout, fail string
	}{
		{
			"an undo of one action",
			[]string{"undo", "--id=a1-1", "--reason=it's needed", "--by=dana"},
			`{"undone":[` + undone + `],"refused":[]}`,
			`warder-undo signed {"action":"a1-1","by":"dana","reason":"it's needed"}`,
			0,
			"undone   a1-1: reactivated access key …WXYZ of alice (this undo is b1-1)\n",
			"",
		},
		{
			"an undo that is refused in part",
			[]string{"undo", "--user=alice", "--since=2026-11-21T03:00:00Z", "--reason=x", "--yes"},
			`{"undone":[` + undone + `],"refused":[` + refused + `]}`,
			`warder-undo signed {"user":"alice","since":"2026-11-21T03:00:00Z",` +
				`"reason":"x"}`,
			1,
			"undone   a1-1: reactivated access key …WXYZ of alice (this undo is b1-1)\nrefused  a2-1: the resource has " +
				"changed since\n",
			"",
		},
		{
			"an undo of a run that did nothing",
			[]string{"undo", "--run=e1", "--reason=x", "--by=dana", "--yes"},
			`{"undone":[],"refused":[]}`,
			`warder-undo signed {"run":"e1","by":"dana","reason":"x"}`,
			1,
			"nothing to undo\n",
			"",
		},
		{
			"an undo that fails",
			[]string{"undo", "--id=a1-1", "--reason=x", "--by=dana"},
			`!{"errorMessage":"read key: denied","errorType":"errorString"}`,
			`warder-undo signed {"action":"a1-1","by":"dana","reason":"x"}`,
			1,
			"",
			"warder: warder-undo failed: read key: denied\n",
		},
		{
			"a function that dies",
			[]string{"explain", "--key=WXYZ"},
			`!Runtime exited`,
			`warder-explain {"key":"WXYZ"}`,
			1,
			"",
			"warder: warder-explain failed: Runtime exited\n",
		},
		{"an answer that is none", []string{"explain", "--key=WXYZ"}, `[]`, `warder-explain {"key":"WXYZ"}`, 1, "",
			"warder: read answer of warder-explain: json: cannot unmarshal array into Go value of type explain.Answer\n"},
		{
			"an explanation of a key",
			[]string{"explain", "--key=WXYZ"},
			`{"text":"It was old.\n\n  undo: make undo","actions":[],"cases":[]}`,
			`warder-explain {"key":"WXYZ"}`,
			0,
			"It was old.\n\n  undo: make undo\n",
			"",
		},
		{"an explanation that would steer the terminal", []string{"explain", "--user=alice"}, `{"text":"a\u001b[2Jb\r\nc"}`,
			`warder-explain {"user":"alice"}`, 0, "a [2Jb \nc\n", ""},
		{
			"an explanation of a policy",
			[]string{"explain", "--policy=arn:aws:iam::aws:policy/AdministratorAccess"},
			`{"text":"x"}`,
			`warder-explain {"policy":"arn:aws:iam::aws:policy/AdministratorAccess"}`,
			0,
			"x\n",
			"",
		},
		{
			"an explanation of an action",
			[]string{"explain", "--id=a1"},
			`{"text":"x"}`,
			`warder-explain {"action":"a1"}`,
			0,
			"x\n",
			"",
		},
		{
			"a release",
			[]string{"release", "--control=detach-direct-policy", "--reason=all meant"},
			`{"released":true,"text":"it goes on"}`,
			`warder-detach-direct-policy signed {"release":{"reason":"all meant"}}`,
			0,
			"it goes on\n",
			"",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := &fakeAccount{
				functions: map[string]string{
					"warder-undo":                 tt.answer,
					"warder-explain":              tt.answer,
					"warder-detach-direct-policy": tt.answer,
				},
			}
			status, stdout, stderr := a.ask(t, "", tt.args...)
			if status != tt.status {
				t.Errorf("status %d, want %d", status, tt.status)
			}
			for _, compared := range []struct{ what, want, got string }{
				{"request", tt.asked, strings.Join(a.asked, "\n")}, {"output", tt.stdout, stdout}, {"error", tt.fail, stderr},
			} {
				if diff := cmp.Diff(compared.want, compared.got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", compared.what, diff)
				}
			}
		})
	}
	a := &fakeAccount{}
	if status, _, stderr := a.ask(t, "", "explain", "--id=a1"); status != 1 ||
		!strings.HasPrefix(stderr, "warder: invoke warder-explain: it is not deployed in us-east-1 of this account\n") {
		t.Errorf("nothing is deployed: status %d, error %q", status, stderr)
	}
}

func TestUndo_Asks(t *testing.T) {
	const would = `{"undone":[{"action":"a1-1","text":"reactivate access key …WXYZ of alice"}],"refused":[]}`
	args := []string{"undo", "--user=alice", "--since=2026-11-21", "--reason=x", "--by=dana"}
	a := &fakeAccount{functions: map[string]string{"warder-undo": would}}
	status, stdout, stderr := a.ask(t, "", args...)
	const asked = `warder-undo signed {"user":"alice","since":"2026-11-21T00:00:00Z","by":"dana","reason":"x",` +
		`"preview":true}`
	if diff := cmp.Diff([]string{asked}, a.asked); diff != "" {
		t.Errorf("without a terminal it asks (-want +got):\n%s", diff)
	}
	const refusal = "warder: nothing was undone: there is nobody to ask; repeat it with --yes (with make: YES=1)\n"
	if status != 1 || stdout != "would undo a1-1: reactivate access key …WXYZ of alice\n" || stderr != refusal {
		t.Errorf("status %d, printed %q, error %q", status, stdout, stderr)
	}
	a.asked = nil
	if status, stdout, _ := a.ask(t, "", append(args, "--json")...); status != 1 || !json.Valid([]byte(stdout)) ||
		len(a.asked) != 1 {
		t.Errorf("as JSON: status %d, asked %q, printed %s", status, a.asked, stdout)
	}
	a.asked = nil
	if a.ask(t, "", append(args, "--yes")...); len(a.asked) != 1 || strings.Contains(a.asked[0], "preview") {
		t.Errorf("with --yes: asked %q", a.asked)
	}
	a.functions["warder-undo"], a.asked = `{"undone":[],"refused":[]}`, nil
	if status, stdout, stderr := a.ask(t, "", args...); status != 1 || stdout != "nothing to undo\n" || stderr != "" {
		t.Errorf("nothing to undo: status %d, printed %q, error %q", status, stdout, stderr)
	}
	a.functions["warder-undo"] = `!{"errorMessage":"request not understood: json: unknown field \"preview\""}`
	if status, _, stderr := a.ask(t, "", args...); status != 1 || !strings.Contains(stderr, "request not understood") {
		t.Errorf("a function that cannot preview: status %d, error %q", status, stderr)
	}
}

// Whatever --json prints is one JSON object, on a line of its own nothing that steers the terminal.
func TestRun_JSON(t *testing.T) {
	a := &fakeAccount{functions: map[string]string{
		"warder-undo": `{"undone":[],"refused":[]}`, "warder-explain": `{"text":"a\u001b[2J\u202eb AKIAIOSFODNN7EXAMPLE"}`,
		"warder-detach-direct-policy": `{"outcome":"nothing","changes":[],"notices":[]}`, "warder-report": reportAnswer,
		"warder-drill": `{"id":"abc","outcome":"passed","scenarios":[],"cleaned":[]}`,
	}}
	for _, args := range []string{
		"explain --user=alice", "undo --id=1 --reason=x", "halt --reason=x", "resume", "sweep --control=detach-direct-policy",
		"release --control=detach-direct-policy --reason=x", "drill", "report",
	} {
		_, stdout, stderr := a.ask(t, "kim", append(strings.Fields(args), "--json")...)
		var object map[string]any
		if err := json.Unmarshal([]byte(stdout), &object); err != nil || stderr != "" {
			t.Errorf("%s: %v, printed %s, error %s", args, err, stdout, stderr)
		}
		if why := hostile.Steers(strings.ReplaceAll(stdout, "\n", "")); why != "" ||
			strings.Contains(stdout, "AKIAIOSFODNN7") {
			t.Errorf("%s: prints what %s: %q", args, why, stdout)
		}
	}
}

func TestSweep(t *testing.T) {
	a := &fakeAccount{functions: map[string]string{"warder-detach-direct-policy": `{
		"control": "detach-direct-policy", "outcome": "changed", "reason": "", "severity": "high",
		"changes": [
			{"id": "a1-1", "kind": "managed user policy", "subject": "alice",
				"target": "arn:aws:iam::aws:policy/AdministratorAccess", "status": "verified", "reason": ""},
			{"id": "a2-1", "kind": "access key status", "subject": "bob", "target": "AKIAIOSFODNN7EXAMPLE", "status": "waits",
				"reason": "on hold"}
		],
		"notices": [{"kind": "changed", "severity": "high", "title": "Direct policy", "owner": "alice@example.com"},
			{"kind": "alert", "severity": "high", "title": "Other"}]
	}`}}
	status, stdout, stderr := a.ask(t, "", "sweep", "--control=detach-direct-policy")
	if status != 0 || stderr != "" {
		t.Errorf("status %d, error %q", status, stderr)
	}
	want := `detach-direct-policy: changed
  managed user policy arn:aws:iam::aws:policy/AdministratorAccess of alice: verified (a1-1)
  access key status …MPLE of bob: waits, on hold (a2-1)
  notified alice@example.com: Direct policy
  notified the topic: Other
`
	if diff := cmp.Diff(want, stdout); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
	var event map[string]any
	asked := strings.TrimPrefix(strings.Join(a.asked, ""), "warder-detach-direct-policy ")
	if err := json.Unmarshal([]byte(asked), &event); err != nil {
		t.Fatal(err)
	}
	if id, ok := event["id"].(string); !ok || len(id) < 20 {
		t.Errorf("the event's id is %v, want one of its own", event["id"])
	}
	delete(event, "id")
	if diff := cmp.Diff(map[string]any{
		"version": "0", "detail-type": "Scheduled Event", "source": "aws.events", "account": "111122223333",
		"time": "2026-11-21T03:00:00Z", "region": "us-east-1", "resources": []any{}, "detail": map[string]any{},
	}, event); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}

	a.functions["warder-detach-direct-policy"] = `{"outcome": "failed", "reason": "attach: denied"}`
	if status, stdout, _ := a.ask(t, "", "sweep", "--control=detach-direct-policy"); status != 1 ||
		stdout != "detach-direct-policy: failed, attach: denied\n" {
		t.Errorf("a sweep that failed: status %d, output %q", status, stdout)
	}
}

func TestDrill(t *testing.T) {
	a := &fakeAccount{functions: map[string]string{"warder-drill": `{
		"id": "abc", "user": "warder-drill-abc", "outcome": "failed",
			"reason": "old access key: no function within 2m0s: why",
		"scenarios": [
			{"name": "direct policy", "control": "detach-direct-policy", "outcome": "passed", "did": "changed", "hops": [
				{"name": "event", "seen": true, "seconds": 0, "total": 0}, {"name": "rule", "seen": true, "seconds": 81.42,
					"total": 81.42},
				{"name": "function", "seen": true, "seconds": 0.3, "total": 81.72}, {"name": "change", "seen": true,
					"seconds": 0.61, "total": 82.33},
				{"name": "notice", "seen": true, "seconds": 0.05, "total": 82.38}]},
			{"name": "old access key", "control": "deactivate-stale-access-key", "outcome": "failed",
				"reason": "no function within 2m0s: why", "hops": [
				{"name": "event", "seen": true, "seconds": 0, "total": 0}, {"name": "rule", "seen": true, "seconds": 0.5,
					"total": 0.5}, {"name": "function", "seen": false, "note": "why"}]},
			{"name": "outside sign-in", "control": "quarantine-outside-login", "outcome": "skipped",
				"reason": "no allowedNetworks are set: there is no outside"}
		],
		"cleaned": ["warder-drill-abc"],
		"leftovers": [{"user": "warder-drill-old", "why": "delete user: conflict", "remove": ["aws iam one", "aws iam two"]}]
	}`}}
	status, stdout, stderr := a.ask(t, "", "drill", "--minutes=2", "--by=kim")
	if status != 1 || stderr != "" {
		t.Errorf("status %d, error %q", status, stderr)
	}
	want := `Drill running (2 minutes at most). It cleans up after itself, also when this command is ended.

scenario         control                      result   event   rule     function  change  notice  total
direct policy    detach-direct-policy         changed  0.00 s  81.42 s  0.30 s    0.61 s  0.05 s  82.38 s
old access key   deactivate-stale-access-key  failed   0.00 s  0.50 s   MISSING   -       -       0.50 s
outside sign-in  quarantine-outside-login     skipped  -       -        -         -       -

old access key failed: no function within 2m0s: why
outside sign-in skipped: no allowedNetworks are set: there is no outside
deleted warder-drill-abc
LEFT    warder-drill-old: delete user: conflict; warder drill tries again, and this removes it:
        aws iam one
        aws iam two
drill abc: failed, old access key: no function within 2m0s: why
`
	if diff := cmp.Diff(want, stdout); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{`warder-drill signed {"by":"kim","minutes":2}`}, a.asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}

	a.functions["warder-drill"] = `{"id": "abc", "outcome": "held", "reason": "direct policy: Warder is halted", ` +
		`"scenarios": [], "cleaned": []}`
	if status, stdout, _ := a.ask(t, "", "drill"); status != 0 ||
		!strings.HasSuffix(stdout, "drill abc: held, direct policy: Warder is halted\n") {
		t.Errorf("a drill that was held: status %d, output %q", status, stdout)
	}
	if len(a.asked) != 2 {
		t.Errorf("asked %v", a.asked)
	}
}

const reportAnswer = `{"bucket":"reports","region":"us-east-1","html":"111122223333/2026-10.ko.html",` +
	`"csv":"111122223333/2026-10.ko.csv",` +
	`"console":"https://console.example/2026-10","text":"one\ntwo\nthree","outcome":"notified"}`

func TestReport(t *testing.T) {
	a := &fakeAccount{functions: map[string]string{"warder-report": reportAnswer}}
	status, stdout, stderr := a.ask(t, "", "report", "--month=2026-10", "--language=ko")
	want := "one\ntwo\nthree\npage   https://console.example/2026-10\ntable  " +
		"s3://reports/111122223333/2026-10.ko.csv\nThe topic was notified of where it is.\n"
	if status != 0 || stdout != want || stderr != "" {
		t.Errorf("status %d, printed %q and %q, want %q", status, stdout, stderr, want)
	}
	if want := []string{`warder-report {"language":"ko","month":"2026-10"}`}; !cmp.Equal(want, a.asked) {
		t.Errorf("asked %v, want %v", a.asked, want)
	}
}

func TestReport_Fetched(t *testing.T) {
	a := &fakeAccount{functions: map[string]string{"warder-report": reportAnswer}}
	folder := filepath.Join(t.TempDir(), "new", "folder")
	status, stdout, stderr := a.ask(t, "", "report", "--out="+folder)
	if status != 0 ||
		!strings.HasSuffix(stdout,
			"wrote  "+filepath.Join(folder, "2026-10.ko.csv")+"\nwrote  "+filepath.Join(folder, "2026-10.ko.html")+"\n") {
		t.Errorf("status %d, printed %q and %q", status, stdout, stderr)
	}
	if want := []string{`warder-report {}`}; !cmp.Equal(want, a.asked) {
		t.Errorf("asked %v, want %v", a.asked, want)
	}
	page, err := os.ReadFile(filepath.Join(folder, "2026-10.ko.html"))
	if err != nil || string(page) != "what is in 111122223333/2026-10.ko.html" {
		t.Errorf("the page is %q (%v)", page, err)
	}
}

func TestReport_NotFetched(t *testing.T) {
	a := &fakeAccount{
		functions: map[string]string{"warder-report": strings.Replace(reportAnswer, `"reports"`, `"another"`, 1)},
	}
	if status, _, stderr := a.ask(t, "", "report", "--out="+t.TempDir()); status != 1 ||
		!strings.Contains(stderr, "NoSuchBucket") {
		t.Errorf("status %d, %q", status, stderr)
	}
}
