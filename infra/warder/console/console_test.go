package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/infra/warder/doctor"
	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/drill"
	"github.com/warder-aws/warder/pkg/explain"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
)

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// fakeAccount is an account that answers what it is given, and remembers what it was asked to do.
type fakeAccount struct {
	contents ledger.Contents
	halt     ledger.Halt
	err      error // of every read
	back     map[string]ledger.Address
	queues   []Queue
	lines    []doctor.Line
	text     string // that explain answers
	undo     remediation.UndoAnswer
	drill    drill.Answer
	exempt   []remediation.AskedExemption
	wait     chan struct{} // an undo waits for it, if it is there

	mu    sync.Mutex
	asked []string
}

func (a *fakeAccount) did(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, fmt.Sprintf(format, args...))
}

func (a *fakeAccount) Contents(context.Context) (ledger.Contents, error) { return a.contents, a.err }
func (a *fakeAccount) Halt(context.Context) (ledger.Halt, error)         { return a.halt, a.err }
func (a *fakeAccount) Address(_ context.Context, address string) (ledger.Address, error) {
	return a.back[address], a.err
}
func (a *fakeAccount) Queues(context.Context) ([]Queue, error) { return a.queues, a.err }
func (a *fakeAccount) Doctor(context.Context) []doctor.Line    { return a.lines }
func (a *fakeAccount) Explain(_ context.Context, q explain.Request) (explain.Answer, error) {
	return explain.Answer{Text: a.text}, a.err
}

func (a *fakeAccount) Undo(_ context.Context, q remediation.UndoRequest) (remediation.UndoAnswer, error) {
	if !q.Preview {
		a.did("undo %s by %s: %s", q.Action, q.By, q.Reason)
		if a.wait != nil {
			<-a.wait
		}
	}
	return a.undo, a.err
}

func (a *fakeAccount) SetHalt(
	_ context.Context, halt bool, q remediation.HaltRequest,
) (remediation.HaltAnswer, error) {
	a.did("halt %v by %s: %s", halt, q.By, q.Reason)
	return remediation.HaltAnswer{Halted: halt, Text: "the switch is set"}, a.err
}

func (a *fakeAccount) Release(
	_ context.Context, id string, q remediation.ReleaseRequest,
) (remediation.ReleaseAnswer, error) {
	a.did("release %s: %s", id, q.Reason)
	return remediation.ReleaseAnswer{Released: true, Text: "released"}, a.err
}

func (a *fakeAccount) Exempt(_ context.Context, q remediation.ExemptRequest) (remediation.ExemptAnswer, error) {
	if !q.List {
		a.did("exempt %q %q %s%s%s by %s: %s", q.Users, q.Controls, q.Until, q.Approve, q.Revoke, q.By, q.Reason)
	}
	return remediation.ExemptAnswer{Text: "exempted", Exemptions: a.exempt}, a.err
}

func (a *fakeAccount) Redrive(context.Context) (sent, left int, lines []string, err error) {
	a.did("redrive")
	return 2, 0, []string{"sent"}, a.err
}

func (a *fakeAccount) Drill(_ context.Context, q drill.Request) (drill.Answer, error) {
	a.did("drill of %d minutes", q.Minutes)
	return a.drill, a.err
}

func (a *fakeAccount) Report(_ context.Context, month, language string) (Evidence, error) {
	a.did("report %s %s", month, language)
	return Evidence{Text: "made", Month: month, Files: []File{{"2026-10.en.html", []byte("<script>page</script>")}}}, a.err
}

// example is an account with something on every page. Every name in it is followed by the text.
func example(text string) *fakeAccount {
	name := func(word string) string { return word + text }
	key := change.Change{
		Kind:      change.AccessKeyStatus,
		Subject:   name("alice"),
		SubjectID: "AIDAALICE",
		Target:    "AKIAIOSFODNN7EXAMPLE",
		Before:    "Active",
		After:     "Inactive",
	}
	policy := change.Change{Kind: change.ManagedUserPolicy, Subject: name("bob"), SubjectID: "AIDABOB",
		Target: name("arn:aws:iam::aws:policy/AdministratorAccess"), Before: "attached"}
	inline := change.Change{Kind: change.InlineUserPolicy, Subject: name("carol"), Target: name("all"),
		Before: `{"Statement":[{"Action":"secretthing:*"}]}`}
	at := func(days float64) time.Time { return noon.Add(-time.Duration(days * float64(day))) }
	entry := func(id, control, title, subject string, severity control.Severity, days float64) ledger.Entry {
		return ledger.Entry{
			ID:       id,
			Control:  control,
			Title:    name(title),
			Subject:  name(subject),
			User:     true,
			Owner:    name("owner@example.com"),
			Severity: string(severity),
			At:       at(days),
			Text:     name("What happened, in a sentence."),
			Run:      name("event-" + id),
			Event:    name("AWS API Call via CloudTrail: AttachUserPolicy"),
			Actor:    name("arn:aws:iam::111122223333:user/mallory"),
			Facts: []notice.Fact{
				{Name: name("Caller"), Value: name("arn:aws:iam::111122223333:user/mallory")},
			},
			Advice: name("Fix it."),
		}
	}
	applied := entry(
		"aaaaaaaaaa",
		"detach-direct-policy",
		"Administrator access was detached",
		"bob",
		control.Critical,
		.1,
	)
	applied.Steps = []ledger.Step{{Change: policy, ID: "aaaaaaaaaa-1", Status: ledger.Verified, At: at(.1)}}
	applied.Notifications = []ledger.Notification{{Kind: notice.Changed, Owner: name("owner@example.com"), At: at(.09)}}
	pending := entry(
		"bbbbbbbbbb",
		"deactivate-unused-access-key",
		"Access key was not used for 90 days",
		"alice",
		control.Medium,
		3,
	)
	pending.Steps = []ledger.Step{{Change: key, ID: "bbbbbbbbbb-1", Status: ledger.Pending, At: at(3)}}
	pending.Case, pending.Due = "key", noon.Add(4*day)
	held := entry("cccccccccc", "detach-direct-policy", "Inline policy gives all rights", "carol", control.Critical, 1)
	held.Steps = []ledger.Step{
		{Change: inline, ID: "cccccccccc-1", Status: ledger.Held, Reason: name("the blast radius is reached"), At: at(1)},
	}
	held.UnchangedReason = name("The control has stopped.")
	alert := entry("dddddddddd", "alert-root-usage", "The root user signed in", "root", control.Critical, .5)
	alert.Notify, alert.User = notice.Alert, false
	undone := entry("eeeeeeeeee", "deactivate-stale-access-key", "Access key was deactivated", "alice", control.High, 20)
	undone.Steps = []ledger.Step{
		{Change: key, ID: "eeeeeeeeee-1", Status: ledger.Undone, Undo: "ffffffffff-1", At: at(20)},
	}
	undo := entry("ffffffffff", remediation.UndoControl, "A change was reverted", "alice", control.High, 19)
	undo.Thread, undo.By, undo.Reason = "eeeeeeeeee", caller.Identity{
		ARN:     "arn:aws:iam::111122223333:user/kim",
		Claimed: name("lee"),
	}, name(
		"release night",
	)
	undo.Steps = []ledger.Step{{Change: key.Inverse(), ID: "ffffffffff-1", Status: ledger.Verified, At: at(19)}}
	a := &fakeAccount{
		contents: ledger.Contents{
			Entries: []ledger.Entry{undone, undo, pending, held, alert, applied},
			Cases: []ledger.Case{
				{
					Control: "deactivate-unused-access-key",
					Key:     "key",
					Subject: name("alice"), UserID: "AIDAALICE",
					User:     true,
					Owner:    name("owner@example.com"),
					Title:    name("Access key was not used for 90 days"),
					Severity: "medium",
					Changes:  []change.Change{key},
					Opened:   at(3),
					Notified: at(3),
					Due:      noon.Add(4 * day),
					Entry:    "bbbbbbbbbb",
				},
				{Control: "detach-direct-policy", Key: "all", Subject: name("carol"), User: true, Owner: "carol@example.com",
					Title: name("Inline policy gives all rights"), Severity: "critical", Changes: []change.Change{inline},
					Opened: at(
						1,
					), Notified: at(1), Due: noon.Add(-day / 2), Urgent: true, UrgentSince: noon.Add(-day / 2), Entry: "cccccccccc"},
				{
					Control:  "require-mfa",
					Key:      "mfa",
					Subject:  name("dan"),
					User:     true,
					Title:    name("No MFA"),
					Severity: "high",
					Opened:   at(2),
				},
			},
			Breakers: map[string]ledger.Breaker{"detach-direct-policy": {Tripped: at(1), Steps: make([]string, 10)}},
			Runs:     []ledger.Run{{Control: "detach-direct-policy", Event: "Scheduled Event", Done: true, At: at(.3)}},
		},
		back:   map[string]ledger.Address{"carol@example.com": {Back: at(2), Until: noon.Add(day), Why: name("bounced")}},
		queues: []Queue{{"Failed", "us-east-1", 2}, {"Undelivered", "us-east-1", 0}},
		lines: []doctor.Line{{Check: "trail", State: "ok", Text: name("records every region")},
			{Check: "queues", State: "problem", Text: name("2 events in Failed"), Do: name("warder redrive")},
			{
				Check: "mail",
				State: "not known",
				Text:  name("may not read"),
			}, {Check: "sweeps", State: "remark", Text: name("none yet")}},
		text: name("IAM user alice (AIDAALICE)") + "\nNow: it does not exist.\n",
		undo: remediation.UndoAnswer{
			Undone: []remediation.Undone{{Action: "aaaaaaaaaa-1", Text: name("attached the policy to bob")}},
		},
	}
	hops := []drill.Hop{
		{Name: drill.Event, Seen: true, Seconds: .4, Total: .4},
		{Name: drill.Rule, Seen: true, Seconds: 3.2, Total: 3.6},
		{Name: drill.Function, Seen: true, Seconds: .3, Total: 3.9},
		{Name: drill.Change, Seen: true, Seconds: 1.1, Total: 5},
		{Name: drill.Notice, Note: name("no notice was seen")},
	}
	a.exempt = []remediation.AskedExemption{
		{ID: "gggggggggg", Users: []string{name("erin")}, Controls: []string{"require-mfa"}, Until: "2026-12-31",
			By: name("lee"), Reason: name("a migration"), State: remediation.ExemptPending},
		{ID: "hhhhhhhhhh", Users: []string{name("finn")}, Controls: []string{"all"}, Until: "2026-12-10", By: name("lee"),
			Second: name("kim"), Reason: name("a robot"), State: remediation.ExemptInForce},
		{ID: "iiiiiiiiii", Users: []string{name("gone")}, State: remediation.ExemptOver},
	}
	a.drill = drill.Answer{
		ID:      "drill1",
		Outcome: drill.Failed,
		Reason:  name("a notice is missing"),
		Scenarios: []drill.Scenario{
			{
				Name:    "direct policy",
				Control: "detach-direct-policy",
				Outcome: drill.Failed,
				Reason:  name("late"),
				Hops:    hops,
				Did:     "changed",
			},
			{Name: "access key", Control: "deactivate-stale-access-key", Outcome: drill.Passed, Hops: hops[:3], Did: "changed"}},
	}
	return a
}

var controls = []control.Control{
	{ID: "detach-direct-policy", Schedule: "rate(1 day)"}, {ID: "deactivate-unused-access-key", Schedule: "rate(1 day)"},
	{ID: "require-mfa", Schedule: "rate(1 day)"}, {ID: "alert-root-usage"}, {ID: "undo", Tool: true},
}

// client is a browser of the console, with or without its session.
type client struct {
	t      *testing.T
	s      *Server
	url    string
	cookie string
}

func open(t *testing.T, a Account) *client {
	t.Helper()
	c := unopened(t, a)
	answer, _ := c.ask("GET", strings.TrimPrefix(c.s.URL(), c.url), nil, nil)
	c.cookie, _, _ = strings.Cut(answer.Header.Get("Set-Cookie"), ";")
	if answer.StatusCode != http.StatusOK || c.cookie == "" {
		t.Fatalf("the address that was printed: %s", answer.Status)
	}
	return c
}

func unopened(t *testing.T, a Account) *client {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	s, err := New(
		Options{Account: a, Controls: controls, Language: "en", By: "kim", Who: "arn:aws:iam::111122223333:user/kim",
			ID: "111122223333", Region: "us-east-1", Now: func() time.Time { return noon }},
		server.Listener.Addr().String(),
	)
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = s
	server.Start()
	t.Cleanup(server.Close)
	return &client{t: t, s: s, url: server.URL}
}

// answered is what a server answered, beside the text.
type answered struct {
	StatusCode int
	Status     string
	Header     http.Header
}

// ask sends a request as it is told to. A form is one of the session's own page unless the headers say otherwise.
func (c *client) ask(method, path string, form url.Values, headers map[string]string) (answered, string) {
	c.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", c.url)
	}
	r.Header.Set("Cookie", c.cookie)
	for name, value := range headers {
		switch {
		case name == "Host":
			r.Host = value
		case value == "":
			r.Header.Del(name)
		default:
			r.Header.Set(name, value)
		}
	}
	follow := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := follow.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	if err = errors.Join(err, answer.Body.Close()); err != nil {
		c.t.Fatal(err)
	}
	return answered{answer.StatusCode, answer.Status, answer.Header}, string(text)
}

// get gets a page that must be there.
func (c *client) get(page string) string {
	c.t.Helper()
	answer, text := c.ask("GET", c.s.base+page, nil, nil)
	if answer.StatusCode != http.StatusOK {
		c.t.Fatalf("%s: %s: %s", page, answer.Status, text)
	}
	return text
}

var hidden = regexp.MustCompile(`name="(csrf|plan)" value="([^"]+)"`)

// form is what the page's own form about an act holds.
func (c *client) form(page string) url.Values {
	c.t.Helper()
	form := url.Values{}
	for _, field := range hidden.FindAllStringSubmatch(c.get(page), -1) {
		form.Set(field[1], field[2])
	}
	return form
}

func TestSession(t *testing.T) {
	a := example("")
	c := unopened(t, a)
	token := strings.TrimPrefix(c.s.URL(), c.url)
	status := func(method, path string, form url.Values, headers map[string]string, want int) answered {
		t.Helper()
		answer, text := c.ask(method, path, form, headers)
		if answer.StatusCode != want {
			t.Errorf("%s %s %v: %s, want %d", method, path, headers, answer.Status, want)
		}
		if answer.StatusCode >= 400 && strings.Contains(text, "alice") {
			t.Errorf("%s %s: a refusal shows something", method, path)
		}
		for name, want := range map[string]string{"Content-Security-Policy": policy, "Cache-Control": "no-store",
			"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin"} {
			if got := answer.Header.Get(name); got != want {
				t.Errorf("%s %s: %s: %q", method, path, name, got)
			}
		}
		return answer
	}
	const no = http.StatusForbidden
	status("GET", c.s.base+"now", nil, nil, no)
	status("GET", "/", nil, nil, no)
	status("GET", "/"+strings.Repeat("a", len(token)-1), nil, nil, no)
	// Neither a browser that looks ahead nor another page uses the token up.
	status("HEAD", token, nil, nil, no)
	status("GET", token, nil, map[string]string{"Sec-Purpose": "prefetch"}, no)
	status("GET", token, nil, map[string]string{"Host": "evil.example"}, http.StatusMisdirectedRequest)
	status(
		"GET",
		token,
		nil,
		map[string]string{"Host": "localhost" + c.url[strings.LastIndex(c.url, ":"):]},
		http.StatusMisdirectedRequest,
	)
	status("GET", token, nil, map[string]string{"Origin": "http://evil.example"}, no)
	entered := status("GET", token, nil, nil, http.StatusOK)
	cookie := entered.Header.Get("Set-Cookie")
	for _, want := range []string{"; HttpOnly", "; SameSite=Strict", "; Path=" + c.s.base} {
		if !strings.Contains(cookie, want) {
			t.Errorf("cookie %q: want %s", cookie, want)
		}
	}
	status("GET", token, nil, nil, no) // once
	status("GET", c.s.base+"now", nil, nil, no)
	c.cookie = cookie[:strings.Index(cookie, ";")-1]
	status("GET", c.s.base+"now", nil, nil, no)
	c.cookie, _, _ = strings.Cut(cookie, ";")
	status("GET", token, nil, nil, no)

	status("GET", c.s.base+"now", nil, nil, http.StatusOK)
	status("GET", c.s.base+"now", nil, map[string]string{"Sec-Fetch-Site": "same-origin"}, http.StatusOK)
	status("GET", c.s.base+"now", nil, map[string]string{"Sec-Fetch-Site": "same-site"}, no)
	status("GET", c.s.base+"now", nil, map[string]string{"Sec-Fetch-Site": "cross-site"}, no)
	status("GET", c.s.base+"now", nil, map[string]string{"Host": "evil.example"}, http.StatusMisdirectedRequest)
	status("GET", c.s.base+"now", nil, map[string]string{"Origin": "null"}, no)
	status("GET", c.s.base+"nothing", nil, nil, http.StatusNotFound)
	status("GET", c.s.base+"../now", nil, nil, http.StatusNotFound)
	status("PUT", c.s.base+"now", nil, nil, http.StatusMethodNotAllowed)
}

func TestAct_OnlyAsItWasShownAndConfirmed(t *testing.T) {
	a := example("")
	c := open(t, a)
	page := "confirm?act=undo&id=aaaaaaaaaa-1"
	if text := c.get(page); !strings.Contains(text, "attached the policy to bob") {
		t.Error("the page does not say what the undo would do")
	}
	form := func(changed ...string) url.Values {
		f := c.form(page)
		f.Set("reason", "release night")
		for i := 0; i < len(changed); i += 2 {
			f.Set(changed[i], changed[i+1])
		}
		return f
	}
	const no = http.StatusForbidden
	header := func(name, value string) map[string]string { return map[string]string{name: value} }
	for what, try := range map[string]struct {
		method  string
		form    url.Values
		headers map[string]string
		want    int
	}{
		"a GET":                        {"GET", nil, nil, http.StatusNotFound},
		"a HEAD":                       {"HEAD", nil, nil, http.StatusNotFound},
		"no CSRF token":                {"POST", form("csrf", ""), nil, http.StatusForbidden},
		"another CSRF token":           {"POST", form("csrf", "x"), nil, http.StatusForbidden},
		"no origin":                    {"POST", form(), map[string]string{"Origin": ""}, http.StatusForbidden},
		"another origin":               {"POST", form(), header("Origin", "http://127.0.0.1:1"), no},
		"an origin that hides":         {"POST", form(), map[string]string{"Origin": "null"}, http.StatusForbidden},
		"another host":                 {"POST", form(), header("Host", "evil.example"), http.StatusMisdirectedRequest},
		"no session":                   {"POST", form(), map[string]string{"Cookie": ""}, http.StatusForbidden},
		"a form that is no form":       {"POST", form(), header("Content-Type", "text/plain"), no},
		"no reason":                    {"POST", form("reason", " \u200b "), nil, http.StatusConflict},
		"a reason that is too long":    {"POST", form("reason", strings.Repeat("x", 501)), nil, http.StatusConflict},
		"a plan that nobody was shown": {"POST", form("plan", "x"), nil, http.StatusConflict},
		"a form that is too large":     {"POST", form("reason", strings.Repeat("x", maxForm)), nil, http.StatusBadRequest},
	} {
		path := c.s.base + "act"
		if try.method != "POST" {
			path += "?" + form().Encode()
		}
		if answer, _ := c.ask(try.method, path, try.form, try.headers); answer.StatusCode != try.want {
			t.Errorf("%s: %s, want %d", what, answer.Status, try.want)
		}
	}
	for _, visited := range []string{
		"now", "timeline", "due", "subject?kind=user&name=alice", "health", "evidence", "confirm?act=halt",
		"confirm?act=resume", "confirm?act=redrive", "confirm?act=drill", "confirm?act=release&control=detach-direct-policy",
		"confirm?act=report&month=2026-10&language=en",
	} {
		c.get(visited)
	}
	if len(a.asked) > 0 {
		t.Fatalf("nothing was confirmed, and it did %q", a.asked)
	}
	once := form()
	if answer, _ := c.ask("POST", c.s.base+"act", once, nil); answer.StatusCode != http.StatusSeeOther {
		t.Fatalf("the confirmed act: %s", answer.Status)
	}
	if text := c.get("result"); !strings.Contains(text, "Done.") {
		t.Error("the result is not shown")
	}
	if answer, _ := c.ask("POST", c.s.base+"act", once, nil); answer.StatusCode != http.StatusConflict {
		t.Errorf("the same act again: %s", answer.Status)
	}
	if diff := cmp.Diff([]string{"undo aaaaaaaaaa-1 by kim: release night"}, a.asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

func TestAct_OneAtATime(t *testing.T) {
	a := example("")
	a.wait = make(chan struct{})
	c := open(t, a)
	form := func(page string) url.Values {
		f := c.form(page)
		f.Set("reason", "why")
		return f
	}
	first, second := form("confirm?act=undo&id=aaaaaaaaaa-1"), form("confirm?act=halt")
	c.ask("POST", c.s.base+"act", first, nil)
	if answer, _ := c.ask("POST", c.s.base+"act", second, nil); answer.StatusCode != http.StatusConflict {
		t.Errorf("a second act while one goes on: %s", answer.Status)
	}
	close(a.wait)
	c.get("result")
	c.ask("POST", c.s.base+"act", second, nil)
	c.get("result")
	if diff := cmp.Diff([]string{"undo aaaaaaaaaa-1 by kim: why", "halt true by kim: why"}, a.asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

func TestAct_Each(t *testing.T) {
	for page, want := range map[string]string{
		"confirm?act=halt":   "halt true by kim: why",
		"confirm?act=resume": "halt false by kim: why",
		"confirm?act=release&control=detach-direct-policy": "release detach-direct-policy: why",
		"confirm?act=redrive":                              "redrive",
		"confirm?act=drill&minutes=3":                      "drill of 3 minutes",
		"confirm?act=drill&minutes=99":                     "drill of 10 minutes",
		"confirm?act=report&month=2026-10&language=ko":     "report 2026-10 ko",
		"confirm?act=exempt&control=deactivate-unused-access-key&case=key&until=2026-12-24": `exempt ["AIDAALICE"] ` +
			`["deactivate-unused-access-key"] 2026-12-24 by kim: why`,
		"confirm?act=approve&id=gggggggggg": "exempt [] [] gggggggggg by kim: why",
		"confirm?act=revoke&id=hhhhhhhhhh":  "exempt [] [] hhhhhhhhhh by kim: why",
	} {
		a := example("")
		c := open(t, a)
		form := c.form(page)
		form.Set("reason", "why")
		c.ask("POST", c.s.base+"act", form, nil)
		c.get("result")
		if diff := cmp.Diff([]string{want}, a.asked); diff != "" {
			t.Errorf("%s (-want +got):\n%s", page, diff)
		}
	}
	c := open(t, example(""))
	for _, page := range []string{"confirm?act=nothing", "confirm?act=undo&id=x%27", "confirm?act=release&control=undo",
		"confirm?act=report&month=soon&language=en",
		"confirm?act=exempt&control=require-mfa&case=none&until=2026-12-24",
		"confirm?act=exempt&control=deactivate-unused-access-key&case=key&until=soon", "confirm?act=approve&id=none"} {
		if answer, text := c.ask("GET", c.s.base+page, nil, nil); answer.StatusCode < 400 ||
			strings.Contains(text, `name="plan"`) {
			t.Errorf("%s: %s", page, answer.Status)
		}
	}
}

func TestDownload_OpensNothing(t *testing.T) {
	c := open(t, example(""))
	if answer, _ := c.ask("GET", c.s.base+"download?file=0", nil, nil); answer.StatusCode != http.StatusNotFound {
		t.Errorf("before there is one: %s", answer.Status)
	}
	c.ask("POST", c.s.base+"act", c.form("confirm?act=report&month=2026-10&language=en"), nil)
	c.get("result")
	answer, text := c.ask("GET", c.s.base+"download?file=0", nil, nil)
	if text != "<script>page</script>" || answer.Header.Get("Content-Type") != "application/octet-stream" ||
		!strings.HasPrefix(answer.Header.Get("Content-Disposition"), "attachment;") {
		t.Errorf("%v: %q", answer.Header, text)
	}
}

func TestPages_WhatCannotBeReadIsNotKnown(t *testing.T) {
	a := &fakeAccount{err: errors.New("access denied")}
	text := open(t, a).get("now")
	if strings.Contains(text, "is not halted") || !strings.Contains(text, "Nobody knows whether Warder is halted") ||
		strings.Contains(text, "None.") ||
		strings.Count(text, "access denied") < 3 {
		t.Errorf("the page:\n%s", text)
	}
	if text := open(t, a).get("due"); strings.Contains(text, "Nothing is due") {
		t.Error("nothing is due, although nothing could be read")
	}
}

func TestPages_ShowNoDocumentAndNoWholeKey(t *testing.T) {
	c := open(t, example(""))
	for _, page := range []string{
		"now", "timeline", "timeline?q=AKIAIOSFODNN7EXAMPLE", "due", "incident?id=bbbbbbbbbb", "incident?id=cccccccccc-1",
		"subject?kind=key&name=AKIAIOSFODNN7EXAMPLE", "confirm?act=release&control=detach-direct-policy",
		"confirm?act=undo&id=aaaaaaaaaa-1",
	} {
		text := c.get(page)
		for _, secret := range []string{"AKIAIOSFODNN7EXAMPLE", "secretthing", strings.TrimPrefix(c.cookie, cookie+"=")} {
			if strings.Contains(text, secret) {
				t.Errorf("%s shows %s", page, secret)
			}
		}
	}
}

func TestTimeline(t *testing.T) {
	c := open(t, example(""))
	row := regexp.MustCompile(`href="incident\?id=([a-z]+)"`)
	for query, want := range map[string]string{
		"":                              "aaaaaaaaaa dddddddddd cccccccccc bbbbbbbbbb eeeeeeeeee",
		"q=BOB+detach":                  "aaaaaaaaaa",
		"q=ffffffffff":                  "eeeeeeeeee",
		"q=AdministratorAccess":         "aaaaaaaaaa",
		"q=nobody":                      "",
		"state=open":                    "cccccccccc bbbbbbbbbb",
		"state=undone":                  "eeeeeeeeee",
		"state=alert&severity=critical": "dddddddddd",
		"control=detach-direct-policy":  "aaaaaaaaaa cccccccccc",
		"days=2":                        "aaaaaaaaaa dddddddddd cccccccccc",
		"page=99":                       "aaaaaaaaaa dddddddddd cccccccccc bbbbbbbbbb eeeeeeeeee",
	} {
		var got []string
		for _, match := range row.FindAllStringSubmatch(c.get("timeline?"+query), -1) {
			got = append(got, match[1])
		}
		if diff := cmp.Diff(want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
}

// Only what is in force is offered to be undone, and of an undo the undo itself.
func TestIncident_Undo(t *testing.T) {
	c := open(t, example(""))
	undo := regexp.MustCompile(`act=undo&amp;id=([a-z0-9-]+)"`)
	for id, want := range map[string]string{
		"aaaaaaaaaa-1": "aaaaaaaaaa-1", "bbbbbbbbbb": "", "cccccccccc": "", "eeeeeeeeee": "ffffffffff-1",
	} {
		var got []string
		for _, match := range undo.FindAllStringSubmatch(c.get("incident?id="+id), -1) {
			got = append(got, match[1])
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %s", id, got, want)
		}
	}
}

func TestDue_ACommandTakesANameForANameAlone(t *testing.T) {
	for name, want := range map[string]string{
		"alice": "--user=alice ", "a b": "--user='a b' ", "$(id)`id`": "--user='$(id)`id`' ", "it's": `--user='it'\''s' `,
		"x\ny": "--user='x y' ", "": "--user='' ", "--yes": "--user=--yes ",
	} {
		if got := exemptCommand(ledger.Case{Subject: name, Control: "require-mfa"}, noon); !strings.Contains(got, want) {
			t.Errorf("%q: %s", name, got)
		}
	}
}

func many(n int) *fakeAccount {
	a := example("")
	for i := range n {
		e := a.contents.Entries[i%6]
		e.ID = fmt.Sprintf("%010d", i)
		e.Thread, e.At = "", e.At.Add(-time.Duration(i)*time.Minute)
		a.contents.Entries = append(a.contents.Entries, e)
	}
	return a
}

func BenchmarkTimeline_10000Entries(b *testing.B) {
	a := many(10_000)
	s, err := New(
		Options{Account: a, Controls: controls, Language: "en", Now: func() time.Time { return noon }},
		"127.0.0.1:1",
	)
	if err != nil {
		b.Fatal(err)
	}
	for _, bench := range []struct {
		name   string
		forget bool
	}{{"read anew", true}, {"page", false}} {
		b.Run(bench.name, func(b *testing.B) {
			for b.Loop() {
				if bench.forget {
					s.forget()
				}
				w := httptest.NewRecorder()
				r := httptest.NewRequestWithContext(b.Context(), "GET", s.base+"timeline?q=alice", nil)
				s.get(w, r, "timeline")
				if w.Code != http.StatusOK {
					b.Fatal(w.Code)
				}
			}
		})
	}
}
