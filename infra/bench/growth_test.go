package main

import (
	"math"
	"testing"
)

// grown are made-up sweeps: calls are 10 and two for each user, seconds the square of the users.
func grown() []Swept {
	var all []Swept
	for _, on := range []string{Memory, Moto} {
		for _, users := range []int{5000, 100, 1000} {
			for _, control := range sweepers {
				all = append(all, Swept{
					Users: users, Control: control, On: on,
					Calls: 10 + 2*users, Seconds: float64(users*users) / 1e6, RSSKB: 20_000,
				})
			}
		}
	}
	return all
}

func TestFits_Growth(t *testing.T) {
	got := fits(grown())
	if want := len(sweepers) * 2 * 3; len(got) != want {
		t.Fatalf("%d fits, want %d", len(got), want)
	}
	near := func(got, want float64) bool { return math.Abs(got-want) < 1e-6 }
	for _, f := range got {
		switch f.Of {
		case "calls":
			if !near(f.Base, 10) || !near(f.PerUser, 2) || !near(f.R2, 1) {
				t.Errorf("calls: %+v, want 10 + 2 × users", f)
			}
		case "seconds":
			if !near(f.Power, 2) {
				t.Errorf("seconds: %+v, want the square", f)
			}
		case "rss_kb":
			if !near(f.Power, 0) || !near(f.PerUser, 0) {
				t.Errorf("memory: %+v, want no growth", f)
			}
		}
	}
	if got := fits(grown()[:1]); len(got) != 0 {
		t.Errorf("of one size: %+v, want no fit", got)
	}
}
