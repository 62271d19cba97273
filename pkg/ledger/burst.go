package ledger

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"
)

// Burst is a row of findings that are alike, within a time.
type Burst struct {
	Since time.Time `json:"since"` // when the first of them was found
	// IDs are what was found, in its order, as far as they are kept; Count is how many.
	IDs   []string `json:"ids"`
	Count int      `json:"count"`
	// Before is how many the row before had, which began at BeforeSince.
	Before      int       `json:"before,omitempty"`
	BeforeSince time.Time `json:"beforeSince,omitzero"`
}

// maxBurst is how many ids a row keeps: an item has 400 KB. A retry of what comes after them is counted again.
const maxBurst = 1000

// AddToBurst adds what has the id to the row of the given name, which ends a while after it has begun: then another one
// begins. It returns the row, and the place in it of what has the id, 1 for the first: the same for a retry.
func (l *Ledger) AddToBurst(
	ctx context.Context, name, id string, now time.Time, while time.Duration,
) (b Burst, place int, err error) {
	add := func(b *Burst, found bool) (Item, bool, error) {
		if at := slices.Index(b.IDs, id); at >= 0 {
			place = at + 1
			return Item{}, false, nil
		}
		if !found || now.Sub(b.Since) >= while {
			*b = Burst{Since: now, Before: b.Count, BeforeSince: b.Since}
		}
		if len(b.IDs) < maxBurst {
			b.IDs = append(b.IDs, id)
		}
		b.Count++
		place = b.Count
		return Item{Expires: b.Since.Add(while + day)}, true, nil
	}
	for {
		// Most are the first of their kind: that is tried first.
		b, _, err = rewrite(ctx, l, bursts+name, "burst", Burst{}, 0, add)
		if !errors.Is(err, ErrConflict) {
			return b, place, err
		}
		// Each conflict is another one that was added. A pause keeps a crowd from meeting again.
		select {
		case <-ctx.Done():
			return b, 0, ctx.Err()
		case <-time.After(rand.N(50 * time.Millisecond)):
		}
	}
}
