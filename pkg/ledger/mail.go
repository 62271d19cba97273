package ledger

import (
	"context"
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
}

// Allow reports whether one more of something may be done at now, of which at most limit are done in any second, by
// many processes together. It counts it then.
func (l *Ledger) Allow(ctx context.Context, name string, limit int, now time.Time) (allowed bool, err error) {
	_, err = revise(ctx, l, slots+name, "allowance", func(a *allowance, _ bool) (Item, bool, error) {
		within := slices.DeleteFunc(a.Used, func(at time.Time) bool { return now.Sub(at).Abs() >= time.Second })
		if allowed = len(within) < limit; !allowed {
			return Item{}, false, nil
		}
		a.Used = append(within, now)
		return Item{Expires: now.Add(day)}, true, nil
	})
	return allowed && err == nil, err
}
