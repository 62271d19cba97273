package alertpolicychange

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/iamuser"
	"github.com/warder-aws/warder/pkg/policy"
)

// assessments returns what a call means for the account as it is now. There may be none, for a call
// that turns out to be not worth an alert. What no longer exists is assessed by the event alone.
func (p *planner) assessments(ctx context.Context, c *event.APICall, a act) ([]assessment, error) {
	var v assessment
	var err error
	switch a.by {
	case byDocument:
		v = document(c)
	case byNewVersion:
		v = newVersion(c)
	case byPolicy:
		v, err = p.attached(ctx, c)
	case byVersion:
		v, err = p.switched(ctx, c)
	case byGroup, byLeft:
		v, err = p.group(ctx, c, a.by)
	case byDetached:
		v, err = p.detached(ctx, c)
	case byBoundary:
		v, err = p.boundary(ctx, c)
	case byTrust:
		v = trust(c)
	case byStatus:
		v = status(c)
	case byTag:
		return exemption(c), nil
	case byHalt:
		v = assessment{
			because: i18n.T("Any value except no stops every change that Warder would make; CloudTrail does not record the present value."),
			advice:  i18n.T("Find out at once who did this and why. If nobody knows, treat it as an attack and set the parameter to no."),
		}
	case byUser:
		return append([]assessment{{}}, exemption(c)...), nil
	case asItIs:
	}
	return []assessment{v}, err
}

// gained is the assessment that somebody has administrator rights now.
func gained(because i18n.Message) assessment {
	return assessment{title: i18n.T("Administrator rights gained"), severity: control.Critical, because: because}
}

// administers and denies assess a document; one that cannot be read does both.
func administers(text string) bool { yes, _ := policy.Administers(text); return yes }
func denies(text string) bool      { yes, _ := policy.Denies(text); return yes }

// document assesses a document that was put, which the event holds as it was submitted.
func document(c *event.APICall) assessment {
	text, ok := c.Param("policyDocument")
	switch {
	case !ok:
		return assessment{
			severity: control.High, because: i18n.T("The event does not contain the document: read it in the account."),
		}
	case administers(text):
		return gained(i18n.T("Its document grants administrator-level access."))
	}
	return assessment{}
}

// newVersion assesses the document of a managed policy, which is in effect only if it is the default
// version and somebody holds the policy. Who holds it is not read.
func newVersion(c *event.APICall) assessment {
	v := document(c)
	if v.severity == control.Critical {
		v.because = i18n.T("Its new document grants administrator-level access.")
	}
	inEffect, _ := c.Request.Bool("setAsDefault")
	if isDefault, ok := c.Response.Bool("policyVersion", "isDefaultVersion"); ok {
		inEffect = isDefault
	}
	var rest i18n.Message
	switch {
	case c.Name == "CreatePolicy":
		rest = i18n.T("It is not attached to anyone yet.")
	case !inEffect:
		rest = i18n.T("It takes effect only when it becomes the default version.")
	case v.severity == control.Critical:
		v.because = i18n.T("Its new document grants administrator-level access to every principal that the policy is attached to.")
		return v
	default:
		return v
	}
	v.because = i18n.Sentences(v.because, rest)
	switch v.severity {
	case control.Critical:
		v.title, v.severity = i18n.T("Policy with administrator rights created"), control.High
	case "":
		v.severity = control.Low
	}
	return v
}

// quarantine reports whether a policy is one that AWS attaches to a user whose access key it found
// exposed (https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSCompromisedKeyQuarantineV3.html).
// One of the account's own that has such a name is not.
func quarantine(policyARN string) bool {
	parsed, err := arn.Parse(policyARN)
	return err == nil && parsed.Service == "iam" && parsed.AccountID == "aws" &&
		strings.HasPrefix(parsed.Resource, "policy/AWSCompromisedKeyQuarantine")
}

var adviseQuarantine = i18n.T("Make the user's access keys inactive, check what they were used for, and issue new ones. Keep the policy until then: it does not stop everything, but it limits what an attacker can do.")

// attached assesses a managed policy that was attached.
func (p *planner) attached(ctx context.Context, c *event.APICall) (assessment, error) {
	name, _ := c.Param("policyArn")
	if quarantine(name) {
		v := assessment{
			title: i18n.T("Quarantine policy attached"), severity: control.Critical, advice: adviseQuarantine,
			because: i18n.T("AWS attaches this policy when it finds an access key in public: the key is probably leaked."),
		}
		if c.Identity.Kind() == event.AWSService || c.Identity.Service() != "" {
			v.title = i18n.T("AWS quarantined a user")
		}
		return v, nil
	}
	text, v, err := p.read(ctx, name, "")
	if err == nil && v.empty() && administers(text) {
		v = gained(i18n.T("The policy grants administrator-level access."))
	}
	return v, err
}

// switched assesses the version that a policy was switched to.
func (p *planner) switched(ctx context.Context, c *event.APICall) (assessment, error) {
	name, _ := c.Param("policyArn")
	version, _ := c.Param("versionId")
	text, v, err := p.read(ctx, name, version)
	if err == nil && v.empty() && administers(text) {
		v = gained(i18n.T("That version grants administrator-level access to every principal that the policy is attached to."))
	}
	return v, err
}

// detached assesses a managed policy that was detached: to lose a policy that denies is to gain rights.
func (p *planner) detached(ctx context.Context, c *event.APICall) (assessment, error) {
	name, _ := c.Param("policyArn")
	if quarantine(name) {
		return assessment{
			title: i18n.T("Quarantine removed"), severity: control.Critical, advice: adviseQuarantine,
			because: i18n.T("AWS had attached this policy because an access key was probably leaked."),
		}, nil
	}
	text, v, err := p.read(ctx, name, "")
	if err == nil && v.empty() && denies(text) {
		v = assessment{
			title: i18n.T("Deny removed"), severity: control.High,
			because: i18n.T("The policy denies something, which no longer applies here."),
		}
	}
	return v, err
}

// boundary assesses a new permissions boundary: one that allows everything and denies nothing is none.
func (p *planner) boundary(ctx context.Context, c *event.APICall) (assessment, error) {
	name, _ := c.Param("permissionsBoundary")
	text, v, err := p.read(ctx, name, "")
	if err == nil && v.empty() && administers(text) && !denies(text) {
		v = assessment{
			title: i18n.T("Permissions boundary without limits"), severity: control.High,
			because: i18n.T("The policy grants administrator-level access, so it limits little or nothing."),
		}
	}
	return v, err
}

// group assesses what a user gains by joining a group, or what no longer denies it after leaving.
func (p *planner) group(ctx context.Context, c *event.APICall, by evidence) (assessment, error) {
	name, ok := c.Param("groupName")
	if !ok {
		return assessment{because: i18n.T("The event does not say which group.")}, nil
	}
	worse := administers
	if by == byLeft {
		worse = denies
	}
	which := ""
	err := iamuser.RetryUntilVisible(ctx, p.sleep, func() (err error) {
		which, err = p.carried(ctx, name, worse)
		return err
	})
	switch {
	case change.NotFound(err):
		return assessment{because: i18n.T("The group has been deleted since; what it allowed or denied cannot be read.")}, nil
	case err != nil || which == "":
		return assessment{}, err
	case by == byLeft:
		return assessment{
			title: i18n.T("Deny removed"), severity: control.High,
			because: i18n.T("Policy %s of the group denies something; that no longer holds for the user.", which),
		}, nil
	}
	return gained(i18n.T("Policy %s of the group gives administrator rights.", which)), nil
}

// trust assesses whom a role lets in.
func trust(c *event.APICall) assessment {
	text, ok := c.Param("policyDocument")
	if !ok {
		text, ok = c.Param("assumeRolePolicyDocument")
	}
	if !ok {
		return assessment{
			severity: control.High, because: i18n.T("The event does not contain the trust policy: read it in the account."),
		}
	}
	t, err := policy.Trusts(text)
	others := slices.DeleteFunc(t.Accounts, func(account string) bool { return account == c.RecipientAccount })
	switch {
	case err != nil:
		return assessment{
			severity: control.Critical, because: i18n.T("Its trust policy cannot be parsed, so it may allow everyone to assume the role."),
		}
	case t.Everyone:
		return assessment{
			title: i18n.T("Role trusts everyone"), severity: control.Critical,
			because: i18n.T("Its trust policy allows every AWS account to assume it."),
		}
	case t.Conditional:
		return assessment{
			title: i18n.T("Role trusts other accounts"), severity: control.High,
			because: i18n.T("Its trust policy allows every AWS account to assume it under a condition, which Warder does not evaluate."),
		}
	case len(others) > 0:
		return assessment{
			title: i18n.T("Role trusts other accounts"), severity: control.High,
			because: i18n.T("Its trust policy allows %s, outside this account, to assume it.", strings.Join(others, ", ")),
		}
	}
	return assessment{}
}

// status distinguishes an access key that was made active from one that was made inactive.
func status(c *event.APICall) assessment {
	switch status, _ := c.Param("status"); status {
	case change.Inactive:
		return assessment{}
	case change.Active:
		return assessment{
			title: i18n.T("Access key activated"), severity: control.Medium,
			words: i18n.T("made access key %s of %s active", arg("key"), arg("user")),
		}
	}
	return assessment{
		title: i18n.T("Access key status changed"), severity: control.Medium,
		words: i18n.T("changed the status of access key %s of %s", arg("key"), arg("user")),
	}
}

// exemption alerts on the tag that exempts a user, and on no other.
func exemption(c *event.APICall) []assessment {
	for _, tag := range c.Request.Objects("tags") {
		if key, _ := tag.Text("key"); strings.EqualFold(key, exemptTag) {
			value, _ := tag.Text("value")
			return []assessment{{
				title: acts[c.Source]["TagUser"].title, words: acts[c.Source]["TagUser"].action, severity: control.Medium,
				because: i18n.T("Its value is %q.", value),
				advice:  i18n.T("An exemption keeps Warder from changing a user. Make sure that the approver it names knows about it; if not, remove the tag."),
			}}
		}
	}
	if slices.ContainsFunc(
		c.Request.Texts("tagKeys"), func(key string) bool { return strings.EqualFold(key, exemptTag) },
	) {
		return []assessment{{}}
	}
	return nil
}

// resource is the last part of an ARN, empty if it is none.
func resource(name string) string {
	parsed, err := arn.Parse(name)
	if err != nil {
		return ""
	}
	return parsed.Resource
}

// read returns the document of a version of a managed policy, the default one if none is named. A
// policy that is not there is looked for again, because IAM shows new things late; the assessment is
// not empty if it cannot be found, and says so.
func (p *planner) read(ctx context.Context, policyARN, version string) (text string, v assessment, err error) {
	if policyARN == "" {
		return "", assessment{because: i18n.T("The event does not say which policy.")}, nil
	}
	err = iamuser.RetryUntilVisible(ctx, p.sleep, func() (err error) {
		text, err = p.managed(ctx, policyARN, version)
		return err
	})
	if change.NotFound(err) {
		return "", assessment{because: i18n.T("The policy has been deleted since; what it allowed or denied cannot be read.")}, nil
	}
	return text, assessment{}, err
}

// managed is the document of a version of a managed policy, the default one if none is named.
func (p *planner) managed(ctx context.Context, policyARN, version string) (string, error) {
	if version == "" {
		described, err := p.api.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &policyARN})
		if err != nil {
			return "", fmt.Errorf("get policy %s: %w", policyARN, err)
		}
		version = aws.ToString(described.Policy.DefaultVersionId)
	}
	got, err := p.api.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: &policyARN, VersionId: &version})
	if err != nil {
		return "", fmt.Errorf("get version %s of policy %s: %w", version, policyARN, err)
	}
	return change.Document(aws.ToString(got.PolicyVersion.Document))
}

// carried is the first policy of a group, inline or attached, that is worse; empty if none is.
// A policy that goes while the group is scanned counts for nothing.
func (p *planner) carried(ctx context.Context, group string, worse func(string) bool) (string, error) {
	for pages := iam.NewListGroupPoliciesPaginator(
		p.api, &iam.ListGroupPoliciesInput{GroupName: &group},
	); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", fmt.Errorf("list inline policies of group %q: %w", group, err)
		}
		for _, name := range page.PolicyNames {
			text, err := p.inline(ctx, group, name)
			if err != nil && !change.NotFound(err) {
				return "", err
			}
			if err == nil && worse(text) {
				return name, nil
			}
		}
	}
	for pages := iam.NewListAttachedGroupPoliciesPaginator(
		p.api, &iam.ListAttachedGroupPoliciesInput{GroupName: &group},
	); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", fmt.Errorf("list attached policies of group %q: %w", group, err)
		}
		for _, attached := range page.AttachedPolicies {
			name := aws.ToString(attached.PolicyArn)
			text, err := p.managed(ctx, name, "")
			if err != nil && !change.NotFound(err) {
				return "", err
			}
			if err == nil && worse(text) {
				return name, nil
			}
		}
	}
	return "", nil
}

// inline is the document of an inline policy of a group.
func (p *planner) inline(ctx context.Context, group, name string) (string, error) {
	got, err := p.api.GetGroupPolicy(ctx, &iam.GetGroupPolicyInput{GroupName: &group, PolicyName: &name})
	if err != nil {
		return "", fmt.Errorf("get inline policy %q of group %q: %w", name, group, err)
	}
	return change.Document(aws.ToString(got.PolicyDocument))
}
