package ledger

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/exemption"
)

// AskedUser is an IAM user whom somebody asked for an exemption for: by its unique id, which no other user ever gets.
type AskedUser struct {
	Name string `json:"name"` // that it had then
	ID   string `json:"id"`
}

// Asked is an exemption that a person asked for. It holds from Granted to the end of the day Until, unless it is
// revoked.
type Asked struct {
	ID       string      `json:"id"`
	Users    []AskedUser `json:"users"`
	Controls []string    `json:"controls"` // ids, or [exemption.All]
	Until    time.Time   `json:"until"`    // the last day, which counts whole, in UTC
	Reason   string      `json:"reason"`
	// By asked for it, Second confirmed it, if that takes a second person.
	By     caller.Identity `json:"by"`
	Second caller.Identity `json:"second,omitzero"`
	At     time.Time       `json:"at"` // when it was asked for
	// Granted and Revoked are when it began, and was taken back; zero if not.
	Granted   time.Time       `json:"granted,omitzero"`
	Revoked   time.Time       `json:"revoked,omitzero"`
	RevokedBy caller.Identity `json:"revokedBy,omitzero"`
}

// PendingTime is how long what was asked for waits for a second person.
const PendingTime = 7 * day

// Pending reports whether it waits for a second person at now.
func (a Asked) Pending(now time.Time) bool {
	return a.Granted.IsZero() && a.Revoked.IsZero() && now.Sub(a.At) < PendingTime && !a.over(now)
}

// InForce reports whether it exempts its users at now.
func (a Asked) InForce(now time.Time) bool {
	return !a.Granted.IsZero() && a.Revoked.IsZero() && !a.over(now)
}

func (a Asked) over(now time.Time) bool { return !now.Before(a.Until.Add(day)) }

// Exemptions are those that it stands for at now, one for each of its controls.
func (a Asked) Exemptions(now time.Time) []exemption.Exemption {
	if !a.InForce(now) || exemption.TooFar(a.Until, now) {
		return nil
	}
	var all []exemption.Exemption
	for _, control := range a.Controls {
		by := cmp.Or(a.By.ARN, a.By.Claimed)
		all = append(all, exemption.Exemption{Control: control, Until: a.Until, By: by, Reason: a.Reason})
	}
	return all
}

// Asked returns what was asked for under an id; ok is false when there is nothing.
func (l *Ledger) Asked(ctx context.Context, id string) (a Asked, ok bool, err error) {
	version, err := l.load(ctx, asked+id, "asked", &a)
	return a, version > 0, err
}

// AllAsked returns everything that was asked for and is not forgotten, the first asked for first. It reads the whole
// table.
func (l *Ledger) AllAsked(ctx context.Context) ([]Asked, error) {
	items, err := l.store.Scan(ctx, asked)
	if err != nil {
		return nil, err
	}
	var all []Asked
	for _, item := range items {
		var a Asked
		if err := parse(item, &a); err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	slices.SortFunc(all, byAsking)
	return all, nil
}

func byAsking(a, b Asked) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) }

// ReviseAsked alters what was asked for under an id, empty if there is nothing yet; a change that answers an error is
// not made. It returns what it becomes.
func (l *Ledger) ReviseAsked(ctx context.Context, id string, alter func(a *Asked, found bool) error) (Asked, error) {
	return revise(ctx, l, asked+id, "asked", func(a *Asked, found bool) (Item, bool, error) {
		if err := alter(a, found); err != nil {
			return Item{}, false, err
		}
		return Item{Expires: later(a.Until.Add(day), a.At).Add(idle)}, true, nil
	})
}

// Exempt makes what was asked for be what exempts each of its users, or not any more.
func (l *Ledger) Exempt(ctx context.Context, a Asked, now time.Time) error {
	for _, user := range a.Users {
		_, err := revise(ctx, l, exempted+user.ID, "exempt", func(all *map[string]Asked, _ bool) (Item, bool, error) {
			if *all == nil {
				*all = map[string]Asked{}
			}
			last := now
			if a.Users = []AskedUser{user}; a.InForce(now) {
				(*all)[a.ID] = a
			} else {
				delete(*all, a.ID)
			}
			maps.DeleteFunc(*all, func(_ string, known Asked) bool { return !known.InForce(now) })
			for _, known := range *all {
				last = later(last, known.Until.Add(day))
			}
			return Item{Expires: last.Add(idle)}, true, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Exempted returns what exempts the user of the unique id at now, by what people asked for.
func (l *Ledger) Exempted(ctx context.Context, userID string, now time.Time) ([]exemption.Exemption, error) {
	var all map[string]Asked
	if _, err := l.load(ctx, exempted+userID, "exempt", &all); err != nil {
		return nil, err
	}
	return exemptions(all, now), nil
}

// exemptions are those that hold at now, in the order of their ids.
func exemptions(all map[string]Asked, now time.Time) (held []exemption.Exemption) {
	for _, id := range slices.Sorted(maps.Keys(all)) {
		held = append(held, all[id].Exemptions(now)...)
	}
	return held
}

// later is the later of two times.
func later(a, b time.Time) time.Time { return slices.MaxFunc([]time.Time{a, b}, time.Time.Compare) }
