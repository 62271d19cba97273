package remediation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/drill"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/owner"
	"github.com/warder-aws/warder/pkg/settings"
)

// rehearsed reports whether the event calls itself one of a drill: it is synthetic, or records that the one policy of
// drills was attached to a user named like a drill's. It proves nothing and allows nothing.
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

// byDrill reports whether the event records that the drill attached its policy to a user: the call is one of Warder's
// own roles, and of the session that Lambda begins for the drill's function, which it names like it.
func (r *Runner) byDrill(e event.Event) bool {
	return rehearsed(e) && r.byWarder(e) && e.Record().Identity.SessionName() == settings.FunctionName("drill")
}

// within reports whether what the event reports happened while the drill went on. AWS gives the time in whole seconds.
func within(d ledger.Drill, e event.Event) bool {
	at := happened(e)
	return !at.Before(d.At.Truncate(time.Second)) && !at.After(d.Until)
}

var errNotOfDrill = errors.New("what was found is about somebody else than the drill's user")

// notOfDrill reports whether a finding, or a change of it, is about anybody else than the drill's user.
func (r *run) notOfDrill(f Finding) bool {
	others := func(c change.Change) bool { return c.Subject != r.drillUser }
	return f.User != r.drillUser || slices.ContainsFunc(f.Changes, others)
}

// handleDrill handles the made-up event of a drill, or returns why it is refused.
func (r *run) handleDrill(ctx context.Context) (refused i18n.Message, err error) {
	r.drillUser, refused, err = r.findDrillUser(ctx)
	if err != nil || !refused.Empty() {
		return refused, err
	}
	if err = r.handle(ctx); errors.Is(err, errNotOfDrill) {
		return i18n.T("refused: this is a drill event, but the finding is not about the drill's user"), nil
	}
	return refused, err
}

// findDrillUser returns the user whom a made-up event is about, or why the event is refused: whoever may put
// events on the bus could otherwise have people quarantined for sign-ins that never were. The ledger must
// know the drill, and the account must have its user, made by it.
func (r *run) findDrillUser(ctx context.Context) (user string, refused i18n.Message, err error) {
	drills, err := r.Ledger.Drills(ctx)
	if err != nil {
		return "", refused, err
	}
	at := slices.IndexFunc(drills, func(d ledger.Drill) bool {
		switch detail := r.event.Detail.(type) {
		case *event.SignIn:
			return d.User != "" && detail.Kind() == event.IAMUser && detail.Identity.UserName == d.User
		case *event.Compliance:
			return d.UserID != "" && detail.ResourceID == d.UserID
		}
		return false
	})
	if at < 0 {
		return "", i18n.T("refused: this is a drill event, but not about a user that a drill created"), nil
	}
	d := drills[at]
	contact, err := r.Owners.Owner(ctx, d.User)
	for _, pause := range visibilityBackoff {
		// IAM may not show yet whom the drill has just made.
		if err != nil || contact.ID != "" || !d.On(r.Now()) {
			break
		}
		r.Sleep(ctx, pause)
		contact, err = r.Owners.Owner(ctx, d.User)
	}
	switch {
	case err != nil:
		return "", refused, fmt.Errorf("look up the user of drill %s: %w", d.ID, err)
	case contact.ID == "":
		return "", i18n.T("refused: this is a drill event, but the user of drill %s no longer exists", d.ID), nil
	case !within(d, r.event):
		return "", i18n.T("refused: this is a drill event, but drill %s did not go on then", d.ID), nil
	case !madeBy(d, contact):
		return "", i18n.T("refused: this is a drill event, but %s is not the user that drill %s created",
			notice.Truncate(d.User, 64), d.ID), nil
	}
	return d.User, refused, nil
}

// madeBy reports whether the user that exists is the one that the drill made.
func madeBy(d ledger.Drill, contact owner.Contact) bool {
	id, ok := drill.Made(d.User, contact.Path, contact.Tags)
	return ok && id == d.ID && (d.UserID == "" || d.UserID == contact.ID)
}
