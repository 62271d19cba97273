package ledger

import (
	"context"
	"time"
)

// Thread is where the messages about one incident stand together, as in a Slack channel.
type Thread struct {
	// Root is the id of the first message, which the others answer; empty while somebody is posting it.
	Root string `json:"root,omitempty"`
	// Holder is posting the first message, and may until Until.
	Holder string    `json:"holder,omitempty"`
	Until  time.Time `json:"until,omitzero"`
	Last   time.Time `json:"last"` // when a message of it was posted last, to the day
}

// Root is the root of the named thread at now; empty if there is none, or somebody is posting it.
func (l *Ledger) Root(ctx context.Context, name string, now time.Time) (string, error) {
	var t Thread
	if _, err := l.load(ctx, threads+name, "thread", &t); err != nil || now.Sub(t.Last) >= idle {
		return "", err
	}
	return t.Root, nil
}

// Thread returns the root of the named thread. Without one, or a month after its last message, the
// root is empty and the thread is the holder's to begin, who hands the id of the message to
// [Ledger.BeginThread] until the given time. Meanwhile everybody else is answered ErrHeld: of two
// first messages at once one becomes the root, and the other one is to ask again.
func (l *Ledger) Thread(ctx context.Context, name, holder string, now, until time.Time) (root string, err error) {
	claim := func(t *Thread, found bool) (Item, bool, error) {
		switch {
		case found && t.Root != "" && now.Sub(t.Last) < idle:
			fresh := now.Sub(t.Last) < day
			if !fresh {
				t.Last = now
			}
			return Item{Expires: t.Last.Add(idle)}, !fresh, nil
		case found && t.Root == "" && t.Holder != holder && !t.Until.Before(now):
			return Item{}, false, ErrHeld
		}
		*t = Thread{Holder: holder, Until: until, Last: now}
		return Item{Expires: until.Add(day)}, true, nil
	}
	t, _, err := rewrite(ctx, l, threads+name, "thread", Thread{}, 0, claim)
	if err != nil {
		return "", err
	}
	return t.Root, nil
}

// BeginThread says which message the thread begins with, for the holder that was to post it. An empty
// root gives the thread back: it was not posted, and somebody else may.
func (l *Ledger) BeginThread(ctx context.Context, name, holder, root string, now time.Time) error {
	_, err := revise(ctx, l, threads+name, "thread", func(t *Thread, _ bool) (Item, bool, error) {
		if t.Holder != holder {
			// It took too long, and another one is the root.
			return Item{}, false, nil
		}
		*t = Thread{Root: root, Last: now}
		return Item{Expires: now.Add(idle)}, true, nil
	})
	return err
}

// EndThread forgets the thread if it has the given root: that message no longer exists, and the next one begins anew.
func (l *Ledger) EndThread(ctx context.Context, name, root string, now time.Time) error {
	_, err := revise(ctx, l, threads+name, "thread", func(t *Thread, _ bool) (Item, bool, error) {
		if t.Root != root {
			return Item{}, false, nil
		}
		*t = Thread{Last: now}
		return Item{Expires: now.Add(day)}, true, nil
	})
	return err
}

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
