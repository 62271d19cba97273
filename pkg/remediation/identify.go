package remediation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/iamuser"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/owner"
)

// target is what a planner is to look at: an event in which its user has the name that the user has now.
type target struct {
	event event.Event
	name  string // of the user; empty when the event is about none that is known by its name
	id    string // the user's unique id
	was   string // the name in the event, if it is another
	named bool   // nothing but its name in the event says who it is
	err   error  // why it could not be found out who it is: whatever is found, nothing is done
}

// identifier finds the users whom events are about.
type identifier struct {
	*session
	reader *reader
}

// errRenamed says of a name in an event that its user does not have it now. Who has it, if anybody, came later.
var errRenamed = errors.New(
	"IAM does not show the user of the event yet, or it was renamed since, and that event has " +
		"yet to come",
)

// identify finds the user whom the event is about, under the name that the user has now. An event names a user by the
// name of that time; by now the user may have another one, and somebody else may have that. Whose name it was is known
// by its unique id, if the event has it, else by what the events of renamings left in the ledger.
//
// Nothing is returned for an event about a user who does not exist any more. A user who cannot be told is an error.
func (r *identifier) identify(ctx context.Context) ([]target, error) {
	asIs := []target{{event: r.event}}
	record := r.event.Record()
	if record == nil || !r.Control.Acts() || r.event.Drill() {
		return asIs, nil
	}
	if !r.Control.Permits("iam:ListUsers") {
		return asIs, nil // it acts on no users
	}
	call, isCall := r.event.Detail.(*event.APICall)
	signIn, isSignIn := r.event.Detail.(*event.SignIn)
	switch {
	case isSignIn && !signIn.Succeeded() || record.Failed():
		return asIs, nil // nobody is acted on for it
	case !isCall || call.Source != "iam.amazonaws.com":
		if id := record.Identity.PrincipalID; record.Identity.Kind() == event.IAMUser && iamuser.IsUniqueID(id) {
			return r.byID(ctx, record.Identity.UserName, id)
		}
		return asIs, nil
	case call.Name == "UpdateUser":
		return r.renamed(ctx, call)
	}
	name, named := call.User()
	if !named {
		return asIs, nil
	}
	if id, _ := call.Response.Text("user", "userId"); iamuser.IsUniqueID(id) {
		return r.byID(ctx, name, id)
	}
	if by := record.Identity; by.Kind() == event.IAMUser && by.UserName == name && iamuser.IsUniqueID(by.PrincipalID) {
		return r.byID(ctx, name, by.PrincipalID) // it did that to itself
	}
	return r.byName(ctx, name)
}

// byID is the target of an event that gives the unique id of the user.
func (r *identifier) byID(ctx context.Context, name, id string) ([]target, error) {
	contact, err := r.reader.contact(ctx, name, id)
	switch {
	case err != nil:
		return r.unread(name, id, fmt.Errorf("look up user %q: %w", name, err))
	case contact.ID == "" && !r.lastTry():
		return nil, fmt.Errorf("look up user %q: %w", name, errRenamed)
	case contact.ID == "":
		// It does not exist. Who has its name now is somebody else.
		return []target{{event: r.event, name: name, id: id}}, nil
	}
	return []target{targetOf(r.event, name, contact)}, nil
}

// unread leaves what cannot be looked up to the retry. At the last try the planner looks all the same, so that somebody
// hears of what it finds.
func (r *identifier) unread(name, id string, err error) ([]target, error) {
	if !r.lastTry() {
		return nil, err
	}
	return []target{{event: r.event, name: name, id: id, err: err}}, nil
}

// byName is the target of an event that gives nothing but a name: the user who had it then. It waits a little for who
// cannot be told yet; the try after that, or the event of the renaming, goes on with it.
func (r *identifier) byName(ctx context.Context, name string) ([]target, error) {
	at := happened(r.event)
	for i, pause := range []time.Duration{0, time.Second, 2 * time.Second} {
		if i > 0 {
			r.Sleep(ctx, pause)
		}
		targets, err := r.trace(ctx, r.event, name, at)
		switch {
		case err != nil:
			return r.unread(name, "", err)
		case len(targets) > 0:
			for i := range targets {
				targets[i].named = true
			}
			return targets, nil
		}
	}
	w := ledger.Waiting{Run: r.record.Key, At: at, Event: r.raw}
	if err := r.Ledger.Wait(ctx, r.Control.ID, name, w, r.now); err != nil {
		return nil, err
	}
	if !r.lastTry() {
		return nil, fmt.Errorf("look up user %q: %w", name, errRenamed)
	}
	r.report.note(Skipped, r.render(i18n.T("the user %s of the event no longer exists", name)))
	return nil, nil
}

// trace follows a name from the time of an event on, through all renamings since. CloudTrail and IAM give whole
// seconds: of a renaming in the second of the event it is not known which came first, and then either user may be the
// one.
func (r *identifier) trace(
	ctx context.Context,
	e event.Event,
	name string,
	at time.Time,
) (targets []target, err error) {
	names, since, unsure := []string{name}, at, false
	for range maxRenamings {
		last := names[len(names)-1]
		all, err := r.Ledger.Renamings(ctx, last)
		if err != nil {
			return nil, err
		}
		next := slices.IndexFunc(all, func(n ledger.Renaming) bool { return !n.At.Before(since.Truncate(time.Second)) })
		if next < 0 {
			break
		}
		unsure = unsure || all[next].At.Equal(at.Truncate(time.Second))
		names, since = append(names, all[next].To), all[next].At
	}
	candidates := names[len(names)-1:]
	if unsure && len(names) > 1 {
		candidates = append(candidates, name)
	}
	for _, candidate := range candidates {
		delete(r.reader.contacts, candidate)
		contact, err := r.reader.contact(ctx, candidate, "")
		if err != nil {
			return nil, fmt.Errorf("look up user %q: %w", candidate, err)
		}
		// Who was created after the call is another user.
		if contact.ID == "" || contact.CreatedAfter(at) {
			continue
		}
		targets = append(targets, targetOf(e, name, contact))
	}
	return targets, nil
}

// maxRenamings is how many renamings of one user are followed.
const maxRenamings = 20

// renamed notes that a user was renamed, and returns what waits for that. A user who moves to another path is a target
// of its own: the path may be what exempts it.
func (r *identifier) renamed(ctx context.Context, call *event.APICall) (targets []target, err error) {
	from, named := call.User()
	to, _ := call.Param("newUserName")
	at := happened(r.event).Truncate(time.Second)
	if !named {
		return nil, nil
	}
	if _, moved := call.Param("newPath"); moved {
		if targets, err = r.trace(ctx, r.event, cmp.Or(to, from), at); err != nil {
			return nil, err
		}
	}
	if to == "" || to == from {
		return targets, nil
	}
	if err := r.Ledger.Rename(ctx, from, ledger.Renaming{To: to, At: at}, r.now); err != nil {
		return nil, err
	}
	waiting, err := r.Ledger.Waiting(ctx, r.Control.ID, from)
	for _, w := range waiting {
		e, undecodable := event.Decode(w.Event)
		if undecodable != nil || w.At.Truncate(time.Second).After(at) {
			continue
		}
		found, unread := r.trace(ctx, e, from, w.At)
		for _, t := range found {
			if t.id != w.Taken {
				targets = append(targets, t)
			}
		}
		err = errors.Join(err, unread)
	}
	return targets, err
}

// remember keeps an event that is acted on, and that gives nothing of its user but a name: if that turns out to have
// been another's when the call was made, the event is about the other as well.
func (r *identifier) remember(ctx context.Context, t target) error {
	if !t.named {
		return nil
	}
	w := ledger.Waiting{Run: r.record.Key, At: happened(r.event), Taken: t.id, Event: r.raw}
	return r.Ledger.Wait(ctx, r.Control.ID, cmp.Or(t.was, t.name), w, r.now)
}

// targetOf is the event about the user by the name that it has now.
func targetOf(e event.Event, name string, contact owner.Contact) target {
	t := target{event: e, name: contact.Name, id: contact.ID}
	if contact.Name == name {
		return t
	}
	t.was = name
	switch d := e.Detail.(type) {
	case *event.APICall:
		if d.Source == "iam.amazonaws.com" {
			t.event.Detail = d.WithUser(contact.Name)
			break
		}
		renamed := *d
		renamed.Identity.UserName = contact.Name
		t.event.Detail = &renamed
	case *event.SignIn:
		renamed := *d
		renamed.Identity.UserName = contact.Name
		t.event.Detail = &renamed
	}
	return t
}
