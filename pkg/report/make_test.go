package report

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/warder-aws/warder/functions"
	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/settings"
)

var october, _ = Month("2026-10", time.UTC)

// at is a time in October 2026.
func at(day, hour, minute int) time.Time {
	return time.Date(2026, 10, day, hour, minute, 0, 0, time.UTC)
}

// book is a ledger that a test writes, entry by entry.
type book struct {
	ledger.Contents
	n int
}

// found adds an entry of one step about an access key, and returns it.
func (b *book) found(control, user, key string, when time.Time, status ledger.Status,
	told ...ledger.Notification) *ledger.Entry {
	b.n++
	id := fmt.Sprintf("entry%05d", b.n)
	e := ledger.Entry{
		ID: id, Control: control, Run: "run-" + id, Event: sweep, Subject: user, User: true, Owner: user +
			"@example.com", At: when,
		Title: "Stale access key", Severity: "medium", Text: "…", Case: key, Notifications: told,
		Steps: []ledger.Step{{
			Change: change.Change{Kind: change.AccessKeyStatus, Subject: user, Target: "AKIAEXAMPLE0000" + key,
				Before: change.Active, After: change.Inactive},
			ID: id + "-1", Status: status, At: when,
		}},
	}
	if len(told) > 0 && told[0].Kind == notice.Warning {
		e.Due = when.AddDate(0, 0, 7)
	}
	b.Entries = append(b.Entries, e)
	return &b.Entries[len(b.Entries)-1]
}

// run adds the run that an entry came out of.
func (b *book) run(e *ledger.Entry, happened time.Time) {
	e.Event = "AWS API Call via CloudTrail: AttachUserPolicy"
	b.Runs = append(b.Runs, ledger.Run{
		Control: e.Control, Key: e.Run, Event: e.Event, At: e.At, Happened: happened, Mode: "enforce", Done: true,
		Outcome: "changed", Entries: []string{e.ID},
	})
}

// standing adds what a sweep alerts on.
func (b *book) standing(control, subject, title, severity string, when time.Time) {
	b.n++
	b.Entries = append(b.Entries, ledger.Entry{
		ID: fmt.Sprintf("entry%05d", b.n), Control: control, Event: sweep, Subject: subject, At: when, Title: title,
		Severity: severity, Notify: notice.Alert,
		Notifications: []ledger.Notification{{Kind: notice.Alert, Message: "5a1e", At: when}},
	})
}

func warned(when time.Time) ledger.Notification {
	return ledger.Notification{Kind: notice.Warning, Message: "m", At: when}
}

// source is what reports of tests are made of.
func source(t testing.TB, b book) Source {
	t.Helper()
	controls, err := functions.Controls()
	if err != nil {
		t.Fatal(err)
	}
	modes := map[string]control.Mode{}
	for _, c := range controls {
		if !c.Tool {
			modes[c.ID] = control.Enforce
		}
	}
	return Source{Account: "111122223333", Region: "us-east-1", Controls: controls, Modes: modes, Ledger: b.Contents,
		Kinds: change.ForIAM(nil)}
}

const stale = "deactivate-stale-access-key"

func TestAFindingIsOpenFromWhenItIsFoundUntilItEnds(t *testing.T) {
	after := time.Date(2026, 11, 1, 6, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		name    string
		write   func(b *book)
		outcome Outcome
		days    [2]int // the first and the last day on which it counts; 0 for none
	}{
		{"announced and changed", func(b *book) {
			b.found(stale, "alice", "KEY1", at(3, 3, 0), ledger.Pending, warned(at(3, 3, 0)))
			b.found(stale, "alice", "KEY1", at(10, 3, 0), ledger.Verified)
		}, Changed, [2]int{3, 9}},
		{"announced, reminded of, and still open", func(b *book) {
			b.found(stale, "alice", "KEY1", at(28, 3, 0), ledger.Pending, warned(at(28, 3, 0)))
			b.found(stale, "alice", "KEY1", at(30, 3, 0), ledger.Pending)
		}, Open, [2]int{28, 31}},
		{"fixed by its owner", func(b *book) {
			b.found(stale, "alice", "KEY1", at(3, 3, 0), ledger.Pending, warned(at(3, 3, 0)))
			e := b.found(stale, "alice", "KEY1", at(5, 3, 0), ledger.Pending)
			e.Steps, e.Notify = nil, notice.Fixed
		}, Fixed, [2]int{3, 4}},
		{"set aside, as its case says", func(b *book) {
			e := b.found(stale, "alice", "KEY1", at(3, 3, 0), ledger.Pending, warned(at(3, 3, 0)))
			b.Cases = append(b.Cases, ledger.Case{Control: stale, Key: "KEY1", Opened: e.At, Closed: at(8, 3, 0),
				Outcome: ledger.Suspended})
		}, SetAside, [2]int{3, 7}},
		{"set aside without a record, and open again: never too few are counted", func(b *book) {
			b.found(stale, "alice", "KEY1", at(3, 3, 0), ledger.Pending, warned(at(3, 3, 0)))
			b.found(stale, "alice", "KEY1", at(20, 3, 0), ledger.Pending, warned(at(20, 3, 0)))
			b.Cases = append(b.Cases, ledger.Case{Control: stale, Key: "KEY1", Opened: at(20, 3, 0)})
		}, Open, [2]int{3, 31}},
		{"held back, then changed", func(b *book) {
			b.found(stale, "alice", "KEY1", at(3, 3, 0), ledger.Held)
			b.found(stale, "alice", "KEY1", at(5, 3, 0), ledger.Verified)
		}, Changed, [2]int{3, 4}},
		{"failed", func(b *book) { b.found(stale, "alice", "KEY1", at(30, 3, 0), ledger.Failed) }, Failed, [2]int{30, 31}},
		{"changed at once", func(b *book) { b.found(stale, "alice", "KEY1", at(3, 3, 0), ledger.Verified) }, "", [2]int{}},
		{"observed, and recorded again a week later", func(b *book) {
			b.found(stale, "alice", "KEY1", at(3, 3, 0), ledger.Observed)
			b.found(stale, "alice", "KEY1", at(10, 4, 0), ledger.Observed)
		}, Unseen, [2]int{3, 17}},
		{"observed lately", func(b *book) { b.found(stale, "alice", "KEY1", at(29, 3, 0), ledger.Observed) },
			Observed, [2]int{29, 31}},
		{"observed, then enforced", func(b *book) {
			b.found(stale, "alice", "KEY1", at(3, 3, 0), ledger.Observed)
			b.found(stale, "alice", "KEY1", at(8, 3, 0), ledger.Pending, warned(at(8, 3, 0)))
			b.found(stale, "alice", "KEY1", at(15, 3, 0), ledger.Verified)
		}, Changed, [2]int{3, 14}},
		{"changed and put back", func(b *book) {
			b.found(stale, "alice", "KEY1", at(3, 3, 0), ledger.Pending, warned(at(3, 3, 0)))
			e := b.found(stale, "alice", "KEY1", at(10, 3, 0), ledger.Undone)
			e.Steps[0].Undo = "other-1"
		}, Undone, [2]int{3, 9}},
		{"what an exemption says in between ends nothing", func(b *book) {
			b.found(stale, "alice", "KEY1", at(3, 3, 0), ledger.Pending, warned(at(3, 3, 0)))
			e := b.found(stale, "alice", "KEY1", at(4, 3, 0), ledger.Pending)
			e.Steps, e.Notify, e.Guard = nil, notice.Alert, ledger.Exemption
			b.found(stale, "alice", "KEY1", at(10, 3, 0), ledger.Verified)
		}, Changed, [2]int{3, 9}},
		{"found before the period and after it", func(b *book) {
			b.found(stale, "alice", "KEY1", at(-10, 3, 0), ledger.Pending, warned(at(-10, 3, 0)))
			b.found(stale, "alice", "KEY1", at(33, 3, 0), ledger.Verified)
		}, Open, [2]int{1, 31}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var b book
			tc.write(&b)
			r := Make(source(t, b), october, after)
			want := make([]int, 31)
			for d := tc.days[0]; d > 0 && d <= tc.days[1]; d++ {
				want[d-1] = 1
			}
			if diff := cmp.Diff(want, r.control(stale).Open); diff != "" {
				t.Errorf("open at the end of each day (-want +got):\n%s", diff)
			}
			switch {
			case tc.outcome == "" && len(r.Findings) > 0, tc.outcome != "" && len(r.Findings) != 1:
				t.Errorf("findings %+v", r.Findings)
			case tc.outcome != "" && r.Findings[0].Outcome != tc.outcome:
				t.Errorf("outcome %q, want %q", r.Findings[0].Outcome, tc.outcome)
			}
		})
	}
}

func TestEachFigureIsOneThatWasMeasured(t *testing.T) {
	var b book
	for i, seconds := range []int{10, 400, 20, 30} { // at once, after an event
		e := b.found("detach-direct-policy", "bob", fmt.Sprint(i), at(2+i, 9, 0), ledger.Verified)
		b.run(e, e.At.Add(-time.Duration(seconds)*time.Second))
	}
	late := b.found("detach-direct-policy", "bob", "unknown", at(9, 9, 0), ledger.Verified)
	b.run(late, time.Time{})
	b.found(stale, "alice", "KEY1", at(3, 3, 0), ledger.Pending, warned(at(3, 3, 0)))
	b.found(stale, "alice", "KEY1", at(10, 3, 30), ledger.Verified)
	r := Make(source(t, b), october, time.Date(2026, 11, 1, 6, 0, 0, 0, time.UTC))
	want := Timing{Count: 4, Median: Measure{20, "entry00003-1"}, P90: Measure{400, "entry00002-1"},
		Max: Measure{400, "entry00002-1"}}
	if diff := cmp.Diff(want, r.control("detach-direct-policy").AfterEvent); diff != "" {
		t.Errorf("after the event (-want +got):\n%s", diff)
	}
	if r.Untimed != 1 {
		t.Errorf("%d changes without a time, want 1", r.Untimed)
	}
	week := Measure{(7*24*time.Hour + 30*time.Minute).Seconds(), "entry00007-1"}
	if diff := cmp.Diff(Timing{Count: 1, Median: week, P90: week, Max: week}, r.control(stale).AfterNotice); diff != "" {
		t.Errorf("after the notice (-want +got):\n%s", diff)
	}
	if n := r.control(stale).AfterEvent.Count; n != 0 {
		t.Errorf("%d changes of a sweep count as after an event", n)
	}
}

func TestEveryNumberIsThatOfAList(t *testing.T) {
	for name, r := range examples(t) {
		count := func(match func(Change) bool) int {
			n := 0
			for _, c := range r.Changes {
				if match(c) {
					n++
				}
			}
			return n
		}
		s := r.Summary()
		for what, tc := range map[string][2]int{
			"made":     {s.Made, count(func(c Change) bool { return wasMade(c.Status) && c.By == "" })},
			"undone":   {s.Undone, count(func(c Change) bool { return wasMade(c.Status) && c.By != "" })},
			"observed": {s.Observed, count(func(c Change) bool { return c.Status == ledger.Observed })},
			"stuck":    {s.Stuck, count(func(c Change) bool { return c.Status == ledger.Held || c.Status == ledger.Failed })},
			"alerts":   {s.Alerts, len(r.Alerts)},
		} {
			if tc[0] != tc[1] {
				t.Errorf("%s: %d %s in short, %d in the list", name, tc[0], what, tc[1])
			}
		}
		severities := 0
		for _, series := range r.severities() {
			if len(series) > 0 {
				severities += series[len(series)-1]
			}
		}
		if severities != s.Open {
			t.Errorf("%s: %d open by severity, %d by control", name, severities, s.Open)
		}
	}
}

func TestCoverage_RulesOfOneVersion(t *testing.T) {
	s := source(t, book{})
	list := func(cis string) []string {
		var got []string
		for _, f := range coverage(s.Controls, cis) {
			for _, r := range f.Rules {
				for _, served := range r.Controls {
					got = append(got, f.title()+" "+r.ID+": "+served.Control+" "+string(served.How))
				}
			}
		}
		return got
	}
	five, seven := list(""), list("7.0")
	for _, want := range []string{
		"CIS AWS Foundations Benchmark 5.0 1.13: deactivate-stale-access-key serves",
		"CIS AWS Foundations Benchmark 5.0 1.11: deactivate-unused-access-key helps",
		"AWS Security Hub IAM.2: detach-direct-policy serves",
		"AWS Security Hub IAM.28: alert-external-access needs",
		"ISMS-P 고시 제2024-8호 2.5.6: detach-direct-policy serves",
		"전자금융감독규정 금융위원회고시 제2026-29호, 시행 2026-07-15 제13조: deactivate-stale-access-key helps",
	} {
		if !slices.Contains(five, want) {
			t.Errorf("the coverage does not have %q; it has\n%s", want, strings.Join(five, "\n"))
		}
	}
	for _, want := range []string{
		"CIS AWS Foundations Benchmark 7.0 2.12: deactivate-stale-access-key serves",
		"CIS AWS Foundations Benchmark 7.0 2.1.1: delete-root-access-key needs",
	} {
		if !slices.Contains(seven, want) {
			t.Errorf("the coverage in 7.0 does not have %q", want)
		}
	}
	if text := strings.Join(five, "\n"); strings.Contains(text, "2.1.1") || strings.Contains(text, " 7.0 ") {
		t.Errorf("the coverage in 5.0 has a rule of 7.0:\n%s", text)
	}
	at := func(list []string, of string) int {
		return slices.IndexFunc(list, func(r string) bool { return strings.Contains(r, of) })
	}
	if at(five, "5.0 1.3:") > at(five, "5.0 1.11:") {
		t.Error("1.11 stands before 1.3")
	}
}

func TestARehearsalIsInNoNumber(t *testing.T) {
	b := month(people)
	before := Make(source(t, b), october, time.Date(2026, 11, 1, 6, 0, 0, 0, time.UTC)).Summary()
	for _, status := range []ledger.Status{ledger.Verified, ledger.Held, ledger.Pending} {
		b.found("detach-direct-policy", "warder-drill-x", "DRILL", at(15, 9, 0), status).Drill = "x1"
	}
	r := Make(source(t, b), october, time.Date(2026, 11, 1, 6, 0, 0, 0, time.UTC))
	if diff := cmp.Diff(before, r.Summary()); diff != "" {
		t.Errorf("summary (-without +with the drill):\n%s", diff)
	}
	if n := len(slices.DeleteFunc(r.Incidents, func(i Incident) bool { return i.Kind != Drill })); n != 1 {
		t.Errorf("%d drills are listed, want 1", n)
	}
}

func TestAHaltLastsUntilItIsResumed(t *testing.T) {
	var b book
	set := func(guard ledger.Guard, reason string, at time.Time) {
		b.Entries = append(b.Entries, ledger.Entry{
			ID: "halt " + reason, Control: "undo", Guard: guard, Reason: reason, At: at,
			By: caller.Identity{ARN: "kim"}})
	}
	set(ledger.Halted, "goes on", at(30, 0, 0)) // the ledger is in no order
	set(ledger.Halted, "old", at(-50, 0, 0))
	set(ledger.Resumed, "", at(-49, 0, 0))
	set(ledger.Halted, "reaches in", at(0, 0, 0))
	set(ledger.Halted, "another reason", at(1, 5, 0))
	set(ledger.Resumed, "", at(2, 0, 0))
	set(ledger.Resumed, "again", at(3, 0, 0))
	s := source(t, b)
	r := Make(s, october, time.Date(2026, 11, 1, 6, 0, 0, 0, time.UTC))
	var got []string
	for _, i := range r.Incidents {
		if i.Kind == Halted {
			got = append(got, fmt.Sprintf("%s from %s until %s: %s", i.ID, stamp(i.At), stamp(i.Until), i.Text))
		}
	}
	want := []string{"halt reaches in from 2026-09-30T00:00:00Z until 2026-10-02T00:00:00Z: reaches in",
		"halt goes on from 2026-10-30T00:00:00Z until : goes on"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("halts (-want +got):\n%s", diff)
	}
}

func TestExemptions_SeveralOfAUser(t *testing.T) {
	s := source(t, book{})
	s.Users = []User{{"alice", map[string]string{
		"warder:exempt":   "deactivate-stale-access-key until 2027-01-01 by kim for a migration",
		"Warder:Exempt/2": "detach-direct-policy until 2027-02-01 by kim for a mail user",
		"warder:exempted": "all until 2027-03-01 by kim for what is no exemption",
	}}}
	var got []string
	for _, x := range Make(s, october, time.Date(2026, 11, 1, 6, 0, 0, 0, time.UTC)).Exemptions {
		got = append(got, x.Control)
	}
	if diff := cmp.Diff([]string{"deactivate-stale-access-key", "detach-direct-policy"}, got); diff != "" {
		t.Errorf("exemptions (-want +got):\n%s", diff)
	}
}

func TestExemptionsAreMarked(t *testing.T) {
	r := examples(t)["normal"]
	var got []string
	for _, x := range r.Exemptions {
		got = append(got, fmt.Sprintf("%s: %s, %d", x.User, x.State, x.DaysLeft))
	}
	want := []string{"deploy.ci: malformed, 0", "carol@example.com: expired, -12", "alice: ends soon, 19",
		"frank: no such control, 61", "batch-settlement: in force, 120"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("exemptions (-want +got):\n%s", diff)
	}
}

func TestASweepThatDidNotComeIsMissed(t *testing.T) {
	var b book
	for _, day := range []int{20, 21, 24, 25} {
		b.Runs = append(b.Runs, ledger.Run{Control: stale, Key: fmt.Sprint(day), Event: sweep, At: at(day, 3, 0), Done: true})
	}
	r := Make(source(t, b), october, at(25, 9, 0))
	missed := slices.DeleteFunc(r.Incidents, func(i Incident) bool { return i.Kind != MissedSweep })
	if len(missed) != 1 || !missed[0].At.Equal(at(21, 3, 0)) || !missed[0].Until.Equal(at(24, 3, 0)) {
		t.Errorf("missed %+v, want that between the 21st and the 24th", missed)
	}
	if c := r.control(stale); c.Sweeps != 4 || !c.LastSweep.Equal(at(25, 3, 0)) {
		t.Errorf("%d sweeps, the last on %v", c.Sweeps, c.LastSweep)
	}
}

// What a spreadsheet would take for a formula is text; what is in a cell stays in it.
func TestTheTableIsNoProgram(t *testing.T) {
	var text bytes.Buffer
	if err := CSV(&text, examples(t)["hostile"]); err != nil {
		t.Fatal(err)
	}
	data, marked := strings.CutPrefix(text.String(), "\ufeff")
	if !marked {
		t.Error("no byte order mark: Excel would read Korean as another encoding")
	}
	rows, err := csv.NewReader(strings.NewReader(data)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(columns, rows[0]); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
	records, guarded := map[string]int{}, 0
	for _, row := range rows[1:] {
		records[row[0]]++
		for i, value := range row {
			if value != "" && strings.ContainsAny(value[:1], "=+-@\t\r|%") || strings.HasPrefix(value, "＝") ||
				strings.ContainsAny(value, "\n\r\u202e") || strings.Contains(value, "AKIAIOSFODNN7EXAMPLE") {
				t.Errorf("%s of %s is %q", columns[i], row[1], value)
			}
			if strings.HasPrefix(value, "'") {
				guarded++
			}
		}
	}
	if guarded == 0 {
		t.Error("nothing was guarded: the test says nothing")
	}
	for _, kind := range []string{"report", "control", "open", "finding", "change", "alert", "exemption",
		"rule", "incident"} {
		if records[kind] == 0 {
			t.Errorf("the table has no %s", kind)
		}
	}
}

// Pages for the parser that is no browser: what others worded is text there, and nothing else.
func FuzzNothingThatOthersWordBecomesMarkup(f *testing.F) {
	for _, text := range hostileTexts {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := reported(text)
		var page bytes.Buffer
		if err := HTML(&page, r, settings.English); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(page.String(), "AKIAIOSFODNN7EXAMPLE") {
			t.Fatal("the page has a whole access key id")
		}
		root, err := html.Parse(&page)
		if err != nil {
			t.Fatal(err)
		}
		for n := range root.Descendants() {
			if n.Type != html.ElementNode {
				continue
			}
			if slices.Contains([]string{"script", "img", "iframe", "object", "link", "form", "base"}, n.Data) {
				t.Fatalf("the page has a %s", n.Data)
			}
			for _, a := range n.Attr {
				if strings.HasPrefix(a.Key, "on") || a.Key == "style" || a.Key == "href" && !strings.HasPrefix(a.Val, "#") &&
					!strings.HasPrefix(a.Val, "https://") {
					t.Fatalf("<%s %s=%q>", n.Data, a.Key, a.Val)
				}
			}
		}
	})
}

func TestPeriodsAreNamed(t *testing.T) {
	now := time.Date(2027, 1, 1, 6, 0, 0, 0, time.FixedZone("KST", 9*60*60))
	if got := LastMonth(now, time.UTC).String(); got != "2026-11" { // it is still December in UTC
		t.Errorf("last month is %s", got)
	}
	leap, err := Month("2028-02", time.UTC)
	if err != nil || leap.days() != 29 {
		t.Errorf("%d days (%v)", leap.days(), err)
	}
}
