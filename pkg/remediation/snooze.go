package remediation

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
)

// SnoozeRequest puts off a due date.
type SnoozeRequest struct {
	ID     string `json:"id"` // of the finding, as its notice gives it
	Days   int    `json:"days"`
	Reason string `json:"reason"`
	By     string `json:"by,omitempty"` // as of an [UndoRequest]
}

// SnoozeAnswer says when it is due now.
type SnoozeAnswer struct {
	Due  time.Time `json:"due"`
	Text string    `json:"text"`
}

// Snoozer puts off due dates for owners: each once.
type Snoozer struct{ *Runner }

func (s Snoozer) refused(m i18n.Message) error {
	return errors.New(s.render(i18n.T("not put off: %s", m)))
}

// Snooze puts off the due date of a case. Its owner and the topic are notified before.
func (s Snoozer) Snooze(ctx context.Context, q SnoozeRequest) (SnoozeAnswer, error) {
	who := caller.From(ctx, q.By)
	switch most := s.Settings.Asking.SnoozeDays; {
	case !who.Personal():
		return SnoozeAnswer{}, s.refused(i18n.T("nothing proves who asks; use warder snooze, which signs"))
	case invisible(q.Reason):
		return SnoozeAnswer{}, s.refused(i18n.T("it does not say for which reason"))
	case most == 0:
		return SnoozeAnswer{}, s.refused(i18n.T("the setting snoozeDays allows none"))
	case q.Days < 1 || q.Days > most:
		return SnoozeAnswer{}, s.refused(i18n.T("1 to %d days are allowed", most))
	}
	id, _, _ := strings.Cut(q.ID, "-")
	entry, found, err := s.Ledger.Entry(ctx, id)
	if err != nil {
		return SnoozeAnswer{}, err
	}
	var c ledger.Case
	if found && entry.Case != "" {
		if c, _, err = s.Ledger.Case(ctx, entry.Control, entry.Case); err != nil {
			return SnoozeAnswer{}, err
		}
	}
	if err := s.allows(ctx, who, c); err != nil {
		return SnoozeAnswer{}, err
	}
	due := c.Due.AddDate(0, 0, q.Days)
	if _, err := s.Notify(ctx, s.putOff(c, who, due, q.Reason)); err != nil {
		return SnoozeAnswer{}, err
	}
	put := false
	_, err = s.Ledger.ReviseCase(ctx, c, func(known *ledger.Case) {
		if put = isOpen(*known) && known.Snoozed.IsZero() && known.Due.Equal(c.Due) && !known.Urgent; put {
			known.Due, known.Snoozed, known.Reminded = due, s.Now(), 0
		}
	})
	if err == nil && !put {
		err = s.refused(i18n.T("it has changed meanwhile; look at it again"))
	}
	if err != nil {
		return SnoozeAnswer{}, err
	}
	return SnoozeAnswer{due, s.render(i18n.T("due on %s now, and not put off again", i18n.Minute(due)))}, nil
}

// allows refuses what is not the owner's, is put off already, or cannot wait.
func (s Snoozer) allows(ctx context.Context, who caller.Identity, c ledger.Case) error {
	switch now := s.Now(); {
	case !isOpen(c) || c.Notified.IsZero() || !now.Before(c.Due):
		return s.refused(i18n.T("nothing of that name is due later"))
	case c.Urgent || c.Urgency != "" || control.Severity(c.Severity) == control.Critical:
		return s.refused(i18n.T("it cannot wait"))
	case !c.Snoozed.IsZero():
		return s.refused(i18n.T("it was put off on %s already", i18n.Minute(c.Snoozed)))
	}
	if c.Owner == "" || !who.Named(c.Owner) {
		owned := false
		if name := who.User(); name != "" && c.Owner != "" {
			contact, err := s.Owners.Owner(ctx, name)
			if err != nil {
				return err
			}
			owned = contact.Missing.Empty() && strings.EqualFold(contact.Address, c.Owner)
		}
		if !owned {
			owner := i18n.Or(i18n.Literal(c.Owner), i18n.T("nobody is known"))
			return s.refused(i18n.T("that is for its owner alone: %s", owner))
		}
	}
	return nil
}

func (s Snoozer) putOff(c ledger.Case, who caller.Identity, due time.Time, why string) ledger.Entry {
	entry := ledger.Entry{
		ID: digest("snooze", c.Control, c.Key, c.Opened, due), Control: s.Control.ID, At: s.Now(), By: who,
		Reason: notice.Truncate(s.render(i18n.Literal(strings.TrimSpace(why))), maxReason), Guard: ledger.OnRequest,
		Severity: string(control.Medium), Notify: notice.Alert, Thread: c.Thread, Subject: c.Subject, User: c.User,
		UserID: c.UserID, Owner: c.Owner, OwnerSlack: c.OwnerSlack,
	}
	if entry.Thread == "" {
		entry.Thread = c.Key
	}
	s.word(&entry, i18n.T("Due date put off"),
		i18n.T("%s put off what is due on %s: %s. It is due on %s now: %s.", who.Describe(), c.Subject, c.Title,
			i18n.Minute(due), entry.Reason), i18n.T("It is not put off again. Fix it before that day."))
	return entry
}
