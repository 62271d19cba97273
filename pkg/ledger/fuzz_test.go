package ledger

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/notice"
)

// Whatever an item of the table holds, by whomever it was written: it is read as what it says or is an
// error, and is never taken for less than it is, as for a hold or a stop that is not there.
func FuzzItems(f *testing.F) {
	now := time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)
	for _, value := range []any{
		Entry{ID: "e1", Control: "c", Subject: "alice", At: now,
			Steps:         []Step{{ID: "e1-1", Status: Verified, Change: change.Change{Kind: change.AccessKeyStatus}}},
			Notifications: []Notification{{Kind: notice.Changed, At: now}}},
		Case{Control: "c", Key: "k", Subject: "alice", Opened: now}, Run{Control: "c", Key: "k",
			At: now}, Breaker{Since: now, Tripped: now, Steps: []string{"a"}},
		Hold{Until: now.AddDate(0, 0, 7), By: caller.Identity{Claimed: "kim"}},
	} {
		body, err := json.Marshal(value)
		if err != nil {
			f.Fatal(err)
		}
		for _, partition := range []string{entries + "e1", cases + "c", runs + "c#k", breakers + "c",
			holds + (change.Change{Kind: "k", Subject: "s", Target: "t"}).Thing()} {
			f.Add(partition, "hold", string(body), "3", "2026-11-21T03:00:00.000Z", "1795000000")
		}
	}
	f.Add("entry#", "", "{", "-1", "never", "x")
	f.Add("breaker#c", "breaker", `{"tripped":"yesterday"}`, "1", "", "")
	f.Fuzz(func(t *testing.T, partition, sort, body, version, at, expires string) {
		item := decode(map[string]types.AttributeValue{
			"pk": text(partition), "sk": text(sort), "body": text(body), "subject": text("alice"), "at": text(at),
			"version": &types.AttributeValueMemberN{Value: version}, "expires": &types.AttributeValueMemberN{Value: expires},
		})
		if item.Partition != partition || item.Body != body {
			t.Fatalf("%+v", item)
		}
		store := &Memory{}
		item.Version = 0
		if store.Put(t.Context(), item) != nil {
			return // no item that DynamoDB would hold
		}
		l := New(store)
		contents, err := l.Contents(t.Context())
		valid := json.Valid([]byte(body))
		if err == nil && !valid && (strings.HasPrefix(partition, entries) || strings.HasPrefix(partition, cases) ||
			strings.HasPrefix(partition, runs) || strings.HasPrefix(partition, breakers)) {
			t.Fatalf("%q is read as %+v", body, contents)
		}
		if id, ok := strings.CutPrefix(partition, entries); ok && sort == "entry" && valid {
			entry, found, err := l.Entry(t.Context(), id)
			if err == nil && !found {
				t.Fatalf("%q is there, and is not found: %+v", partition, entry)
			}
		}
		if control, ok := strings.CutPrefix(partition, breakers); ok && sort == "breaker" {
			if b, err := l.Breaker(t.Context(), control); err == nil && !valid {
				t.Fatalf("a breaker that says %q is read as %+v", body, b)
			}
		}
		c := change.Change{Kind: "k", Subject: "s", Target: "t"}
		if partition == holds+c.Thing() && sort == "hold" {
			s, err := l.Holds(t.Context(), "c", "", []change.Change{c})
			if h, _ := s.Held([]change.Change{c}, now); err == nil && h.Until.IsZero() && !valid {
				t.Fatalf("a hold that says %q does not hold", body)
			}
		}
		for _, entry := range contents.Entries {
			if _, err := json.Marshal(entry); err != nil {
				t.Fatalf("what was read cannot be written again: %v", err)
			}
		}
	})
}
