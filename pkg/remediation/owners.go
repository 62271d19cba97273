package remediation

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/owner"
	"github.com/warder-aws/warder/pkg/settings"
)

// owners is the part of a run that remembers who answers for whom: an event that changes the owner of a user does not
// say who it was before.
type owners struct {
	*session
	reader *reader
	seen   map[string]ledger.Owner // by unique id
}

// OwnerTags are the keys, in lower case, of the tags that a call sets or removes and that name the owner of a user.
func OwnerTags(call *event.APICall, s settings.Owners) []string {
	book := owner.Book{Owners: s}
	keys := call.Request.Texts("tagKeys")
	for _, tag := range call.Request.Objects("tags") {
		key, _ := tag.Text("key")
		keys = append(keys, key)
	}
	var names []string
	for _, key := range keys {
		if book.Names(key) {
			names = append(names, strings.ToLower(key))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// saw notes who answers for a user that a sweep sees.
func (o *owners) saw(user types.UserDetail) {
	tags := map[string]string{}
	for _, tag := range user.Tags {
		tags[strings.ToLower(aws.ToString(tag.Key))] = aws.ToString(tag.Value)
	}
	contact := owner.Book{Owners: o.Settings.Owners}.Of(aws.ToString(user.UserName), aws.ToString(user.Path), tags)
	contact.ID = aws.ToString(user.UserId)
	o.note(contact, o.now)
}

func (o *owners) note(c owner.Contact, at time.Time) {
	if c.ID == "" || c.Address == "" || !c.Missing.Empty() {
		return
	}
	if o.seen == nil {
		o.seen = map[string]ledger.Owner{}
	}
	o.seen[c.ID] = ledger.Owner{Address: c.Address, Slack: c.Slack, At: at}
}

// keep remembers the owners that the run saw; what there is no time for is left to the next sweep.
func (o *owners) keep(ctx context.Context, spent func() bool) error {
	if call, ok := o.event.Detail.(*event.APICall); ok && !call.Failed() {
		name, _ := call.User()
		moved := call.Source == "iam.amazonaws.com" && call.Name == "UpdateUser"
		if renamed, ok := call.Param("newUserName"); moved && ok {
			name = renamed
		}
		if name != "" && (moved || len(OwnerTags(call, o.Settings.Owners)) > 0) {
			contact, err := o.reader.contact(ctx, name, "")
			if err != nil {
				return err
			}
			o.note(contact, happened(o.event))
		}
	}
	if len(o.seen) == 0 {
		return nil
	}
	var known map[string]ledger.Owner
	if len(o.seen) > 1 {
		var err error
		if known, err = o.Ledger.Owners(ctx); err != nil {
			return err
		}
	}
	var faults []error
	for _, id := range slices.Sorted(maps.Keys(o.seen)) {
		now := o.seen[id]
		if spent() {
			break
		}
		if before, ok := known[id]; !ok || !before.Is(now) {
			faults = append(faults, o.Ledger.KeepOwner(ctx, id, now, known != nil && !ok))
		}
	}
	return errors.Join(faults...)
}

// recent is for how long the owner before counts as the one whom a call changed: a sweep may see the change first.
const recent = 2 * day

// former returns who answered for the user before the call of the event, with the facts of the change. It is who
// answers for it now if the call did not change that. Of a user of whom nothing is remembered it is who would answer
// for it without the tags that the call has set.
func (o *owners) former(ctx context.Context, name string, now owner.Contact) (owner.Contact, []notice.Fact, error) {
	call, ok := o.event.Detail.(*event.APICall)
	if !ok || now.ID == "" {
		return now, nil, nil
	}
	known, found, err := o.Ledger.Owner(ctx, now.ID)
	if err != nil {
		return now, nil, err
	}
	present, keys := ledger.Owner{Address: now.Address, Slack: now.Slack}, OwnerTags(call, o.Settings.Owners)
	before, unknown := now, i18n.Message{}
	switch changed := len(keys) > 0; {
	case found && !known.Is(present):
		before.Address, before.Slack, before.Missing = known.Address, known.Slack, i18n.Message{}
	case found && changed && known.Before != nil && o.now.Sub(known.At) < recent:
		before.Address, before.Slack, before.Missing = known.Before.Address, known.Before.Slack, i18n.Message{}
	case !found && changed:
		rest := map[string]bool{}
		for _, key := range keys {
			rest[key] = true
		}
		other := owner.Book{Owners: o.Settings.Owners}.Of(name, now.Path, without(now.Tags, rest))
		before.Address, before.Slack, before.Missing = other.Address, other.Slack, i18n.Message{}
		unknown = i18n.T("not known: Warder has not seen the user before")
	default:
		return now, nil, nil
	}
	facts := []notice.Fact{o.fact(Fact{i18n.T("Owner now"), i18n.Or(now.Missing, i18n.Literal(now.Address))})}
	if !unknown.Empty() {
		facts = append(facts, o.fact(Fact{i18n.T("Owner before"), unknown}))
	}
	return before, facts, nil
}
