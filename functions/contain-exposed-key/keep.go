package containexposedkey

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/iamuser"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/quarantine"
	"github.com/warder-aws/warder/pkg/remediation"
)

// Keep contains what an event of AWS Health or GuardDuty says is in the hands of others, and contains again what was
// contained and was let go by anybody but Warder's undo: at once when a call does that, and in the sweep, which finds
// users in AWS's own quarantine as well, and what was on hold.
func (p *planner) Keep(
	ctx context.Context, e event.Event, m remediation.Memory, now time.Time,
) ([]remediation.Finding, error) {
	switch d := e.Detail.(type) {
	case *event.Sweep:
		return p.sweep(ctx, e, m, now)
	case *event.APICall:
		if d.Failed() || d.Identity.AccountID != "" && d.Identity.AccountID != e.Account {
			return nil, nil
		}
		subject, _ := d.User()
		if role, ok := d.Param("roleName"); ok {
			out, err := p.api.GetRole(ctx, &iam.GetRoleInput{RoleName: &role})
			if err != nil && !change.NotFound(err) {
				return nil, fmt.Errorf("get role %q: %w", role, err)
			}
			if err == nil {
				subject = aws.ToString(out.Role.Arn)
			}
		}
		if subject == "" {
			return nil, nil
		}
		if user, ok := d.User(); ok && user == subject {
			out, err := p.api.GetUser(ctx, &iam.GetUserInput{UserName: &user})
			if err != nil && !change.NotFound(err) {
				return nil, fmt.Errorf("get user %q: %w", user, err)
			}
			if err == nil {
				subject = aws.ToString(out.User.UserId)
			}
		}
		kept, err := m.Kept(ctx, subject)
		if err != nil {
			return nil, err
		}
		return p.restore(ctx, kept, letGoBy(d), now)
	}
	r := p.read(e)
	if r == nil {
		return nil, nil
	}
	return p.scan(ctx, r, m, now)
}

// letGoBy are the facts of who let something go.
func letGoBy(c *event.APICall) []remediation.Fact {
	return remediation.Facts(
		i18n.T("Let go by"), i18n.Literal(notice.Plain(c.Identity.Name(), 200)),
		i18n.T("With"), i18n.Literal(notice.Plain(c.Name, 100)),
		i18n.T("From"), i18n.Literal(notice.Plain(c.SourceIP, 100)),
		i18n.T("Access key"), remediation.LongLivedKey(c.Identity),
	)
}

func (p *planner) sweep(
	ctx context.Context, e event.Event, m remediation.Memory, now time.Time,
) ([]remediation.Finding, error) {
	open, err := m.Open(ctx)
	if err != nil {
		return nil, err
	}
	findings, err := remediation.Pending(p).Sweep(ctx, e, open, now)
	if err != nil {
		return nil, err
	}
	dealtWith := map[string]bool{}
	for i := range findings {
		findings[i].Urgency, findings[i].Fresh = remediation.Containment, true
		dealtWith[findings[i].User+findings[i].Subject] = true
	}
	add := func(more []remediation.Finding) {
		for _, f := range more {
			if !dealtWith[f.User+f.Subject] {
				findings = append(findings, f)
			}
		}
		for _, f := range more {
			dealtWith[f.User+f.Subject] = true
		}
	}
	kept, err := m.Kept(ctx, "")
	if err != nil {
		return findings, err
	}
	restored, err := p.restore(ctx, kept, nil, now)
	add(restored)
	byAWS, errAWS := p.quarantinedByAWS(ctx, m, now)
	add(byAWS)
	return findings, errors.Join(err, errAWS)
}

// restore finds what is not as it was contained, one finding for each user and role.
func (p *planner) restore(
	ctx context.Context, kept []remediation.Kept, by []remediation.Fact, now time.Time,
) (findings []remediation.Finding, err error) {
	var faults []error
	for len(kept) > 0 {
		first := kept[0]
		same := func(k remediation.Kept) bool {
			return k.UserID == first.UserID && (k.UserID != "" || k.Subject == first.Subject)
		}
		var of []remediation.Kept
		for _, k := range kept {
			if same(k) {
				of = append(of, k)
			}
		}
		kept = slices.DeleteFunc(slices.Clone(kept), same)
		changes, err := p.letGo(ctx, of, now)
		faults = append(faults, err)
		if len(changes) > 0 {
			findings = append(findings, restoring(of, changes, by))
		}
	}
	return findings, errors.Join(faults...)
}

// restoring is the finding that something was let go.
func restoring(of []remediation.Kept, changes []change.Change, by []remediation.Fact) remediation.Finding {
	last := of[len(of)-1]
	f := remediation.Finding{
		Title: i18n.T("Containment was removed"), Severity: control.Critical, Changes: changes,
		Facts: append(slices.Clone(by), remediation.Facts(
			i18n.T("Contained on"), i18n.Minute(last.At), i18n.T("Because"), i18n.Literal(last.Title))...),
		Advice: i18n.T("Whoever removed it may be the attacker, with other credentials: ask them, and look at what they did "+
			"in CloudTrail. To end the containment, undo it, so that Warder knows: make undo ID=%s REASON=\"why\".", last.Entry),
		Handling: remediation.Handling{
			Fresh: true, Urgency: remediation.Containment, Alert: true,
			Once: remediation.Once{Key: "let go#" + last.Subject, For: 20 * time.Hour},
		},
	}
	who := i18n.T("user %s", last.Subject)
	if f.User = last.Subject; !last.User {
		who = i18n.T("role %s", last.Subject)
		f.User, f.Subject = "", last.About
	}
	if last.User {
		f.Once.Key = "let go" // of whom is known by the finding
	}
	f.Text = i18n.T("Warder contained %s, and somebody removed that in part or in whole.", who)
	return f
}

// letGo returns the changes that contain a user or a role again; none if nothing was let go, or it does not exist any
// more. A user is the one with its unique id: of gets the name that it has now.
func (p *planner) letGo(ctx context.Context, of []remediation.Kept, now time.Time) ([]change.Change, error) {
	name, id := of[len(of)-1].Subject, of[0].UserID
	if !of[0].User {
		return p.unrevoked(ctx, of, now)
	}
	out, err := p.api.GetUser(ctx, &iam.GetUserInput{UserName: &name})
	switch another := err == nil && aws.ToString(out.User.UserId) != id; {
	case err != nil && !change.NotFound(err):
		return nil, fmt.Errorf("get user %q: %w", name, err)
	case id != "" && (another || err != nil):
		found := false
		if name, found, err = iamuser.ResolveName(ctx, p.api, id); err != nil || !found {
			return nil, err
		}
	case err != nil:
		return nil, nil //nolint:nilerr // it does not exist any more
	}
	for i, k := range of {
		of[i].Change = k.Renamed(name)
	}
	keys, err := p.keysOf(ctx, name)
	if err != nil {
		return nil, err // it may have another name since
	}
	var changes, inactive []change.Change
	quarantined := false
	for _, k := range of {
		switch k.Kind {
		case change.AccessKeyStatus:
			if slices.ContainsFunc(keys, func(key types.AccessKeyMetadata) bool {
				return aws.ToString(key.AccessKeyId) == k.Target && key.Status == types.StatusTypeActive
			}) {
				inactive = append(inactive, deactivate(name, k.Target))
			}
		case change.Quarantine, change.QuarantineGroup:
			if quarantined {
				continue
			}
			quarantined = true
			look, err := p.quarantined(ctx, name)
			if err != nil {
				return nil, err
			}
			if !look.In {
				changes = append(changes, look.Change)
			}
		}
	}
	return append(changes, inactive...), nil
}

// quarantined inspects a user's quarantine, and finds it in the group as well where the user has room for the policy
// now.
func (p *planner) quarantined(ctx context.Context, user string) (quarantine.Inspection, error) {
	look, err := quarantine.At(ctx, p.api, user, p.policy)
	if err != nil || look.In || look.Change.Kind == change.QuarantineGroup {
		return look, err
	}
	pages := iam.NewListGroupsForUserPaginator(p.api, &iam.ListGroupsForUserInput{UserName: &user})
	for page, err := range iamuser.Pages(ctx, pages, "list groups of %q", user) {
		if err != nil {
			return look, err
		}
		for _, g := range page.Groups {
			look.In = look.In || aws.ToString(g.GroupName) == change.KeyQuarantine
		}
	}
	return look, nil
}

// unrevoked returns the change that revokes sessions of a role again that are not over.
func (p *planner) unrevoked(ctx context.Context, of []remediation.Kept, now time.Time) ([]change.Change, error) {
	role := of[0].Subject
	before, err := p.revocation(ctx, role)
	if err != nil {
		return nil, err
	}
	present, err := change.Revocations(before)
	if err != nil {
		present = nil
	}
	after := withKept(present, of, now)
	if slices.Equal(after, present) {
		return nil, nil
	}
	if _, err := p.api.GetRole(ctx, &iam.GetRoleInput{RoleName: &role}); change.NotFound(err) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("get role %q: %w", role, err)
	}
	return []change.Change{revoked(role, before, change.RevocationDocument(after))}, nil
}

// awsQuarantines are the policies by which AWS quarantines a user whose key is known to be public
// (https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSCompromisedKeyQuarantineV3.html).
var awsQuarantines = []string{
	"AWSCompromisedKeyQuarantineV3", "AWSCompromisedKeyQuarantineV2", "AWSCompromisedKeyQuarantine",
}

// quarantinedByAWS contains users whom AWS has quarantined and who have active access keys: AWS's policy does not deny
// everything.
func (p *planner) quarantinedByAWS(
	ctx context.Context, m remediation.Memory, now time.Time,
) ([]remediation.Finding, error) {
	partition, _, _ := strings.Cut(strings.TrimPrefix(p.policy, "arn:"), ":")
	var findings []remediation.Finding
	var faults []error
	seen := map[string]bool{}
	for _, name := range awsQuarantines {
		policy := "arn:" + partition + ":iam::aws:policy/" + name
		pages := iam.NewListEntitiesForPolicyPaginator(p.api,
			&iam.ListEntitiesForPolicyInput{PolicyArn: &policy, EntityFilter: types.EntityTypeUser})
		for page, err := range iamuser.Pages(ctx, pages, "list users with policy %q", policy) {
			if change.NotFound(err) { // no such policy in this partition
				break
			}
			if err != nil {
				faults = append(faults, err)
				break
			}
			for _, u := range page.PolicyUsers {
				user := aws.ToString(u.UserName)
				if seen[user] {
					continue
				}
				seen[user] = true
				found, err := p.underAWS(ctx, user, aws.ToString(u.UserId), name, m, now)
				findings, faults = append(findings, found...), append(faults, err)
			}
		}
	}
	return findings, errors.Join(faults...)
}

// underAWS contains a user in one of AWS's quarantines who has an active access key.
func (p *planner) underAWS(
	ctx context.Context, user, id, policy string, m remediation.Memory, now time.Time,
) ([]remediation.Finding, error) {
	keys, err := p.keysOf(ctx, user)
	active := slices.ContainsFunc(keys, func(k types.AccessKeyMetadata) bool { return k.Status == types.StatusTypeActive })
	if err != nil || !active {
		return nil, err
	}
	code := codes["AWS_RISK_IAM_QUARANTINE"]
	return p.scan(ctx, &report{
		title: code.title, words: code.words, last: now,
		facts:    remediation.Facts(i18n.T("Reported by"), i18n.Literal(policy)),
		suspects: []suspect{{kind: event.IAMUser, user: user, id: id}},
	}, m, now)
}
