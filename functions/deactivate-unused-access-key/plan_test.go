package deactivateunusedaccesskey

import (
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/test/fakeaws"
	"github.com/warder-aws/warder/pkg/test/scenario"
)

func TestScenarios(t *testing.T) { scenario.Run(t, Control) }

func FuzzEvents(f *testing.F) { scenario.Fuzz(f, Control) }

// The numbers are those of the runbook.
func TestSweep_LargeAccount(t *testing.T) {
	begin := time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)
	days := scenario.Sweeps(t, Control, begin, 14, func(now time.Time) fakeaws.State { return scenario.Large(begin, now) })
	found, quiet := map[string]int{}, 0
	for i, day := range days {
		t.Logf("day %d: %d calls, %d to the ledger, %d notices: %v", i+1, day.Sum, day.Ledger, len(day.Notices), day.Calls)
		limit := 400
		if day.Sum >= limit {
			t.Errorf("day %d: %d calls, want less than %d: %v", i+1, day.Sum, limit, day.Calls)
		}
		// On most days nobody is notified of anything: then it is so with the ledger, too.
		if i >= 7 && len(day.Notices) == 0 {
			quiet++
			if day.Sum+day.Ledger >= limit {
				t.Errorf("day %d: %d calls and %d to the ledger, want less than %d", i+1, day.Sum, day.Ledger, limit)
			}
		}
		for _, user := range []string{scenario.SwitchedBefore, scenario.SwitchedLater} {
			if found[user] == 0 && day.Notified(user) {
				found[user] = i + 1
			}
		}
	}
	if quiet == 0 {
		t.Error("there was no day without a notice")
	}
	if n := found[scenario.SwitchedBefore]; n == 0 || n > 7 {
		t.Errorf("the key that was switched before the first sweep is found on day %d, want one of the first seven", n)
	}
	if n := found[scenario.SwitchedLater]; n < 11 || n > 17 {
		t.Errorf("the key that was switched on day 10 and matters from day 11 is found on day %d, want one of the next "+
			"seven", n)
	}
}
