package report

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

const bucket = "warder-reports"

// topic keeps what is published.
type topic struct {
	sent  []notice.Message
	fault error
}

func (p *topic) Publish(_ context.Context, m notice.Message) (string, error) {
	if p.fault != nil {
		return "", p.fault
	}
	p.sent = append(p.sent, m)
	return "message", nil
}

// fixture is what the function writes about and to.
type fixture struct {
	account *fakeaws.Account
	store   *ledger.Memory
	topic   *topic
	now     time.Time
	*remediation.Runner
	write func(context.Context, request) (answer, error)
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	described, err := control.Parse("report/control.json", description)
	if err != nil {
		t.Fatal(err)
	}
	w := &fixture{store: &ledger.Memory{}, topic: &topic{}, now: time.Date(2026, 11, 1, 6, 0, 0, 0, time.UTC)}
	w.account = fakeaws.New(fakeaws.State{
		Buckets: map[string]*fakeaws.Bucket{bucket: {Region: "us-east-1"}},
		Users: map[string]*fakeaws.User{
			"alice": {Tags: map[string]string{"warder:exempt": "all until 2026-11-20 by kim@example.com for the audit"}},
			"bob":   {}, "carol": {Tags: map[string]string{"owner": "carol@example.com"}},
			"dave": {Tags: map[string]string{"warder:exempt": "forever"}},
		},
	})
	book := ledger.New(w.store)
	w.Runner = &remediation.Runner{
		Control: described, Ledger: book, Topic: w.topic,
		Settings: settings.Function{
			Account: "111122223333", Reports: bucket, Language: settings.English,
		},
		Environment: remediation.Environment{
			Account: "111122223333", Region: "us-east-1",
			Now: func() time.Time { return w.now }, Log: slog.New(slog.DiscardHandler),
		},
	}
	if w.write, err = Tool.Connect(w.Runner, w.account.Config()); err != nil {
		t.Fatal(err)
	}
	found := time.Date(2026, 10, 3, 3, 0, 0, 0, time.UTC)
	run, err := book.Begin(
		t.Context(),
		ledger.Run{
			Control: "detach-direct-policy", Key: "event", Mode: "enforce", Happened: found.Add(-42 * time.Second), Holder: "x",
			Until: found,
		},
		found,
	)
	if err != nil {
		t.Fatal(err)
	}
	err = book.Record(t.Context(), &run, []ledger.Entry{{
		ID: "aaaaaaaaaa", Control: "detach-direct-policy", Run: "event", Subject: "alice", At: found,
		Title: "Direct policy on a user", Severity: "high",
		Steps: []ledger.Step{{
			ID: "aaaaaaaaaa-1", Status: ledger.Verified, At: found,
			Change: change.Change{
				Kind: change.ManagedUserPolicy, Subject: "alice", Target: "arn:aws:iam::aws:policy/AmazonS3FullAccess",
				Before: "attached",
			},
		}},
	}}, true)
	if err != nil {
		t.Fatal(err)
	}
	halt := ledger.Entry{
		ID: "hhhhhhhhhh", Control: "undo", At: found, Guard: ledger.Halted, Reason: "an incident",
		By: caller.Identity{ARN: "arn:aws:iam::111122223333:user/kim"},
	}
	if err := book.Update(t.Context(), &halt); err != nil {
		t.Fatal(err)
	}
	return w
}

func keys(w *fixture) []string { return slices.Sorted(maps.Keys(w.account.Objects(bucket))) }

func TestReport_LastMonth(t *testing.T) {
	w := newFixture(t)
	a, err := w.write(t.Context(), request{})
	if err != nil {
		t.Fatal(err)
	}
	want := answer{
		Bucket: bucket, Region: "us-east-1", HTML: "111122223333/2026-10.en.html", CSV: "111122223333/2026-10.en.csv",
		Console: "https://us-east-1.console.aws.amazon.com/s3/object/warder-reports" +
			"?prefix=111122223333%2F2026-10.en.html&region=us-east-1",
		Text: "Open at the end: 0 findings. Alerts: 0.\nChanges: 1 made, 0 reverted, 0 only observed, 0 on hold or " +
			"failed.\n" +
			"Exemptions: 1 in force, 1 of them end within 30 days, 1 invalid.",
		Outcome: remediation.Notified,
		Notices: []remediation.ReportedNotice{{Kind: notice.Alert, Severity: "low", Title: "Evidence of 2026-10"}},
	}
	if diff := cmp.Diff(want, a); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	page, table := w.account.Objects(bucket)[a.HTML], w.account.Objects(bucket)[a.CSV]
	for _, text := range []string{"aaaaaaaaaa-1", "42 s", "an incident", "hhhhhhhhhh", "forever", "2026-11-20"} {
		if !strings.Contains(string(page.Body), text) {
			t.Errorf("the page does not say %q", text)
		}
		if text != "42 s" && !strings.Contains(string(table.Body), text) {
			t.Errorf("the table does not say %q", text)
		}
	}
	if page.Type != "text/html; charset=utf-8" || table.Type != "text/csv; charset=utf-8" {
		t.Errorf("types %q and %q", page.Type, table.Type)
	}
	if len(w.topic.sent) != 1 {
		t.Fatalf("%d notices, want 1", len(w.topic.sent))
	}
	m := w.topic.sent[0]
	if m.Kind != notice.Alert || m.Title != "Evidence of 2026-10" || m.Text != want.Text ||
		m.Facts[0].Value != want.Console || m.Subject != "" {
		t.Errorf("notice %+v", m)
	}
	if line := strings.Count(m.Text, "\n"); line != 2 {
		t.Errorf("the summary has %d lines, want 3", line+1)
	}
	if strings.Contains(m.Email(), "X-Amz-Signature") {
		t.Error("the notice has a presigned URL")
	}
}

// A page in Korean is of the month in Korea, unless the settings name a zone.
func TestReport_Zone(t *testing.T) {
	for _, tc := range []struct {
		language       settings.Language
		timezone, says string
	}{
		{settings.Korean, "", "2026-10-01 ~ 2026-10-31 (KST)"},
		{settings.Korean, "UTC", "2026-10-01 ~ 2026-10-31 (UTC)"},
		{settings.English, "", "2026-10-01 to 2026-10-31 (UTC)"},
		{settings.English, "America/New_York", "2026-10-01 to 2026-10-31 (EDT)"},
	} {
		w := newFixture(t)
		w.Settings.Timezone = tc.timezone
		a, err := w.write(t.Context(), request{Month: "2026-10", Language: tc.language})
		if err != nil {
			t.Fatal(err)
		}
		if page := string(w.account.Objects(bucket)[a.HTML].Body); !strings.Contains(page, tc.says) {
			t.Errorf("%s in %q: the page does not say %q", tc.language, tc.timezone, tc.says)
		}
	}
}

func TestReport_NotifiedOnce(t *testing.T) {
	w := newFixture(t)
	for i, tc := range []struct {
		name     string
		now      time.Time
		notified bool
	}{
		{"while the month goes on", time.Date(2026, 10, 20, 0, 0, 0, 0, time.UTC), true},
		{"again while it goes on", time.Date(2026, 10, 25, 0, 0, 0, 0, time.UTC), false},
		{"when it is over", time.Date(2026, 11, 1, 6, 0, 0, 0, time.UTC), true},
		{"again when it is over", time.Date(2027, 1, 1, 6, 0, 0, 0, time.UTC), false},
	} {
		w.now = tc.now
		a, err := w.write(t.Context(), request{Month: "2026-10"})
		if err != nil {
			t.Fatal(err)
		}
		if notified := a.Outcome == remediation.Notified; notified != tc.notified || notified != (len(a.Notices) == 1) ||
			notified != (a.Reason == "") {
			t.Errorf("%d %s: %+v, want notified %t", i, tc.name, a, tc.notified)
		}
	}
	if diff := cmp.Diff([]string{"111122223333/2026-10.en.csv", "111122223333/2026-10.en.html"}, keys(w)); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
	if first, second := w.topic.sent[0].Title, w.topic.sent[1].Title; first != "Evidence of 2026-10, preliminary" ||
		second != "Evidence of 2026-10" {
		t.Errorf("titles %q, %q", first, second)
	}
}

func TestReport_NoticeFails(t *testing.T) {
	w := newFixture(t)
	w.topic.fault = errors.New("throttled")
	if _, err := w.write(t.Context(), request{}); err == nil {
		t.Fatal("no error although nobody could be notified")
	}
	w.topic.fault = nil
	if a, err := w.write(t.Context(), request{}); err != nil || a.Outcome != remediation.Notified {
		t.Errorf("%s (%v)", a.Outcome, err)
	}
	if len(w.topic.sent) != 1 {
		t.Errorf("%d notices, want 1", len(w.topic.sent))
	}
}

func TestReport_PeriodAndLanguage(t *testing.T) {
	for _, tc := range []struct {
		q    request
		html string
	}{
		{request{Month: "2026-09", Language: "ko"}, "111122223333/2026-09.ko.html"},
		{request{From: "2026-10-02", To: "2026-10-15"}, "111122223333/2026-10-02--2026-10-15.en.html"},
		{request{From: "2026-10-01", To: "2026-10-31"}, "111122223333/2026-10.en.html"},
		{request{From: "2026-10-02", To: "2026-10-02"}, "111122223333/2026-10-02--2026-10-02.en.html"},
		{request{From: "2025-11-01", To: "2026-11-01"}, "111122223333/2025-11-01--2026-11-01.en.html"},
	} {
		w := newFixture(t)
		a, err := w.write(t.Context(), tc.q)
		if err != nil || a.HTML != tc.html {
			t.Errorf("%+v: %q, want %q (%v)", tc.q, a.HTML, tc.html, err)
		}
		if want := `<html lang="` + strings.Split(tc.html, ".")[1] + `">`; !strings.Contains(
			string(w.account.Objects(bucket)[a.HTML].Body), want,
		) {
			t.Errorf("%+v: the page is not %s", tc.q, want)
		}
	}
}

func TestReport_BadRequest(t *testing.T) {
	for _, q := range []request{
		{Month: "October"}, {Month: "2026-13"}, {Month: "2026-10", From: "2026-10-01", To: "2026-10-02"},
		{From: "2026-10-01"}, {To: "2026-10-01"},
		{From: "2026-10-02", To: "2026-10-01"}, {From: "2024-01-01", To: "2026-10-01"}, {Language: "fr"}, {Month: "2026-12"},
		{From: "1.10.2026", To: "2026-10-02"},
	} {
		w := newFixture(t)
		_, err := w.write(t.Context(), q)
		if err == nil || !strings.Contains(err.Error(), forms) {
			t.Errorf("%+v: %v", q, err)
		}
		if len(keys(w))+len(w.topic.sent) > 0 {
			t.Errorf("%+v: something was written or notified", q)
		}
	}
}

// Evidence that leaves out what could not be read is none.
func TestReport_ReadOrWriteFails(t *testing.T) {
	for _, operation := range []string{
		"iam:GetAccountAuthorizationDetails", "s3:PutObject", "dynamodb:Scan",
	} {
		t.Run(operation, func(t *testing.T) {
			w := newFixture(t)
			refuse := func(asked string, _ bool) error {
				if asked == operation {
					return errors.New("refused")
				}
				return nil
			}
			w.account.Fault, w.store.Fault = refuse, refuse
			if _, err := w.write(t.Context(), request{}); err == nil || !strings.Contains(err.Error(), "refused") {
				t.Errorf("error %v", err)
			}
			if len(w.topic.sent) > 0 {
				t.Errorf("notified %+v", w.topic.sent)
			}
		})
	}
}

func TestReport_ForeignBucket(t *testing.T) {
	w := newFixture(t)
	w.Account = "999999999999"
	if _, err := w.write(t.Context(), request{}); err == nil || len(keys(w)) > 0 {
		t.Errorf("wrote %v (%v)", keys(w), err)
	}
}

func TestPermissions_Report(t *testing.T) {
	w := newFixture(t)
	// of the topic, and of its key for SNS
	used := map[string]bool{"sns:Publish": true, "kms:Decrypt": true, "kms:GenerateDataKey": true}
	note := func(operation string, _ bool) error {
		used[operation] = true
		return nil
	}
	w.account.Fault, w.store.Fault = note, note
	for range 2 { // the second one finds out that it was notified
		if _, err := w.write(t.Context(), request{}); err != nil {
			t.Fatal(err)
		}
	}
	var granted []string
	for _, p := range w.Control.Permissions {
		granted = append(granted, p.Actions...)
	}
	slices.Sort(granted)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(used)), granted); diff != "" {
		t.Errorf("actions (-used +control.json):\n%s", diff)
	}
}

func TestConsole_Partitions(t *testing.T) {
	for region, want := range map[string]string{
		"us-east-1":     "https://us-east-1.console.aws.amazon.com/s3/object/b?prefix=a%2Fb&region=us-east-1",
		"cn-north-1":    "https://console.amazonaws.cn/s3/object/b?prefix=a%2Fb&region=cn-north-1",
		"us-gov-west-1": "https://console.amazonaws-us-gov.com/s3/object/b?prefix=a%2Fb&region=us-gov-west-1",
	} {
		if got := console(region, "b", "a/b"); got != want {
			t.Errorf("%s: %s, want %s", region, got, want)
		}
	}
}

func TestReport_Korean(t *testing.T) {
	var catalogue map[string]string
	if err := json.Unmarshal(korean, &catalogue); err != nil {
		t.Fatal(err)
	}
	w := newFixture(t)
	w.Settings.Language = settings.Korean
	if _, err := w.write(t.Context(), request{}); err != nil {
		t.Fatal(err)
	}
	m := w.topic.sent[0]
	if m.Title != "2026-10 증적 보고서" || !strings.HasPrefix(m.Text, "기간 말 미조치 0건") || m.Facts[0].Name != "보고서" ||
		!strings.Contains(m.Advice, "버킷 warder-reports") {
		t.Errorf("notice %+v", m)
	}
	for english := range catalogue {
		if i18n.Catalogue("ko")[english] == "" {
			t.Errorf("%q is not registered", english)
		}
	}
}
