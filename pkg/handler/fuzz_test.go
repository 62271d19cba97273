package handler

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/drill"
	"github.com/warder-aws/warder/pkg/explain"
	"github.com/warder-aws/warder/pkg/remediation"
)

// Whatever is asked, a request says what was asked and nothing else: a key that it does not have is
// refused by its name.
func FuzzRequests(f *testing.F) {
	for _, seed := range []string{
		`{"action":"abcdefghij-1","by":"kim","reason":"why"}`, `{"user":"alice","since":"2026-01-01T00:00:00Z","by":"k",` +
			`"reason":"r"}`, `{"chat":"abcdefghij"}`,
		`{"key":"1A2B"}`, `{"policy":"arn:aws:iam::aws:policy/ReadOnlyAccess"}`, `{"by":"kim","minutes":10}`,
		`{"release":{"by":"k","reason":"r"}}`,
		`{"USER":"alice","user":"bob"}`, `{"force":true}`, `null`, `[]`, `"x"`, `{}`, `{"user":"\ud800"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		understood[remediation.UndoRequest](t, raw, "action", "user", "since", "run", "by", "reason", "chat")
		understood[explain.Request](t, raw, "key", "user", "policy", "action")
		understood[drill.Request](t, raw, "by", "minutes")
		if q, ok := release(raw); ok && !strings.Contains(strings.ToLower(string(raw)), "release") &&
			!bytes.Contains(raw, []byte(`\u`)) &&
			!bytes.ContainsRune(raw, 'ſ') {
			t.Fatalf("%q was read as a release: %+v", raw, q)
		}
	})
}

// Whatever texts an answer has, it stays JSON, and its reader finds no whole access key id in it.
func FuzzAnswers(f *testing.F) {
	for _, seed := range []string{
		"", key, "\\" + key, "\u2028" + key + "\"", "AKIA" + key, key + key, "\x00" + key, "\xff",
	} {
		f.Add(seed, seed)
	}
	whole := regexp.MustCompile(`A[KS]IA[A-Z0-9]{12}`)
	f.Fuzz(func(t *testing.T, why, action string) {
		text, err := leave(remediation.UndoAnswer{Refused: []remediation.Refused{{Action: action, Why: why}}}, nil)
		var read remediation.UndoAnswer
		if err != nil || json.Unmarshal(text, &read) != nil || len(read.Refused) != 1 {
			t.Fatalf("%q, %q: %s, %v", why, action, text, err)
		}
		if got := read.Refused[0]; whole.MatchString(got.Action) || whole.MatchString(got.Why) {
			t.Fatalf("%q, %q: %s", why, action, text)
		}
	})
}

func understood[Request comparable](t *testing.T, raw []byte, known ...string) {
	t.Helper()
	q, err := understand[Request](raw)
	if err != nil {
		if !strings.HasPrefix(err.Error(), "request not understood: ") {
			t.Fatalf("%q: %v", raw, err)
		}
		return
	}
	var asked map[string]any
	if err := json.NewDecoder(bytes.NewReader(raw)).Decode(&asked); err != nil {
		t.Fatalf("%q, which is no object, was understood as %+v", raw, q)
	}
	for name := range asked {
		if !containsFold(known, name) {
			t.Fatalf("%q was understood, with its %q", raw, name)
		}
	}
	text, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	again, err := understand[Request](text)
	if diff := cmp.Diff(q, again); err != nil || diff != "" {
		t.Fatalf("%q does not come back (%v): %s", raw, err, diff)
	}
}

func containsFold(names []string, name string) bool {
	for _, known := range names {
		if strings.EqualFold(known, name) {
			return true
		}
	}
	return false
}

// Whatever a name or an error holds, a line of the log is one JSON object that says just that, without
// whole access key ids, and of which nothing steers who looks at it.
func FuzzLog(f *testing.F) {
	for _, seed := range []string{"alice", "a\nb", `{"level":"ERROR"}`, "\u202eforged\u2066", "\x1b[2J\u009b",
		"\x7f", "\u2028", "\xff", "backup_AKIAIOSFODNN7EXAMPLE", "\U000E0041"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var out bytes.Buffer
		log := NewLog(&out)
		log.Info("change", "subject", text, "reason", text)
		log.Error("change", "error", errors.New(text).Error())
		if _, err := (runtimeLog{log}).Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if len(lines) < 2 || len(lines) > 3 {
			t.Fatalf("%d lines: %q", len(lines), out.String())
		}
		for i, line := range lines {
			var said struct{ Timestamp, Level, Msg, Subject, Reason, Error string }
			decoder := json.NewDecoder(strings.NewReader(line))
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(&said); err != nil {
				t.Fatalf("line %q: %v", line, err)
			}
			if i == 0 && !strings.Contains(text, "AKIA") && !strings.Contains(text, "ASIA") && said.Subject != each(text) {
				t.Fatalf("line %q of %q", line, text)
			}
			if strings.Contains(line, "AKIAIOSFODNN7EXAMPLE") || strings.ContainsFunc(line, func(r rune) bool {
				return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029'
			}) {
				t.Fatalf("line %q of %q", line, text)
			}
		}
	})
}

// each is the text with every byte that is no UTF-8 as U+FFFD, as JSON has it.
func each(text string) string {
	var b strings.Builder
	for _, r := range text {
		b.WriteRune(r)
	}
	return b.String()
}
