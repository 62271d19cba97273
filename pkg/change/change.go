// Package change holds what Warder can do to an account, as data.
//
// A [Change] says what one thing was and what it is to become; a [Kind] knows how
// to read that thing and how to set it. To apply a change is to set its After, to
// revert it is to set its Before: both go through the same code, so whatever can
// be done can be put back by what did it. The runner and the undo function share
// one [Registry] of kinds.
//
// The package never decides that something should change, and never retries: the
// planner decides, the runner acts.
package change

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/warder-aws/warder/pkg/policy"
)

// Change is one thing in the account that is put right.
type Change struct {
	// Kind names the entry of the registry that reads and sets the thing.
	Kind string `json:"kind"`
	// Subject is the principal that the thing belongs to: the name of an IAM user.
	Subject string `json:"subject"`
	// Target is the thing itself: an access key id, a policy ARN, the name of an inline policy, a group.
	Target string `json:"target"`
	// Before is the value that was found. The empty string means that the thing is absent.
	Before string `json:"before"`
	// After is the value that it gets. The empty string means that the thing is taken away.
	After string `json:"after"`
}

// Inverse is the change that puts back what c did.
func (c Change) Inverse() Change {
	c.Before, c.After = c.After, c.Before
	return c
}

// Kind reads and sets one kind of thing.
type Kind interface {
	// Name is the kind's name in a [Change], in the ledger and in messages.
	Name() string
	// Read returns the present value of the thing that c names, the empty string when it is
	// absent or its owner is. It ignores c.Before and c.After.
	Read(ctx context.Context, c Change) (string, error)
	// Set makes the thing what c.After says, given that it is what c.Before says.
	// A thing that is gone meanwhile is an error that [Gone] recognizes.
	Set(ctx context.Context, c Change) error
	// Say words the change as a clause without a subject, for people: with done as what
	// was done ("detached ..."), otherwise as what would be done ("detach ...").
	// A clause holds no whole access key id and no policy document.
	Say(c Change, done bool) string
}

// Narrows returns an error if the changes, made in their order, could let their subject do what it
// could not do before. It knows only what may be done without asking: everything else widens.
func Narrows(changes []Change) error {
	for i, c := range changes {
		widens := true
		switch c.Kind {
		case AccessKeyStatus:
			widens = c.After != Inactive
		case ManagedUserPolicy:
			widens = c.After != "" || neverDetach.MatchString(c.Target)
		case InlineUserPolicy:
			denies, err := policy.Denies(c.Before)
			widens = c.After != "" || denies || err != nil
		case GroupMembership:
			// Joining a group is part of a move: a policy that the user has leaves it afterwards.
			widens = c.After != Member || !slices.ContainsFunc(changes[i+1:], func(later Change) bool {
				return later.Subject == c.Subject && (later.Kind == ManagedUserPolicy || later.Kind == InlineUserPolicy) && later.After == ""
			})
		}
		if widens {
			return fmt.Errorf("refused: to change the %s %q of %s like this could widen access", c.Kind, Hint(c), c.Subject)
		}
	}
	return nil
}

// neverDetach matches the policies of AWS that deny: AWSDenyAll, and those by which AWS quarantines
// a user whose key is known to be public
// (https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSCompromisedKeyQuarantineV3.html).
var neverDetach = regexp.MustCompile(`^arn:[^:]+:iam::aws:policy/(AWSCompromisedKeyQuarantine.*|AWSDenyAll)$`)

// Hint is all of the change's target that a message may show.
func Hint(c Change) string {
	if c.Kind == AccessKeyStatus {
		return KeyHint(c.Target)
	}
	return c.Target
}

// Registry holds the kinds by name.
type Registry map[string]Kind

// NewRegistry returns a registry of the given kinds.
func NewRegistry(kinds ...Kind) Registry {
	r := Registry{}
	for _, k := range kinds {
		r[k.Name()] = k
	}
	return r
}

// Kind returns the kind that c names, or an error that lists the known ones.
func (r Registry) Kind(c Change) (Kind, error) {
	k, ok := r[c.Kind]
	if !ok {
		return nil, fmt.Errorf("change kind %q is not known: the registry has %q", c.Kind, slices.Sorted(maps.Keys(r)))
	}
	return k, nil
}

// Say words the change for people; see [Kind.Say].
func (r Registry) Say(c Change, done bool) string {
	k, err := r.Kind(c)
	if err != nil {
		return fmt.Sprintf("%s %s of %s", c.Kind, c.Target, c.Subject)
	}
	return k.Say(c, done)
}
