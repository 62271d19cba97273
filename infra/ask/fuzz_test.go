package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/warder-aws/warder/functions"
)

// Whatever is asked on the command line: a request has what its form wants, and nothing that is empty.
func FuzzParse(f *testing.F) {
	for _, args := range []string{
		"undo\x00ID=abcdefghij-1\x00REASON=why", "undo\x00USER=alice\x00SINCE=2026-01-01T00:00:00Z\x00REASON=why\x00BY=kim", "explain\x00KEY=1A2B", "halt\x00REASON= ", "report",
		"drill\x00MINUTES=ten", "undo\x00ID=\x00REASON=x", "explain\x00KEY=1\x00USER=2", "release\x00CONTROL=detach-direct-policy\x00REASON=a=b\n", "", "rm\x00-rf",
	} {
		f.Add(args)
	}
	f.Fuzz(func(t *testing.T, joined string) {
		args := strings.Split(joined, "\x00")
		c, q, err := parse(args)
		if err != nil {
			if !strings.Contains(err.Error(), "usage: make ") {
				t.Fatalf("%q: %v", args, err)
			}
			return
		}
		fits := false
		for _, form := range c.forms {
			all := true
			for _, key := range form {
				all = all && strings.TrimSpace(q[key]) != ""
			}
			fits = fits || all
		}
		if !fits || c.run == nil {
			t.Fatalf("%q is taken for %v", args, q)
		}
		for key := range q {
			if !strings.Contains(joined, key) {
				t.Fatalf("%q asks for %s", args, key)
			}
		}
	})
}

// Whatever the queues keep: it is sent to a function of Warder in this account, whole, or left with a reason;
// and what is printed of it stays on its line and steers no terminal.
func FuzzKept(f *testing.F) {
	f.Add(true, record(functionARN+"warder-detach-direct-policy:$LATEST", anEvent), "", "")
	f.Add(true, record(functionARN+"payroll", anEvent), "", "")
	f.Add(true, strings.Replace(record(functionARN+"warder-detach-direct-policy", anEvent), "RetriesExhausted", `\n\u001b[2J\u202e`, 1), "", "")
	f.Add(false, anEvent, functionARN+"warder-detach-direct-policy", "NO_PERMISSIONS\x1b[2J")
	f.Add(false, aSignIn, "arn:aws:events:us-east-1:111122223333:event-bus/warder", "x")
	f.Add(false, `{"Type":"Notification","MessageId":"m\u202e","TopicArn":"arn:aws:sns:us-east-1:111122223333:warder-Notices","Message":"{}"}`, "", "")
	f.Add(false, `{"source":"aws.cloudwatch","detail-type":"CloudWatch Alarm State Change","region":"us-west-2\n"}`, "", "")
	controls, err := functions.Controls()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, failedQueue bool, body, target, code string) {
		name := undelivered
		if failedQueue {
			name = failed
		}
		m := sqstypes.Message{MessageId: aws.String("m"), Body: &body}
		if target != "" {
			m.MessageAttributes = map[string]sqstypes.MessageAttributeValue{"TARGET_ARN": {StringValue: &target}, "ERROR_CODE": {StringValue: &code}}
		}
		var out bytes.Buffer
		k := &keeping{}
		r := &redriver{
			asker:   asker{controls: controls, region: "us-east-1", out: &out, events: k, lambda: nil},
			account: "111122223333", sent: map[string]bool{}, whole: map[string]bool{},
		}
		parcels, instead, why := r.open(t.Context(), queue{name: name}, m)
		if (len(parcels) == 0) == (instead == "" && why == "") {
			t.Fatalf("%q: %d to send, %q, %q", body, len(parcels), instead, why)
		}
		for _, p := range parcels {
			if p.control.ID == "" || !json.Valid(p.payload) {
				t.Fatalf("%q: %s is sent to %q", body, p.payload, p.control.ID)
			}
			r.print("sent  " + subject(p.payload) + " (" + p.why + ")")
		}
		r.print("left  " + why)
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
