package main

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/account"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/remedy"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/story"
)

var told = story.Control{
	Description: description,
	PlanWithLedger: func(a *account.Account, l *ledger.Ledger, f settings.Function) (remedy.Planner, error) {
		return newPlanner(a, l, f, func(context.Context, time.Duration) {})
	},
	Reads: reflect.TypeFor[reads](),
}

func TestStories(t *testing.T) { story.Run(t, told) }

// The numbers are those of the runbook.
func TestASweepOfALargeAccountStaysSmall(t *testing.T) {
	begin := time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)
	days := story.Sweeps(t, told, begin, 18, func(now time.Time) account.State { return story.Large(begin, now) })
	switched := map[string]int{}
	for i, day := range days {
		limit := 400
		if i < 7 {
			limit = 1100 // every user is looked at once in the first week
		}
		t.Logf("day %d: %d calls, %d to the ledger: %v", i+1, day.Sum, day.Ledger, day.Calls)
		if day.Sum >= limit {
			t.Errorf("day %d: %d calls, want less than %d: %v", i+1, day.Sum, limit, day.Calls)
		}
		for _, user := range []string{story.SwitchedBefore, story.SwitchedLater} {
			if switched[user] == 0 && day.Told(user) {
				switched[user] = i + 1
			}
		}
	}
	if n := switched[story.SwitchedBefore]; n == 0 || n > 7 {
		t.Errorf("the key that was switched before the first sweep is found on day %d, want one of the first seven", n)
	}
	if n := switched[story.SwitchedLater]; n < 11 || n > 17 {
		t.Errorf("the key that was switched on day 10 and matters from day 11 is found on day %d, want one of the seven from then on", n)
	}
}
