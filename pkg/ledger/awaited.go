package ledger

import (
	"context"
	"time"
)

// awaitedItem says that something was made, and that IAM did not show it when Warder looked.
type awaitedItem struct {
	Until time.Time `json:"until"`
}

// Await remembers until the given time that a control looked for something that was made just now, and did not find it.
func (l *Ledger) Await(ctx context.Context, control, what string, until time.Time) error {
	_, _, err := rewrite(
		ctx,
		l,
		awaited+control,
		what,
		awaitedItem{},
		0,
		func(a *awaitedItem, _ bool) (Item, bool, error) {
			*a = awaitedItem{Until: until}
			return Item{Expires: until}, true, nil
		},
	)
	return err
}

// Awaited returns what a control awaits at now.
func (l *Ledger) Awaited(ctx context.Context, control string, now time.Time) (map[string]bool, error) {
	items, err := l.store.Query(ctx, awaited+control)
	if err != nil {
		return nil, err
	}
	all := map[string]bool{}
	for _, item := range items {
		var a awaitedItem
		if err := parse(item, &a); err != nil {
			return nil, err
		}
		if now.Before(a.Until) {
			all[item.Sort] = true
		}
	}
	return all, nil
}
