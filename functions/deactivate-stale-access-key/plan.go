package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/principal"
	"github.com/warder-aws/warder/pkg/remedy"
	"github.com/warder-aws/warder/pkg/settings"
)

// reads are the operations that the planner decides from.
type reads interface {
	principal.API
	ListAccessKeys(context.Context, *iam.ListAccessKeysInput, ...func(*iam.Options)) (*iam.ListAccessKeysOutput, error)
	GetAccessKeyLastUsed(context.Context, *iam.GetAccessKeyLastUsedInput, ...func(*iam.Options)) (*iam.GetAccessKeyLastUsedOutput, error)
}

// parameters are those of control.json.
type parameters struct {
	MaxAgeDays int `json:"maxAgeDays"`
}

type planner struct {
	api    reads
	maxAge time.Duration
}

func newPlanner(api reads, f settings.Function) (remedy.Planner, error) {
	p, err := settings.Parameters[parameters](f)
	if err != nil {
		return nil, err
	}
	return &planner{api: api, maxAge: time.Duration(p.MaxAgeDays) * 24 * time.Hour}, nil
}

// Plan looks at the keys of the user that AWS Config names, or of every user when the sweep comes.
func (p *planner) Plan(ctx context.Context, e event.Event, now time.Time) ([]remedy.Finding, error) {
	switch d := e.Detail.(type) {
	case *event.Compliance:
		if !d.NonCompliant() {
			return nil, nil
		}
		user, ok, err := principal.Name(ctx, p.api, d.ResourceID)
		if err != nil || !ok {
			return nil, err
		}
		return p.user(ctx, user, now)
	case *event.Sweep:
		var all []remedy.Finding
		var faults []error
		for user, err := range principal.Users(ctx, p.api) {
			if err != nil {
				faults = append(faults, err)
				break
			}
			findings, err := p.user(ctx, aws.ToString(user.UserName), now)
			all, faults = append(all, findings...), append(faults, err)
		}
		return all, errors.Join(faults...)
	}
	return nil, nil
}

// user judges one user's keys. A user that is gone has none.
func (p *planner) user(ctx context.Context, user string, now time.Time) ([]remedy.Finding, error) {
	var stale []types.AccessKeyMetadata
	pages := iam.NewListAccessKeysPaginator(p.api, &iam.ListAccessKeysInput{UserName: &user})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if change.Gone(err) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("list access keys of %q: %w", user, err)
		}
		for _, key := range page.AccessKeyMetadata {
			// Older than the allowed age, not as old: at 90 days to the second a key is not stale.
			if key.Status == types.StatusTypeActive && now.Sub(aws.ToTime(key.CreateDate)) > p.maxAge {
				stale = append(stale, key)
			}
		}
	}
	if len(stale) == 0 {
		return nil, nil
	}
	key, used, err := p.first(ctx, stale)
	if err != nil {
		return nil, err
	}
	id := aws.ToString(key.AccessKeyId)
	age := int(now.Sub(aws.ToTime(key.CreateDate)) / (24 * time.Hour))
	text := fmt.Sprintf("Access key %s of %s is %d days old; the allowed age is %d days.", change.KeyHint(id), user, age, int(p.maxAge/(24*time.Hour)))
	if len(stale) > 1 {
		text += " The user's other key is stale as well and stays active until a later run, so that the user is never left without a key at once."
	}
	return []remedy.Finding{{
		User: user,
		Text: text,
		Facts: []notice.Fact{
			{Name: "Created", Value: aws.ToTime(key.CreateDate).UTC().Format(time.DateOnly)},
			{Name: "Last used", Value: used},
		},
		Changes: []change.Change{{
			Kind: change.AccessKeyStatus, Subject: user, Target: id, Before: change.Active, After: change.Inactive,
		}},
		Advice: "Create a new access key, move what uses the old one to it, then delete the old one. Better: use a role, which needs no key.",
	}}, nil
}

// first is the key to deactivate of those that are stale: the one that was used least recently.
// Only one goes in a run.
func (p *planner) first(ctx context.Context, stale []types.AccessKeyMetadata) (types.AccessKeyMetadata, string, error) {
	type candidate struct {
		key  types.AccessKeyMetadata
		used time.Time
	}
	var candidates []candidate
	for _, key := range stale {
		out, err := p.api.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: key.AccessKeyId})
		if err != nil {
			return types.AccessKeyMetadata{}, "", fmt.Errorf("get last use of access key %s: %w", change.KeyHint(aws.ToString(key.AccessKeyId)), err)
		}
		c := candidate{key: key}
		if out.AccessKeyLastUsed != nil {
			c.used = aws.ToTime(out.AccessKeyLastUsed.LastUsedDate)
		}
		candidates = append(candidates, c)
	}
	least := slices.MinFunc(candidates, func(a, b candidate) int {
		return cmp.Or(a.used.Compare(b.used), aws.ToTime(a.key.CreateDate).Compare(aws.ToTime(b.key.CreateDate)))
	})
	if least.used.IsZero() {
		return least.key, "never", nil
	}
	return least.key, least.used.UTC().Format(time.DateOnly), nil
}
