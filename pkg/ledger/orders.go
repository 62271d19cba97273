package ledger

import (
	"context"
	"time"
)

// kept is the organization's orders as they were read last.
type kept struct {
	Text string    `json:"text"`
	At   time.Time `json:"at"`
}

// Orders returns the organization's orders as they were kept last, and when; a zero time means that there are none.
func (l *Ledger) Orders(ctx context.Context) (text string, at time.Time, err error) {
	var k kept
	_, err = l.load(ctx, ordersPartition, "orders", &k)
	return k.Text, k.At, err
}

// KeepOrders keeps the organization's orders, unless later ones are kept.
func (l *Ledger) KeepOrders(ctx context.Context, text string, at time.Time) error {
	_, err := revise(ctx, l, ordersPartition, "orders", func(k *kept, found bool) (Item, bool, error) {
		if found && k.At.After(at) {
			return Item{}, false, nil
		}
		*k = kept{text, at}
		return Item{}, true, nil
	})
	return err
}
