package ledger

import (
	"context"
	"errors"
	"time"
)

// Sweep is a sweep of a control that came to its end.
type Sweep struct {
	At   time.Time `json:"at"`   // when it ended
	Open int       `json:"open"` // how many cases of the control were open then
}

// KeepSweep keeps a sweep of a control for a month, in one call. Of those that end within the same hour the first is
// kept.
func (l *Ledger) KeepSweep(ctx context.Context, control string, s Sweep) error {
	err := l.save(ctx, Item{
		Partition: sweeps + control, Sort: s.At.UTC().Format("2006-01-02T15"), Expires: s.At.Add(idle),
	}, s)
	if errors.Is(err, ErrConflict) {
		return nil
	}
	return err
}

// LastSweep returns the last sweep of a control; ok is false when there was none within a month.
func (l *Ledger) LastSweep(ctx context.Context, control string) (last Sweep, ok bool, err error) {
	items, err := l.store.Query(ctx, sweeps+control)
	if err != nil {
		return last, false, err
	}
	for _, item := range items {
		var s Sweep
		if err := parse(item, &s); err != nil {
			return last, false, err
		}
		if s.At.After(last.At) {
			last, ok = s, true
		}
	}
	return last, ok, nil
}
