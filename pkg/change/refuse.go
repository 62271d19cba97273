package change

import (
	"context"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/warder-aws/warder/pkg/i18n"
)

// This file says what of a revert AWS would refuse, and what would give more than there was before.

// MaxInline is how many characters the inline policies of a user may have together, white space not counted
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
const MaxInline = 2048

// Characters are those of a document that IAM counts.
func Characters(document string) int {
	n := 0
	for _, r := range document {
		if !unicode.IsSpace(r) {
			n++
		}
	}
	return n
}

// Refuses implements [Conditional]: AWS would not let the policy be attached again, or not to this user, or it says
// something else than when it was detached.
func (k managedUserPolicy) Refuses(ctx context.Context, c Change) (why i18n.Message, err error) {
	if c.After != Attached {
		return why, nil
	}
	if why, err = k.unchanged(ctx, c); err != nil || !why.Empty() {
		return why, err
	}
	n := 0
	pages := iam.NewListAttachedUserPoliciesPaginator(k.iam, &iam.ListAttachedUserPoliciesInput{UserName: &c.Subject})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return why, Wrap(err, "list attached policies of %q", c.Subject)
		}
		for _, policy := range page.AttachedPolicies {
			if SameName(aws.ToString(policy.PolicyArn), c.Target) {
				return why, nil // an earlier try has attached it
			}
			n++
		}
	}
	quota, err := k.quota(ctx, n, "AttachedPoliciesPerUserQuota")
	if err == nil && n >= quota {
		why = i18n.T("%s has %d managed policies, and AWS attaches no more than %d: detach one first", c.Subject, n, quota)
	}
	return why, err
}

// unchanged says why the policy is not what was detached. The documents of AWS's own policies only AWS changes, and
// those of the quarantines only a deployment of Warder.
func (k managedUserPolicy) unchanged(ctx context.Context, c Change) (why i18n.Message, err error) {
	policy, why, err := k.attachable(ctx, c.Target)
	parsed, fault := arn.Parse(c.Target)
	switch {
	case err != nil || !why.Empty():
		return why, err
	case fault == nil && parsed.AccountID == "aws", IsQuarantine(c.Target):
		return why, nil
	case c.Content == "":
		return i18n.T("it is not recorded what the policy %s said when it was detached", c.Target), nil
	}
	version, err := k.iam.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{
		PolicyArn: &c.Target, VersionId: policy.DefaultVersionId,
	})
	if NotFound(err) { // the default version was changed, and that one deleted, a moment ago
		return changedSince(c), nil
	}
	if err != nil {
		return why, Wrap(err, "get version %s of policy %s", aws.ToString(policy.DefaultVersionId), c.Target)
	}
	// What cannot be decoded is not what was there.
	document, fault := Document(aws.ToString(version.PolicyVersion.Document))
	if fault != nil || Content(document) != c.Content {
		return changedSince(c), nil //nolint:nilerr // see above
	}
	return why, nil
}

func changedSince(c Change) i18n.Message {
	return i18n.T("the policy %s says something else than when it was detached: read its default version, and attach it "+
		"by hand if that is right", c.Target)
}

// attachable returns a managed policy, or says why AWS does not let it be attached.
func (k iamKind) attachable(ctx context.Context, target string) (policy *types.Policy, why i18n.Message, err error) {
	out, err := k.iam.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &target})
	switch {
	case NotFound(err):
		return nil, i18n.T("the policy %s does not exist any more", target), nil
	case err != nil:
		return nil, why, Wrap(err, "get policy %s", target)
	case !out.Policy.IsAttachable:
		return nil, i18n.T("AWS does not let the policy %s be attached any more", target), nil
	}
	return out.Policy, why, nil
}

// defaultQuota is how many managed policies a user has at most, and how many groups it is in, unless the account's
// quota was raised (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
const defaultQuota = 10

// quota returns how many there may be: the default, or the account's own if the user has so many already
// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountSummary.html).
func (k iamKind) quota(ctx context.Context, n int, name string) (int, error) {
	if n < defaultQuota {
		return defaultQuota, nil
	}
	out, err := k.iam.GetAccountSummary(ctx, &iam.GetAccountSummaryInput{})
	if err != nil {
		return 0, Wrap(err, "get account summary")
	}
	return max(defaultQuota, int(out.SummaryMap[name])), nil
}

// Refuses implements [Conditional]: the document does not fit beside the user's other inline policies.
func (k inlineUserPolicy) Refuses(ctx context.Context, c Change) (why i18n.Message, err error) {
	if c.After == "" {
		return why, nil
	}
	size := Characters(c.After)
	pages := iam.NewListUserPoliciesPaginator(k.iam, &iam.ListUserPoliciesInput{UserName: &c.Subject})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return why, Wrap(err, "list inline policies of %q", c.Subject)
		}
		for _, name := range page.PolicyNames {
			if SameName(name, c.Target) {
				continue
			}
			document, err := k.Read(ctx, Change{Subject: c.Subject, Target: name})
			if err != nil {
				return why, err
			}
			size += Characters(document)
		}
	}
	if size > MaxInline {
		why = i18n.T("the inline policies of %s would have %d characters, and AWS takes no more than %d: remove one first",
			c.Subject, size, MaxInline)
	}
	return why, nil
}

// Refuses implements [Conditional]: nobody joins a group again that gives what the user does not have by itself.
func (k groupMembership) Refuses(ctx context.Context, c Change) (why i18n.Message, err error) {
	if c.After != Member {
		return why, nil
	}
	if why, err = k.room(ctx, c); err != nil || !why.Empty() {
		return why, err
	}
	gives := i18n.T("the group %s gives more than %s has by itself: joining it would widen access", c.Target, c.Subject)
	inline, err := k.iam.ListGroupPolicies(ctx, &iam.ListGroupPoliciesInput{GroupName: &c.Target})
	switch {
	case NotFound(err):
		return i18n.T("the group %s does not exist any more", c.Target), nil
	case err != nil:
		return why, Wrap(err, "list inline policies of group %q", c.Target)
	case len(inline.PolicyNames) > 0 || inline.IsTruncated:
		return gives, nil
	}
	attached := iam.NewListAttachedGroupPoliciesPaginator(k.iam,
		&iam.ListAttachedGroupPoliciesInput{GroupName: &c.Target})
	for attached.HasMorePages() {
		page, err := attached.NextPage(ctx)
		if err != nil {
			return why, Wrap(err, "list attached policies of group %q", c.Target)
		}
		for _, policy := range page.AttachedPolicies {
			own, err := managedUserPolicy(k).Read(ctx, Change{Subject: c.Subject, Target: *policy.PolicyArn})
			if err != nil {
				return why, err
			}
			if own != Attached {
				return gives, nil
			}
		}
	}
	return why, nil
}

// room says whether the user is in as many groups as AWS allows already.
func (k groupMembership) room(ctx context.Context, c Change) (why i18n.Message, err error) {
	n := 0
	pages := iam.NewListGroupsForUserPaginator(k.iam, &iam.ListGroupsForUserInput{UserName: &c.Subject})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return why, Wrap(err, "list groups of %q", c.Subject)
		}
		for _, group := range page.Groups {
			if SameName(aws.ToString(group.GroupName), c.Target) {
				return why, nil
			}
			n++
		}
	}
	quota, err := k.quota(ctx, n, "GroupsPerUserQuota")
	if err == nil && n >= quota {
		why = i18n.T("%s is in %d groups, and AWS takes no more than %d: leave one first", c.Subject, n, quota)
	}
	return why, err
}

// Refuses implements [Conditional]: the group of a quarantine gives nothing.
func (k quarantineGroup) Refuses(ctx context.Context, c Change) (why i18n.Message, err error) {
	if c.After != Member {
		return why, nil
	}
	return k.room(ctx, c)
}

// Refuses implements [Conditional]: there is no room any more for what was taken off.
func (k mfaLift) Refuses(ctx context.Context, c Change) (why i18n.Message, err error) {
	if IsQuarantine(c.Target) {
		return managedUserPolicy(k).Refuses(ctx, c)
	}
	return quarantineGroup{groupMembership(k)}.Refuses(ctx, c)
}

// Refuses implements [Conditional]: the policy cannot be a boundary any more.
func (k permissionsBoundary) Refuses(ctx context.Context, c Change) (why i18n.Message, err error) {
	if c.After != "" {
		_, why, err = k.attachable(ctx, c.After)
	}
	return why, err
}

var _ = []Conditional{
	managedUserPolicy{}, inlineUserPolicy{}, groupMembership{}, quarantineGroup{}, permissionsBoundary{}, quarantine{},
	mfaLift{},
}
