package simulate

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/warder-aws/warder/functions/all"
)

// Shrunk is the least that was found to break the invariant.
type Shrunk struct {
	// Only are the numbers of the happenings that are left, of how many.
	Only []int `json:"only"`
	Of   int   `json:"of"`
	// Alone is the one user who is left, empty if all are.
	Alone string `json:"alone,omitempty"`
	// Plays are how many times the company was played for it.
	Plays int `json:"plays"`
	// Violation is what it comes to, with the story of it.
	Violation *Violation `json:"violation"`
}

// Shrink plays a company that broke an invariant again without this and that, at most the given number
// of times, and returns the least that breaks the same invariant still. It halves what is left, and
// halves the halves (delta debugging: Zeller and Hildebrandt, "Simplifying and Isolating
// Failure-Inducing Input", 2002).
func Shrink(ctx context.Context, o Options, first *Violation, plays int) (Shrunk, error) {
	s := Shrunk{Violation: first}
	o.Day = nil
	o.until = first.At.AddDate(0, 0, 2)
	for _, h := range planned(o, ids(), begin) {
		s.Of++
		if !h.at.After(first.At) && (o.Only == nil || o.Only[h.id]) {
			s.Only = append(s.Only, h.id)
		}
	}
	// breaks reports whether the same invariant is broken by these.
	breaks := func(only []int, alone string) (bool, error) {
		if s.Plays == plays {
			return false, nil
		}
		s.Plays++
		try := o
		try.Alone = alone
		try.Only = map[int]bool{}
		for _, id := range only {
			try.Only[id] = true
		}
		summary, err := Run(ctx, try)
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
	for parts := 2; len(s.Only) > 0 && s.Plays < plays; {
		size := (len(s.Only) + parts - 1) / parts
		found := false
		for at := 0; at < len(s.Only) && !found; at += size {
			without := slices.Concat(s.Only[:at], s.Only[min(at+size, len(s.Only)):])
			var err error
			if found, err = breaks(without, s.Alone); err != nil {
				return s, err
			}
		}
		switch {
		case found:
			parts = max(parts-1, 2)
		case size == 1:
			return s, nil
		default:
			parts = min(2*parts, len(s.Only))
		}
	}
	return s, nil
}

// Told are the happenings of a company in words, those that are named.
func Told(o Options, only []int) []string {
	var lines []string
	all := ids()
	for _, h := range planned(o, all, begin) {
		if _, named := slices.BinarySearch(only, h.id); !named {
			continue
		}
		who := ""
		switch {
		case slices.Contains(weather, h.what):
			who = " (" + all[h.who] + ")"
		case h.who >= 0:
			who = " (" + person(h.who) + ")"
		}
		lines = append(lines, line{h.at, "", h.what + who}.String())
	}
	return lines
}

// ids are those of the controls.
func ids() []string { return slices.Sorted(maps.Keys(all.Controls)) }
