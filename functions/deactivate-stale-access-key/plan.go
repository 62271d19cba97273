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
	notice time.Duration
}

func newPlanner(api reads, f settings.Function) (remedy.Planner, error) {
	p, err := settings.Parameters[parameters](f)
	if err != nil {
		return nil, err
	}
	return &planner{api: api, maxAge: days(p.MaxAgeDays), notice: days(f.Days(settings.NoticeDays))}, nil
}

func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }

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

// key is an active access key that is stale or soon will be.
type key struct {
	id      string
	created time.Time
	used    time.Time // zero if it was never used
}

// user judges one user's keys. A user that is gone has none.
func (p *planner) user(ctx context.Context, user string, now time.Time) ([]remedy.Finding, error) {
	keys, err := p.keys(ctx, user, now)
	if err != nil {
		return nil, err
	}
	// Of several stale keys the one that was used least recently goes first, and the others stay
	// for a later run: no user is left without a key at once.
	slices.SortFunc(keys, func(a, b key) int { return cmp.Or(a.used.Compare(b.used), a.created.Compare(b.created)) })
	var findings []remedy.Finding
	first := ""
	for _, k := range keys {
		due := k.created.Add(p.maxAge + time.Second)
		age := int(now.Sub(k.created) / days(1))
		hint := change.KeyHint(k.id)
		f := remedy.Finding{
			User:  user,
			Title: "Stale access key",
			Text:  fmt.Sprintf("Access key %s of %s is %d days old; the allowed age is %d days.", hint, user, age, int(p.maxAge/days(1))),
			Facts: []notice.Fact{
				{Name: "Created", Value: k.created.UTC().Format(time.DateOnly)},
				{Name: "Last used", Value: lastUsed(k)},
			},
			Changes: []change.Change{{
				Kind: change.AccessKeyStatus, Subject: user, Target: k.id, Before: change.Active, After: change.Inactive,
			}},
			Due:    due,
			Advice: "Create a new access key, move what uses the old one to it, then delete the old one. Better: use a role, which needs no key.",
		}
		switch {
		case due.After(now):
			f.Title = "Access key is getting stale"
		case first == "":
			first = hint
		default:
			f.NotYet = fmt.Sprintf("the user's other stale key %s goes first; never both in one run", first)
		}
		findings = append(findings, f)
	}
	return findings, nil
}

// keys are the active keys of the user whose owner is to be told, or that are stale.
func (p *planner) keys(ctx context.Context, user string, now time.Time) ([]key, error) {
	var keys []key
	pages := iam.NewListAccessKeysPaginator(p.api, &iam.ListAccessKeysInput{UserName: &user})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if change.Gone(err) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("list access keys of %q: %w", user, err)
		}
		for _, k := range page.AccessKeyMetadata {
			// Older than the allowed age, not as old: at 90 days to the second a key is not stale.
			// The age counts from the creation: switching a key off and on does not make it young.
			if k.Status == types.StatusTypeActive && now.Sub(aws.ToTime(k.CreateDate)) > p.maxAge-p.notice {
				keys = append(keys, key{id: aws.ToString(k.AccessKeyId), created: aws.ToTime(k.CreateDate)})
			}
		}
	}
	for i := range keys {
		out, err := p.api.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: &keys[i].id})
		if err != nil {
			return nil, fmt.Errorf("get last use of access key %s: %w", change.KeyHint(keys[i].id), err)
		}
		if out.AccessKeyLastUsed != nil {
			keys[i].used = aws.ToTime(out.AccessKeyLastUsed.LastUsedDate)
		}
	}
	return keys, nil
}

func lastUsed(k key) string {
	if k.used.IsZero() {
		return "never"
	}
	return k.used.UTC().Format(time.DateOnly)
}
