package ledger

import (
	"context"
	"time"

	"github.com/warder-aws/warder/pkg/caller"
)

// Window is the time for which a person may use a role that is closed otherwise.
type Window struct {
	ID     string          `json:"id"`
	Role   string          `json:"role"` // name
	Person string          `json:"person"`
	By     caller.Identity `json:"by"`
	Reason string          `json:"reason"`
	Start  time.Time       `json:"start"` // whole seconds, as End
	End    time.Time       `json:"end"`
	// Closed is when the role was closed again and that was told; zero until then.
	Closed time.Time `json:"closed,omitzero"`
}

// Open reports whether the window goes on at now.
func (w Window) Open(now time.Time) bool { return w.Closed.IsZero() && now.Before(w.End) }

// Windows returns the last window of each role, by the role's name.
func (l *Ledger) Windows(ctx context.Context) (all map[string]Window, err error) {
	_, err = l.load(ctx, glass, "windows", &all)
	return all, err
}

// ReviseWindow alters the last window of a role, empty if there was none; a change that answers an error is not made.
func (l *Ledger) ReviseWindow(ctx context.Context, role string, alter func(*Window) error) (w Window, err error) {
	_, err = revise(ctx, l, glass, "windows", func(all *map[string]Window, _ bool) (Item, bool, error) {
		w = (*all)[role]
		if err := alter(&w); err != nil {
			return Item{}, false, err
		}
		if *all == nil {
			*all = map[string]Window{}
		}
		(*all)[role] = w
		return Item{}, true, nil
	})
	return w, err
}
