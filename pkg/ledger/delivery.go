package ledger

import (
	"context"
	"time"
)

// delivery is a notice on its way to one place.
type delivery struct {
	// Holder is at it, until Until. Done says that it arrived.
	Holder string    `json:"holder"`
	Until  time.Time `json:"until,omitzero"`
	Done   bool      `json:"done,omitempty"`
}

// BeginDelivery claims the delivery of the given name for the holder until the given time. It answers
// ErrDone when it was made in the last month, and ErrHeld when another holder has claimed it. A claim that
// runs out before [Ledger.EndDelivery] can be taken over: rather twice than not at all.
func (l *Ledger) BeginDelivery(ctx context.Context, name, holder string, now, until time.Time) error {
	claim := func(d *delivery, found bool) (Item, bool, error) {
		switch {
		case found && d.Done:
			return Item{}, false, ErrDone
		case found && d.Holder != holder && !d.Until.Before(now):
			return Item{}, false, ErrHeld
		}
		*d = delivery{Holder: holder, Until: until}
		return Item{Expires: until.Add(idle)}, true, nil
	}
	_, _, err := rewrite(ctx, l, deliveries+name, "delivery", delivery{}, 0, claim)
	return err
}

// EndDelivery says what came of the delivery that the holder has claimed: done, or free for the next one to try.
func (l *Ledger) EndDelivery(ctx context.Context, name, holder string, done bool, now time.Time) error {
	_, err := revise(ctx, l, deliveries+name, "delivery", func(d *delivery, _ bool) (Item, bool, error) {
		if d.Holder != holder && !done {
			return Item{}, false, nil
		}
		*d = delivery{Holder: holder, Done: done}
		return Item{Expires: now.Add(idle)}, true, nil
	})
	return err
}
