package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/test/browser"
)

// What the real functions recorded in a month becomes a page that can be looked at.
func TestMonthsOfACompanyAreReportedOf(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	stdout, stderr, err := command(t, "months", "-months", "1", "-out", folder, "-language", "ko")
	if err != nil {
		t.Fatalf("%v\n%s%s", err, stdout, stderr)
	}
	now := time.Now().UTC()
	last := time.Date(now.Year(), now.Month()-1, 1, 0, 0, 0, 0, time.UTC).Format("2006-01")
	page := filepath.Join(folder, last+".ko.html")
	if !strings.Contains(stdout, "open "+page) {
		t.Errorf("it does not say where the page of %s is:\n%s", last, stdout)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`id="open-deactivate-stale-access-key"`, `id="changes-detach-direct-policy"`, `id="alerts-alert-console-login"`, "전자금융감독규정", "kim@example.com", "교체 기한이 지난 액세스 키", "맞지 않습니다"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the page of %s does not have %q", last, want)
		}
	}
	table, err := os.ReadFile(filepath.Join(folder, last+".ko.csv"))
	if err != nil || strings.Count(string(table), "\r\nchange,") < 5 {
		t.Errorf("the table of %s has %d changes (%v)", last, strings.Count(string(table), "\r\nchange,"), err)
	}
	seen, err := browser.See(t.Context(), []browser.Look{{File: page, Windows: []browser.Window{browser.Desktop, browser.Phone}}}, os.Getenv("WARDER_PICTURES"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range seen {
		if s.Overflow > 0 || len(s.Console)+len(s.Requests)+len(s.Violations)+len(s.Anchors) > 0 {
			t.Errorf("at %s: %d pixels too wide, console %q, requests %q, not accessible %q, links to nowhere %q", s.Width, s.Overflow, s.Console, s.Requests, s.Violations, s.Anchors)
		}
		for _, image := range s.Images {
			if image.Width > 250 && image.Filled == 0 {
				t.Errorf("at %s: nothing is to be seen of %q", s.Width, image.Name)
			}
		}
	}
}
