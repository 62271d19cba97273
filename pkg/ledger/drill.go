package ledger

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/warder-aws/warder/pkg/caller"
)

// Drill is a drill, as far as a control that meets its user, and the next drill, must know of it.
type Drill struct {
	ID string `json:"id"`
	// User is the name of the user that it makes, recorded before it is made; UserID is the user's
	// unique id, empty until it is made. No other user ever gets the id.
	User   string          `json:"user"`
	UserID string          `json:"userId,omitempty"`
	By     caller.Identity `json:"by"` // who asked for it
	At     time.Time       `json:"at"`
	// Until is when it counts as cut off, unless it says before that it goes on. Done says that it has come to its end.
	Until time.Time `json:"until"`
	Done  bool      `json:"done,omitempty"`
}

// On reports whether the drill goes on at now.
func (d Drill) On(now time.Time) bool { return !d.Done && now.Before(d.Until) }

// Drilling says that another drill goes on.
type Drilling struct{ Drill }

func (d *Drilling) Error() string {
	return "drill " + d.ID + ", which " + d.By.String() + " asked for, goes on since " + d.At.UTC().Format(time.RFC3339)
}

// ErrNoDrill says that a drill counted as cut off and another took its place.
var ErrNoDrill = errors.New("the drill counted as cut off, and another took its place")

// remembered is how many drills are kept: those of the last weeks, were there one an hour.
const remembered = 200

// KeepDrill records the drill, a new one if its id is not known. There is one at a time: the error of a new one is a
// [*Drilling] if another goes on at now, and that of one whose place was taken is [ErrNoDrill].
func (l *Ledger) KeepDrill(ctx context.Context, d Drill, now time.Time) error {
	_, err := revise(ctx, l, drills+"all", "drills", func(all *[]Drill, _ bool) (Item, bool, error) {
		at := slices.IndexFunc(*all, func(known Drill) bool { return known.ID == d.ID })
		if at >= 0 {
			if at != len(*all)-1 && !d.Done {
				return Item{}, false, ErrNoDrill
			}
			(*all)[at] = d
			return Item{}, true, nil
		}
		if last := len(*all) - 1; last >= 0 && (*all)[last].On(now) {
			return Item{}, false, &Drilling{(*all)[last]}
		}
		*all = append(*all, d)
		if more := len(*all) - remembered; more > 0 {
			*all = (*all)[more:]
		}
		return Item{}, true, nil
	})
	return err
}

// Drills returns the drills of the last time, the latest last.
func (l *Ledger) Drills(ctx context.Context) ([]Drill, error) {
	var all []Drill
	_, err := l.load(ctx, drills+"all", "drills", &all)
	return all, err
}
