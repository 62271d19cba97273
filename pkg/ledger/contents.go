package ledger

import (
	"cmp"
	"context"
	"slices"
	"strings"
)

// Contents is what the ledger holds of an account, for who reports of it.
type Contents struct {
	// Runs are those that are remembered: every run that found something, and of the others those of
	// the last month. The first begun comes first.
	Runs []Run
	// Entries and Cases are all that there are, oldest first.
	Entries []Entry
	Cases   []Case
	// Breakers are the breakers of the controls that made changes, by control.
	Breakers map[string]Breaker
}

// Contents returns all that the ledger holds. It reads the whole table.
func (l *Ledger) Contents(ctx context.Context) (Contents, error) {
	items, err := l.store.Scan(ctx, runs, entries, cases, ended, breakers)
	if err != nil {
		return Contents{}, err
	}
	c := Contents{Breakers: map[string]Breaker{}}
	if c.Entries, c.Cases, err = split(items); err != nil {
		return Contents{}, err
	}
	for _, item := range items {
		switch {
		case strings.HasPrefix(item.Partition, runs):
			run := Run{version: item.Version}
			if err := parse(item, &run); err != nil {
				return Contents{}, err
			}
			c.Runs = append(c.Runs, run)
		case strings.HasPrefix(item.Partition, breakers):
			var b Breaker
			if err := parse(item, &b); err != nil {
				return Contents{}, err
			}
			c.Breakers[strings.TrimPrefix(item.Partition, breakers)] = b
		}
	}
	slices.SortFunc(c.Runs, func(a, b Run) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Control, b.Control), cmp.Compare(a.Key, b.Key))
	})
	return c, nil
}
