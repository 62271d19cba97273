package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/s3"
)

// account is an account with functions that answer what they are told to.
type account struct {
	functions map[string]string // by name, what it answers; an error when it begins with !, one of the call with ?
	asked     []string          // function and request, in order
	halt      string
	nobody    bool // the credentials are refused
}

func (a *account) Invoke(_ context.Context, in *lambda.InvokeInput, _ ...func(*lambda.Options)) (*lambda.InvokeOutput, error) {
	answer, ok := a.functions[*in.FunctionName]
	if !ok {
		return nil, &lambdatypes.ResourceNotFoundException{Message: aws.String("Function not found")}
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

func (a *account) PutParameter(_ context.Context, in *ssm.PutParameterInput, _ ...func(*ssm.Options)) (*ssm.PutParameterOutput, error) {
	if *in.Name != "/warder/halt" || in.Type != "String" || !aws.ToBool(in.Overwrite) {
		return nil, errors.New("ParameterAlreadyExists")
	}
	a.halt = *in.Value
	return &ssm.PutParameterOutput{}, nil
}

func (a *account) GetCallerIdentity(context.Context, *sts.GetCallerIdentityInput, ...func(*sts.Options)) (*sts.GetCallerIdentityOutput, error) {
	if a.nobody {
		return nil, errors.New("InvalidClientTokenId")
	}
	return &sts.GetCallerIdentityOutput{Account: aws.String("111122223333"), Arn: aws.String("arn:aws:iam::111122223333:user/dana")}, nil
}

func (a *account) GetObject(_ context.Context, b *s3.Bucket, key string) ([]byte, error) {
	if b.Name != "reports" || b.Region != "us-east-1" {
		return nil, &smithy.GenericAPIError{Code: "NoSuchBucket"}
	}
	return []byte("what is in " + key), nil
}

// ask runs ask against the account.
func (a *account) ask(t *testing.T, by string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, problems bytes.Buffer
	status = run(t.Context(), args, &out, &problems, func(context.Context) (asker, error) {
		return asker{
			lambda: a, ssm: a, sts: a, objects: a, region: "us-east-1", by: by,
			controls: []control.Control{
				{ID: "alert-console-login"}, {ID: "detach-direct-policy", Schedule: "rate(1 day)"}, {ID: "undo", Tool: true},
			},
			now: func() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.FixedZone("KST", 9*60*60)) },
		}, nil
	})
	return status, out.String(), problems.String()
}

func TestWhatIsNotUnderstoodIsAnsweredByWhatIs(t *testing.T) {
	const undo = "usage: make undo ID=… REASON=… [BY=…]\n       make undo USER=… SINCE=… REASON=… [BY=…]\n       make undo RUN=… REASON=… [BY=…]\n"
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"a halt without a reason", []string{"halt"}, "halt not understood with nothing\nusage: make halt REASON=… [BY=…]\n"},
		{"a halt with an empty reason", []string{"halt", "REASON= "}, "REASON is empty\nusage: make halt REASON=… [BY=…]\n"},
		{"a resume with a reason", []string{"resume", "REASON=x"}, "resume not understood with REASON\nusage: make resume\n"},
		{"an undo without a reason", []string{"undo", "ID=1"}, "undo not understood with ID\n" + undo},
		{"an undo of nothing", []string{"undo", "REASON=x", "BY=dana"}, "undo not understood with REASON\n" + undo},
		{"an undo of two things", []string{"undo", "ID=1", "RUN=2", "REASON=x"}, "undo not understood with ID, REASON, RUN\n" + undo},
		{"an undo of all that was ever done to a user", []string{"undo", "USER=alice", "REASON=x"}, "undo not understood with REASON, USER\n" + undo},
		{"an explanation of nothing", []string{"explain"},
			"explain not understood with nothing\nusage: make explain KEY=…\n       make explain USER=…\n       make explain POLICY=…\n       make explain ID=…\n"},
		{"a release without its control", []string{"release", "REASON=x"}, "release not understood with REASON\nusage: make release CONTROL=… REASON=… [BY=…]\n"},
		{"a drill of a control", []string{"drill", "CONTROL=x"}, "drill not understood with CONTROL\nusage: make drill [BY=…]\n       make drill MINUTES=… [BY=…]\n"},
		{"a redrive of one message", []string{"redrive", "ID=1"}, "redrive not understood with ID\nusage: make redrive\n"},
		{"a report of half a period", []string{"report", "FROM=2026-10-01"}, "report not understood with FROM\nusage: make report [LANGUAGE=…] [OUT=…]\n" +
			"       make report MONTH=… [LANGUAGE=…] [OUT=…]\n       make report FROM=… TO=… [LANGUAGE=…] [OUT=…]\n"},
		{"a sweep of everything", []string{"sweep"}, "sweep not understood with nothing\nusage: make sweep CONTROL=…\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := &account{halt: "as it was"}
			status, stdout, stderr := a.ask(t, "", tt.args...)
			if status != 2 || stdout != "" {
				t.Errorf("status %d, printed %q, want 2 and nothing", status, stdout)
			}
			if diff := cmp.Diff(tt.want, stderr); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if len(a.asked) > 0 || a.halt != "as it was" {
				t.Errorf("asked for %v, halt is %q", a.asked, a.halt)
			}
		})
	}
	if status, _, stderr := new(account).ask(t, "", "pause"); status != 2 || strings.Count(stderr, "make ") != 17 {
		t.Errorf("status %d, want 2 and every way to ask:\n%s", status, stderr)
	}
}

func TestHaltSaysWhyWhoAndWhenAndResumeEndsIt(t *testing.T) {
	a := &account{halt: "no"}
	for _, tt := range []struct {
		by   string
		args []string
		want string
	}{
		{"", []string{"halt", "REASON=incident 42"}, "incident 42 (by arn:aws:iam::111122223333:user/dana at 2026-11-21T03:00:00Z)"},
		{"", []string{"halt", "REASON=no"}, "no (by arn:aws:iam::111122223333:user/dana at 2026-11-21T03:00:00Z)"},
		{"erin", []string{"halt", "REASON=a=b"}, "a=b (by erin at 2026-11-21T03:00:00Z)"},
		{"erin", []string{"halt", "REASON=x", "BY=frank"}, "x (by frank at 2026-11-21T03:00:00Z)"},
		{"", []string{"resume"}, "no"},
	} {
		status, stdout, stderr := a.ask(t, tt.by, tt.args...)
		if status != 0 || stderr != "" || a.halt != tt.want {
			t.Errorf("%v: status %d, halt %q, want %q; error %q", tt.args, status, a.halt, tt.want, stderr)
		}
		if tt.want != "no" && !strings.Contains(stdout, tt.want) {
			t.Errorf("%v: printed %q", tt.args, stdout)
		}
	}
	a.nobody = true
	if status, _, stderr := a.ask(t, "", "halt", "REASON=x"); status != 1 || stderr != "get caller identity: InvalidClientTokenId\n" || a.halt != "no" {
		t.Errorf("nobody halts: status %d, halt %q, error %q", status, a.halt, stderr)
	}
}

func TestEachCommandAsksItsFunctionAndPrintsTheAnswer(t *testing.T) {
	const (
		undone  = `{"action":"a1-1","undo":"b1-1","kind":"access key status","subject":"alice","text":"reactivated access key …WXYZ of alice"}`
		refused = `{"action":"a2-1","why":"the world has moved on"}`
	)
	tests := []struct {
		name         string
		args         []string
		answer       string
		asked        string // function and request
		status       int
		stdout, fail string
	}{
		{"an undo of one action", []string{"undo", "ID=a1-1", "REASON=it's needed", "BY=dana"}, `{"undone":[` + undone + `],"refused":[]}`,
			`warder-undo {"action":"a1-1","by":"dana","reason":"it's needed"}`, 0,
			"undone  a1-1: reactivated access key …WXYZ of alice (this undo is b1-1)\n", ""},
		{"an undo that is refused in part", []string{"undo", "USER=alice", "SINCE=2026-11-21T03:00:00Z", "REASON=x"}, `{"undone":[` + undone + `],"refused":[` + refused + `]}`,
			`warder-undo {"user":"alice","since":"2026-11-21T03:00:00Z","by":"arn:aws:iam::111122223333:user/dana","reason":"x"}`, 1,
			"undone  a1-1: reactivated access key …WXYZ of alice (this undo is b1-1)\nrefused a2-1: the world has moved on\n", ""},
		{"an undo of a run that did nothing", []string{"undo", "RUN=e1", "REASON=x", "BY=dana"}, `{"undone":[],"refused":[]}`,
			`warder-undo {"run":"e1","by":"dana","reason":"x"}`, 1, "nothing was put back\n", ""},
		{"an undo that fails", []string{"undo", "ID=a1-1", "REASON=x", "BY=dana"}, `!{"errorMessage":"read key: denied","errorType":"errorString"}`,
			`warder-undo {"action":"a1-1","by":"dana","reason":"x"}`, 1, "", "warder-undo failed: read key: denied\n"},
		{"a function that dies", []string{"explain", "KEY=WXYZ"}, `!Runtime exited`, `warder-explain {"key":"WXYZ"}`, 1, "", "warder-explain failed: Runtime exited\n"},
		{"an answer that is none", []string{"explain", "KEY=WXYZ"}, `[]`, `warder-explain {"key":"WXYZ"}`, 1, "",
			"read answer of warder-explain: json: cannot unmarshal array into Go value of type explain.Answer\n"},
		{"an explanation of a key", []string{"explain", "KEY=WXYZ"}, `{"text":"It was old.\n\n  undo: make undo","actions":[],"cases":[]}`,
			`warder-explain {"key":"WXYZ"}`, 0, "It was old.\n\n  undo: make undo\n", ""},
		{"an explanation that would steer the terminal", []string{"explain", "USER=alice"}, `{"text":"a\u001b[2Jb\r\nc"}`,
			`warder-explain {"user":"alice"}`, 0, "a [2Jb \nc\n", ""},
		{"an explanation of a policy", []string{"explain", "POLICY=arn:aws:iam::aws:policy/AdministratorAccess"}, `{"text":"x"}`,
			`warder-explain {"policy":"arn:aws:iam::aws:policy/AdministratorAccess"}`, 0, "x\n", ""},
		{"an explanation of an action", []string{"explain", "ID=a1"}, `{"text":"x"}`, `warder-explain {"action":"a1"}`, 0, "x\n", ""},
		{"a release", []string{"release", "CONTROL=detach-direct-policy", "REASON=all meant"}, `{"released":true,"text":"it goes on"}`,
			`warder-detach-direct-policy {"release":{"by":"arn:aws:iam::111122223333:user/dana","reason":"all meant"}}`, 0, "it goes on\n", ""},
		{"a release of what does not exist", []string{"release", "CONTROL=undo", "REASON=x"}, `{}`, ``, 1, "",
			"there is no control \"undo\": known are alert-console-login, detach-direct-policy\n"},
		{"a sweep of a control that has none", []string{"sweep", "CONTROL=alert-console-login"}, `{}`, ``, 1, "",
			"alert-console-login has no sweep: it acts on events alone\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := &account{functions: map[string]string{"warder-undo": tt.answer, "warder-explain": tt.answer, "warder-detach-direct-policy": tt.answer}}
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
	a := &account{}
	if status, _, stderr := a.ask(t, "", "explain", "ID=a1"); status != 1 || !strings.HasPrefix(stderr, "invoke warder-explain: it is not deployed in us-east-1 of this account: ") {
		t.Errorf("nothing is deployed: status %d, error %q", status, stderr)
	}
}

func TestASweepIsAScheduledEventOfNow(t *testing.T) {
	a := &account{functions: map[string]string{"warder-detach-direct-policy": `{
		"control": "detach-direct-policy", "outcome": "changed", "reason": "", "severity": "high",
		"changes": [
			{"id": "a1-1", "kind": "managed user policy", "subject": "alice", "target": "arn:aws:iam::aws:policy/AdministratorAccess", "status": "verified", "reason": ""},
			{"id": "a2-1", "kind": "access key status", "subject": "bob", "target": "AKIAIOSFODNN7EXAMPLE", "status": "waits", "reason": "on hold"}
		],
		"notices": [{"kind": "changed", "severity": "high", "title": "Direct policy", "owner": "alice@example.com"}, {"kind": "alert", "severity": "high", "title": "Other"}]
	}`}}
	status, stdout, stderr := a.ask(t, "", "sweep", "CONTROL=detach-direct-policy")
	if status != 0 || stderr != "" {
		t.Errorf("status %d, error %q", status, stderr)
	}
	want := `detach-direct-policy: changed
  managed user policy arn:aws:iam::aws:policy/AdministratorAccess of alice: verified (a1-1)
  access key status …MPLE of bob: waits, on hold (a2-1)
  told alice@example.com: Direct policy
  told the topic: Other
`
	if diff := cmp.Diff(want, stdout); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
	var event map[string]any
	if err := json.Unmarshal([]byte(strings.TrimPrefix(strings.Join(a.asked, ""), "warder-detach-direct-policy ")), &event); err != nil {
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
	if status, stdout, _ := a.ask(t, "", "sweep", "CONTROL=detach-direct-policy"); status != 1 || stdout != "detach-direct-policy: failed, attach: denied\n" {
		t.Errorf("a sweep that failed: status %d, output %q", status, stdout)
	}
}

func TestTheRegionIsThatOfTheSettings(t *testing.T) {
	t.Setenv("AWS_REGION", "ap-northeast-2")
	t.Chdir("../..")
	a, err := connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if region := a.lambda.(*lambda.Client).Options().Region; region != "us-east-1" || a.region != region {
		t.Errorf("asks in %q and says %q, want us-east-1", region, a.region)
	}
	if _, err := a.control("detach-direct-policy"); err != nil {
		t.Error(err)
	}
	t.Chdir(t.TempDir())
	if _, err := connect(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "read settings: open cdk.json: ") {
		t.Errorf("outside of the project: %v", err)
	}
}

func TestADrillIsATableOfSeconds(t *testing.T) {
	a := &account{functions: map[string]string{"warder-drill": `{
		"id": "abc", "user": "warder-drill-abc", "outcome": "failed", "reason": "old access key: no function within 2m0s: why",
		"scenarios": [
			{"name": "direct policy", "control": "detach-direct-policy", "outcome": "passed", "did": "changed", "hops": [
				{"name": "event", "seen": true, "seconds": 0, "total": 0}, {"name": "rule", "seen": true, "seconds": 81.42, "total": 81.42},
				{"name": "function", "seen": true, "seconds": 0.3, "total": 81.72}, {"name": "change", "seen": true, "seconds": 0.61, "total": 82.33},
				{"name": "notice", "seen": true, "seconds": 0.05, "total": 82.38}]},
			{"name": "old access key", "control": "deactivate-stale-access-key", "outcome": "failed", "reason": "no function within 2m0s: why", "hops": [
				{"name": "event", "seen": true, "seconds": 0, "total": 0}, {"name": "rule", "seen": true, "seconds": 0.5, "total": 0.5}, {"name": "function", "seen": false, "note": "why"}]},
			{"name": "outside sign-in", "control": "quarantine-outside-login", "outcome": "skipped", "reason": "no allowedNetworks are set: there is no outside"}
		],
		"cleaned": ["warder-drill-abc"],
		"leftovers": [{"user": "warder-drill-old", "why": "delete user: conflict", "remove": ["aws iam one", "aws iam two"]}]
	}`}}
	status, stdout, stderr := a.ask(t, "", "drill", "MINUTES=2", "BY=kim")
	if status != 1 || stderr != "" {
		t.Errorf("status %d, error %q", status, stderr)
	}
	want := `A drill goes on, for at most 2 minutes. It cleans up after itself, also when this command is ended.

scenario         control                      it       event   rule     function  change  notice  total
direct policy    detach-direct-policy         changed  0.00 s  81.42 s  0.30 s    0.61 s  0.05 s  82.38 s
old access key   deactivate-stale-access-key  failed   0.00 s  0.50 s   MISSING   -       -       0.50 s
outside sign-in  quarantine-outside-login     skipped  -       -        -         -       -

old access key failed: no function within 2m0s: why
outside sign-in skipped: no allowedNetworks are set: there is no outside
deleted warder-drill-abc
LEFT    warder-drill-old: delete user: conflict; make drill tries again, and this removes it:
        aws iam one
        aws iam two
drill abc: failed, old access key: no function within 2m0s: why
`
	if diff := cmp.Diff(want, stdout); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{`warder-drill {"by":"kim","minutes":2}`}, a.asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}

	a.functions["warder-drill"] = `{"id": "abc", "outcome": "held", "reason": "direct policy: Warder is halted", "scenarios": [], "cleaned": []}`
	if status, stdout, _ := a.ask(t, "", "drill"); status != 0 || !strings.HasSuffix(stdout, "drill abc: held, direct policy: Warder is halted\n") {
		t.Errorf("a drill that was held: status %d, output %q", status, stdout)
	}
	if status, _, stderr := a.ask(t, "", "drill", "MINUTES=soon"); status != 1 || stderr != "MINUTES=soon not understood: want 1 to 13\n" {
		t.Errorf("a drill of no minutes: status %d, error %q", status, stderr)
	}
	if status, _, stderr := a.ask(t, "", "drill", "MINUTES=20"); status != 1 || !strings.Contains(stderr, "1 to 13 minutes") {
		t.Errorf("a drill of too many minutes: status %d, error %q", status, stderr)
	}
	if len(a.asked) != 2 {
		t.Errorf("asked %v", a.asked)
	}
}

const madeReport = `{"bucket":"reports","region":"us-east-1","html":"111122223333/2026-10.ko.html","csv":"111122223333/2026-10.ko.csv",` +
	`"console":"https://console.example/2026-10","text":"one\ntwo\nthree","outcome":"told"}`

func TestAReportIsWrittenAndItsPlaceToldOf(t *testing.T) {
	a := &account{functions: map[string]string{"warder-report": madeReport}}
	status, stdout, stderr := a.ask(t, "", "report", "MONTH=2026-10", "LANGUAGE=ko")
	want := "one\ntwo\nthree\npage   https://console.example/2026-10\ntable  s3://reports/111122223333/2026-10.ko.csv\nThe topic was told where it is.\n"
	if status != 0 || stdout != want || stderr != "" {
		t.Errorf("status %d, printed %q and %q, want %q", status, stdout, stderr, want)
	}
	if want := []string{`warder-report {"language":"ko","month":"2026-10"}`}; !cmp.Equal(want, a.asked) {
		t.Errorf("asked %v, want %v", a.asked, want)
	}
}

func TestAReportIsFetchedWhenAFolderIsNamed(t *testing.T) {
	a := &account{functions: map[string]string{"warder-report": madeReport}}
	folder := filepath.Join(t.TempDir(), "new", "folder")
	status, stdout, stderr := a.ask(t, "", "report", "OUT="+folder)
	if status != 0 || !strings.HasSuffix(stdout, "wrote  "+filepath.Join(folder, "2026-10.ko.csv")+"\nwrote  "+filepath.Join(folder, "2026-10.ko.html")+"\n") {
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

func TestAReportThatCannotBeFetchedIsAnError(t *testing.T) {
	a := &account{functions: map[string]string{"warder-report": strings.Replace(madeReport, `"reports"`, `"another"`, 1)}}
	if status, _, stderr := a.ask(t, "", "report", "OUT="+t.TempDir()); status != 1 || !strings.Contains(stderr, "NoSuchBucket") {
		t.Errorf("status %d, %q", status, stderr)
	}
}
