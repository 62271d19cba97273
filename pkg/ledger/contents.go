package ledger

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
)

// Contents is what the ledger holds of an account, for who reports of it.
type Contents struct {
	// Runs are those that are remembered: every run that found something, and of the others those of
	// the last month. The first begun comes first.
	Runs []Run
	// Entries and Cases are all that there are, oldest first.
	Entries  []Entry
	Cases    []Case
	Breakers map[string]Breaker // the breakers of the controls that made changes, by control
}

// Contents returns all that the ledger holds. It reads the whole table.
func (l *Ledger) Contents(ctx context.Context) (Contents, error) {
	items, err := l.store.Scan(ctx, runs, entries, cases, ended, breakers)
	if err != nil {
		return Contents{}, err
	}
	c := Contents{Breakers: map[string]Breaker{}}
	var faults []error
	c.Entries, c.Cases, err = split(items)
	for _, item := range items {
		if control, found := strings.CutPrefix(item.Partition, breakers); found {
			var b Breaker
			faults = append(faults, parse(item, &b))
			c.Breakers[control] = b
		} else if strings.HasPrefix(item.Partition, runs) {
			run := Run{version: item.Version}
			faults = append(faults, parse(item, &run))
			c.Runs = append(c.Runs, run)
		}
	}
	if err := errors.Join(append(faults, err)...); err != nil {
		return Contents{}, err
	}
	slices.SortFunc(c.Runs, func(a, b Run) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Control, b.Control), cmp.Compare(a.Key, b.Key))
	})
	return c, nil
}
