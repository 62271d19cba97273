package ledger_test

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

func TestAddToBurst(t *testing.T) {
	_, l := memory()
	for i, tc := range []struct {
		id            string
		after         time.Duration
		place, before int
	}{
		{"a", 0, 1, 0}, {"b", minute, 2, 0}, {"a", 2 * minute, 1, 0}, {"c", 4 * minute, 3, 0},
		{"c", 6 * minute, 3, 0},  // a retry has its place, whenever it comes
		{"d", 5 * minute, 1, 3},  // another row
		{"e", 12 * minute, 1, 1}, // and another
	} {
		b, place, err := l.AddToBurst(t.Context(), "x", tc.id, noon.Add(tc.after), 5*minute)
		if err != nil || place != tc.place || b.Before != tc.before {
			t.Errorf("%d: %s is at %d of %+v, %v, want %+v", i, tc.id, place, b, err, tc)
		}
	}
	if b, place, err := l.AddToBurst(t.Context(), "y", "a", noon, minute); err != nil || place != 1 || b.Count != 1 {
		t.Errorf("another row: %d of %+v, %v", place, b, err)
	}
}

// Many at once each have a place of their own.
func TestAddToBurst_Crowd(t *testing.T) {
	_, l := memory()
	var crowd sync.WaitGroup
	places := make([]int, 30)
	for i := range places {
		crowd.Go(func() {
			_, place, err := l.AddToBurst(t.Context(), "x", fmt.Sprint(i), noon, minute)
			if err != nil {
				t.Error(err)
			}
			places[i] = place
		})
	}
	crowd.Wait()
	seen := map[int]bool{}
	for _, place := range places {
		seen[place] = true
	}
	if len(seen) != len(places) || !seen[1] || !seen[len(places)] {
		t.Errorf("places %v", places)
	}
}

// A row keeps a thousand ids, and ends a day after its time is over.
func TestAddToBurst_Limits(t *testing.T) {
	store, l := memory()
	for i := range 1001 {
		if _, place, err := l.AddToBurst(t.Context(), "x", fmt.Sprint(i), noon, minute); err != nil || place != i+1 {
			t.Fatalf("%d is at %d, %v", i, place, err)
		}
	}
	b, place, err := l.AddToBurst(t.Context(), "x", "999", noon, minute)
	if err != nil || place != 1000 || len(b.IDs) > 1000 {
		t.Errorf("the last that is kept is at %d of %d, %v", place, len(b.IDs), err)
	}
	if _, place, err := l.AddToBurst(t.Context(), "x", "1000", noon, minute); err != nil || place != 1002 {
		t.Errorf("one that is not kept is at %d when it is tried again, %v", place, err)
	}
	if expires := stored(t, store, "burst#x", "burst").Expires; !expires.Equal(noon.Add(minute + day)) {
		t.Errorf("it expires on %s", expires)
	}
}
