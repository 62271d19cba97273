package ledger

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/settings"
)

// Address is what is known of an email address that notices are mailed to.
type Address struct {
	// Mailed is when the mail service accepted the last mail to it.
	Mailed time.Time `json:"mailed,omitzero"`
	// Back is since when mail to it comes back, or is refused as unwanted; zero while it does not. Why says it. Until then
	// it counts as an address that receives nothing, and is tried again afterwards.
	Back  time.Time `json:"back,omitzero"`
	Until time.Time `json:"until,omitzero"`
	Why   string    `json:"why,omitempty"`
}

// MaxBack is for how long an address counts as one that receives nothing, at most.
const MaxBack = 30 * day

// CameBack reports whether mail to the address comes back at now.
func (a Address) CameBack(now time.Time) bool { return now.Before(believed(a.Until, MaxBack, now)) }

// Address returns what is known of an address. Addresses are compared without case.
func (l *Ledger) Address(ctx context.Context, address string) (a Address, err error) {
	_, err = l.load(ctx, addresses+settings.Address(address), "address", &a)
	return a, err
}

// ReviseAddress alters what is known of an address.
func (l *Ledger) ReviseAddress(ctx context.Context, address string, now time.Time, alter func(*Address)) error {
	_, err := revise(ctx, l, addresses+settings.Address(address), "address", func(a *Address, _ bool) (Item, bool, error) {
		alter(a)
		return Item{Expires: now.Add(2 * MaxBack)}, true, nil
	})
	return err
}

// Mailed is what became of one notice of an entry as mail.
type Mailed struct {
	Kind    notice.Kind `json:"kind"`
	Address string      `json:"address"` // that it was mailed to
	Message string      `json:"message"` // the id that the mail service gave it
	At      time.Time   `json:"at"`      // when the service accepted it
	// Back is when the mail came back; zero while it has not. Why says it.
	Back time.Time `json:"back,omitzero"`
	Why  string    `json:"why,omitempty"`
}

// Mailed returns what became of the notices of an entry as mail.
func (l *Ledger) Mailed(ctx context.Context, entry string) ([]Mailed, error) {
	var all []Mailed
	_, err := l.load(ctx, mailed+entry, "mailed", &all)
	return all, err
}

// ReviseMailed alters what became of the notices of an entry as mail.
func (l *Ledger) ReviseMailed(ctx context.Context, entry string, alter func([]Mailed) []Mailed) error {
	_, err := revise(ctx, l, mailed+entry, "mailed", func(all *[]Mailed, _ bool) (Item, bool, error) {
		*all = alter(*all)
		return Item{}, true, nil
	})
	return err
}

// Mail is one mail, in which are one notice or more.
type Mail struct {
	Address string    `json:"address"`
	Entries []string  `json:"entries"` // their ids
	At      time.Time `json:"at"`
}

// Mail returns the mail to which the mail service gave the id; found is false when none is known.
func (l *Ledger) Mail(ctx context.Context, message string) (m Mail, found bool, err error) {
	version, err := l.load(ctx, mails+message, "mail", &m)
	return m, version > 0, err
}

// KeepMail keeps a mail for a month: so long it can come back.
func (l *Ledger) KeepMail(ctx context.Context, message string, m Mail) error {
	_, err := revise(ctx, l, mails+message, "mail", func(kept *Mail, _ bool) (Item, bool, error) {
		*kept = m
		return Item{Expires: m.At.Add(idle)}, true, nil
	})
	return err
}

type allowance struct {
	Used []time.Time `json:"used"` // the last times, oldest first
	// Rest is until when nothing is done, and Pause how long that rest is.
	Rest  time.Time     `json:"rest,omitzero"`
	Pause time.Duration `json:"pause,omitzero"`
}

// Allow reports how long to wait until one more of something may be done, of which at most limit are done in any time
// of that length, by many processes together; 0 means now, and counts it.
func (l *Ledger) Allow(
	ctx context.Context, name string, limit int, per time.Duration, now time.Time,
) (wait time.Duration, err error) {
	_, err = revise(ctx, l, slots+name, "allowance", func(a *allowance, _ bool) (Item, bool, error) {
		within := slices.DeleteFunc(a.Used, func(at time.Time) bool { return now.Sub(at).Abs() >= per })
		wait = max(believed(a.Rest, maxRest, now).Sub(now), 0)
		if wait == 0 && len(within) >= limit {
			wait = min(max(within[0].Add(per).Sub(now), time.Millisecond), per)
		}
		if wait > 0 {
			return Item{}, false, nil
		}
		a.Used = append(within, now)
		return Item{Expires: now.Add(day)}, true, nil
	})
	if errors.Is(err, ErrConflict) { // others were allowed meanwhile
		return per, nil
	}
	return wait, err
}

const (
	// minRest is the first rest, and maxRest the longest.
	minRest = 5 * time.Second
	maxRest = 15 * time.Minute
)

// Rest has nothing allowed under the name for a while, and returns how long: as long as is asked for, and twice as
// long as the rest before it, if that has ended just now.
func (l *Ledger) Rest(
	ctx context.Context,
	name string,
	asked time.Duration,
	now time.Time,
) (pause time.Duration, err error) {
	_, err = revise(ctx, l, slots+name, "allowance", func(a *allowance, _ bool) (Item, bool, error) {
		pause = minRest
		if a.Pause > 0 && now.Sub(a.Rest) < 2*a.Pause {
			pause = 2 * min(a.Pause, maxRest)
		}
		pause = min(max(pause, asked), maxRest)
		a.Rest, a.Pause = now.Add(pause), pause
		return Item{Expires: now.Add(day)}, true, nil
	})
	return pause, err
}
