package report

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/browser"
)

// hostileTexts are names and texts that try to be more than that. IAM takes none of them for a user, but
// roles' session names, tags, reasons and texts of events come from outside as well.
var hostileTexts = []string{
	`<script>alert(1)</script>`,
	`"><img src=x onerror=alert(2)>`,
	`</title></style><svg onload=alert(3)>`,
	"two\nlines\tand\ra\x00null",
	"\u202etxt.exe\u202c \u2067right to left\u2069",
	`=HYPERLINK("https://example.com","x")`,
	`+cmd|' /C calc'!A0`, "@SUM(1)", "-1+1", "＝1+1",
	"javascript:alert(4)",
	strings.Repeat("very-long-name-", 20),
	"한글 이름 (가나다)", "not UTF-8: \xff\xfe", "AKIAIOSFODNN7EXAMPLE",
}

// month is a ledger of a month in which much happened, to users of the given names.
func month(names []string) book {
	var b book
	name := func(i int) string { return names[i%len(names)] }
	const direct, unused, signIn = "detach-direct-policy", "deactivate-unused-access-key", "alert-console-login"
	for i := range 14 { // told on some day, then changed, put right, or still open
		control, found := []string{stale, unused}[i%2], at(1+i*2, 3, 0)
		key := fmt.Sprintf("CASE%02d", i)
		b.found(control, name(i), key, found, ledger.Pending, warned(found.Add(time.Second)))
		switch end := found.AddDate(0, 0, 7); {
		case i%5 == 4:
			e := b.found(control, name(i), key, found.AddDate(0, 0, 3), ledger.Pending)
			e.Steps, e.Notify = nil, notice.Fixed
		case end.Before(october.To):
			b.found(control, name(i), key, end, ledger.Verified,
				ledger.Notification{Kind: notice.Changed, Message: "7f3c", At: end.Add(2 * time.Second)})
			if i%7 == 3 {
				back := b.found(remediation.UndoControl, name(i), "", end.Add(9*time.Hour), ledger.Verified,
					ledger.Notification{Kind: notice.Undone, Message: "81aa", At: end.Add(9 * time.Hour)})
				e := &b.Entries[len(b.Entries)-2]
				back.By = caller.Identity{Claimed: "kim@example.com"}
				back.Reason, back.Steps[0].Change = "the batch of the quarter still needs it", e.Steps[0].Inverse()
				e.Steps[0].Status, e.Steps[0].Undo = ledger.Undone, back.Steps[0].ID
			}
		}
	}
	for i := range 9 { // changed at once
		when := at(2+i*3, 9+i, 12)
		e := b.found(direct, name(i+3), fmt.Sprintf("DIRECT%02d", i), when, ledger.Verified,
			ledger.Notification{Kind: notice.Changed, Message: "55e0", At: when.Add(time.Second)})
		e.Title, e.Severity = "Direct policy on a user", "high"
		e.Steps[0].Change = change.Change{Kind: change.ManagedUserPolicy, Subject: name(i + 3),
			Target: "arn:aws:iam::aws:policy/AmazonS3FullAccess", Before: "attached"}
		b.run(e, when.Add(-time.Duration(20+i*i*13)*time.Second))
	}
	held := b.found(direct, name(2), "HELD", at(20, 4, 0), ledger.Held)
	held.Steps[0].Reason = "Warder is halted by kim (claimed): " + name(5)
	failed := b.found(stale, name(4), "FAILED", at(29, 4, 0), ledger.Failed)
	failed.Steps[0].Reason = "AccessDenied: " + name(1)
	b.found("require-permissions-boundary", name(6), "SEEN", at(12, 4, 0), ledger.Observed).Severity = "critical"
	for i := range 25 {
		e := b.found(signIn, name(i), "", at(1+i, 8, 30), "",
			ledger.Notification{Kind: notice.Alert, Message: "9b1d", At: at(1+i, 8, 31)})
		e.Steps, e.Notify, e.Title, e.Severity = nil, notice.Alert, "Console sign-in", []string{"low", "low", "high"}[i%3]
		e.Event = "AWS Console Sign In via CloudTrail: ConsoleLogin"
	}
	stopped := b.found(direct, "", "", at(21, 10, 0), "")
	stopped.Steps, stopped.Guard, stopped.Text = nil, ledger.Stopped, "detach-direct-policy has made 10 changes within "+
		"an hour and has stopped. "+name(0)
	for _, id := range []string{stale, unused, direct} {
		for day := 1; day <= 31; day++ {
			b.Runs = append(b.Runs, ledger.Run{Control: id, Key: fmt.Sprintf("sweep-%d", day), Event: sweep, At: at(day, 3, 0),
				Mode: "enforce", Done: true, Outcome: "nothing"})
		}
	}
	b.Runs = append(b.Runs, ledger.Run{Control: signIn, Key: "undecodable", At: at(7, 1, 2), Done: true, Outcome: "failed",
		Reason: "undecodable, not retried: " + name(9)})
	slices.SortFunc(b.Entries, func(a, c ledger.Entry) int { return a.At.Compare(c.At) })
	return b
}

// quietMonth is a ledger of a month in which little happened: a key was changed, another is due, and the root user has
// no MFA.
func quietMonth() book {
	var b book
	b.found(stale, "alice", "KEY1", at(3, 3, 0), ledger.Pending, warned(at(3, 3, 0)))
	b.found(stale, "alice", "KEY1", at(10, 3, 0), ledger.Verified)
	b.found(stale, "bob", "KEY2", at(28, 3, 0), ledger.Pending, warned(at(28, 3, 0)))
	for day := 1; day <= 31; day++ {
		if day%7 == 1 {
			b.standing("alert-root-usage", "root", "Root user without MFA", "critical", at(day, 3, 0))
		}
		b.Runs = append(
			b.Runs,
			ledger.Run{Control: stale, Key: fmt.Sprint(day), Event: sweep, At: at(day, 3, 0), Mode: "enforce",
				Done: true, Outcome: "nothing"},
		)
	}
	return b
}

var people = []string{"alice", "batch-settlement", "carol@example.com", "deploy.ci", "erin", "frank", "grace", "heidi",
	"ivan", "judy", "mallory"}

// examples are reports of all sorts.
func examples(t testing.TB) map[string]Report {
	now := time.Date(2026, 11, 1, 6, 0, 0, 0, time.UTC)
	of := func(b book, p Period, now time.Time, names []string) Report {
		s := source(t, b)
		s.Modes["require-permissions-boundary"], s.Modes["end-outside-session"] = control.Observe, control.Off
		if names != nil {
			s.Users = []User{
				{names[0],
					map[string]string{"warder:exempt": "all until 2026-11-20 by kim@example.com for the migration of the billing " +
						"batch"}},
				{names[1],
					map[string]string{"Warder:Exempt": "detach-direct-policy until 2027-03-01 by lee@example.com for a mail user"}},
				{names[2],
					map[string]string{"warder:exempt": "deactivate-stale-access-key until 2026-10-20 by kim@example.com for the " +
						"audit"}},
				{names[3], map[string]string{"warder:exempt": "please do not touch " + names[4]}},
				{names[5], map[string]string{"warder:exempt": "no-such-control until 2027-01-01 by kim for fun", "owner": "x"}},
			}
			s.Ledger.Entries = append(s.Ledger.Entries,
				ledger.Entry{ID: "halt", Control: "undo", Guard: ledger.Halted, At: at(20, 3, 10), Reason: names[6],
					By: caller.Identity{ARN: "arn:aws:iam::111122223333:user/kim"}},
				ledger.Entry{ID: "resume", Control: "undo", Guard: ledger.Resumed, At: at(20, 7, 45)})
		}
		return Make(s, p, now)
	}
	return map[string]Report{
		"normal":  of(month(people), october, now, people),
		"hostile": of(month(hostileTexts), october, now, hostileTexts),
		"empty":   of(book{}, october, now, nil),
		"quiet":   of(quietMonth(), october, now, people),
		"partial": of(month(people), october, at(12, 9, 30), people),
	}
}

func write(t testing.TB, folder, name string, r Report, l settings.Language) string {
	t.Helper()
	var page bytes.Buffer
	if err := HTML(&page, r, l); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(folder, name+"."+string(l)+".html")
	if err := os.WriteFile(file, page.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// WARDER_PICTURES names a folder for pictures of the pages, for who wants to look as well.
func TestPagesInABrowser(t *testing.T) {
	pictures := os.Getenv("WARDER_PICTURES")
	folder := t.TempDir()
	var looks []browser.Look
	for name, r := range examples(t) {
		for _, l := range []settings.Language{settings.English, settings.Korean} {
			windows := []browser.Window{browser.Desktop, browser.Phone}
			if name == "normal" && l == settings.English {
				windows = append(windows, browser.Dark, browser.Paper)
			}
			if name == "quiet" {
				windows = append(windows, browser.Paper)
			}
			looks = append(looks, browser.Look{File: write(t, folder, name, r, l), Windows: windows})
		}
	}
	seen, err := browser.See(t.Context(), looks, pictures)
	if err != nil {
		t.Fatal(err)
	}
	if want := 2*len(looks) + 4; len(seen) != want {
		t.Fatalf("%d looks, want %d", len(seen), want)
	}
	for _, s := range seen {
		t.Run(s.Page+" at "+s.Width, func(t *testing.T) {
			for what, list := range map[string][]string{
				"on the console": s.Console, "requests": s.Requests, "dialogs": s.Dialogs, "cut off": s.Beyond,
				"links to nowhere": s.Anchors, "ids of two": s.Twice, "not accessible": s.Violations,
			} {
				if len(list) > 0 {
					t.Errorf("%s: %q", what, list)
				}
			}
			if s.Overflow > 0 {
				t.Errorf("the page is %d pixels wider than the window", s.Overflow)
			}
			if want := strings.Split(s.Page, ".")[1]; s.Language != want {
				t.Errorf("language %q, want %q", s.Language, want)
			}
			// Evidence that nobody reads is none: a few screens of a phone, and a quiet month on a few sheets.
			if screens := s.Height / browser.Phone.Height; s.Width == browser.Phone.Name && screens > 25 {
				t.Errorf("%d screens of a phone, want at most 25", screens)
			}
			if s.Pages > 8 && strings.HasPrefix(s.Page, "quiet") {
				t.Errorf("%d pages for a quiet month, want at most 8", s.Pages)
			}
			t.Logf("%d pixels high, %d pages", s.Height, s.Pages)
			if s.Scripts > 0 {
				t.Errorf("the page has %d scripts", s.Scripts)
			}
			if len(s.Headings) < 9 || s.Headings[0] != 1 {
				t.Errorf("headings %v", s.Headings)
			}
			for i := 1; i < len(s.Headings); i++ {
				if s.Headings[i] == 1 || s.Headings[i] > s.Headings[i-1]+1 {
					t.Errorf("heading %d is of level %d after %d", i, s.Headings[i], s.Headings[i-1])
				}
			}
			charts := 0
			for _, image := range s.Images {
				if image.Name == "" || image.Description == "" || image.Width < 60 || image.Height < 20 {
					t.Errorf("image %+v", image)
				}
				if image.Width > 250 && image.Height > 100 {
					charts++
					if !strings.HasPrefix(s.Page, "empty") && image.Filled == 0 {
						t.Errorf("nothing is to be seen of %q", image.Name)
					}
				}
			}
			if charts != 2 {
				t.Errorf("%d charts, want 2", charts)
			}
		})
	}
}
