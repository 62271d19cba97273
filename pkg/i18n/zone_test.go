package i18n

import (
	"strings"
	"testing"
	"time"
)

// inZone has times in the zone until the test ends.
func inZone(t *testing.T, name string) {
	t.Helper()
	if err := SetZone(name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { zone.Store(nil) })
}

func TestSetZone(t *testing.T) {
	at := time.Date(2026, 11, 30, 22, 18, 57, 0, time.UTC)
	for _, tc := range []struct{ zone, day, minute, moment, korean string }{
		{"", "2026-11-30", "2026-11-30 22:18 UTC", "2026-11-30 22:18:57 UTC", "2026년 11월 30일 22:18(UTC)"},
		{"Asia/Seoul", "2026-12-01", "2026-12-01 07:18 KST", "2026-12-01 07:18:57 KST", "2026년 12월 1일 07:18(KST)"},
		{"America/New_York", "2026-11-30", "2026-11-30 17:18 EST", "2026-11-30 17:18:57 EST", "2026년 11월 30일 17:18(EST)"},
		{"America/Sao_Paulo", "2026-11-30", "2026-11-30 19:18 UTC-03", "2026-11-30 19:18:57 UTC-03",
			"2026년 11월 30일 19:18(UTC-03)"},
	} {
		inZone(t, tc.zone)
		got := []string{Day(at).String(), Minute(at).String(), Moment(at).String(), Minute(at).In("ko")}
		for i, want := range []string{tc.day, tc.minute, tc.moment, tc.korean} {
			if got[i] != want {
				t.Errorf("%s: %q, want %q", tc.zone, got[i], want)
			}
		}
		if got := Date(time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)).String(); got != "2026-11-30" {
			t.Errorf("%s: a day that somebody wrote as 2026-11-30 is %s", tc.zone, got)
		}
	}
}

func TestSetZone_Refuses(t *testing.T) {
	inZone(t, "Asia/Seoul")
	for _, name := range []string{"KST", "Asia/Soul", "Local", "../../etc/passwd", "Asia/Seoul\n",
		strings.Repeat("A", 500)} {
		if err := SetZone(name); err == nil || len(err.Error()) > 250 {
			t.Errorf("%.20q: %v", name, err)
		}
	}
	if got := Minute(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)).String(); got != "2026-01-01 09:00 KST" {
		t.Errorf("the zone is another after a wrong one: %s", got)
	}
}
