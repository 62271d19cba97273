package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/settings"
)

const (
	token   = "xoxb-0123-SECRETTOKEN"
	address = "https://hooks.slack.com/services/T000/B000/SECRETPATH"
)

// secrets are what must be in no error.
var secrets = []string{"SECRETTOKEN", "SECRETPATH", "T000/B000"}

// answer is one answer of the double of Slack.
type answer struct {
	status int
	header map[string]string
	body   string
	// cut ends the connection without an answer, hang never answers.
	cut, hang bool
}

// double is a server on loopback that stands for Slack. It gives its answers one after the other, and
// the last one from then on.
type double struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request
	forms    []url.Values
	answers  []answer
	done     chan struct{}
	hung     func() // called when an answer hangs
}

func newDouble(t *testing.T, answers ...answer) *double {
	t.Helper()
	d := &double{answers: answers, done: make(chan struct{})}
	d.Server = httptest.NewServer(d)
	t.Cleanup(d.Close)
	t.Cleanup(func() { close(d.done) })
	return d
}

// ServeHTTP implements [http.Handler].
func (d *double) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	values := url.Values{}
	if r.Header.Get("Content-Type") == "application/json" {
		var message map[string]json.RawMessage
		if err := json.NewDecoder(r.Body).Decode(&message); err == nil {
			for name, value := range message {
				values.Set(name, string(value))
			}
		}
	} else if err := r.ParseForm(); err == nil {
		values = r.PostForm
	}
	d.mu.Lock()
	a := d.answers[min(len(d.requests), len(d.answers)-1)]
	d.requests, d.forms = append(d.requests, r), append(d.forms, values)
	d.mu.Unlock()
	switch {
	case a.hang:
		d.hung()
		<-d.done
		return
	case a.cut:
		panic(http.ErrAbortHandler)
	}
	for name, value := range a.header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(max(a.status, 200))
	fmt.Fprint(w, a.body)
}

// newClient is a client of the double.
func newClient(t *testing.T, d *double, secret string) *Client {
	t.Helper()
	client, err := NewHTTP(d.URL)
	if err != nil {
		t.Fatal(err)
	}
	return &Client{
		HTTP: client, Channel: "C024BE91L",
		Secret: func(context.Context, bool) (string, error) { return secret, nil },
	}
}

func clean(t *testing.T, err error) {
	t.Helper()
	for ; err != nil; err = errors.Unwrap(err) {
		for _, secret := range secrets {
			if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), secret) {
				t.Errorf("the error holds the secret: %v", err)
			}
		}
	}
}

var ok = answer{body: `{"ok":true,"channel":"C024BE91L","ts":"1700000000.000100"}`}

func refusal(name string) answer { return answer{body: fmt.Sprintf(`{"ok":false,"error":%q}`, name)} }

// try posts a message once, and returns what Slack's refusal says of the next try.
func try(t *testing.T, d *double, c *Client) (id string, refused Error, err error) {
	t.Helper()
	id, err = c.Post(t.Context(), Render(sample(notice.Changed, "high"), settings.English), "")
	clean(t, err)
	if len(d.requests) != 1 {
		t.Errorf("%d tries, want 1: who calls keeps the rate", len(d.requests))
	}
	var why *Error
	if errors.As(err, &why) {
		refused = *why
		refused.Todo = ""
	}
	return id, refused, err
}

func TestPost_WebAPIAnswers(t *testing.T) {
	limited := func(after string) answer { return answer{status: 429, header: map[string]string{"Retry-After": after}} }
	for _, tc := range []struct {
		name   string
		answer answer
		want   Error  // without what to do
		err    string // empty: it is posted
	}{
		{"it is posted", ok, Error{}, ""},
		{"the channel is unknown", refusal("channel_not_found"), Error{Why: "channel_not_found"},
			"post to Slack: channel_not_found: check notify.slack.channel; to a private channel the app must be invited"},
		{"the app is not in the channel", refusal("not_in_channel"), Error{Why: "not_in_channel"},
			"post to Slack: not_in_channel: invite the app to the channel"},
		{"the token is revoked", refusal("token_revoked"), Error{Why: "token_revoked", Auth: true},
			"post to Slack: token_revoked: put the app's bot token into the secret"},
		{"a scope is missing", answer{body: `{"ok":false,"error":"missing_scope","needed":"chat:write","provided":"none"}`},
			Error{Why: "missing_scope"}, "post to Slack: missing_scope: give the app the scope chat:write and install it again"},
		{"an error that is not known", refusal("something_new"), Error{Why: "something_new"}, "post to Slack: something_new"},
		{"an error that repeats the token", refusal(token), Error{Why: "an error without a name"},
			"post to Slack: an error without a name"},
		{"an error that is a story", refusal("<!channel> read https://evil.example"), Error{Why: "an error without a name"},
			"post to Slack: an error without a name"},
		{"no error and no success", answer{body: `{"ok":false}`}, Error{Why: errNotSlack.Error()},
			"post to Slack: an answer that is not Slack's"},
		{"the blocks are wrong", refusal("invalid_blocks"), Error{Why: "invalid_blocks", Alone: true},
			"post to Slack: invalid_blocks: a defect of Warder: report it"},
		{"the thread is gone", refusal("thread_not_found"), Error{Why: "thread_not_found", Thread: true, Alone: true},
			"post to Slack: thread_not_found"},
		{"rate limited in the body", refusal("ratelimited"), Error{Why: "ratelimited", Retry: true},
			"post to Slack: ratelimited"},
		{"internal_error passes", refusal("internal_error"), Error{Why: "internal_error", Retry: true},
			"post to Slack: internal_error"},
		{"400", answer{status: 400, body: "bad"}, Error{Why: "HTTP status 400"}, "post to Slack: HTTP status 400"},
		{"403", answer{status: 403}, Error{Why: "HTTP status 403"}, "post to Slack: HTTP status 403"},
		{"a redirect is not followed", answer{status: 302,
			header: map[string]string{"Location": "https://evil.example/" + token}}, Error{Why: "HTTP status 302"},
			"post to Slack: HTTP status 302"},
		{"429 with Retry-After", limited("30"),
			Error{Why: "too many messages (429)", Retry: true, After: 30 * time.Second},
			"post to Slack: too many messages (429)"},
		{"429 without Retry-After", answer{status: 429}, Error{Why: "HTTP status 429", Retry: true},
			"post to Slack: HTTP status 429"},
		{"429 with a Retry-After that is no number", limited("soon"),
			Error{Why: "too many messages (429), for an unknown time", Retry: true},
			"post to Slack: too many messages (429), for an unknown time"},
		{"500 passes", answer{status: 500, body: "<html>"}, Error{Why: "HTTP status 500", Retry: true},
			"post to Slack: HTTP status 500"},
		{"503 passes", answer{status: 503}, Error{Why: "HTTP status 503", Retry: true}, "post to Slack: HTTP status 503"},
		{"garbage", answer{body: "<html>\x00\xff"}, Error{Why: errNotSlack.Error()},
			"post to Slack: an answer that is not Slack's"},
		{"garbage that is JSON", answer{body: `[1,2]`}, Error{Why: errNotSlack.Error()},
			"post to Slack: an answer that is not Slack's"},
		{"half an answer", answer{body: `{"ok":true,"ts":"17`}, Error{Why: errNotSlack.Error()},
			"post to Slack: an answer that is not Slack's"},
		{"nothing", answer{}, Error{Why: errNotSlack.Error()}, "post to Slack: an answer that is not Slack's"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := newDouble(t, tc.answer)
			id, refused, err := try(t, d, newClient(t, d, token))
			if got := fmt.Sprint(err); err != nil && got != tc.err || err == nil && (tc.err != "" || id != "1700000000.000100") {
				t.Errorf("Post = %q, %v; want error %q", id, err, tc.err)
			}
			if refused != tc.want {
				t.Errorf("refused %+v, want %+v", refused, tc.want)
			}
		})
	}
	t.Run("the connection is cut", func(t *testing.T) {
		d := newDouble(t, answer{cut: true})
		if _, refused, err := try(t, d, newClient(t, d, token)); err == nil || !refused.Retry {
			t.Errorf("refused %+v, %v", refused, err)
		}
	})
}

func TestPost_WebhookAnswers(t *testing.T) {
	const replace = ": make a new webhook and put its address into the secret"
	for _, tc := range []struct {
		name   string
		answer answer
		err    string
		retry  bool
	}{
		{"it is posted", answer{body: "ok"}, "", false},
		{"invalid_payload", answer{status: 400, body: "invalid_payload"}, "post to Slack: HTTP status 400", false},
		{"action_prohibited", answer{status: 403, body: "action_prohibited"}, "post to Slack: HTTP status 403" + replace,
			false},
		{"no_service", answer{status: 404, body: "no_service"}, "post to Slack: HTTP status 404" + replace, false},
		{"channel_is_archived", answer{status: 410, body: "channel_is_archived"}, "post to Slack: HTTP status 410" + replace,
			false},
		{"429", answer{status: 429, header: map[string]string{"Retry-After": "2"}}, "post to Slack: too many messages (429)",
			true},
		{"500 rollup_error", answer{status: 500, body: "rollup_error"}, "post to Slack: HTTP status 500", true},
		{"a redirect is not followed", answer{status: 301, header: map[string]string{"Location": address}},
			"post to Slack: HTTP status 301", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := newDouble(t, tc.answer)
			id, refused, err := try(t, d, newClient(t, d, address))
			if got := fmt.Sprint(err); id != "" || err != nil && got != tc.err || err == nil && tc.err != "" {
				t.Errorf("Post = %q, %v; want error %q", id, err, tc.err)
			}
			if refused.Retry != tc.retry {
				t.Errorf("refused %+v", refused)
			}
			if path := d.requests[0].URL.Path; path != "/services/T000/B000/SECRETPATH" {
				t.Errorf("posted to %s", path)
			}
		})
	}
}

func TestPost_Request(t *testing.T) {
	post := Render(sample(notice.Changed, "high"), settings.English)
	for _, tc := range []struct {
		name, thread string
		want         map[string]string
	}{
		{"in the channel", "", map[string]string{"channel": "C024BE91L", "token": token, "thread_ts": "",
			"reply_broadcast": "", "unfurl_links": "false"}},
		{"in a thread, and shown in the channel", "1.1", map[string]string{"thread_ts": "1.1", "reply_broadcast": "true"}},
	} {
		d := newDouble(t, ok)
		c := newClient(t, d, token)
		if _, err := c.Post(t.Context(), post, tc.thread); err != nil {
			t.Fatal(err)
		}
		if path := d.requests[0].URL.Path; path != "/api/chat.postMessage" {
			t.Errorf("%s: posted to %s", tc.name, path)
		}
		for name, want := range tc.want {
			if got := d.forms[0].Get(name); got != want {
				t.Errorf("%s: %s = %q, want %q", tc.name, name, got, want)
			}
		}
		for _, name := range []string{"text", "blocks", "attachments"} {
			if d.forms[0].Get(name) == "" {
				t.Errorf("%s: no %s", tc.name, name)
			}
		}
	}
	d := newDouble(t, answer{body: "ok"})
	c := newClient(t, d, address)
	if _, err := c.Post(t.Context(), post, "1.1"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"text", "blocks", "attachments"} {
		if d.forms[0].Get(name) == "" {
			t.Errorf("the webhook got no %s", name)
		}
	}
	if d.forms[0].Get("thread_ts") != "" {
		t.Error("the webhook was asked to post in a thread, which it cannot")
	}
}

func TestPost_RefusedTokenIsReadOnceMore(t *testing.T) {
	for _, tc := range []struct {
		name    string
		secrets []string
		answer  answer
		reads   int
		err     string
		retry   bool
	}{
		{"it was replaced", []string{token, "xoxb-new"}, refusal("token_revoked"), 2, "token_revoked", true},
		{"it is the same", []string{token, token}, refusal("token_revoked"), 2, "token_revoked", false},
		{"a webhook took the token's place", []string{token, address}, refusal("account_inactive"), 2, "account_inactive",
			true},
		{"a webhook was replaced", []string{address, address + "2"}, answer{status: 404}, 2, "404", true},
		{"what was no token is one now", []string{"tokn", token}, ok, 2, "neither a bot token", true},
		{"nothing was wrong with it", []string{token}, ok, 1, "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := newDouble(t, tc.answer)
			c := newClient(t, d, "")
			reads := 0
			c.Secret = func(_ context.Context, again bool) (string, error) {
				if again != (reads > 0) {
					t.Errorf("read %d: again is %t", reads, again)
				}
				reads++
				return tc.secrets[reads-1], nil
			}
			_, err := c.Post(t.Context(), Post{Text: "t"}, "")
			clean(t, err)
			if reads != tc.reads || (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%d reads, %v", reads, err)
			}
			var refused *Error
			if errors.As(err, &refused) && refused.Retry != tc.retry {
				t.Errorf("%+v: worth another try: %t", refused, tc.retry)
			}
		})
	}
}

func TestPost_MalformedSecretIsNotRepeated(t *testing.T) {
	for secret, want := range map[string]string{
		"":                                  "neither a bot token nor the address of a webhook",
		`{"token":"xoxb-SECRETTOKEN"}`:      "neither a bot token nor the address of a webhook",
		"http://hooks.slack.com/SECRETPATH": "neither a bot token nor the address of a webhook",
		"https://evil.example/SECRETPATH":   "no address of a Slack webhook",
		"https://hooks.slack.com.evil.example/SECRETPATH": "no address of a Slack webhook",
		"https://hooks.slack.com@evil.example/SECRETPATH": "no address of a Slack webhook",
		"https://x:SECRETPATH@hooks.slack.com/":           "no address of a Slack webhook",
		"https://%zzSECRETPATH":                           "no address of a Slack webhook",
	} {
		d := newDouble(t, ok)
		c := newClient(t, d, secret)
		_, err := c.Post(t.Context(), Post{Text: "t"}, "")
		clean(t, err)
		if err == nil || !strings.Contains(err.Error(), want) || len(d.requests) > 0 {
			t.Errorf("%q: %v after %d requests", secret, err, len(d.requests))
		}
	}
	d := newDouble(t, ok)
	c := newClient(t, d, token)
	c.Channel = ""
	if _, err := c.Post(t.Context(), Post{Text: "t"}, ""); err == nil ||
		!strings.Contains(err.Error(), "notify.slack.channel") {
		t.Errorf("without a channel: %v", err)
	}
	broken := errors.New("denied")
	c.Secret = func(context.Context, bool) (string, error) { return "", broken }
	if _, err := c.Post(t.Context(), Post{Text: "t"}, ""); !errors.Is(err, broken) {
		t.Errorf("a secret that cannot be read: %v", err)
	}
}

func TestPost_ConnectionErrorsHaveNoSecret(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{token, address} {
		d := newDouble(t, answer{hang: true})
		for _, to := range []string{closed, d.URL} {
			c := newClient(t, d, secret)
			if c.HTTP, err = NewHTTP(to); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			d.hung = cancel
			_, err := c.Post(ctx, Post{Text: "t"}, "")
			cancel()
			clean(t, err)
			var refused *Error
			if !errors.As(err, &refused) || !refused.Retry {
				t.Errorf("%v", err)
			}
		}
		// Whatever is wrong with a request, the library says so with the request's address.
		c := newClient(t, d, secret)
		c.HTTP = &http.Client{Transport: refusing{}}
		_, err := c.Post(t.Context(), Post{Text: "t"}, "")
		clean(t, err)
		if err == nil || !strings.Contains(err.Error(), "no connection: no way to …") {
			t.Errorf("%v", err)
		}
	}
}

// refusing is a transport whose errors hold all of what was asked.
type refusing struct{}

func (refusing) RoundTrip(r *http.Request) (*http.Response, error) {
	what := r.URL.String()
	if r.URL.Host == "slack.com" {
		what = token
	}
	return nil, fmt.Errorf("no way to %s", what)
}

func TestLimit(t *testing.T) {
	d := newDouble(t, ok)
	for secret, want := range map[string]string{token: "slack#C024BE91L", address: "slack#webhook"} {
		if got, err := newClient(t, d, secret).Limit(t.Context()); err != nil || got != want {
			t.Errorf("limit %q, %v; want %q", got, err, want)
		}
	}
}

func TestPost_ThreadNotFound(t *testing.T) {
	d := newDouble(t, refusal("thread_not_found"))
	c := newClient(t, d, token)
	var refused *Error
	if _, err := c.Post(t.Context(), Post{Text: "t"}, "1.1"); !errors.As(err, &refused) || !refused.Thread ||
		refused.Retry {
		t.Errorf("%v", err)
	}
}

func TestThreads_TokenOnly(t *testing.T) {
	for secret, want := range map[string]bool{token: true, address: false} {
		c := newClient(t, newDouble(t, ok), secret)
		if got, err := c.Threads(t.Context()); got != want || err != nil {
			t.Errorf("Threads = %t, %v", got, err)
		}
	}
}

func TestNewHTTP_LoopbackOnly(t *testing.T) {
	for local, want := range map[string]bool{
		"": true, "http://127.0.0.1:8080": true, "http://localhost:8080": true, "http://[::1]:8080": true,
		"http://192.0.2.1": false, "http://127.0.0.1.evil.example": false, "https://127.0.0.1:8080": false,
		"http://127.0.0.1@evil.example": false, "127.0.0.1:8080": false, "http://": false, "%": false,
	} {
		if _, err := NewHTTP(local); (err == nil) != want {
			t.Errorf("NewHTTP(%q): %v", local, err)
		}
	}
}
