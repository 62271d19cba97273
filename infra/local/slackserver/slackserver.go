// Package slackserver stands for Slack on loopback, with one channel, to try what is posted: it takes
// chat.postMessage and incoming webhooks as Slack does, keeps the messages, and shows them as text.
//
// It checks what Slack would refuse of a message's form as far as that is known, and no token. Nobody
// but this machine reaches it.
package slackserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Message is what was posted.
type Message struct {
	ID string
	// Thread is the id of the message that it answers; empty in the channel itself.
	Thread string
	// Broadcast is set when it shows in the channel as well.
	Broadcast bool
	// Text is what a notification shows, Lines what the message does.
	Text  string
	Lines []string
	// Mentions are the ids of the members that it mentions.
	Mentions []string
	At       time.Time
}

// Server stands for Slack.
type Server struct {
	URL string

	server *http.Server
	posted func(Message)

	mu       sync.Mutex
	messages []Message
}

// Start starts a server. posted, when set, is called with each message. Whoever starts it closes it.
func Start(ctx context.Context, posted func(Message)) (*Server, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	s := &Server{URL: "http://" + listener.Addr().String(), posted: posted}
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.server.Serve(listener) }()
	return s, nil
}

// Close ends the server.
func (s *Server) Close() { _ = s.server.Close() }

// Messages are those posted so far, in their order.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Message(nil), s.messages...)
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	webhook := strings.HasPrefix(r.URL.Path, "/services/")
	var p payload
	var err error
	switch {
	case r.Method != http.MethodPost || !webhook && r.URL.Path != "/api/chat.postMessage":
		http.NotFound(w, r)
		return
	case webhook:
		err = json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&p)
	default:
		r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
		err = p.fromForm(r)
	}
	var m Message
	if err == nil {
		m, err = s.keep(p)
	}
	switch {
	case webhook && err != nil:
		http.Error(w, "invalid_payload", http.StatusBadRequest)
	case webhook:
		_, _ = w.Write([]byte("ok"))
	default:
		answer := map[string]any{"ok": err == nil, "ts": m.ID}
		if err != nil {
			answer = map[string]any{"ok": false, "error": err.Error()}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer)
	}
}

// payload is a message as it is posted.
type payload struct {
	Text        string            `json:"text"`
	Blocks      []json.RawMessage `json:"blocks"`
	Attachments []struct {
		Blocks []json.RawMessage `json:"blocks"`
	} `json:"attachments"`
	Thread    string `json:"thread_ts"`
	Broadcast bool   `json:"reply_broadcast"`
}

// fromForm reads the message that a form holds, as the Web API takes it.
func (p *payload) fromForm(r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return errors.New("invalid_form_data")
	}
	form := r.PostForm
	switch {
	case form.Get("token") == "":
		return errors.New("not_authed")
	case form.Get("channel") == "":
		return errors.New("channel_not_found")
	}
	p.Text, p.Thread, p.Broadcast = form.Get("text"), form.Get("thread_ts"), form.Get("reply_broadcast") == "true"
	for name, into := range map[string]any{"blocks": &p.Blocks, "attachments": &p.Attachments} {
		if text := form.Get(name); text != "" && json.Unmarshal([]byte(text), into) != nil {
			return errors.New("invalid_blocks_format")
		}
	}
	return nil
}

// maxBlocks is how many blocks Slack takes
// (https://docs.slack.dev/reference/block-kit/blocks).
const maxBlocks = 50

// keep keeps a message. The error is Slack's name for what is wrong with it.
func (s *Server) keep(p payload) (Message, error) {
	m := Message{Thread: p.Thread, Broadcast: p.Broadcast, Text: p.Text, At: time.Now()}
	blocks := p.Blocks
	for _, a := range p.Attachments {
		blocks = append(blocks, a.Blocks...)
	}
	switch {
	case len(blocks) == 0 && p.Text == "":
		return m, errors.New("no_text")
	case len(blocks) > maxBlocks:
		return m, errors.New("invalid_blocks")
	}
	for _, raw := range blocks {
		var b element
		if err := json.Unmarshal(raw, &b); err != nil {
			return m, errors.New("invalid_blocks")
		}
		lines, err := m.lines(b)
		if err != nil {
			return m, err
		}
		m.Lines = append(m.Lines, lines...)
	}
	s.mu.Lock()
	if p.Thread != "" && !slices.ContainsFunc(s.messages, func(m Message) bool { return m.ID == p.Thread }) {
		s.mu.Unlock()
		return m, errors.New("thread_not_found")
	}
	m.ID = fmt.Sprintf("%d.%06d", m.At.Unix(), len(s.messages)+1)
	s.messages = append(s.messages, m)
	s.mu.Unlock()
	if s.posted != nil {
		s.posted(m)
	}
	return m, nil
}

// element is any part of a message.
type element struct {
	Type      string          `json:"type"`
	Text      json.RawMessage `json:"text"`
	Elements  []element       `json:"elements"`
	User      string          `json:"user_id"`
	Fallback  string          `json:"fallback"` // of a date
	Format    string          `json:"format"`
	Timestamp int64           `json:"timestamp"`
	URL       string          `json:"url"`
}

// lines is a block as text: what is to be copied after a dollar sign, lists with dashes.
func (m *Message) lines(b element) ([]string, error) {
	switch b.Type {
	case "header":
		words, err := object(b.Text)
		return []string{words}, err
	case "context":
		var parts []string
		for _, e := range b.Elements {
			words := ""
			if err := json.Unmarshal(e.Text, &words); err != nil || words == "" {
				return nil, errors.New("invalid_blocks")
			}
			parts = append(parts, words)
		}
		return []string{strings.Join(parts, " ")}, nil
	case "rich_text":
		var all []string
		for _, e := range b.Elements {
			lines, err := m.rich(e, "")
			if err != nil {
				return nil, err
			}
			all = append(all, lines...)
		}
		return all, nil
	}
	return nil, errors.New("invalid_blocks")
}

// rich is a part of a rich text.
func (m *Message) rich(e element, mark string) ([]string, error) {
	switch e.Type {
	case "rich_text_list":
		var all []string
		for _, item := range e.Elements {
			lines, err := m.rich(item, "- ")
			if err != nil {
				return nil, err
			}
			all = append(all, lines...)
		}
		return all, nil
	case "rich_text_preformatted":
		mark = "$ "
	case "rich_text_section":
	default:
		return nil, errors.New("invalid_blocks")
	}
	text := ""
	for _, part := range e.Elements {
		words := ""
		switch part.Type {
		case "user":
			m.Mentions = append(m.Mentions, part.User)
			words = "@" + part.User
		case "date":
			if words = part.Fallback; words == "" || part.Format == "" || part.Timestamp == 0 {
				return nil, errors.New("invalid_blocks")
			}
		case "text", "link":
			if err := json.Unmarshal(part.Text, &words); err != nil || words == "" {
				return nil, errors.New("invalid_blocks")
			}
		default:
			return nil, errors.New("invalid_blocks")
		}
		text += words
	}
	return strings.Split(mark+text, "\n"), nil
}

// object is the text of a text object.
func object(raw json.RawMessage) (string, error) {
	var o struct{ Type, Text string }
	if err := json.Unmarshal(raw, &o); err != nil || o.Text == "" || o.Type != "plain_text" {
		return "", errors.New("invalid_blocks")
	}
	return o.Text, nil
}
