package remediation

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
)

// caseBook has the cases of the control, as this run has read and revised them.
type caseBook struct {
	*session
	known   map[string]ledger.Case // by their keys
	allRead bool                   // every open case is known
}

// remember keeps a case; one without a key was not read.
func (b *caseBook) remember(c ledger.Case) {
	if c.Key != "" {
		b.known[c.Key] = c
	}
}

// revise alters a case, which is empty when there is none yet.
func (b *caseBook) revise(ctx context.Context, key string, alter func(*ledger.Case)) error {
	c, known := b.known[key]
	if !known {
		c = ledger.Case{Control: b.Control.ID, Key: key}
	}
	c, err := b.Ledger.ReviseCase(ctx, c, alter)
	if err == nil {
		b.remember(c)
	}
	return err
}

// open returns the open cases, oldest first. It reads all of them, once.
func (b *caseBook) open(ctx context.Context) ([]ledger.Case, error) {
	if !b.allRead {
		all, err := b.Ledger.OpenCases(ctx, b.Control.ID)
		if err != nil {
			return nil, err
		}
		for _, c := range all {
			b.remember(c)
		}
		b.allRead = true
	}
	open := slices.DeleteFunc(slices.Collect(maps.Values(b.known)), func(c ledger.Case) bool { return !isOpen(c) })
	slices.SortFunc(open, func(a, b ledger.Case) int {
		return cmp.Or(a.Opened.Compare(b.Opened), cmp.Compare(a.Key, b.Key))
	})
	return open, nil
}

// suspend ends the case of something that is exempt or on hold: when that is over, a new case begins with
// a notice. Without a key there is nothing to do: an earlier try has suspended it.
func (b *caseBook) suspend(ctx context.Context, key string) error {
	if key == "" {
		return nil
	}
	c, err := once(b.known, key, func() (c ledger.Case, err error) {
		c, _, err = b.Ledger.Case(ctx, b.Control.ID, key)
		return c, err
	})
	if err != nil || !isOpen(c) {
		return err
	}
	return b.revise(ctx, key, func(c *ledger.Case) { c.Closed, c.Outcome = b.now, ledger.Suspended })
}

// follow revises the case of an entry whose notice was accepted: the case begins, goes on, or ends.
func (b *caseBook) follow(ctx context.Context, entry *ledger.Entry) error {
	// A notice about an exemption is in the thread of the case, and says nothing about it.
	if entry.Case == "" || entry.Guard != "" && entry.Guard != ledger.Unread || !b.enforcing() {
		return nil
	}
	return b.revise(ctx, entry.Case, func(c *ledger.Case) {
		if !isOpen(*c) {
			// What was made before is remembered until something else is: the new entry may change nothing.
			*c = ledger.Case{
				Control: c.Control, Key: c.Key, Subject: entry.Subject, Opened: entry.At, Entry: entry.ID, Made: c.Made,
				Thread: entry.Thread,
			}
		}
		switch {
		case entry.Guard == ledger.Unread && !c.Notified.IsZero():
			return // nothing is decided about what could not be read: its due date stands
		case entry.Notify == notice.Warning:
			// SNS may have taken its time to accept what says when it is due.
			accepted := entry.Notice(notice.Warning).At
			c.Notified, c.Due, c.Reminded = accepted, later(entry.Due, accepted.Add(graceOf(entry, b.Settings))), 0
		case entry.Notify == notice.Reminder:
			c.Reminded = max(reminder(*c, b.now), c.Reminded)
		case len(entry.Steps) == 0:
			c.Closed, c.Outcome = b.now, ledger.Fixed
			return
		case anyStep(entry, ledger.Held), Urgency(entry.Urgency) == Containment && anyStep(entry, ledger.Failed):
			if !c.Urgent {
				c.Urgent, c.UrgentSince = true, b.now
			}
			if held := entry.Notice(notice.Held); held != nil && entry.Guard == "" {
				c.HeldNotified = held.At
			}
		case !anyStep(entry, ledger.Failed, ledger.Planned):
			c.Closed, c.Outcome = b.now, ledger.Acted
			if c.Made == "" || anyStep(entry, ledger.Applied, ledger.Verified) {
				c.Made = entry.ID
			}
		}
		c.Subject, c.User, c.UserID = entry.Subject, entry.User, entry.UserID
		c.Owner, c.OwnerSlack = entry.Owner, entry.OwnerSlack
		c.Title, c.Heading, c.Severity = entry.Title, entry.Heading, entry.Severity
		c.Changes, c.Urgency = changesOf(entry), entry.Urgency
	})
}
