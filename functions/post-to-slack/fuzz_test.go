package posttoslack

import (
	"encoding/json"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/test/slacktest"
)

// Whatever SNS hands over, by whomever it was published: each message is laid out as one that Slack takes,
// mentions nobody but an owner, and has a name of its own.
func FuzzRead(f *testing.F) {
	for i, m := range []any{
		message("n1", "t1", notice.Warning), "Is anybody there? <!channel>\u202e", `{"version":"1"}`, `null`,
		`{"version":"1","id":"n","kind":"x","ownerSlack":"!here","runbook":"javascript:x"}`,
		`{"AlarmName":"warder-failed","NewStateValue":"ALARM","StateChangeTime":"2026-11-21T12:00:00.123+0000",` +
			`"AWSAccountId":"111122223333"}`, alarm("ALARM", "2026-11-21T12:00:00.123+0000"),
	} {
		text, isText := m.(string)
		if !isText {
			data, err := json.Marshal(m)
			if err != nil {
				f.Fatal(err)
			}
			text = string(data)
		}
		f.Add(text, string(rune('a'+i)))
	}
	f.Fuzz(func(t *testing.T, message, id string) {
		p := newFixture().poster()
		record := events.SQSMessage{Body: message, MessageId: id}
		l, _, err := p.read(t.Context(), record)
		if err != nil {
			t.Fatal(err)
		}
		if again, _, err := p.read(t.Context(), record); err != nil || again.id != l.id || again.thread != l.thread {
			t.Fatalf("%q is %s, then %s (%v)", message, l.id, again.id, err)
		}
		if l.id == "" { // a notice of another account
			return
		}
		post, err := json.Marshal(l.post)
		if err != nil {
			t.Fatal(err)
		}
		for _, fault := range slacktest.Faults(post) {
			t.Errorf("%s of %q", fault, message)
		}
	})
}

// Whatever is invoked with, it is an event of SQS or refused.
func FuzzEvent(f *testing.F) {
	f.Add([]byte(`{"Records":[]}`))
	f.Add([]byte(`{"Records":[{"body":"x","messageId":"1","receiptHandle":"r"}]}`))
	f.Add([]byte(`{"Records":[{"body":"x"},{"body":null}]}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		w := newFixture()
		a, err := w.poster().post(w.as(t, "i"), raw)
		if err == nil && (a.Posted+a.Doubled+a.Dropped+a.Waiting == 0 || a.Outcome == "") {
			t.Fatalf("%q: %+v", raw, a)
		}
		if len(w.channel.lines()) != a.Posted {
			t.Fatalf("%q: %d posted, %+v", raw, len(w.channel.lines()), a)
		}
	})
}
