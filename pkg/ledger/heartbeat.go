package ledger

import (
	"context"
	"time"
)

// Heartbeat is the last event of the daily check that arrived from a region, by the way of the region's events.
type Heartbeat struct {
	Sent time.Time `json:"sent"` // when it was put on the region's bus
	At   time.Time `json:"at"`   // when it arrived
}

// KeepHeartbeat keeps the heartbeat of a region for a month, unless a later one is known.
func (l *Ledger) KeepHeartbeat(ctx context.Context, region string, h Heartbeat) error {
	_, err := revise(ctx, l, heartbeats+region, "heartbeat", func(kept *Heartbeat, _ bool) (Item, bool, error) {
		if !h.Sent.After(kept.Sent) {
			return Item{}, false, nil
		}
		*kept = h
		return Item{Expires: h.At.Add(idle)}, true, nil
	})
	return err
}

// Heartbeat returns the last heartbeat of a region, zero when none is known.
func (l *Ledger) Heartbeat(ctx context.Context, region string) (h Heartbeat, err error) {
	_, err = l.load(ctx, heartbeats+region, "heartbeat", &h)
	return h, err
}
