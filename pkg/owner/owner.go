// Package owner finds out who answers for an IAM user: the tags of the user, then its path, then
// the beginning of its name, then the default contact. It reads one user at a time and never
// guesses: a user without an owner has none, with the tag that would name one.
package owner

import (
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/iamuser"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/settings"
)

//go:embed ko.json
var korean []byte

func init() { i18n.Register("ko", korean) }

// API lists the operations that a [Book] reads with.
type API interface {
	GetUser(context.Context, *iam.GetUserInput, ...func(*iam.Options)) (*iam.GetUserOutput, error)
	iamuser.UserLister
}

// Contact is who answers for a user.
type Contact struct {
	Address string            // the email address that notices are addressed to; empty when nobody is known
	Missing i18n.Message      // what would have named the owner; empty when the owner is known
	Invalid i18n.Message      // which tag is to name the owner and holds no email address; empty when there is none
	Slack   string            // the owner's Slack member id, as the user's tag has it; empty when there is none
	ID      string            // the user's unique id, which no other user ever gets; empty when the user does not exist
	Name    string            // the user's present name; empty when the user does not exist
	Created time.Time         // when the user was created, in whole seconds
	Path    string            // the user's path; empty when the user does not exist
	Tags    map[string]string // the user's tags, by their key in lower case
}

// CreatedAfter reports whether the user was created after the time: IAM gives whole seconds.
func (c Contact) CreatedAfter(at time.Time) bool { return c.Created.Truncate(time.Second).After(at) }

// Book answers for the users of one account.
type Book struct {
	API    API
	Owners settings.Owners
}

// Owner returns who answers for the user. A user that does not exist has the default contact.
func (b Book) Owner(ctx context.Context, user string) (Contact, error) {
	out, err := b.API.GetUser(ctx, &iam.GetUserInput{UserName: &user})
	if change.NotFound(err) {
		return b.find(user, "", nil), nil
	}
	if err != nil {
		return Contact{}, fmt.Errorf("get user %q: %w", user, err)
	}
	tags := map[string]string{}
	for _, tag := range out.User.Tags {
		tags[strings.ToLower(aws.ToString(tag.Key))] = aws.ToString(tag.Value)
	}
	contact := b.Of(user, aws.ToString(out.User.Path), tags)
	contact.ID, contact.Name = aws.ToString(out.User.UserId), aws.ToString(out.User.UserName)
	contact.Created = aws.ToTime(out.User.CreateDate)
	return contact, nil
}

// Of returns who answers for a user of that path with those tags, whose keys are in lower case.
func (b Book) Of(user, path string, tags map[string]string) Contact {
	contact := b.find(user, path, tags)
	contact.Path, contact.Tags = path, tags
	if id := tags[strings.ToLower(b.Owners.Slack)]; notice.Member(id) {
		contact.Slack = id
	}
	return contact
}

// Names reports whether a tag of the key, in any case, says who answers for a user.
func (b Book) Names(key string) bool {
	is := func(name string) bool { return name != "" && strings.EqualFold(name, key) }
	return slices.ContainsFunc(b.Owners.Tags, is) || is(b.Owners.Slack)
}

// ByID returns who answers for the user with the unique id. It is looked for by the name that it had, and in the list
// of all users when nobody or somebody else has that name. A user that does not exist has the default contact. Without
// an id it is the owner of whoever has the name.
func (b Book) ByID(ctx context.Context, id, name string) (Contact, error) {
	if name != "" {
		contact, err := b.Owner(ctx, name)
		if err != nil || id == "" || contact.ID == id {
			return contact, err
		}
	}
	present, found, err := iamuser.NameOf(ctx, b.API, id)
	switch {
	case err != nil:
		return Contact{}, err
	case !found:
		return b.find(name, "", nil), nil
	}
	contact, err := b.Owner(ctx, present)
	if err == nil && contact.ID != id {
		err = fmt.Errorf("get user %q: the name is changing: it was found as that of %s", present, id)
	}
	return contact, err
}

// find applies the rules. IAM compares tag keys without regard to case
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html), so does find; among paths and
// prefixes the longest that fits wins. A tag that holds no email address, or more than one, names nobody.
func (b Book) find(user, path string, tags map[string]string) (c Contact) {
	for _, key := range b.Owners.Tags {
		text := strings.TrimSpace(tags[strings.ToLower(key)])
		if c.Address = settings.Address(text); c.Address != "" {
			return c
		}
		if text != "" && c.Invalid.Empty() {
			c.Invalid = i18n.T("the tag %s is not an email address: %s", key, notice.Plain(text, maxTag))
		}
	}
	byPath, byPrefix := longest(b.Owners.Paths, path, strings.HasPrefix), longest(b.Owners.Prefixes, user, named)
	if c.Address = cmp.Or(byPath, byPrefix); c.Address != "" {
		return c
	}
	c.Address, c.Missing = b.Owners.Default, i18n.T("unknown")
	if len(b.Owners.Tags) > 0 {
		tags := i18n.Literal(b.Owners.Tags[0])
		for _, tag := range b.Owners.Tags[1:] {
			tags = i18n.T("%s or %s", tags, tag)
		}
		c.Missing = i18n.T("unknown: the user has no tag %s", tags)
	}
	if !c.Invalid.Empty() {
		c.Missing = i18n.T("unknown: %s", c.Invalid)
	}
	return c
}

// maxTag is how much of a tag is shown, in bytes.
const maxTag = 100

// named reports whether a user's name begins so: IAM tells names apart without case.
func named(name, beginning string) bool {
	return len(name) >= len(beginning) && change.SameName(name[:len(beginning)], beginning)
}

// longest is the contact of the longest beginning that fits; of equal ones, in another case, the first in order.
func longest(contacts map[string]string, of string, begins func(text, beginning string) bool) string {
	best := ""
	for _, beginning := range slices.Sorted(maps.Keys(contacts)) {
		if begins(of, beginning) && len(beginning) > len(best) {
			best = beginning
		}
	}
	return contacts[best]
}
