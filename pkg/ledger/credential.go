package ledger

import (
	"context"
	"time"
)

// Touched is when people last did something to a credential of which IAM keeps no date; zero for never.
type Touched struct {
	At    time.Time `json:"at,omitzero"`    // when somebody other than Warder switched or reset it
	Reset time.Time `json:"reset,omitzero"` // when it got another secret
}

const credentials = "credential#"

// TouchCredential notes that somebody other than Warder switched a credential, or reset it.
func (l *Ledger) TouchCredential(ctx context.Context, id string, at time.Time, reset bool, now time.Time) error {
	_, err := revise(ctx, l, notes+credentials+id, "note", func(t *Touched, _ bool) (Item, bool, error) {
		if at.After(t.At) {
			t.At = at
		}
		if reset && at.After(t.Reset) {
			t.Reset = at
		}
		return Item{Expires: now.Add(idle)}, true, nil
	})
	return err
}

// CredentialTouched returns when people last touched the credential. A note ends after a month, unless it is read, as a
// sweep does while there is the credential: then it is kept for another month.
func (l *Ledger) CredentialTouched(ctx context.Context, id string, now time.Time) (Touched, error) {
	return revise(ctx, l, notes+credentials+id, "note", func(_ *Touched, found bool) (Item, bool, error) {
		return Item{Expires: now.Add(idle)}, found, nil
	})
}
