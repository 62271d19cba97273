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
// ErrDone when it was made in the last month, and ErrHeld when somebody else is at it.
//
// Who claims it and is gone before [Ledger.EndDelivery] leaves it open whether it was made. After the
// time that it was claimed for it is made again: rather twice than not at all.
func (l *Ledger) BeginDelivery(ctx context.Context, name, holder string, now, until time.Time) error {
	done, held := false, false
	_, _, err := rewrite(ctx, l, deliveries+name, "delivery", delivery{}, 0, func(d *delivery, found bool) (Item, bool, error) {
		done, held = found && d.Done, found && d.Holder != holder && !d.Until.Before(now)
		if done || held {
			return Item{}, false, nil
		}
		*d = delivery{Holder: holder, Until: until}
		return Item{Expires: until.Add(idle)}, true, nil
	})
	switch {
	case err != nil:
		return err
	case done:
		return ErrDone
	case held:
		return ErrHeld
	}
	return nil
}

// EndDelivery says what came of the delivery that the holder has claimed: done, or free for the next
// one to try.
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
