package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/warder-aws/warder/functions"
	"github.com/warder-aws/warder/pkg/test/hostile"
)

// Whatever is asked on the command line: a function gets a request that says what it must, or the status is 2.
func FuzzRun(f *testing.F) {
	for _, args := range []string{
		"undo\x00--id=abcdefghij-1\x00--reason=why", "undo\x00--run=1\x00--reason=why\x00--by=kim\x00--yes",
		"undo\x00--user=alice\x00--since=2026-01-01T00:00:00Z\x00--reason=why\x00--yes\x00--json", "explain\x00--KEY=1A2B",
		"halt\x00--reason= ", "report", "drill\x00--minutes=ten", "undo\x00--id=\x00--reason=x",
		"explain\x00--key=1\x00--user=2",
		"release\x00--control=detach-direct-policy\x00--reason=a=b\n", "", "rm\x00-rf", "explan", "--jsn", "help\x00\x1b[2J",
	} {
		f.Add(args)
	}
	f.Fuzz(func(t *testing.T, joined string) {
		args := strings.Split(joined, "\x00")
		switch args[0] {
		case "report",
			"completion",
			"__complete",
			"__completeNoDesc",
			"doctor",
			"preview",
			"redrive": // these do more than ask
			return
		}
		a := &fakeAccount{functions: map[string]string{
			"warder-undo": `{}`, "warder-explain": `{}`, "warder-drill": `{}`, "warder-detach-direct-policy": `{}`,
		}}
		status, _, stderr := a.ask(t, "kim", args...)
		for _, asked := range a.asked {
			name, request, _ := strings.Cut(asked, " ")
			request, proven := strings.CutPrefix(request, "signed ")
			var q struct {
				Action, User, Since, Run, Key, Policy, By, Reason string
				Release                                           *struct{ By, Reason string }
			}
			if err := json.Unmarshal([]byte(request), &q); err != nil {
				t.Fatalf("%q asks %s", args, asked)
			}
			whole := true
			switch name {
			case "warder-undo":
				whole = proven && q.Reason != "" && q.By != "" && (q.User == "") == (q.Since == "") && q.Action+q.User+q.Run != ""
			case "warder-explain":
				whole = q.Key+q.User+q.Policy+q.Action != ""
			case "warder-drill":
				whole = proven && q.By != ""
			case "warder-detach-direct-policy":
				whole = q.Release == nil || proven && q.Release.By != "" && q.Release.Reason != ""
			}
			if !whole {
				t.Fatalf("%q asks %s", args, asked)
			}
		}
		if status == usage && len(a.asked) > 0 || (status == usage) != strings.Contains(stderr, "for usage.\n") {
			t.Fatalf("%q: status %d, asked %v: %s", args, status, a.asked, stderr)
		}
		if why := hostile.Steers(strings.ReplaceAll(stderr, "\n", "")); why != "" {
			t.Fatalf("%q: prints what %s: %q", args, why, stderr)
		}
	})
}

// Whatever the queues keep: it is sent to a function of Warder in this account, whole, or left with a reason;
// and what is printed of it stays on its line and steers no terminal.
func FuzzKept(f *testing.F) {
	f.Add(true, record(functionARN+"warder-detach-direct-policy:$LATEST", anEvent), "", "")
	f.Add(true, record(functionARN+"payroll", anEvent), "", "")
	f.Add(
		true,
		strings.Replace(record(functionARN+"warder-detach-direct-policy", anEvent), "RetriesExhausted", `\n\u001b[2J\u202e`,
			1),
		"",
		"",
	)
	f.Add(false, anEvent, functionARN+"warder-detach-direct-policy", "NO_PERMISSIONS\x1b[2J")
	f.Add(false, aSignIn, "arn:aws:events:us-east-1:111122223333:event-bus/warder", "x")
	f.Add(false,
		`{"Type":"Notification","MessageId":"m\u202e","TopicArn":"arn:aws:sns:us-east-1:111122223333:warder-Notices",`+
			`"Message":"{}"}`,
		"", "")
	f.Add(false, `{"source":"aws.cloudwatch","detail-type":"CloudWatch Alarm State Change","region":"us-west-2\n"}`, "",
		"")
	controls, err := functions.Controls()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, isFailed bool, body, target, code string) {
		name := undeliveredQueue
		if isFailed {
			name = failedQueue
		}
		m := sqstypes.Message{MessageId: aws.String("m"), Body: &body}
		if target != "" {
			m.MessageAttributes = map[string]sqstypes.MessageAttributeValue{
				"TARGET_ARN": {StringValue: &target},
				"ERROR_CODE": {StringValue: &code},
			}
		}
		var out bytes.Buffer
		a := &app{Process: Process{Out: &out}, controls: controls}
		r := &redriver{
			session: &session{app: a, cfg: fakeConfig(&keeping{})},
			account: "111122223333", sent: map[string]bool{}, emptied: map[string]bool{},
		}
		parcels, instead, err := r.open(t.Context(), queue{name: name}, m)
		why := ""
		if err != nil {
			why = err.Error()
		}
		if (len(parcels) == 0) == (instead == "" && why == "") {
			t.Fatalf("%q: %d to send, %q, %q", body, len(parcels), instead, why)
		}
		for _, p := range parcels {
			if p.control.ID == "" || !json.Valid(p.payload) {
				t.Fatalf("%q: %s is sent to %q", body, p.payload, p.control.ID)
			}
			r.print("sent  %s (%s)", subject(p.payload), p.why)
		}
		r.print("left  %s", why)
		if got := strings.Count(out.String(), "\n"); got != len(parcels)+1 {
			t.Fatalf("%d lines: %q", got, out.String())
		}
		if strings.ContainsFunc(out.String(), func(r rune) bool {
			return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) || r == '\u2028' || r == '\u2029'
		}) {
			t.Fatalf("printed %q", out.String())
		}
	})
}
