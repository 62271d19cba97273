package remediation_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/owner"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// sent keeps what was published.
type sent struct{ messages []notice.Message }

func (s *sent) Publish(_ context.Context, m notice.Message) (string, error) {
	_, err := m.Bodies()
	s.messages = append(s.messages, m)
	return "m", err
}

// Whatever is asked to be reverted: only what the request names is reverted, by somebody and for a reason
// that can be seen, and the owner is notified of it.
func FuzzUndo(f *testing.F) {
	for _, seed := range []string{
		`{"action":"acted1-1","by":"kim","reason":"why"}`, `{"action":"acted1","by":"kim","reason":"why"}`,
		`{"user":"alice","since":"2026-01-01T00:00:00Z","by":"k","reason":"r"}`,
		`{"run":"e1","by":"k","reason":"r"}`, `{"chat":"acted1"}`, `{"chat":"acted1","by":"kim"}`,
		`{"action":"acted1-1","by":"\u200b","reason":" "}`,
		`{"action":"acted1-1","user":"alice","by":"k","reason":"r"}`, `{"user":"bob","since":"never","by":"k","reason":"r"}`,
		`{}`, `null`,
		`{"action":"other1-1","by":"<!channel>\n\u202e","reason":"AKIAIOSFODNN7EXAMPLE"}`,
	} {
		f.Add([]byte(seed))
	}
	const off, stays = "AKIAEXAMPLEALICEOLD1", "AKIAEXAMPLEBOBKEY001"
	described := control.Control{ID: "scripted", Severity: control.High}
	now := time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, raw []byte) {
		var q remediation.UndoRequest
		if json.Unmarshal(raw, &q) != nil {
			return
		}
		a := fakeaws.New(fakeaws.State{Users: map[string]*fakeaws.User{
			"alice": {ID: "AIDAEXAMPLEALICE00001", Tags: map[string]string{"owner": "alice@example.com"},
				Keys: []fakeaws.Key{{ID: off, Status: change.Inactive, Created: now.AddDate(0, 0, -100)}}},
			"bob": {ID: "AIDAEXAMPLEBOB0000001", Keys: []fakeaws.Key{{ID: stays, Status: change.Inactive,
				Created: now.AddDate(0, 0, -100)}}},
		}})
		memory, topic := ledger.New(&ledger.Memory{}), &sent{}
		for id, of := range map[string][2]string{"acted1": {"alice", off}, "other1": {"bob", stays}} {
			entry := ledger.Entry{
				ID: id, Control: described.ID, Run: "e-" + id, Subject: of[0], User: true, At: now.AddDate(0, 0, -1), Title: "T",
				Text: "X.",
				Steps: []ledger.Step{{
					ID: id + "-1", Status: ledger.Verified, At: now,
					Change: change.Change{Kind: change.AccessKeyStatus, Subject: of[0], Target: of[1], Before: change.Active,
						After: change.Inactive},
				}},
			}
			if err := memory.Update(t.Context(), &entry); err != nil {
				t.Fatal(err)
			}
		}
		before := a.State()
		undoer := &remediation.Undoer{Runner: &remediation.Runner{
			Control: described, Settings: settings.Function{Mode: control.Enforce, Reach: settings.Reach{All: true},
				HoldDays: 7, BlastRadius: 10},
			Kinds: change.ForIAM(a.IAM()), Ledger: memory, Topic: topic,
			Owners: owner.Book{API: a.IAM()}, Environment: remediation.Environment{Now: func() time.Time { return now },
				Sleep: func(context.Context, time.Duration) {}, Log: slog.New(slog.DiscardHandler)},
		}}
		answer, err := undoer.Undo(t.Context(), q)
		if err != nil && !strings.HasPrefix(err.Error(), "undo request not understood: ") {
			t.Fatalf("%s: %v", raw, err)
		}
		if len(answer.Undone) == 0 || err != nil {
			if diff := cmp.Diff(before, a.State()); diff != "" || len(topic.messages) > 0 {
				t.Fatalf("%s puts nothing back, and something changed: %s", raw, diff)
			}
			return
		}
		if q.Chat == "" && (!seen(q.By) || !seen(q.Reason)) {
			t.Fatalf("put back by %q for %q", q.By, q.Reason)
		}
		for _, u := range answer.Undone {
			entry, _, _ := strings.Cut(u.Action, "-")
			switch {
			case q.Action == u.Action, q.Action == entry, q.Chat == u.Action, q.Chat == entry, q.User == u.Subject &&
				q.Since != "", q.Run == "e-"+entry:
			default:
				t.Fatalf("%s puts back %+v", raw, u)
			}
		}
		if len(topic.messages) != len(answer.Undone) {
			t.Fatalf("%d put back, %d told", len(answer.Undone), len(topic.messages))
		}
		if again, err := undoer.Undo(t.Context(), q); err != nil || len(topic.messages) != len(answer.Undone) {
			t.Fatalf("%s again: %+v, %v; %d told", raw, again, err, len(topic.messages))
		}
	})
}

// seen reports whether there is something to be seen of a text.
func seen(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return unicode.IsGraphic(r) && !unicode.IsSpace(r) })
}

// Whoever releases a control, and why, can be seen; else it stays stopped.
func FuzzRelease(f *testing.F) {
	f.Add("kim", "read the list")
	f.Add("\u200b", "why")
	f.Add("kim\n\u202e<!channel>", "%s AKIAIOSFODNN7EXAMPLE")
	f.Add(" ", "")
	now := time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, by, reason string) {
		memory, topic := ledger.New(&ledger.Memory{}), &sent{}
		for i := range 2 {
			if _, err := memory.Take(t.Context(), "scripted", &ledger.Breaker{}, string(rune('a'+i)), 1, now); err != nil {
				t.Fatal(err)
			}
		}
		r := &remediation.Runner{
			Control: control.Control{ID: "scripted", Severity: control.High},
			Settings: settings.Function{
				Mode:        control.Enforce,
				Reach:       settings.Reach{All: true},
				BlastRadius: 1,
			}, Ledger: memory, Topic: topic,
			Environment: remediation.Environment{Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)},
		}
		answer, err := r.Release(t.Context(), remediation.ReleaseRequest{By: by, Reason: reason})
		stopped, fault := memory.Breaker(t.Context(), "scripted")
		if fault != nil {
			t.Fatal(fault)
		}
		ok := seen(strings.ToValidUTF8(by, "")) && seen(strings.ToValidUTF8(reason, ""))
		if !ok && (err == nil || answer.Released || stopped.Tripped.IsZero() || len(topic.messages) > 0) {
			t.Fatalf("released by %q for %q", by, reason)
		}
		if err == nil && (!answer.Released || !stopped.Tripped.IsZero() || len(topic.messages) != 1 ||
			strings.ContainsAny(topic.messages[0].Text, "\n\r\u202e\x1b")) {
			t.Fatalf("%+v, %+v, told %+v", answer, stopped, topic.messages)
		}
	})
}
