package rotateaccesskey

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/warder-aws/warder/pkg/accesskey"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/rotation"
	"github.com/warder-aws/warder/pkg/settings"
)

// clients are those of the two services that the planner reads from.
type clients struct {
	*iam.Client
	secrets
}

// secrets is the client of Secrets Manager; a name of its own, because both are called Client.
type secrets = *secretsmanager.Client

// A user is given new keys if it has this tag with this value, to the letter: IAM lets the function
// create keys of such users only, and compares like that (control.json).
const tag, wanted = change.RotationTag, "yes"

// parameters are those of control.json.
type parameters struct {
	MaxAgeDays       int `json:"maxAgeDays"`
	RotateBeforeDays int `json:"rotateBeforeDays"`
}

type planner struct {
	api    readAPI
	maxAge time.Duration
	before time.Duration
	hub    arn.ARN // of the topic: where the secrets are, too
}

func newPlanner(
	api readAPI, l accesskey.Ledger, sleep func(context.Context, time.Duration), f settings.Function,
) (accesskey.Sweep, error) {
	p, err := settings.Parameters[parameters](f)
	if err != nil {
		return accesskey.Sweep{}, err
	}
	if p.RotateBeforeDays >= p.MaxAgeDays {
		return accesskey.Sweep{}, fmt.Errorf("rotateBeforeDays is %d and maxAgeDays %d: a key would be replaced on the day "+
			"it is made", p.RotateBeforeDays, p.MaxAgeDays)
	}
	hub, err := arn.Parse(f.Topic)
	if err != nil {
		return accesskey.Sweep{}, fmt.Errorf("read the topic's ARN: %w", err)
	}
	made := &planner{api: api, maxAge: accesskey.Days(p.MaxAgeDays), before: accesskey.Days(p.RotateBeforeDays), hub: hub}
	return accesskey.Sweep{
		API: api, Ledger: l, Sleep: sleep, Control: "rotate-access-key",
		Limit: made.maxAge - made.before, Evaluate: made.user,
	}, nil
}

// user assesses one user's keys. A user that no longer exists has none.
func (p *planner) user(
	ctx context.Context, user string, keys []accesskey.Key, now time.Time,
) ([]remediation.Finding, error) {
	due := slices.DeleteFunc(slices.Clone(keys), func(k accesskey.Key) bool {
		return !k.Active || now.Sub(k.Created) <= p.maxAge-p.before
	})
	if len(due) == 0 {
		return nil, nil
	}
	// Few users have a key that is due, and so few are asked for their tags.
	if asked, err := p.asked(ctx, user); err != nil || !asked {
		return nil, err
	}
	slices.SortFunc(due, func(a, b accesskey.Key) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
	})
	for _, old := range due {
		c := change.Change{Kind: change.AccessKeyRotation, Subject: user, Target: old.ID, After: change.Rotated}
		at := slices.IndexFunc(keys, func(k accesskey.Key) bool { return k.ID != old.ID })
		if at < 0 {
			return []remediation.Finding{p.rotate(c, old, now)}, nil
		}
		other := keys[at] // IAM allows two
		secret, err := rotation.DescribeSecret(ctx, p.api, c)
		if err != nil {
			return nil, err
		}
		if secret != nil && secret.DeletedDate == nil && rotation.StoredKey(secret) == other.ID {
			continue // it has its new key
		}
		orphan, err := rotation.Orphan(ctx, p.api, secret, other.ID, other.Created)
		if err != nil {
			return nil, err
		}
		if orphan {
			return []remediation.Finding{p.rotate(c, old, now)}, nil
		}
		return []remediation.Finding{p.full(user, old, other, now)}, nil
	}
	return nil, nil
}

// asked reports whether the user is tagged to be given new keys.
func (p *planner) asked(ctx context.Context, user string) (bool, error) {
	out, err := p.api.GetUser(ctx, &iam.GetUserInput{UserName: &user})
	if err != nil {
		return false, fmt.Errorf("get user %q: %w", user, err)
	}
	return slices.ContainsFunc(out.User.Tags, func(t types.Tag) bool {
		return aws.ToString(t.Key) == tag && aws.ToString(t.Value) == wanted
	}), nil
}

// rotate is the finding that the user is to have a new key beside old.
func (p *planner) rotate(c change.Change, old accesskey.Key, now time.Time) remediation.Finding {
	name, hint := change.SecretName(c.Subject, c.Target), change.KeyHint(c.Target)
	where := p.hub
	where.Service, where.Resource = "secretsmanager", "secret:"+name
	return remediation.Finding{
		User:  c.Subject,
		Title: i18n.T("New access key"),
		Text: i18n.T("%s is tagged %s, so it gets a new access key. Access key %s is %d days old; it is stale at %d days.",
			c.Subject, tag, hint, p.age(old, now), int(p.maxAge/accesskey.Days(1))),
		Facts: append(remediation.Facts(
			i18n.T("Old key is stale on"), i18n.Day(old.Created.Add(p.maxAge)),
			i18n.T("Secret"), i18n.T("%s (AWS adds a hyphen and six characters)", where.String()),
			i18n.T("Read it as %s", c.Subject), i18n.Literal("aws secretsmanager get-secret-value --region "+p.hub.Region+
				" --secret-id "+name+" --query SecretString --output text"),
		), old.Instead()),
		Changes: []change.Change{c}, Handling: remediation.Handling{Consent: tag},
		Advice: i18n.T("Once it exists, read the new key with the command in this notice and with access key %s: only %s "+
			"can read it. Switch over everything that uses the old key, then delete the old key, which this control does not "+
			"change.",
			hint, c.Subject),
	}
}

// full is the finding that the user should have a new key and cannot, because it has two.
func (p *planner) full(user string, old, other accesskey.Key, now time.Time) remediation.Finding {
	hint, second := change.KeyHint(old.ID), change.KeyHint(other.ID)
	advice := i18n.T("If %s is the replacement, switch over everything that uses %s and delete %s. If not, delete %s: "+
		"the next sweep creates the new key.", second, hint, hint, second)
	state := i18n.T("%s, Active, created on %s", second, i18n.Day(other.Created))
	if !other.Active {
		state = i18n.T("%s, Inactive, created on %s", second, i18n.Day(other.Created))
		advice = i18n.T("Delete %s, which is inactive: the next sweep creates the new key.", second)
	}
	return remediation.Finding{
		User: user, Title: i18n.T("No room for a new access key"), Severity: control.Medium,
		Text: i18n.T("%s is tagged %s and already has two access keys. Access key %s is %d days old; it is stale at %d days.",
			user, tag, hint, p.age(old, now), int(p.maxAge/accesskey.Days(1))),
		Facts: append(remediation.Facts(i18n.T("Old key is stale on"), i18n.Day(old.Created.Add(p.maxAge)),
			i18n.T("Second key"), state), old.Instead()),
		UnchangedReason: i18n.T("No new key is created: IAM allows two per user."),
		Advice:          advice,
		Handling:        remediation.Handling{Once: remediation.Once{Key: "full", For: remediation.Weekly}},
	}
}

func (p *planner) age(k accesskey.Key, now time.Time) int {
	return int(now.Sub(k.Created) / accesskey.Days(1))
}
