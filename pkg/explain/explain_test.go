package explain

import (
	"context"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

var update = flag.Bool("update", false, "write testdata/answers.golden")

const (
	oldKey = "AKIAEXAMPLEALICEOLD1"
	offKey = "AKIAEXAMPLEALICEOFF1"
	admin  = "arn:aws:iam::aws:policy/AdministratorAccess"
)

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}

// reader knows an account in which Warder warned of a key and made it inactive, detached a policy
// that was reverted by a person, saw somebody switch off another key, and waits for a third.
func reader(t *testing.T) Reader {
	t.Helper()
	a := fakeaws.New(fakeaws.State{Users: map[string]*fakeaws.User{
		"alice": {
			ID: "AIDAEXAMPLEALICE00001", Tags: map[string]string{
				"Warder:Exempt":      "all until 2027-02-01 by kim for a migration",
				"warder:exempt/mail": "detach-direct-policy until 2026-11-01 by lee for a mail user",
			},
			Keys: []fakeaws.Key{
				{ID: oldKey, Status: "Inactive", Created: at("2026-08-17T00:00:00Z")},
				{ID: offKey, Status: "Inactive", Created: at("2026-10-17T00:00:00Z")},
			},
			Attached: []string{admin},
		},
		"bob": {Keys: []fakeaws.Key{{ID: "AKIAEXAMPLEBOBKEY001", Status: "Active", Created: at("2026-11-01T00:00:00Z")}}},
	}})
	l := ledger.New(&ledger.Memory{})
	ctx := context.Background()
	deactivate := change.Change{Kind: change.AccessKeyStatus, Subject: "alice", Target: oldKey, Before: change.Active,
		After: change.Inactive}
	detach := change.Change{Kind: change.ManagedUserPolicy, Subject: "alice", Target: admin, Before: change.Attached}
	told := func(kind notice.Kind, time time.Time) []ledger.Notification {
		return []ledger.Notification{{Kind: kind, Owner: "alice@example.com", Message: "m", At: time}}
	}
	for _, e := range []ledger.Entry{
		{
			ID: "warned1", Control: "deactivate-stale-access-key", Run: "e1", Event: "Scheduled Event",
			Subject: "alice", User: true,
			Owner: "alice@example.com", At: at("2026-11-01T03:00:00Z"), Title: "Access key will soon be stale",
			Text: "Access key …OLD1 of alice is 76 days old.",
			Due:  at("2026-11-15T00:00:01Z"),
			Steps: []ledger.Step{{Change: deactivate, ID: "warned1-1", Status: ledger.Pending,
				Reason: "its owner was notified"}},
			Notifications: told(notice.Warning, at("2026-11-01T03:00:01Z")),
		},
		{
			ID: "acted1", Control: "deactivate-stale-access-key", Run: "e2", Event: "Scheduled Event",
			Subject: "alice", User: true,
			Owner: "alice@example.com", At: at("2026-11-15T03:00:00Z"), Title: "Stale access key",
			Text:          "Access key …OLD1 of alice is 90 days old.",
			Steps:         []ledger.Step{{Change: deactivate, ID: "acted1-1", Status: ledger.Verified}},
			Notifications: told(notice.Changed, at("2026-11-15T03:00:02Z")),
		},
		{
			ID: "direct1", Control: "detach-direct-policy", Run: "e3", Event: "AWS API Call via CloudTrail: AttachUserPolicy",
			Subject: "alice", User: true,
			Actor: "mallory", At: at("2026-11-16T09:00:00Z"), Title: "Direct policy on a user",
			Text:          "AdministratorAccess was attached to alice.",
			Steps:         []ledger.Step{{Change: detach, ID: "direct1-1", Status: ledger.Undone, Undo: "undo1-1"}},
			Notifications: told(notice.Changed, at("2026-11-16T09:00:01Z")),
		},
		{
			ID: "undo1", Control: "undo", Run: "e3", Subject: "alice", User: true,
			By: caller.Identity{Claimed: "kim"}, Reason: "release night",
			At:    at("2026-11-16T10:00:00Z"),
			Title: "Direct policy on a user", Text: "kim asked to put it back.",
			Steps:         []ledger.Step{{Change: detach.Inverse(), ID: "undo1-1", Status: ledger.Verified}},
			Notifications: told(notice.Undone, at("2026-11-16T10:00:01Z")),
		},
		{
			ID: "seen1", Control: "alert-policy-change", Run: "e4", Event: "AWS API Call via CloudTrail: UpdateAccessKey",
			Subject: "alice", User: true,
			At: at("2026-11-17T10:00:00Z"), Title: "Access key switched off",
			Text: "lee made access key …OFF1 of alice inactive.", Notify: notice.Alert,
			Notifications: []ledger.Notification{{Kind: notice.Alert, Message: "m", At: at("2026-11-17T10:00:01Z")}},
		},
	} {
		if err := l.Update(ctx, &e); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.ReviseCase(ctx, ledger.Case{Control: "deactivate-unused-access-key", Key: "c1"}, func(c *ledger.Case) {
		c.Subject, c.Owner = "bob", "bob@example.com"
		c.Opened, c.Notified = at("2026-11-20T03:00:00Z"), at("2026-11-20T03:00:01Z")
		c.Due = at("2026-12-04T03:00:01Z")
		c.Urgent = true // it was held once; its owner has a due date since then
		c.Changes = []change.Change{{Kind: change.AccessKeyStatus, Subject: "bob", Target: "AKIAEXAMPLEBOBKEY001",
			Before: change.Active, After: change.Inactive}}
	}); err != nil {
		t.Fatal(err)
	}
	own, bobs := detach, detach
	own.Target, bobs.Subject = "arn:aws:iam::aws:policy/PowerUserAccess", "bob"
	for c, until := range map[change.Change]string{
		detach: "2026-11-23T10:00:00Z", own: "2099-01-01T00:00:00Z", bobs: "2026-11-23T10:00:00Z",
	} {
		if err := l.SetHold(ctx, c, ledger.Hold{
			Since: at("2026-11-16T10:00:00Z"), Until: at(until), By: caller.Identity{Claimed: "kim"}, Reason: "release night",
			Action: "direct1-1",
		}); err != nil {
			t.Fatal(err)
		}
	}
	for key, until := range map[string]string{
		"detach-direct-policy#alice#inline user policy#mail": "2026-11-27T03:00:00Z",
		"quarantine-outside-login#AIDAEXAMPLEALICE00001":     "2026-11-21T08:00:00Z",
		"alert-root-usage#alice#over":                        "2026-11-20T00:00:00Z",
		"alert-root-usage#alice#forged":                      "2099-01-01T00:00:00Z",
		"alert-root-usage#bob":                               "2026-11-27T03:00:00Z",
	} {
		if _, err := l.Once(ctx, key, "e9", at("2026-11-20T03:00:00Z"), at(until)); err != nil {
			t.Fatal(err)
		}
	}
	return Reader{Ledger: l.WithHolds(7), Kinds: change.ForIAM(a.IAM()), API: a.IAM(),
		Now: func() time.Time { return at("2026-11-21T00:00:00Z") }}
}

func TestAnswers(t *testing.T) {
	for language, file := range map[string]string{"": "testdata/answers.golden", "ko": "testdata/answers-ko.golden"} {
		t.Run(file, func(t *testing.T) { answers(t, language, file) })
	}
}

// answers compares the answers in the language with those of the file. Titles and texts of entries are in the language
// that the ledger has them in; every other line has to be Korean in Korean.
func answers(t *testing.T, language, file string) {
	t.Helper()
	var b strings.Builder
	for _, tc := range []struct {
		name string
		q    Request
	}{
		{"a key that Warder made inactive, by its last four characters", Request{Key: "OLD1"}},
		{"a key that somebody else made inactive", Request{Key: offKey}},
		{"a key that works, and is due", Request{Key: "AKIAEXAMPLEBOBKEY001"}},
		{"a key of another account", Request{Key: "AKIAEXAMPLESTRANGER1"}},
		{"four characters that nobody knows", Request{Key: "ZZZZ"}},
		{"a user", Request{User: "alice"}},
		{"a user that is gone", Request{User: "nobody"}},
		{"a policy", Request{Policy: admin}},
		{"a policy that was never touched", Request{Policy: "arn:aws:iam::aws:policy/ReadOnlyAccess"}},
		{"an action", Request{Action: "acted1-1"}},
		{"a finding with its actions", Request{Action: "direct1"}},
		{"an action that does not exist", Request{Action: "acted1-9"}},
	} {
		r := reader(t)
		r.Language = language
		answer, err := r.Explain(context.Background(), tc.q)
		fmt.Fprintf(&b, "### %s\n", tc.name)
		if err != nil {
			fmt.Fprintf(&b, "error %v\n", err)
		}
		fmt.Fprintf(&b, "%s(%d actions, %d cases, %d limits)\n\n", answer.Text, len(answer.Actions), len(answer.Cases),
			len(answer.Limits))
		for _, key := range []string{oldKey, offKey} {
			if strings.Contains(answer.Text, key) {
				t.Errorf("%s: the text holds the whole access key id", tc.name)
			}
		}
	}
	for line := range strings.Lines(b.String()) {
		own := regexp.MustCompile(`\b(Now|Due|Warder (has|saw)|undo:|reverted by|because of|published for|On hold)\b`)
		if language == "ko" && !strings.HasPrefix(line, "###") && own.MatchString(line) {
			t.Errorf("not in Korean: %s", line)
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
}

func TestActionsAreData(t *testing.T) {
	answer, err := reader(t).Explain(context.Background(), Request{Action: "acted1-1"})
	if err != nil {
		t.Fatal(err)
	}
	want := []Action{{
		ID: "acted1-1", Control: "deactivate-stale-access-key",
		Change: change.Change{Kind: change.AccessKeyStatus, Subject: "alice", Target: oldKey, Before: change.Active,
			After: change.Inactive},
		Status: ledger.Verified, Event: "e2", Undo: `make undo ID=acted1-1 REASON="why"`,
	}}
	if diff := cmp.Diff(want, answer.Actions); diff != "" {
		t.Errorf("actions (-want +got):\n%s", diff)
	}
}

func TestRequestsThatAreNotUnderstood(t *testing.T) {
	for name, q := range map[string]Request{
		"nothing asked": {}, "two things asked": {Key: oldKey, User: "alice"}, "a key of three characters": {Key: "LD1"},
	} {
		if _, err := reader(t).Explain(context.Background(), q); err == nil ||
			!strings.Contains(err.Error(), "not understood") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
