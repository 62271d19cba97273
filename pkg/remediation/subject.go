package remediation

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
)

// kind returns the kind of the change, for this one change: it finds the user whom the change is about by its unique
// id, whatever the user is called by now.
func (r *Runner) kind(c change.Change) (change.Kind, error) {
	kind, err := r.Kinds.Kind(c)
	if err != nil || c.SubjectID == "" || c.Kind == change.Session { // a session is known by its own id
		return kind, err
	}
	return &byID{Kind: kind, owners: r.Owners}, nil
}

// byID reads and sets what belongs to the user with the change's unique id. IAM's operations take names only, and a
// name may have become another user's since it was read: right before each write it is looked up whose it is.
type byID struct {
	change.Kind
	owners Owners
	name   string // what the user was called when it was last looked up; empty before
}

// Read implements [change.Kind]. What looks as the change expects it is not looked up: before anything is written, Set
// does. What does not may be another user's.
func (k *byID) Read(ctx context.Context, c change.Change) (string, error) {
	named := c.Renamed(cmp.Or(k.name, c.Subject))
	present, err := k.Kind.Read(ctx, named)
	switch {
	case err != nil && !change.NotFound(err),
		err == nil && (present == c.Before || k.name != "" && present == c.After):
		return present, err
	}
	if err := k.find(ctx, c); err != nil {
		return "", err
	}
	if k.name == named.Subject {
		return present, err
	}
	return k.Kind.Read(ctx, c.Renamed(k.name))
}

// Set implements [change.Kind]. A user that does not exist is another error than a thing that does not: nothing was
// taken away from it. What does not exist may only have another name since it was looked up.
func (k *byID) Set(ctx context.Context, c change.Change) (err error) {
	for tried := ""; ; tried = k.name {
		unknown := k.find(ctx, c)
		switch {
		case change.NotFound(unknown):
			return errors.New(unknown.Error())
		case unknown != nil:
			return unknown
		case k.name == tried:
			return err
		}
		if err = k.Kind.Set(ctx, c.Renamed(k.name)); !change.NotFound(err) {
			return err
		}
	}
}

// Refuses implements [change.Conditional].
func (k *byID) Refuses(ctx context.Context, c change.Change) (i18n.Message, error) {
	kind, ok := k.Kind.(change.Conditional)
	if !ok {
		return i18n.Message{}, nil
	}
	if err := k.find(ctx, c); err != nil {
		return i18n.Message{}, err
	}
	return kind.Refuses(ctx, c.Renamed(k.name))
}

// find looks up what the user is called now. One that IAM does not show is an error that [change.NotFound] recognizes.
func (k *byID) find(ctx context.Context, c change.Change) error {
	contact, err := k.owners.ByID(ctx, c.SubjectID, cmp.Or(k.name, c.Subject))
	if err == nil && contact.ID == "" {
		err = &types.NoSuchEntityException{Message: new(fmt.Sprintf("there is no user with the unique id %s", c.SubjectID))}
	}
	if err != nil {
		return fmt.Errorf("look up user %q: %w", c.Subject, err)
	}
	k.name = contact.Name
	return nil
}

// rename gives an entry the present name of its user, if that is another one, with the former one as a fact.
func rename(r *Runner, entry *ledger.Entry, name string) {
	if name == "" || name == entry.Subject {
		return
	}
	former := Fact{Name: i18n.T("Former name"), Value: i18n.Literal(entry.Subject)}
	entry.Facts = append(entry.Facts, r.fact(former))
	entry.Subject = name
	for i, step := range entry.Steps {
		if step.SubjectID != "" && step.SubjectID == entry.UserID {
			entry.Steps[i].Change = step.Renamed(name)
		}
	}
}
