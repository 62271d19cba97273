package remediation

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/warder-aws/warder/pkg/drill"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/owner"
)

// rehearsed reports whether the event says of itself that it is of a drill: it is made up, or records
// that the one policy of drills was attached to a user who is named like a drill's. It proves nothing,
// and nothing is allowed because of it.
func rehearsed(e event.Event) bool {
	if e.Drill() {
		return true
	}
	call, ok := e.Detail.(*event.APICall)
	if !ok || call.Source != "iam.amazonaws.com" || call.Name != "AttachUserPolicy" {
		return false
	}
	user, _ := call.User()
	policy, _ := call.Param("policyArn")
	return drill.Named(user) && drill.IsPolicy(policy)
}

// drilled returns the user whom a made-up event is about, or why the event is refused: whoever may put
// events on the bus could otherwise have people quarantined for sign-ins that never were. The ledger
// must know the drill, and the account must have its user, made by it.
func (w *work) drilled(ctx context.Context) (user string, refused i18n.Message, err error) {
	drills, err := w.Ledger.Drills(ctx)
	if err != nil {
		return "", refused, err
	}
	at := slices.IndexFunc(drills, func(d ledger.Drill) bool {
		switch detail := w.event.Detail.(type) {
		case *event.SignIn:
			return d.User != "" && detail.Kind() == event.IAMUser && detail.Identity.UserName == d.User
		case *event.Compliance:
			return d.UserID != "" && detail.ResourceID == d.UserID
		}
		return false
	})
	if at < 0 {
		return "", i18n.T("refused: the event is made up, and about nobody whom a drill made"), nil
	}
	d := drills[at]
	contact, err := w.Owners.Owner(ctx, d.User)
	for _, pause := range patience {
		// IAM may not show yet whom the drill has just made.
		if err != nil || contact.ID != "" || !d.On(w.Now()) {
			break
		}
		w.Sleep(ctx, pause)
		contact, err = w.Owners.Owner(ctx, d.User)
	}
	switch {
	case err != nil:
		return "", refused, fmt.Errorf("look up the user of drill %s: %w", d.ID, err)
	case contact.ID == "":
		return "", i18n.T("refused: the event is made up, and the user of drill %s is gone", d.ID), nil
	case !made(d, contact):
		return "", i18n.T("refused: the event is made up, and %s is not the user that drill %s made", notice.Truncate(d.User, 64), d.ID), nil
	}
	return d.User, refused, nil
}

// made reports whether the user that is there is the one that the drill made.
func made(d ledger.Drill, contact owner.Contact) bool {
	id, ok := drill.Made(d.User, contact.Path, contact.Tags)
	return ok && id == d.ID && (d.UserID == "" || d.UserID == contact.ID)
}

// stranger reports whether a finding, or a change of it, is about anybody else than the user.
func stranger(f Finding, user string) bool {
	if f.User != user {
		return true
	}
	for _, c := range f.Changes {
		if c.Subject != user {
			return true
		}
	}
	return false
}

// mark marks an entry about a drill's user, so that nobody takes it for an incident. Who is only named
// like one is an incident: the ledger must know the drill, and the user, if there still is one, must be
// the one that it made.
func (w *work) mark(ctx context.Context, entry *ledger.Entry, contact owner.Contact) error {
	if !entry.User || !drill.Named(entry.Subject) {
		return nil
	}
	drills, err := w.Ledger.Drills(ctx)
	if err != nil {
		return err
	}
	for _, d := range drills {
		if d.User == entry.Subject && (contact.ID == "" || made(d, contact)) {
			entry.Drill, entry.Title = d.ID, w.say(i18n.T("Drill: %s", entry.Title))
			if entry.Heading != "" {
				entry.Heading = i18n.T("Drill: %s", entry.Heading).String()
			}
			entry.Facts = append(entry.Facts, w.fact(Fact{Name: i18n.T("Drill"), Value: i18n.T("%s, a rehearsal that %s asked for", d.ID, d.By)}))
		}
	}
	return nil
}

// clock is the time as it passes during the run; with Settings.EventClock it stands still.
func (w *work) clock() time.Time {
	if w.still {
		return w.now
	}
	return w.Now()
}
