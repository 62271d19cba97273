package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/settings"
)

const rootUsage = "alert-root-usage"

// What a sweep alerts on once a week is open all the time, in every section, until it is not recorded any more.
func TestStandingConditionIsAnOpenFinding(t *testing.T) {
	var b book
	for _, day := range []int{2, 9, 16} {
		b.standing(rootUsage, "root", "Root user without MFA", "critical", at(day, 3, 0))
	}
	b.standing("check-warder", "warder", "A rule of Warder is off", "critical", at(2, 3, 0)) // a tool: not the account's
	event := b.found(rootUsage, "root", "", at(5, 3, 0), "")
	event.Steps, event.Notify, event.Event = nil, "alert", "AWS API Call via CloudTrail: CreateUser"

	r := Make(source(t, b), october, time.Date(2026, 11, 1, 6, 0, 0, 0, time.UTC))
	if len(r.Findings) != 1 {
		t.Fatalf("findings %+v, want one", r.Findings)
	}
	f := r.Findings[0]
	if f.Outcome != Unseen || !f.Opened.Equal(at(2, 3, 0)) || !f.Closed.Equal(at(24, 3, 0)) {
		t.Errorf("%s from %v to %v, want %s from the 2nd to the 24th", f.Outcome, f.Opened, f.Closed, Unseen)
	}

	r = Make(source(t, b), october, at(20, 6, 0))
	if f := r.Standing(); len(f) != 1 || f[0].Outcome != Standing || r.control(rootUsage).Now() != 1 {
		t.Fatalf("standing %+v, want the root user", f)
	}
	if s := r.Summary(); s.Open != 1 || s.Alerts != 4+1 {
		t.Errorf("summary %+v", s)
	}
	cites := false
	for _, framework := range r.Coverage {
		for _, rule := range framework.Rules {
			for _, served := range rule.Controls {
				if served.Control == rootUsage {
					cites = true
					if r.control(served.Control).Now() == 0 {
						t.Errorf("%s %s says that nothing is open", framework.ID, rule.ID)
					}
				}
			}
		}
	}
	if !cites {
		t.Error("no rule is about the root user")
	}
}

// text is the page as a reader has it.
func text(t *testing.T, r Report, l settings.Language) string {
	t.Helper()
	var page bytes.Buffer
	if err := HTML(&page, r, l); err != nil {
		t.Fatal(err)
	}
	return page.String()
}

func TestVerdict(t *testing.T) {
	after := time.Date(2026, 11, 1, 6, 0, 0, 0, time.UTC)
	var b book
	for _, tc := range []struct {
		name  string
		write func()
		says  []string
	}{
		{"nothing", func() {}, []string{
			"<strong>In order.</strong> Nothing is open at the end. Changes made: 0, reverted: 0, on hold or failed: 0.</p>",
		}},
		{"a key is due", func() {
			b.found(stale, "bob", "KEY2", at(28, 3, 0), ledger.Pending, warned(at(28, 3, 0)))
		}, []string{
			"<strong>In order.</strong> Open at the end: 1, of them high or critical: 0; the oldest for 3 days.",
			"<td role=\"cell\" class=\"number\" data-label=\"Open for\"><div>3 days</div></td>",
		}},
		{"root without MFA", func() {
			b.standing(rootUsage, "root", "Root user without MFA", "critical", at(30, 3, 0))
		}, []string{
			"<strong>Needs attention.</strong> Open at the end: 2, of them high or critical: 1;",
			"critical 1</span> <span class=\"badge high\">high 0</span> <span class=\"badge medium\">medium 1</span>",
		}},
		{"a change failed", func() { b.found(stale, "carol", "KEY3", at(29, 4, 0), ledger.Failed) }, []string{
			"on hold or failed: 1.", "What kept Warder from its work: 1, listed under 6.",
		}},
	} {
		tc.write()
		page := text(t, Make(source(t, b), october, after), settings.English)
		for _, says := range tc.says {
			if !strings.Contains(page, says) {
				_, from, _ := strings.Cut(page, `id="verdict"`)
				t.Errorf("%s: the page does not say %q, but %.300s", tc.name, says, from)
			}
		}
	}
	s := source(t, b)
	for id := range s.Modes {
		s.Modes[id] = control.Observe
	}
	if page := text(t, Make(s, october, after), settings.English); !strings.Contains(page, "No control enforces") {
		t.Error("the page does not say that nothing enforces")
	}
}

// A month is compared with the one before, if the ledger has anything of it.
func TestMonthOverMonth(t *testing.T) {
	var b book
	b.found(stale, "alice", "KEY1", at(1, 3, 0).AddDate(0, 0, -10), ledger.Verified)
	b.found(stale, "bob", "KEY2", at(4, 3, 0), ledger.Verified)
	b.found(stale, "carol", "KEY3", at(5, 3, 0), ledger.Verified)
	r := Make(source(t, b), october, at(31, 6, 0))
	if r.Before == nil || r.Before.Made != 1 || r.Summary().Made != 2 {
		t.Fatalf("before %+v, now %+v", r.Before, r.Summary())
	}
	if page := text(t, r, settings.English); !strings.Contains(page, "<span>Changes made</span><small>before: 1</small>") {
		t.Error("the page does not have the month before")
	}
	b.Entries = b.Entries[1:]
	if r := Make(source(t, b), october, at(31, 6, 0)); r.Before != nil {
		t.Errorf("before %+v, and the ledger has nothing of it", r.Before)
	}
}

// Rules are those of what is deployed, and a control that only alerts has no mode.
func TestCoverageIsOfWhatIsDeployed(t *testing.T) {
	s := source(t, book{})
	for id := range s.Modes {
		if id != rootUsage {
			s.Modes[id] = control.Off
		}
	}
	r := Make(s, october, at(31, 6, 0))
	for _, framework := range r.Coverage {
		for _, rule := range framework.Rules {
			for _, served := range rule.Controls {
				if served.Control != rootUsage && !r.control(served.Control).Tool {
					t.Errorf("%s %s is mapped to %s, which is off", framework.ID, rule.ID, served.Control)
				}
			}
		}
	}
	page := text(t, r, settings.English)
	if strings.Contains(page, `class="badge mode-enforce`) ||
		!strings.Contains(page, `<span class="badge mode-alerts">alerts</span>`) {
		t.Error("a control that only alerts has a mode")
	}
}

// The zone is that of the period: its days begin at its midnight, also where clocks are changed.
func TestZone(t *testing.T) {
	seoul, err := time.LoadLocation("Asia/Seoul")
	if err != nil {
		t.Fatal(err)
	}
	period, err := Month("2026-10", seoul)
	if err != nil || !period.From.Equal(time.Date(2026, 9, 30, 15, 0, 0, 0, time.UTC)) || period.days() != 31 {
		t.Fatalf("October in Seoul is from %v, %d days (%v)", period.From.UTC(), period.days(), err)
	}
	var b book
	b.found(stale, "alice", "KEY1", time.Date(2026, 9, 30, 16, 0, 0, 0, time.UTC), ledger.Verified)
	r := Make(source(t, b), period, at(31, 20, 0))
	page := text(t, r, settings.Korean)
	if len(r.Changes) != 1 || len(r.ends()) != 31 || !strings.Contains(page, "2026-10-01 01:00") ||
		!strings.Contains(page, "(KST)") || strings.Contains(page, " UTC<") {
		t.Errorf("%d changes, %d days; the page is not in Korean time", len(r.Changes), len(r.ends()))
	}
	york, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	period, err = Month("2026-11", york)
	if last := period.To.Add(-time.Minute); err != nil || period.days() != 30 || period.dayOf(last) != 29 {
		t.Errorf(
			"November in New York has %d days, the last minute is on day %d (%v)",
			period.days(),
			period.dayOf(last),
			err,
		)
	}
}

// The page names the table that was written with it.
func TestSignOffNamesTheData(t *testing.T) {
	r := Make(source(t, quietMonth()), october, time.Date(2026, 11, 1, 6, 0, 0, 0, time.UTC))
	var table bytes.Buffer
	if err := CSV(&table, r); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(table.Bytes())
	if !strings.Contains(text(t, r, settings.English), hex.EncodeToString(sum[:])) {
		t.Error("the page does not have the hash of its table")
	}
}
