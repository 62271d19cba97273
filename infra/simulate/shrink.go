package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/warder-aws/warder/infra/simulate/deployment"
)

// shrunk is the least that was found to break the invariant.
type shrunk struct {
	Only      []int      `json:"only"` // the numbers of the occurrences that are left, of how many
	Of        int        `json:"of"`
	Alone     string     `json:"alone,omitempty"` // the one user who is left, empty if all are
	Replays   int        `json:"replays"`         // how many times the company was simulated again for it
	Violation *violation `json:"violation"`       // what it comes to, with the story of it
}

// effort is the most that shrinking takes.
type effort struct {
	replays int
	time    time.Duration
}

// shrink simulates a company that broke an invariant again without this and that, and returns the least that was found
// to break the same invariant within the effort. It leaves out halves, then quarters, and so on, as delta debugging
// does (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002).
func shrink(ctx context.Context, o options, first *violation, most effort) (shrunk, error) {
	limited, cancel := context.WithTimeout(ctx, most.time)
	defer cancel()
	s := shrunk{Violation: first}
	o.day = nil
	o.until = first.At.AddDate(0, 0, 2)
	for _, occurrence := range drawn(o.seed, o.days, o.users, begin) {
		s.Of++
		if !occurrence.at.After(first.At) && (o.only == nil || o.only[occurrence.id]) {
			s.Only = append(s.Only, occurrence.id)
		}
	}
	// breaks reports whether the same invariant is broken by these.
	breaks := func(only []int, alone string) (bool, error) {
		s.Replays++
		try := o
		try.alone, try.only = alone, map[int]bool{}
		for _, id := range only {
			try.only[id] = true
		}
		summary, err := simulate(limited, try)
		if limited.Err() != nil && ctx.Err() == nil {
			return false, nil // this replay did not come to its end
		}
		if err != nil || summary.Violation == nil || summary.Violation.Invariant != first.Invariant {
			return false, err
		}
		s.Only, s.Alone, s.Violation = slices.Clone(only), alone, summary.Violation
		return true, nil
	}
	if strings.HasPrefix(first.Subject, "user-") {
		if _, err := breaks(s.Only, first.Subject); err != nil {
			return s, err
		}
	}
	spent := func() bool { return s.Replays >= most.replays || limited.Err() != nil }
	for size := (len(s.Only) + 1) / 2; size > 0; size /= 2 {
		for at := 0; at < len(s.Only) && !spent(); {
			without := slices.Concat(s.Only[:at], s.Only[min(at+size, len(s.Only)):])
			if found, err := breaks(without, s.Alone); err != nil {
				return s, err
			} else if !found {
				at += size
			}
		}
	}
	return s, nil
}

// described are those occurrences of a company that are named, in words.
func described(o options, only []int) []string {
	var lines []string
	for _, occurrence := range drawn(o.seed, o.days, o.users, begin) {
		if _, named := slices.BinarySearch(only, occurrence.id); !named {
			continue
		}
		who := ""
		if occurrence.who >= 0 && behaves(occurrence) {
			who = " (" + person(occurrence.who) + ")"
		} else if occurrence.who >= 0 {
			who = " (" + deployment.IDs()[occurrence.who] + ")"
		}
		lines = append(lines, line{occurrence.at, "", occurrence.what + who}.String())
	}
	return lines
}
