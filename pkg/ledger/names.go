package ledger

import (
	"context"
	"encoding/json"
	"slices"
	"time"
)

// Renaming is a user's change of name.
type Renaming struct {
	To string    `json:"to"` // the name after it
	At time.Time `json:"at"` // when the call was made, in whole seconds
}

// maxNames is how many renamings, and how many waiting events, are kept of one name: nobody does it more often, and an
// item stays small.
const maxNames = 20

// Rename notes for a month that a user lost a name. The same renaming is noted once.
func (l *Ledger) Rename(ctx context.Context, from string, r Renaming, now time.Time) error {
	_, _, err := rewrite(ctx, l, renamed+from, "names", nil, 0, func(all *[]Renaming, found bool) (Item, bool, error) {
		item := Item{Expires: now.Add(idle)}
		if slices.Contains(*all, r) {
			return item, false, nil
		}
		*all = append(*all, r)
		slices.SortStableFunc(*all, func(a, b Renaming) int { return a.At.Compare(b.At) })
		*all = (*all)[max(0, len(*all)-maxNames):]
		return item, true, nil
	})
	return err
}

// Renamings returns who lost the name in the last month, the earliest first.
func (l *Ledger) Renamings(ctx context.Context, name string) ([]Renaming, error) {
	var all []Renaming
	_, err := l.load(ctx, renamed+name, "names", &all)
	return all, err
}

// Waiting is an event that gives nothing of a user but a name. The user may have been renamed, and the event that says
// so has yet to come: then nobody has the name, or somebody else whom the event was taken to be about.
type Waiting struct {
	Run   string          `json:"run"`             // the event's key
	At    time.Time       `json:"at"`              // when what it reports happened
	Taken string          `json:"taken,omitempty"` // the unique id of whom it was taken to be about
	Event json.RawMessage `json:"event"`
}

// Wait keeps an event for a day for the control. If there is no room for it, it is not kept: the event is retried
// anyway.
func (l *Ledger) Wait(ctx context.Context, control, name string, w Waiting, now time.Time) error {
	if len(w.Event) > maxItem/4 {
		return nil
	}
	_, _, err := rewrite(ctx, l, waiting+control+"#"+name, "events", nil, 0,
		func(all *[]Waiting, _ bool) (Item, bool, error) {
			item := Item{Expires: now.Add(day)}
			if slices.ContainsFunc(*all, func(known Waiting) bool {
				return known.Run == w.Run && known.Taken == w.Taken
			}) {
				return item, false, nil
			}
			*all = append(*all, w)
			for size := maxItem; size > maxItem/2; {
				size = 0
				for _, kept := range *all {
					size += len(kept.Event)
				}
				if size > maxItem/2 || len(*all) > maxNames {
					*all = (*all)[1:]
				}
			}
			return item, true, nil
		})
	return err
}

// Waiting returns the events that the control keeps about the name.
func (l *Ledger) Waiting(ctx context.Context, control, name string) ([]Waiting, error) {
	var all []Waiting
	_, err := l.load(ctx, waiting+control+"#"+name, "events", &all)
	return all, err
}
