package remediation

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/exemption"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
)

// keepTagging remembers who gave a user its exemption or asked for its rotation, if that is what the event is about:
// what its subject set itself counts for nothing. IAM compares the keys of tags, and the names of users, without case.
func (r *run) keepTagging(ctx context.Context) error {
	call, ok := r.event.Detail.(*event.APICall)
	if !ok || call.Failed() || call.Name != "TagUser" {
		return nil
	}
	name, ok := call.User()
	if !ok {
		return nil
	}
	for _, tag := range call.Request.Objects("tags") {
		key, _ := tag.Text("key")
		value, _ := tag.Text("value")
		key = strings.ToLower(key)
		if !exemption.IsTag(key) && key != change.RotationTag && !slices.Contains(r.Settings.Marks, key) {
			continue
		}
		t := ledger.Tagging{Value: change.Content(value), By: call.Identity.Name(), At: happened(r.event)}
		id := ""
		if t.Self = self(call.Identity, name); t.Self && call.Identity.Kind() == event.IAMUser {
			id = call.Identity.PrincipalID
		} else {
			contact, err := r.reader.contact(ctx, name, "")
			if err != nil {
				return err
			}
			id = contact.ID
		}
		if id == "" {
			continue // the user does not exist any more
		}
		if err := r.Ledger.KeepTagging(ctx, id, key, t); err != nil {
			return err
		}
	}
	return nil
}

// self reports whether the user of the name made the call, with a key or password, or with a session that it got for
// itself. The name of a role's session proves nothing.
func self(who event.Identity, name string) bool {
	switch who.Kind() {
	case event.IAMUser:
		return strings.EqualFold(who.UserName, name)
	case event.Federated:
		return who.Session.Issuer.Type == "IAMUser" && strings.EqualFold(who.Session.Issuer.UserName, name)
	}
	return false
}

// selfSet are the keys of the exemptions among the tags that the user of the unique id gave itself.
func (r *reader) selfSet(
	ctx context.Context, userID string, tags map[string]string,
) (map[string]ledger.Tagging, error) {
	if userID == "" || len(exemption.Values(tags)) == 0 {
		return map[string]ledger.Tagging{}, nil
	}
	void, err := r.selfTagged(ctx, userID, tags)
	maps.DeleteFunc(void, func(key string, _ ledger.Tagging) bool { return !exemption.IsTag(key) })
	return void, err
}

// selfTagged are the keys of the tags, among those that Warder goes by, that the user of the unique id gave itself.
func (r *reader) selfTagged(
	ctx context.Context, userID string, tags map[string]string,
) (map[string]ledger.Tagging, error) {
	void := map[string]ledger.Tagging{}
	known, err := once(r.taggings, userID, func() (map[string]ledger.Tagging, error) {
		return r.Ledger.Taggings(ctx, userID)
	})
	for key, t := range known {
		if value, tagged := tags[key]; tagged && t.Self && t.Value == change.Content(value) {
			void[key] = t
		}
	}
	return void, err
}

// unlessSelfAsked makes a finding an alert if the user itself set the tag that asks for its changes: who may only tag
// itself must not get more by it.
func (r *reader) unlessSelfAsked(ctx context.Context, f Finding) (Finding, error) {
	if f.Consent == "" || len(f.Changes) == 0 {
		return f, nil
	}
	contact, err := r.contact(ctx, f.User, f.userID)
	if err != nil || contact.ID == "" {
		return f, err
	}
	void, err := r.selfTagged(ctx, contact.ID, contact.Tags)
	tagging, self := void[f.Consent]
	if err != nil || !self {
		return f, err
	}
	f.Changes, f.Severity, f.Due = nil, control.High, time.Time{}
	f.UnchangedReason = i18n.T("%s set the tag %s itself (%s, on %s): that asks for nothing.",
		f.User, f.Consent, tagging.By, i18n.Minute(tagging.At))
	f.Advice = i18n.T("Find out who uses the credentials of the user. If the tag is right, let somebody else set it.")
	f.Once = Once{Key: "self#" + f.Consent + "#" + contact.ID + "#" + tagging.Value, For: Weekly}
	return f, nil
}

// without is the tags but for those of the keys.
func without[T any](tags map[string]string, keys map[string]T) map[string]string {
	if len(keys) == 0 {
		return tags
	}
	rest := maps.Clone(tags)
	for key := range keys {
		delete(rest, key)
	}
	return rest
}
