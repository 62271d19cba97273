package slackserver

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const (
	header = `{"type":"header","text":{"type":"plain_text","text":"Title"}}`
	rich   = `{"type":"rich_text","elements":[
		{"type":"rich_text_section","elements":[{"type":"text","text":"Owner: "},{"type":"user","user_id":"U024BE7LH"},
			{"type":"text","text":"\nand more"}]},
		{"type":"rich_text_list","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"one"}]}]},
		{"type":"rich_text_preformatted","elements":[{"type":"text","text":"make undo"}]}]}`
	small = `{"type":"context","elements":[{"type":"plain_text","text":"small"}]}`
)

func start(t *testing.T) (*Server, func(path string, form url.Values, body string) string) {
	t.Helper()
	s, err := Start(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, func(path string, form url.Values, body string) string {
		t.Helper()
		kind := "application/json"
		if form != nil {
			kind, body = "application/x-www-form-urlencoded", form.Encode()
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", kind)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		answer, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(answer))
	}
}

func TestServer_Messages(t *testing.T) {
	s, post := start(t)
	post("/api/chat.postMessage", url.Values{
		"token": {"xoxb-1"}, "channel": {"C1"}, "text": {"note"}, "blocks": {"[" + header + "]"}, "attachments": {
			`[{"blocks":[` + rich + `,` + small + `]}]`,
		},
	}, "")
	root := s.Messages()[0].ID
	post("/api/chat.postMessage", url.Values{
		"token": {"xoxb-1"}, "channel": {"C1"}, "text": {"reply"}, "thread_ts": {root}, "reply_broadcast": {"true"},
	}, "")
	if got := post("/services/T0/B0/X", nil, `{"text":"hook","blocks":[`+header+`]}`); got != "ok" {
		t.Errorf("the webhook answers %q", got)
	}
	want := []Message{
		{
			Text: "note", Lines: []string{"Title", "Owner: @U024BE7LH", "and more", "- one", "$ make undo", "small"},
			Mentions: []string{"U024BE7LH"},
		},
		{Text: "reply", Thread: root, Broadcast: true},
		{Text: "hook", Lines: []string{"Title"}},
	}
	if diff := cmp.Diff(want, s.Messages(), cmpopts.IgnoreFields(Message{}, "ID", "At")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestServer_Refusals(t *testing.T) {
	s, post := start(t)
	valid := url.Values{"token": {"xoxb-1"}, "channel": {"C1"}, "text": {"t"}}
	for name, change := range map[string][2]string{
		"not_authed": {"token", ""}, "channel_not_found": {"channel", ""}, "no_text": {"text",
			""}, "thread_not_found": {"thread_ts", "1.1"},
		"invalid_blocks_format": {"blocks", "{"}, "invalid_blocks": {
			"blocks", `[{"type":"section","text":{"type":"mrkdwn","text":"x"}}]`,
		},
	} {
		form := url.Values{}
		for k, v := range valid {
			form[k] = v
		}
		form.Set(change[0], change[1])
		if got := post("/api/chat.postMessage", form, ""); !strings.Contains(got, `"error":"`+name+`"`) {
			t.Errorf("%v: %s, want %s", change, got, name)
		}
	}
	for _, blocks := range []string{
		strings.Repeat(header+",", 50) + header, `{"type":"header","text":{"type":"plain_text","text":""}}`,
		`{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":""}]}]}`,
		`{"type":"rich_text","elements":[{"type":"x"}]}`,
		`{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"broadcast"}]}]}`,
		`{"type":"context","elements":[{"type":"plain_text"}]}`,
	} {
		if got := post("/services/T0/B0/X", nil, `{"blocks":[`+blocks+`]}`); got != "invalid_payload" {
			t.Errorf("%.80s: %s", blocks, got)
		}
	}
	if got := post("/api/users.list", valid, ""); !strings.Contains(got, "404") {
		t.Errorf("another method: %s", got)
	}
	if all := s.Messages(); len(all) > 0 {
		t.Errorf("kept %v", all)
	}
}
