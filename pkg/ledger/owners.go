package ledger

import (
	"context"
	"time"
)

// Owner is who answered for a user when Warder saw it last.
type Owner struct {
	Address string    `json:"address"`
	Slack   string    `json:"slack,omitempty"`  // the Slack member id
	Before  *Owner    `json:"before,omitempty"` // who answered for it until At; nil if nobody else did
	At      time.Time `json:"at"`               // since when it is known
}

// Is reports whether it is the same owner.
func (o Owner) Is(other Owner) bool { return o.Address == other.Address && o.Slack == other.Slack }

// KeepOwner remembers who answers for the user of the unique id, unless something later is known. Of a user whom
// nothing is known of yet, which is tried first if fresh says so, it is one call.
func (l *Ledger) KeepOwner(ctx context.Context, userID string, o Owner, fresh bool) error {
	keep := func(known *Owner, found bool) (Item, bool, error) {
		if found && (known.Is(o) || known.At.After(o.At)) {
			return Item{}, false, nil
		}
		kept := Owner{Address: o.Address, Slack: o.Slack, At: o.At}
		if found {
			kept.Before = &Owner{Address: known.Address, Slack: known.Slack, At: known.At}
		}
		*known = kept
		return Item{Expires: o.At.Add(taggingTime)}, true, nil
	}
	if fresh {
		_, _, err := rewrite(ctx, l, owners, userID, Owner{}, 0, keep)
		return err
	}
	_, err := revise(ctx, l, owners, userID, keep)
	return err
}

// Owner returns who is known to answer for the user of the unique id; ok is false when nobody is.
func (l *Ledger) Owner(ctx context.Context, userID string) (o Owner, ok bool, err error) {
	version, err := l.load(ctx, owners, userID, &o)
	return o, version > 0, err
}

// Owners returns who is known to answer for users, by their unique ids.
func (l *Ledger) Owners(ctx context.Context) (map[string]Owner, error) {
	items, err := l.store.Query(ctx, owners)
	if err != nil {
		return nil, err
	}
	known := map[string]Owner{}
	for _, item := range items {
		var o Owner
		if err := parse(item, &o); err != nil {
			return nil, err
		}
		known[item.Sort] = o
	}
	return known, nil
}
