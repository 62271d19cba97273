package deactivateunusedaccesskey

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/warder-aws/warder/pkg/accesskey"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/iamuser"
	"github.com/warder-aws/warder/pkg/remediation"
)

// parameters are those of control.json.
type parameters struct {
	MaxUnusedDays   int `json:"maxUnusedDays"`
	DeleteAfterDays int `json:"deleteAfterDays"`
}

type planner struct {
	api    readAPI
	max    time.Duration
	notice time.Duration
}

// user assesses what one user has, as it is now.
func (p *planner) user(ctx context.Context, user string, now time.Time) ([]remediation.Finding, error) {
	keys, err := accesskey.List(ctx, p.api, user)
	if err != nil {
		return nil, err
	}
	findings, err := p.assess(ctx, user, keys, now)
	if err != nil {
		return nil, err
	}
	profile, err := p.api.GetLoginProfile(ctx, &iam.GetLoginProfileInput{UserName: &user})
	if change.NotFound(err) {
		return findings, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get login profile of %q: %w", user, err)
	}
	described, err := p.api.GetUser(ctx, &iam.GetUserInput{UserName: &user})
	if err != nil {
		return nil, fmt.Errorf("get user %q: %w", user, err)
	}
	set, used := aws.ToTime(profile.LoginProfile.CreateDate), aws.ToTime(described.User.PasswordLastUsed)
	return append(findings, p.password(user, set, used, now)...), nil
}

// reported assesses what the credential report says of a user's password: that it is some hours old
// does not matter for an alert.
func (p *planner) reported(user iamuser.ReportUser, now time.Time) []remediation.Finding {
	if !user.Password.Enabled {
		return nil
	}
	return p.password(user.Name, cmp.Or(user.Password.Changed, user.Created), user.Password.Used, now)
}

// password is a finding if a console password that was set at one time and last used at another,
// zero if never, is unused. Nothing is changed about it: its owner may need it for an emergency, and
// a deleted password cannot be restored.
func (p *planner) password(user string, set, used, now time.Time) []remediation.Finding {
	since := used
	if set.After(since) {
		since = set
	}
	if now.Sub(since) <= p.max {
		return nil
	}
	return []remediation.Finding{{
		User: user, Title: i18n.T("Unused console password"),
		Text: i18n.T("The console password of %s was not used for %d days; the allowed time is %d days.",
			user, int(now.Sub(since)/accesskey.Days(1)), int(p.max/accesskey.Days(1))),
		Facts:           remediation.Facts(i18n.T("Set"), i18n.Day(set), i18n.T("Last used"), accesskey.Date(used)),
		UnchangedReason: i18n.T("Warder does not delete passwords, because it could not restore them."),
		Advice: i18n.T("Delete the password if nobody signs in with it. If it is kept for emergencies, sign in " +
			"with it regularly to make sure that it works."),
		Handling: remediation.Handling{Once: remediation.Once{Key: "password", For: remediation.Weekly}},
	}}
}

// assess is a finding for each of a user's active keys that is unused or soon will be.
func (p *planner) assess(
	ctx context.Context, user string, all []accesskey.Key, now time.Time,
) ([]remediation.Finding, error) {
	var keys []accesskey.Key
	found := map[string]remediation.Finding{}
	for _, k := range all {
		// A key is not unused for longer than it exists.
		if !k.Active || now.Sub(k.Created) <= p.max-p.notice {
			continue
		}
		ok, err := k.LastUsed(ctx, p.api)
		if err != nil {
			return nil, err
		}
		// One that was never used counts from when it was created.
		since := cmp.Or(k.Used, k.Created)
		if !ok || now.Sub(since) <= p.max-p.notice {
			continue
		}
		keys = append(keys, k)
		hint, days, allowed := change.KeyHint(k.ID), int(now.Sub(since)/accesskey.Days(1)), int(p.max/accesskey.Days(1))
		text := i18n.T("Access key %s of %s was not used for %d days; the allowed time is %d days.",
			hint, user, days, allowed)
		if k.Used.IsZero() {
			text = i18n.T("Access key %s of %s has never been used in %d days; the allowed time is %d days.",
				hint, user, days, allowed)
		}
		found[k.ID] = remediation.Finding{
			User: user, Title: i18n.T("Unused access key"), Text: text,
			Facts: append(
				remediation.Facts(i18n.T("Created"), i18n.Day(k.Created), i18n.T("Last used"), k.Usage()),
				k.Instead(),
			),
			Changes: []change.Change{{
				Kind: change.AccessKeyStatus, Subject: user, Target: k.ID, Before: change.Active, After: change.Inactive,
			}},
			Handling: remediation.Handling{Due: since.Add(p.max + time.Second)},
			Advice: i18n.T("Delete the key if nothing needs it. If it is needed rarely: use a role, or ask for an " +
				"exemption. Using the key once also resolves this."),
		}
	}
	return accesskey.OneKeyPerUser(found, keys, now, i18n.T("Access key will soon count as unused")), nil
}
