package exemption

import (
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 11, 21, 23, 59, 59, 0, time.UTC)

func TestParse(t *testing.T) {
	for _, tc := range []struct{ name, text, fault string }{
		{"one control", "detach-direct-policy until 2026-12-31 by kim@example.com for a migration", ""},
		{"every control, to the last day allowed", "all until 2027-05-20 by kim for the audit", ""},
		{"over already", "all until 2020-01-01 by kim for the audit", ""},
		{"a day too far", "all until 2027-05-21 by kim for the audit", "at most 180 days"},
		{"no end", "all by kim for the audit", "does not have the form"},
		{"no approver", "all until 2026-12-31 for the audit", "does not have the form"},
		{"no reason", "all until 2026-12-31 by kim", "does not have the form"},
		{"an empty reason", "all until 2026-12-31 by kim for  ", "does not have the form"},
		{"a reason that nobody sees", "all until 2026-12-31 by kim for \u2003", "does not have the form"},
		{"an approver whom nobody sees", "all until 2026-12-31 by \u00a0 for the audit", "does not have the form"},
		{"an approver in two words", "all until 2026-12-31 by kim\u2003lee for the audit", "does not have the form"},
		{"a day that does not exist", "all until 2026-02-30 by kim for x", "does not exist"},
		{"another form of the day", "all until 31.12.2026 by kim for x", "does not have the form"},
		{"capitals", "ALL until 2026-12-31 by kim for x", "does not have the form"},
		{"something before it", " all until 2026-12-31 by kim for x", "does not have the form"},
		{"two lines", "all until 2026-12-31 by kim for x\nall until", "does not have the form"},
		{"a word only", "true", "does not have the form"},
		{"nothing", "", "does not have the form"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Parse(tc.text, now)
			switch {
			case tc.fault == "" && err != nil:
				t.Errorf("err = %v", err)
			case tc.fault != "" && (err == nil || !strings.Contains(err.Error(), tc.fault)):
				t.Errorf("err = %v, want one that says %q", err, tc.fault)
			}
		})
	}
}

func TestCovers(t *testing.T) {
	e, err := Parse("detach-direct-policy until 2026-11-21 by kim for x", now)
	if err != nil {
		t.Fatal(err)
	}
	if !e.Covers("detach-direct-policy", now) {
		t.Error("the last day does not count")
	}
	if e.Covers("detach-direct-policy", now.Add(time.Second)) {
		t.Error("the day after the last counts")
	}
	if e.Covers("deactivate-stale-access-key", now) || e.Covers("detach-direct-polic", now) {
		t.Error("another control is covered")
	}
	if e.DaysLeft(now) != 0 || e.DaysLeft(now.AddDate(0, 0, -3)) != 3 || e.DaysLeft(now.Add(time.Second)) != -1 {
		t.Errorf(
			"days left: %d, %d, %d", e.DaysLeft(now), e.DaysLeft(now.AddDate(0, 0, -3)), e.DaysLeft(now.Add(time.Second)),
		)
	}
	e.Control = All
	if !e.Covers("anything", now) {
		t.Error("all does not cover anything")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("all until 2026-12-31 by kim for x")
	f.Add("all until 9999-99-99 by kim for x")
	f.Fuzz(func(t *testing.T, text string) {
		e, err := Parse(text, now)
		if err != nil {
			return
		}
		if e.Control == "" || e.By == "" || e.Reason == "" || e.DaysLeft(now) > MaxDays {
			t.Errorf("Parse(%q) = %+v", text, e)
		}
		if again, err := Parse(e.Control+" until "+e.Until.Format(time.DateOnly)+" by "+e.By+" for "+e.Reason,
			now); err != nil ||
			again != e {
			t.Errorf("Parse(%q) does not come back: %+v, %v", text, again, err)
		}
	})
}
