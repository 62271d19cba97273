package deactivatestaleaccesskey

import (
	"context"
	"time"

	"github.com/warder-aws/warder/pkg/accesskey"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/remediation"
)

// parameters are those of control.json.
type parameters struct {
	MaxAgeDays      int `json:"maxAgeDays"`
	DeleteAfterDays int `json:"deleteAfterDays"`
}

type planner struct {
	api    accesskey.API
	maxAge time.Duration
	notice time.Duration
}

// assess is a finding for each of a user's active keys that is stale or soon will be.
func (p *planner) assess(
	ctx context.Context, user string, all []accesskey.Key, now time.Time,
) ([]remediation.Finding, error) {
	var keys []accesskey.Key
	found := map[string]remediation.Finding{}
	for _, k := range all {
		// Older than the allowed age, not as old: at 90 days to the second a key is not stale.
		// The age counts from the creation: switching a key off and on does not make it young.
		if !k.Active || now.Sub(k.Created) <= p.maxAge-p.notice {
			continue
		}
		ok, err := k.LastUsed(ctx, p.api)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		keys = append(keys, k)
		age, allowed := int(now.Sub(k.Created)/accesskey.Days(1)), int(p.maxAge/accesskey.Days(1))
		found[k.ID] = remediation.Finding{
			User: user, Title: i18n.T("Stale access key"),
			Text: i18n.T("Access key %s of %s is %d days old; the allowed age is %d days.",
				change.KeyHint(k.ID), user, age, allowed),
			Facts: append(
				remediation.Facts(i18n.T("Created"), i18n.Day(k.Created), i18n.T("Last used"), k.Usage()),
				k.Instead(),
			),
			Changes: []change.Change{{
				Kind: change.AccessKeyStatus, Subject: user, Target: k.ID, Before: change.Active, After: change.Inactive,
			}},
			Handling: remediation.Handling{Due: k.Created.Add(p.maxAge + time.Second)},
			Advice: i18n.T("Create a new access key, switch over everything that uses the old one, then delete the old " +
				"one. Better: do without a key."),
		}
	}
	return accesskey.OneKeyPerUser(found, keys, now, i18n.T("Access key will soon be stale")), nil
}
