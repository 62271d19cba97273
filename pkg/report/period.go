package report

import (
	"fmt"
	"time"
)

// Period is whole days in UTC, from From up to and without To.
type Period struct {
	From, To time.Time
}

// maxDays is the longest period, in days: what a page can show, day by day.
const maxDays = 366

// Month is the month of the given name, as in 2026-10.
func Month(name string) (Period, error) {
	from, err := time.Parse("2006-01", name)
	if err != nil {
		return Period{}, fmt.Errorf("month %q is not a month such as 2026-10", name)
	}
	return Period{from, from.AddDate(0, 1, 0)}, nil
}

// LastMonth is the last month that was over at now.
func LastMonth(now time.Time) Period {
	now = now.UTC()
	this := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	return Period{this.AddDate(0, -1, 0), this}
}

// Days is the period from one day to another, both of them included, as in 2026-10-01.
func Days(first, last string) (Period, error) {
	from, err := time.Parse(time.DateOnly, first)
	if err != nil {
		return Period{}, fmt.Errorf("from %q is not a day such as 2026-10-01", first)
	}
	to, err := time.Parse(time.DateOnly, last)
	if err != nil {
		return Period{}, fmt.Errorf("to %q is not a day such as 2026-10-31", last)
	}
	p := Period{from, to.AddDate(0, 0, 1)}
	switch {
	case !to.After(from) && !to.Equal(from):
		return Period{}, fmt.Errorf("to %s is before from %s", last, first)
	case p.days() > maxDays:
		return Period{}, fmt.Errorf("from %s to %s are %d days: at most %d can be reported of at once", first,
			last, p.days(), maxDays)
	}
	return p, nil
}

func (p Period) days() int { return int(p.To.Sub(p.From) / day) }

// String names the period: 2026-10 for a whole month, else its first and its last day. It is part of
// the names of files.
func (p Period) String() string {
	if p.From.Day() == 1 && p.To.Equal(p.From.AddDate(0, 1, 0)) {
		return p.From.Format("2006-01")
	}
	return p.From.Format(time.DateOnly) + "--" + p.To.AddDate(0, 0, -1).Format(time.DateOnly)
}

// covers reports whether a time is in the period.
func (p Period) covers(t time.Time) bool { return !t.Before(p.From) && t.Before(p.To) }

const day = 24 * time.Hour
