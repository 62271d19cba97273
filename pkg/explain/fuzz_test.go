package explain

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
)

// Whatever is asked about, the answer stays words: on the lines that it has, with nothing that steers the
// terminal of whoever asks, and without whole access key ids.
func FuzzExplain(f *testing.F) {
	for _, q := range []Request{
		{Key: "OLD1"}, {Key: offKey}, {User: "alice"}, {User: "nobody\nNow: active.\x1b[2J\u202e"}, {Policy: admin},
		{Policy: "\u2028" + admin},
		{Action: "acted1-1"}, {Action: "acted1-9\r\n"}, {Action: "-"}, {Key: oldKey, User: "alice"},
		{User: "backup_" + oldKey}, {},
	} {
		text, err := json.Marshal(q)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var q Request
		if json.Unmarshal(raw, &q) != nil {
			return
		}
		answer, err := reader(t).Explain(t.Context(), q)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "explain request not understood: ") {
				t.Fatalf("%s: %v", raw, err)
			}
			return
		}
		if strings.ContainsFunc(answer.Text, func(r rune) bool {
			return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) || r == '\u2028' || r == '\u2029'
		}) {
			t.Fatalf("%s: %q", raw, answer.Text)
		}
		if head, _, _ := strings.Cut(answer.Text, "\n"); strings.Count(answer.Text, "\n") < 2 || len(head) < 5 {
			t.Fatalf("%s: %q", raw, answer.Text)
		}
		for _, id := range []string{oldKey, offKey} {
			if strings.Contains(answer.Text, id) {
				t.Fatalf("%s: the whole access key id in %q", raw, answer.Text)
			}
		}
		if q.User != "" && q.User != "alice" && q.User != "bob" && len(answer.Actions) > 0 {
			t.Fatalf("%s: actions of somebody else: %+v", raw, answer.Actions)
		}
	})
}
