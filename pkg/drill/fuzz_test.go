package drill

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/warder-aws/warder/pkg/caller"
)

// Whatever is asked, a drill that goes on is asked for by somebody, and ends.
func FuzzRequest(f *testing.F) {
	f.Add([]byte(`{"by":"kim@example.com"}`))
	f.Add([]byte(`{"by":"kim","minutes":13}`))
	f.Add([]byte(`{"by":" ","minutes":-1}`))
	f.Add([]byte(`{"by":"kim","minutes":1e9}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var q Request
		if json.Unmarshal(raw, &q) != nil {
			return
		}
		who := caller.From(t.Context(), q.By)
		checked, err := q.Check(who)
		if err == nil && (who.IsZero() || strings.TrimSpace(checked.By) == "" || checked.By != q.By || checked.Minutes < 1 ||
			checked.Minutes > MaxMinutes || q.Minutes != 0 && checked.Minutes != q.Minutes) {
			t.Fatalf("%s is %+v", raw, checked)
		}
	})
}

// Whatever a user is called and tagged: a drill deletes nobody who does not say that a drill made it, by its
// name, its path and its tag together.
func FuzzMade(f *testing.F) {
	f.Add(Prefix+"abcdefghij", Path, Tag, "abcdefghij")
	f.Add("alice", Path, Tag, "abcdefghij")
	f.Add(Prefix+"x", "/", Tag, "x")
	f.Add(Prefix+"x", Path, "other", "x")
	f.Fuzz(func(t *testing.T, user, path, key, value string) {
		id, ok := Made(user, path, map[string]string{key: value})
		if ok && (!strings.HasPrefix(user, Prefix) || path != Path || key != Tag || id != value || id == "") {
			t.Fatalf("%q in %q with the tag %q of %q was made by drill %q", user, path, key, value, id)
		}
	})
}
