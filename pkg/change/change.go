// Package change holds what Warder can do to an account, as data.
//
// A [Change] says what one thing was and what it is to become; a [Kind] knows how to read that thing and how to set
// it. To apply a change is to set its After, to revert it is to set its Before: both go through the same code, so
// whatever can be done can be reverted by what did it. The runner and the undo function share one [Registry] of
// kinds.
//
// The package never decides that something should change, and never retries: the planner decides, the runner acts.
package change

import (
	"cmp"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"github.com/warder-aws/warder/pkg/i18n"
)

//go:embed ko.json
var korean []byte

func init() { i18n.Register("ko", korean) }

// Change sets one thing in the account.
type Change struct {
	Kind    string `json:"kind"`    // names the entry of the registry that reads and sets the thing
	Subject string `json:"subject"` // whom the thing belongs to: the name of an IAM user, or what the kind says
	// SubjectID is the unique id of the IAM user that the thing belongs to: the name is a label, which the user may lose
	// and another get. It is empty for what belongs to no IAM user, and for a user that could not be read.
	SubjectID string `json:"subjectId,omitempty"`
	// Former is the name that the subject had when the change was found, if it has another by now: what was named after it
	// still is.
	Former string `json:"former,omitempty"`
	// Target is the thing: an access key id, a policy ARN, the name of an inline policy, a group, or what the kind says.
	Target string `json:"target"`
	Before string `json:"before"` // the value that was found. The empty string means that the thing is absent
	After  string `json:"after"`  // the value that it gets. The empty string means that the thing is taken away
	// Content is a digest of what the policy says that the change is about, see [Content]: another may have its name
	// later. It is empty for what is no policy.
	Content string `json:"content,omitempty"`
}

// Content is the digest of a policy document.
func Content(document string) string {
	sum := sha256.Sum256([]byte(document))
	return hex.EncodeToString(sum[:])
}

// Inverse is the change that reverts what c did.
func (c Change) Inverse() Change {
	c.Before, c.After = c.After, c.Before
	return c
}

// Thing names what c changes: the same whatever its subject is called at the time, and another one for another user
// that gets the name later.
func (c Change) Thing() string {
	if c.SubjectID != "" {
		c = c.Renamed(c.SubjectID)
	}
	return c.Kind + "#" + c.Subject + "#" + c.Target
}

// Renamed is the same change of a user that has another name now.
func (c Change) Renamed(name string) Change {
	if c.Kind == PermissionsBoundary {
		c.Target = name
	}
	if name != c.Subject {
		c.Former, c.Subject = cmp.Or(c.Former, c.Subject), name
	}
	return c
}

// Kind reads and sets one kind of thing.
type Kind interface {
	Description
	// Read returns the present value of the thing that c names, the empty string when it is absent. It
	// ignores c.Before and c.After. A missing subject is an error that [NotFound] recognizes, if AWS
	// distinguishes it from an absent thing: a user that IAM does not show yet may exist.
	Read(ctx context.Context, c Change) (string, error)
	// Set makes the thing what c.After says, given that it is what c.Before says.
	// A thing that no longer exists is an error that [NotFound] recognizes.
	Set(ctx context.Context, c Change) error
}

// Description is the part of a [Kind] that calls nothing.
type Description interface {
	// Name is the kind's name in a [Change], in the ledger and in messages.
	Name() string
	// Describe describes the change as a clause without a subject, for people: with done as what
	// was done ("detached ..."), otherwise as what would be done ("detach ...").
	// A clause holds no whole access key id and no policy document.
	Describe(c Change, done bool) i18n.Message
	// Widens reports whether c, followed by rest, could let its subject do what it could not do
	// before. What a kind does not know to be harmless widens.
	Widens(c Change, rest []Change) bool
	// Final says why a change of this kind cannot be reverted; empty when it can.
	Final() i18n.Message
}

// Described returns a registry of the kinds that are not IAM's. They describe changes, and can neither
// read nor make them: that would link the clients of their services.
func Described() Registry {
	return NewRegistry(
		described{PublicAccessBlocks{}},
		described{Trails{}},
		described{TrailEvents{}},
		described{TrailScopes{}},
		described{Recorders{}},
		described{Detectors{}},
		described{Hubs{}},
		described{FlowLogs{}},
		described{QueryLogs{}},
		described{Shares{Kind: SnapshotShare}},
		described{Shares{Kind: ImageShare}},
		described{Shares{Kind: DBSnapshotShare}},
		described{Shares{Kind: ClusterSnapshotShare}},
		described{SignInPolicies{}},
		described{Rotations{}},
		described{RootKeys{}},
		described{Sessions{}},
	)
}

type described struct{ Description }

func (d described) Read(context.Context, Change) (string, error) {
	return "", fmt.Errorf("read %s: this function only describes it", d.Name())
}

func (d described) Set(context.Context, Change) error {
	return fmt.Errorf("set %s: this function only describes it", d.Name())
}

// Unless is the error of a change that was tried, or none if all is as it is to be nevertheless: a request whose answer
// was lost is made again, and then there is already what it makes.
func Unless(ctx context.Context, kind interface {
	Read(ctx context.Context, c Change) (string, error)
}, c Change, tried error,
) error {
	if tried == nil {
		return nil
	}
	if is, err := kind.Read(ctx, c); err == nil && is == c.After {
		return nil
	}
	return tried
}

// Conditional is implemented by kinds whose changes cannot always be reverted, although the thing is as it was left.
type Conditional interface {
	// Refuses says why c, the inverse of a change that was made, must not be made now; empty when it may.
	Refuses(ctx context.Context, c Change) (why i18n.Message, err error)
}

// Gradual is implemented by kinds whose Set makes several calls that change something.
type Gradual interface {
	// Between reports whether a Set of c that was cut off can have left the value.
	Between(c Change, present string) bool
}

// Between reports whether a change that was cut off can have left the value.
func Between(k Kind, c Change, present string) bool {
	gradual, ok := k.(Gradual)
	return ok && gradual.Between(c, present)
}

// reversible is embedded in the kinds whose changes can be reverted.
type reversible struct{}

func (reversible) Final() i18n.Message { return i18n.Message{} }

// Tagged is a [Kind] whose subjects are no IAM users, and are exempted by tags of their own.
type Tagged interface {
	// Tags returns the tags of the change's subject, nil when it no longer exists.
	Tags(ctx context.Context, c Change) (map[string]string, error)
}

// Hint is all of the change's target that a message may show.
func Hint(c Change) string {
	switch c.Kind {
	case AccessKeyStatus, AccessKeyDeletion, AccessKeyRotation, RootKeyDeletion,
		ServiceCredentialStatus, SSHKeyStatus, SigningCertificateStatus:
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

// Narrows returns an error if the changes, made in their order, could let their subject do more than before.
func (r Registry) Narrows(changes []Change) error {
	for i, c := range changes {
		kind, err := r.Kind(c)
		if err != nil {
			return err
		}
		if kind.Widens(c, changes[i+1:]) {
			return i18n.Fault{Text: i18n.T("refused: this change of the %s %s of %s could widen access", c.Kind,
				Hint(c), c.Subject)}
		}
	}
	return nil
}

// Describe describes the change for people; see [Kind.Describe].
func (r Registry) Describe(c Change, done bool) i18n.Message {
	k, err := r.Kind(c)
	if err != nil {
		return i18n.T("%s %s of %s", c.Kind, Hint(c), c.Subject)
	}
	return k.Describe(c, done)
}
