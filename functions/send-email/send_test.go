package sendemail

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/feed"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/feedtest"
)

const (
	account = "111122223333"
	alice   = "alice@example.com"
	soc     = "soc@example.com"
)

// world is an account with the function in it: its queue, Amazon SES, a ledger and a clock.
type world struct {
	*mailer
	t      *testing.T
	now    time.Time
	queue  *feedtest.Queue
	sent   []sent
	alerts []notice.Message // what the function published itself
	refuse func(*email) error

	published publishing
}

type sent struct {
	at time.Time
	*email
}

func (s sent) to() string      { return s.Destination.To[0] }
func (s sent) subject() string { return s.Content.Simple.Subject.Data }
func (s sent) body() string    { return s.Content.Simple.Body.Text.Data }

func newWorld(t *testing.T, edit func(*settings.Function)) *world {
	t.Helper()
	w := &world{t: t, now: time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)}
	set := settings.Function{
		Account: account, Language: settings.English, Runbooks: "https://example.com/",
		Reach: settings.Reach{Mail: true},
		Mail:  settings.Mail{Sender: "warder@example.com", Set: "mail"},
	}
	if edit != nil {
		edit(&set)
	}
	described, err := control.Read("send-email", description)
	if err != nil {
		t.Fatal(err)
	}
	w.mailer = &mailer{Runner: &remediation.Runner{
		Control: described, Settings: set, Ledger: ledger.New(new(ledger.Memory)), Topic: w,
		Environment: remediation.Environment{
			Account: account, Region: "us-east-1", Now: func() time.Time { return w.now }, Log: slog.New(slog.DiscardHandler),
		},
	}, Service: w}
	w.queue = &feedtest.Queue{Now: w.Now}
	w.published.world, w.Topics = w, &w.published
	w.Feed = feed.Feed{Queue: w.queue, Ledger: w.Ledger, Account: account, Now: w.Now, Log: w.Log}
	return w
}

// SendEmail implements [service]. A mail takes a tenth of a second.
func (w *world) SendEmail(_ context.Context, e *email) (string, error) {
	if w.refuse != nil {
		if err := w.refuse(e); err != nil {
			return "", err
		}
	}
	w.sent = append(w.sent, sent{w.now, e})
	w.now = w.now.Add(100 * time.Millisecond)
	return fmt.Sprintf("mail-%d", len(w.sent)), nil
}

// Publish implements [remediation.Publisher].
func (w *world) Publish(_ context.Context, m notice.Message) (string, error) {
	w.alerts = append(w.alerts, m)
	return "sns", nil
}

// put puts a message into the queue.
func (w *world) put(body string) { w.queue.Put(body) }

// notify has a control notify of a finding: the ledger has the record, and the queue the notice.
func (w *world) notify(n notice.Message) notice.Message {
	w.t.Helper()
	n.Version, n.Account, n.Kind, n.Time = "1", account, cmp.Or(n.Kind, notice.Warning), w.now
	n.Finding = remediation.EntryID(n.Subject, n.Title, n.Kind)
	n.ID = "n-" + n.Finding
	body := w.record(n)
	w.put(body)
	return n
}

func (w *world) record(n notice.Message) string {
	w.t.Helper()
	bodies, err := n.Bodies()
	if err != nil {
		w.t.Fatal(err)
	}
	var all map[string]string
	if err := json.Unmarshal([]byte(bodies), &all); err != nil {
		w.t.Fatal(err)
	}
	entry := ledger.Entry{ID: n.Finding, Control: n.Control, Subject: n.Subject, Owner: n.Owner, At: w.now,
		Notifications: []ledger.Notification{{Kind: n.Kind, Sum: notice.Sum(all["sqs"]), At: w.now}}}
	if err := w.Ledger.Update(w.t.Context(), &entry); err != nil {
		w.t.Fatal(err)
	}
	return all["sqs"]
}

// turn hands over what is visible, as an event source mapping does, and removes what was taken. It reports whether
// there was anything, and fails the test if the function does.
func (w *world) turn() bool {
	w.t.Helper()
	more, err := w.try()
	if err != nil {
		w.t.Fatal(err)
	}
	return more
}

func (w *world) try() (more bool, err error) {
	var fault error
	more, err = w.queue.Hand(func(raw json.RawMessage) (any, error) {
		a, err := w.handle(w.t.Context(), raw)
		fault = a.Fault()
		return a, err
	})
	return more, errors.Join(err, fault)
}

// settle lets time pass until the queue is empty.
func (w *world) settle() {
	w.t.Helper()
	for begin := w.now; w.queue.Len() > 0; {
		if !w.turn() {
			w.now = w.queue.Next().Add(10 * time.Second) // the queue gathers what comes in ten seconds
		}
		if w.now.Sub(begin) > 24*time.Hour {
			w.t.Fatalf("after a day %d messages wait", w.queue.Len())
		}
	}
}

func (w *world) mails(to string) (all []sent) {
	for _, s := range w.sent {
		if s.to() == to {
			all = append(all, s)
		}
	}
	return all
}

// fastest is the most mails of any second.
func (w *world) fastest() (most int) {
	for _, first := range w.sent {
		n := 0
		for _, s := range w.sent {
			if d := s.at.Sub(first.at); d >= 0 && d < time.Second {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

func TestOneNoticeIsTheMail(t *testing.T) {
	w := newWorld(t, nil)
	n := w.notify(notice.Message{Control: "detach-direct-policy", Severity: "medium", Title: "Policy attached directly",
		Text: "alice has a policy.", Subject: "alice", Owner: "Alice@Example.com"})
	w.settle()
	if len(w.sent) != 1 || w.sent[0].to() != alice || w.sent[0].body() != n.Email() ||
		!strings.Contains(w.sent[0].subject(), "Policy attached directly") {
		t.Fatalf("sent %+v", w.sent)
	}
	if e := w.sent[0].email; e.From != "warder@example.com" || e.Set != "mail" {
		t.Errorf("from %q with %q", e.From, e.Set)
	}
	mailed, err := w.Ledger.Mailed(t.Context(), n.Finding)
	if err != nil || len(mailed) != 1 || mailed[0].Address != alice || mailed[0].Message != "mail-1" ||
		mailed[0].Kind != n.Kind {
		t.Errorf("the ledger has %+v, %v", mailed, err)
	}
	// Delivered again, it is not mailed again.
	w.put(w.record2(n))
	w.now = w.now.Add(time.Hour)
	w.settle()
	if len(w.sent) != 1 {
		t.Errorf("%d mails", len(w.sent))
	}
}

func (w *world) record2(n notice.Message) string {
	bodies, _ := n.Bodies()
	var all map[string]string
	_ = json.Unmarshal([]byte(bodies), &all)
	return all["sqs"]
}

// The first sweep of an account: 300 findings, published as fast as a sweep does, some of them urgent.
func TestFirstSweepIsFewMails(t *testing.T) {
	w := newWorld(t, func(f *settings.Function) { f.Owners.Default = soc })
	owners := []string{alice, "bob@example.com", "carol@example.com", "", "Dave <dave@example.com>"}
	for i := range 300 {
		severity := "medium"
		if i == 123 {
			severity = "critical"
		}
		w.notify(notice.Message{Control: "deactivate-stale-access-key", Severity: severity, Title: "Access key is too old",
			Subject: fmt.Sprintf("user-%03d", i), Owner: owners[i%len(owners)]})
		w.now = w.now.Add(60 * time.Millisecond)
		if i%30 == 29 { // the queue hands over what came in a while
			w.turn()
		}
	}
	w.settle()
	count := map[string]int{}
	for _, s := range w.sent {
		count[s.to()]++
	}
	for _, to := range []string{alice, "bob@example.com", "carol@example.com", "dave@example.com", soc} {
		if n := count[to]; n < 1 || n > 3 {
			t.Errorf("%s got %d mails, want 1 to 3", to, n)
		}
		text := ""
		for _, m := range w.mails(to) {
			text += m.body()
		}
		for i := range 300 {
			owner := cmp.Or(settings.Address(owners[i%len(owners)]), soc)
			if user := fmt.Sprintf("user-%03d", i); owner == to && !strings.Contains(text, user) {
				t.Errorf("%s was not notified of %s", to, user)
			}
		}
	}
	urgent := func(s sent) bool { return strings.Contains(s.body(), "user-123") }
	i := slices.IndexFunc(w.sent, urgent)
	if others := strings.ReplaceAll(w.sent[i].body(), "user-123", ""); strings.Contains(others, "user-") {
		t.Errorf("what is critical is not alone in\n%.600s", w.sent[i].body())
	}
}

// publishing are the topics that addresses are subscribed to.
type publishing struct {
	*world
	sent []published
	err  error
}

type published struct {
	at                          time.Time
	topic, owner, subject, text string
}

// Publish implements [topics]. A call takes a tenth of a second.
func (p *publishing) Publish(_ context.Context, topic, owner, subject, text string) error {
	if p.err != nil {
		return p.err
	}
	p.sent = append(p.sent, published{p.now, topic, owner, subject, text})
	p.now = p.now.Add(100 * time.Millisecond)
	return nil
}

const (
	allTopic   = "arn:aws:sns:us-east-1:111122223333:mails"
	ownerTopic = "arn:aws:sns:us-east-1:111122223333:owners"
)

// subscribing are settings without SES: addresses are subscribed to topics.
func subscribing(f *settings.Function) {
	f.Mail = settings.Mail{All: allTopic, Owners: ownerTopic, Fixed: []string{soc}}
	f.Owners.Default = "it@example.com"
	f.Owners.Prefixes = map[string]string{"a-": alice, "b-": "Bob@example.com"}
}

// The first sweep of an account, without SES: 300 findings, published as fast as sweeps do that start together, three
// of them urgent. SNS suspends a subscription that gets more than ten messages in a second.
func TestFirstSweepThroughSNS(t *testing.T) {
	w := newWorld(t, subscribing)
	owners := []string{alice, "bob@example.com", "", "nobody@example.com", soc}
	for i := range 300 {
		severity := "medium"
		if i%100 == 23 {
			severity = "critical"
		}
		w.notify(notice.Message{Control: "c", Severity: severity, Title: "Access key is too old",
			Subject: fmt.Sprintf("user-%03d", i), Owner: owners[i%len(owners)]})
		w.now = w.now.Add(60 * time.Millisecond)
		if i%30 == 29 {
			w.turn()
		}
	}
	w.settle()
	type key struct{ topic, owner string }
	count, text, fastest := map[key]int{}, map[key]string{}, 0
	for i, p := range w.published.sent {
		to := key{p.topic, p.owner}
		count[to]++
		text[to] += p.text
		within := 0
		for _, other := range w.published.sent[i:] {
			if other.at.Sub(p.at) < time.Second {
				within++
			}
		}
		fastest = max(fastest, within)
		if len(p.subject) > 99 || len(p.text) > 256*1024 {
			t.Errorf("SNS does not take a subject of %d and a text of %d bytes", len(p.subject), len(p.text))
		}
	}
	t.Logf("300 notices are %d messages, at most %d in a second: %v", len(w.published.sent), fastest, count)
	want := []key{{allTopic, ""}, {ownerTopic, alice}, {ownerTopic, "bob@example.com"}, {ownerTopic, "it@example.com"}}
	if len(count) != len(want) || fastest > perSecond || len(w.sent) > 0 {
		t.Errorf("messages %v, %d in a second, %d through SES", count, fastest, len(w.sent))
	}
	for _, to := range want {
		if n := count[to]; n < 1 || n > 6 {
			t.Errorf("%v got %d messages, want few", to, n)
		}
		for i := range 300 {
			owner := cmp.Or(owners[i%len(owners)], "it@example.com")
			if owner == "nobody@example.com" {
				owner = "it@example.com"
			}
			has := strings.Count(text[to], fmt.Sprintf("user-%03d", i)) > 0
			if should := to.owner == "" || to.owner == owner; has != should {
				t.Errorf("%v is notified of user-%03d: %t", to, i, has)
			}
		}
	}
	// What is urgent is in messages of its own.
	alone := 0
	for _, p := range w.published.sent {
		others := strings.NewReplacer("user-023", "", "user-123", "", "user-223", "").Replace(p.text)
		if others == p.text {
			continue
		}
		if alone++; strings.Contains(others, "user-") {
			t.Errorf("urgent notices and others are in one message: %.400s", p.text)
		}
	}
	if alone == 0 {
		t.Error("no message has an urgent notice")
	}
}

// However often SQS hands a notice over, and whichever call fails: each subscriber gets it, and twice only if the
// record of it failed.
func TestThroughSNSOnce(t *testing.T) {
	w := newWorld(t, subscribing)
	n := w.notify(notice.Message{Control: "c", Severity: "low", Title: "T", Subject: "alice", Owner: alice})
	w.settle()
	for range 3 {
		w.put(w.record2(n))
		w.now = w.now.Add(time.Hour)
		w.settle()
	}
	if len(w.published.sent) != 2 || w.published.sent[0].text != n.Email() || w.published.sent[0].subject != n.Line() {
		t.Errorf("published %+v", w.published.sent)
	}
	for call := 1; ; call++ {
		w := newWorld(t, subscribing)
		store := new(ledger.Memory)
		w.Ledger = ledger.New(store)
		w.Feed.Ledger = w.Ledger
		w.notify(notice.Message{Control: "c", Severity: "high", Title: "T", Subject: "alice", Owner: alice})
		calls, failed, before := 0, false, 0
		store.Fault = func(_ string, after bool) error {
			if !after {
				calls++
			}
			if calls == call && !after && !failed {
				failed, before = true, len(w.published.sent)
				return errors.New("throttled")
			}
			return nil
		}
		_, err := w.try()
		if failed == (err == nil) {
			t.Errorf("call %d: failed %t, %v", call, failed, err)
		}
		w.now = w.now.Add(time.Hour)
		w.settle()
		got := map[string]int{}
		for _, p := range w.published.sent {
			got[p.topic]++
		}
		if got[allTopic] < 1 || got[ownerTopic] < 1 || before == 0 && len(w.published.sent) > 2 {
			t.Errorf("call %d: published %v", call, got)
		}
		if !failed {
			break
		}
	}
}

// While SNS takes nothing, everything is kept.
func TestSNSRefuses(t *testing.T) {
	w := newWorld(t, subscribing)
	w.published.err = errors.New("KMSDisabled")
	w.notify(notice.Message{Control: "c", Severity: "medium", Title: "T", Subject: "alice", Owner: alice})
	if _, err := w.try(); err == nil || !strings.Contains(err.Error(), "publish 1 notices: KMSDisabled") ||
		w.queue.Len() != 1 {
		t.Errorf("%v, %d are left", err, w.queue.Len())
	}
	w.published.err = nil
	w.now = w.now.Add(time.Hour)
	w.settle()
	if len(w.published.sent) != 2 {
		t.Errorf("published %+v", w.published.sent)
	}
}

// With SES the addresses of the settings get everything through SNS, and owners through SES.
func TestBothWays(t *testing.T) {
	w := newWorld(t, func(f *settings.Function) { f.Mail.All, f.Mail.Fixed = allTopic, []string{soc} })
	w.notify(notice.Message{Control: "c", Severity: "low", Title: "T", Subject: "alice", Owner: alice})
	w.notify(notice.Message{Control: "c", Severity: "low", Title: "T", Subject: "soc", Owner: soc})
	w.settle()
	if len(w.published.sent) != 1 || w.published.sent[0].topic != allTopic || len(w.sent) != 1 || w.sent[0].to() != alice {
		t.Errorf("published %+v, mailed %+v", w.published.sent, w.sent)
	}
}

func TestUrgentComesFirst(t *testing.T) {
	w := newWorld(t, nil)
	for i, severity := range []string{"low", "medium", "critical", "high"} {
		w.notify(
			notice.Message{Control: "c", Severity: severity, Title: "T" + severity, Subject: fmt.Sprint("u", i), Owner: alice},
		)
	}
	w.notify(notice.Message{Control: "c", Severity: "low", Title: "Other", Subject: "x", Owner: "aaron@example.com"})
	w.settle()
	if len(w.sent) != 3 || w.sent[0].to() != alice || w.sent[2].to() != alice {
		t.Fatalf("sent %d mails, the first to %s", len(w.sent), w.sent[0].to())
	}
	if strings.Contains(w.sent[0].body(), "Tmedium") || strings.Contains(w.sent[2].body(), "Thigh") {
		t.Errorf("what is urgent is not in a mail of its own:\n%s\n%s", w.sent[0].body(), w.sent[2].body())
	}
	body, at := w.sent[0].body()+w.sent[2].body(), -1
	for _, title := range []string{"Tcritical", "Thigh", "Tmedium", "Tlow"} {
		next := strings.Index(body, title)
		if next <= at {
			t.Errorf("%s does not come in its order in\n%s", title, body)
		}
		at = next
	}
	if !strings.Contains(w.sent[0].subject(), "Tcritical") {
		t.Errorf("subject %q", w.sent[0].subject())
	}
}

// What is urgent does not wait for what was just mailed; the rest does.
func TestUrgentDoesNotWait(t *testing.T) {
	w := newWorld(t, nil)
	say := func(severity string) {
		w.notify(
			notice.Message{
				Control:  "c",
				Severity: severity,
				Title:    severity,
				Subject:  fmt.Sprint(w.now.UnixNano()),
				Owner:    alice,
			},
		)
	}
	say("low")
	w.turn()
	w.now = w.now.Add(time.Minute)
	say("low")
	say("medium")
	w.turn()
	if len(w.sent) != 1 {
		t.Fatalf("%d mails within a minute", len(w.sent))
	}
	say("critical")
	w.turn()
	if len(w.sent) != 2 {
		t.Fatal("what is critical waits")
	}
	w.settle()
	if n := len(w.sent); n != 3 || w.sent[2].at.Sub(w.sent[1].at) < gather-time.Second {
		t.Errorf("%d mails, the last after %v", n, w.sent[n-1].at.Sub(w.sent[n-2].at))
	}
}

func TestAtMostFiveInASecond(t *testing.T) {
	w := newWorld(t, nil)
	for i := range 200 {
		w.notify(
			notice.Message{
				Control:  "c",
				Severity: "critical",
				Title:    "T",
				Subject:  fmt.Sprint("u", i),
				Owner:    fmt.Sprintf("owner-%d@example.com", i),
			},
		)
	}
	begin := w.now
	w.settle()
	if len(w.sent) != 200 || w.fastest() > perSecond {
		t.Errorf("%d mails, %d in a second", len(w.sent), w.fastest())
	}
	if took := w.now.Sub(begin); took > 30*time.Minute {
		t.Errorf("it took %v", took)
	}
	if n := w.queue.Received(); n > 50 { // of the 200 after which it would count as failed
		t.Errorf("a message was handed over %d times", n)
	}
}

func TestOnlyWhatTheLedgerHasIsMailed(t *testing.T) {
	w := newWorld(t, func(f *settings.Function) { f.Owners.Default = soc })
	n := w.notify(notice.Message{Control: "c", Severity: "low", Title: "T", Subject: "alice", Owner: alice})
	*w.queue = feedtest.Queue{Now: w.Now}
	forged := n
	forged.Owner, forged.Text = "victim@example.com", "Pay here."
	unknown := forged
	unknown.Finding = "aaaaaaaaaa"
	elsewhere := n
	elsewhere.Account = "444455556666"
	for _, body := range []string{
		w.record2(forged), w.record2(unknown), w.record2(elsewhere), `{}`, `[]`, `null`, `no JSON`, `{"AlarmName":"x"}`,
	} {
		w.put(body)
	}
	w.settle()
	if len(w.sent) != 0 {
		t.Errorf("mailed %q to %s", w.sent[0].body(), w.sent[0].to())
	}
}

// The record of a notice may come a moment after the notice.
func TestWaitsForTheRecord(t *testing.T) {
	w := newWorld(t, nil)
	n := w.notify(notice.Message{Control: "c", Severity: "low", Title: "T", Subject: "alice", Owner: alice})
	entry, _, err := w.Ledger.Entry(t.Context(), n.Finding)
	if err != nil {
		t.Fatal(err)
	}
	record := entry.Notifications
	entry.Notifications = nil
	if err := w.Ledger.Update(t.Context(), &entry); err != nil {
		t.Fatal(err)
	}
	w.turn()
	if len(w.sent) != 0 || w.queue.Len() != 1 {
		t.Fatalf("%d mails, %d messages left", len(w.sent), w.queue.Len())
	}
	entry.Notifications = record
	if err := w.Ledger.Update(t.Context(), &entry); err != nil {
		t.Fatal(err)
	}
	w.settle()
	if len(w.sent) != 1 {
		t.Errorf("%d mails", len(w.sent))
	}
}

func TestRecipients(t *testing.T) {
	for name, test := range map[string]struct {
		edit  func(*settings.Function)
		owner string
		want  string
	}{
		"the owner":                     {nil, alice, alice},
		"the owner, in another case":    {nil, "ALICE@example.com", alice},
		"nobody":                        {nil, "", ""},
		"an owner that is no address":   {nil, "alice", ""},
		"the default, for who has none": {func(f *settings.Function) { f.Owners.Default = soc }, "", soc},
		"who gets everything gets no mail": {func(f *settings.Function) { f.Mail.Fixed = []string{"Alice@example.com"} },
			alice, ""},
		"the default gets everything": {func(f *settings.Function) {
			f.Owners.Default, f.Mail.Fixed = soc,
				[]string{soc}
		}, "", ""},
		"the owner beside who gets them all": {func(f *settings.Function) { f.Mail.Fixed = []string{soc} }, alice, alice},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, test.edit)
			w.notify(notice.Message{Control: "c", Severity: "low", Title: "T", Subject: "alice", Owner: test.owner})
			w.settle()
			got := ""
			for _, s := range w.sent {
				got += s.to()
			}
			if got != test.want {
				t.Errorf("mailed to %q, want %q", got, test.want)
			}
		})
	}
}

// sample is an event of SES about a mail.
func sample(t *testing.T, name, message, address string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer("EXAMPLE7c191be45-e9aedb9a-02f9-4d12-a87d-dd0099a07f8a-000000", message,
		"olivia@example.com", address).Replace(string(data))
}

func TestMailThatComesBack(t *testing.T) {
	for _, name := range []string{"email-bounced", "email-complaint"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(f *settings.Function) { f.Owners.Default = soc })
			n := w.notify(notice.Message{Control: "c", Severity: "low", Title: "T", Subject: "alice", Owner: alice})
			w.settle()
			w.now = w.now.Add(time.Minute)
			w.put(sample(t, name, "mail-1", "Alice@example.com"))
			w.settle()
			known, err := w.Ledger.Address(t.Context(), "ALICE@example.com")
			if err != nil || !known.CameBack(w.now) || known.Why == "" {
				t.Fatalf("the address is %+v, %v", known, err)
			}
			mailed, err := w.Ledger.Mailed(t.Context(), n.Finding)
			if err != nil || len(mailed) != 1 || mailed[0].Back.IsZero() || mailed[0].Why == "" {
				t.Errorf("the notice is %+v, %v", mailed, err)
			}
			if len(w.alerts) != 1 || w.alerts[0].Owner != soc || w.alerts[0].Severity != "high" ||
				!strings.Contains(w.alerts[0].Text, alice) {
				t.Fatalf("alerts %+v", w.alerts)
			}
			// From now on its notices go to the default contact, and after a time to the owner again.
			w.notify(notice.Message{Control: "c", Severity: "low", Title: "second", Subject: "alice", Owner: alice})
			w.settle()
			w.now = w.now.Add(ledger.MaxBack)
			w.notify(notice.Message{Control: "c", Severity: "low", Title: "third", Subject: "alice", Owner: alice})
			w.settle()
			if len(w.sent) != 3 || w.sent[1].to() != soc || w.sent[2].to() != alice {
				t.Errorf("mails %v", w.sent)
			}
		})
	}
}

func TestNobodyLeftIsCritical(t *testing.T) {
	for name, owner := range map[string]string{"no default": "", "it is the default itself": alice} {
		w := newWorld(t, func(f *settings.Function) { f.Owners.Default = owner })
		w.notify(notice.Message{Control: "c", Severity: "low", Title: "T", Subject: "alice", Owner: alice})
		w.settle()
		w.put(sample(t, "email-bounced", "mail-1", alice))
		w.settle()
		if len(w.alerts) != 1 || w.alerts[0].Severity != "critical" {
			t.Errorf("%s: alerts %+v", name, w.alerts)
		}
	}
}

// A mailbox that is full takes mail again: a day later it is tried again.
func TestWhatPassesIsTriedAgain(t *testing.T) {
	w := newWorld(t, nil)
	w.notify(notice.Message{Control: "c", Severity: "low", Title: "T", Subject: "alice", Owner: alice})
	w.settle()
	w.put(strings.Replace(sample(t, "email-bounced", "mail-1", alice), "Permanent", "Transient", 1))
	w.settle()
	known, err := w.Ledger.Address(t.Context(), alice)
	if err != nil || !known.CameBack(w.now) || known.CameBack(w.now.Add(passes)) {
		t.Errorf("the address is %+v, %v", known, err)
	}
}

// Nobody makes an address unreachable that no mail was sent to.
func TestForgedReturns(t *testing.T) {
	w := newWorld(t, nil)
	w.notify(notice.Message{Control: "c", Severity: "low", Title: "T", Subject: "alice", Owner: alice})
	w.settle()
	for _, body := range []string{
		sample(t, "email-bounced", "mail-7", alice), sample(t, "email-bounced", "mail-1", "bob@example.com"),
		sample(t, "email-bounced", "", alice), `{"source":"aws.ses"}`, `{"source":"aws.ses","detail":{"bounce":{}}}`,
		`{"source":"aws.ses","detail":[]}`,
	} {
		w.put(body)
	}
	w.settle()
	for _, address := range []string{alice, "bob@example.com"} {
		if known, err := w.Ledger.Address(t.Context(), address); err != nil || known.CameBack(w.now) {
			t.Errorf("%s is %+v, %v", address, known, err)
		}
	}
	if len(w.alerts) != 0 {
		t.Errorf("alerts %+v", w.alerts)
	}
}

func refusedBy(code, message string) error {
	return &smithy.OperationError{ServiceID: "SESv2", OperationName: "SendEmail",
		Err: &smithy.GenericAPIError{Code: code, Message: message}}
}

func TestWhatSESRefuses(t *testing.T) {
	t.Run("an address that it does not take", func(t *testing.T) {
		w := newWorld(t, func(f *settings.Function) { f.Owners.Default = soc })
		w.refuse = func(e *email) error {
			if e.Destination.To[0] == alice {
				return refusedBy("MessageRejected", "Email address is not verified. The following identities failed the check in "+
					"region US-EAST-1: Alice@example.com")
			}
			return nil
		}
		w.notify(notice.Message{Control: "c", Severity: "high", Title: "T", Subject: "alice", Owner: alice})
		w.settle()
		if len(w.sent) != 1 || w.sent[0].to() != soc || len(w.alerts) != 1 {
			t.Errorf("mails %v, alerts %v", w.sent, w.alerts)
		}
	})
	t.Run("one too many", func(t *testing.T) {
		w := newWorld(t, nil)
		times := 0
		w.refuse = func(*email) error {
			if times++; times <= 3 {
				return refusedBy("TooManyRequestsException", "Maximum sending rate exceeded.")
			}
			return nil
		}
		w.notify(notice.Message{Control: "c", Severity: "high", Title: "T", Subject: "alice", Owner: alice})
		w.settle()
		if len(w.sent) != 1 {
			t.Errorf("mails %v", w.sent)
		}
	})
	t.Run("a sender that is not verified is an error", func(t *testing.T) {
		w := newWorld(t, nil)
		w.refuse = func(*email) error {
			return refusedBy("MessageRejected", "Email address not verified warder@example.com")
		}
		w.notify(notice.Message{Control: "c", Severity: "high", Title: "T", Subject: "alice", Owner: alice})
		if _, err := w.try(); err == nil {
			t.Error("no error")
		}
		if known, err := w.Ledger.Address(t.Context(), alice); err != nil || known.CameBack(w.now) {
			t.Errorf("the owner is %+v, %v", known, err)
		}
		w.refuse = nil
		w.now = w.now.Add(time.Hour)
		w.settle()
		if len(w.sent) != 1 {
			t.Errorf("mails %v: nothing may be lost", w.sent)
		}
	})
}

func TestNotAnEventOfSQS(t *testing.T) {
	w := newWorld(t, nil)
	for _, raw := range []string{`{}`, `{"Records":[]}`, `[]`, `"x"`} {
		if _, err := w.handle(t.Context(), json.RawMessage(raw)); err == nil {
			t.Errorf("%s: no error", raw)
		}
	}
}
