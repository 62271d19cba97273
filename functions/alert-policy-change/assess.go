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
	"github.com/warder-aws/warder/pkg/exemption"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/iamuser"
	"github.com/warder-aws/warder/pkg/policy"
	"github.com/warder-aws/warder/pkg/remediation"
)

// assess says what a call means for the account as it is now. There may be no assessment, for a call that
// turns out to be not worth an alert. What no longer exists is assessed by the event alone.
type assess func(*planner, context.Context, *event.APICall) ([]assessment, error)

// The ways to assess a call.
var (
	asItIs     = byEvent(func(*event.APICall) assessment { return assessment{} })
	document   = byEvent(submitted) // the policy document that was put gives administrator rights
	newVersion = byEvent(version)   // the same; it may not be in effect
	status     = byEvent(activated) // the access key was made active
	// The rights that the managed policy gives that was attached, or the version that became the default.
	attached = byPolicy("policyArn", "", func(c *event.APICall, text string) assessment {
		return gained(assessRights(c, text), i18n.Message{})
	})
	switched = byPolicy("policyArn", "versionId", func(c *event.APICall, text string) assessment {
		return gained(assessRights(c, text), everyHolder)
	})
	// The managed policy that was detached denies something: to lose it is to gain rights.
	detached = byPolicy("policyArn", "", func(_ *event.APICall, text string) assessment {
		if !denies(text) {
			return assessment{}
		}
		return worse(high, i18n.T("Deny removed"), i18n.T("The policy denies something, which no longer applies here."))
	})
	// The new permissions boundary allows what makes an administrator, so it is none.
	boundary = byPolicy("permissionsBoundary", "", func(_ *event.APICall, text string) assessment {
		if policy.Bounds(text) {
			return assessment{}
		}
		return worse(high, i18n.T("Permissions boundary without limits"),
			i18n.T("The policy grants administrator-level access, so it limits little or nothing."))
	})
)

var everyHolder = i18n.T("This applies to every principal that the policy is attached to.")

// byEvent is for what the event says alone.
func byEvent(f func(*event.APICall) assessment) assess {
	return func(_ *planner, _ context.Context, c *event.APICall) ([]assessment, error) {
		return []assessment{f(c)}, nil
	}
}

// byPolicy is for what the document of the managed policy says that a parameter names: the version that
// another parameter names, or the default one. A policy that is not there is looked for again, because IAM
// shows new things late.
func byPolicy(parameter, version string, of func(c *event.APICall, text string) assessment) assess {
	return func(p *planner, ctx context.Context, c *event.APICall) ([]assessment, error) {
		name, _ := c.Param(parameter)
		if quarantine(name) && parameter == "policyArn" && version == "" {
			return []assessment{quarantined(c)}, nil
		}
		if p.ownQuarantine(name) && strings.HasPrefix(c.Name, "Detach") {
			return []assessment{released}, nil
		}
		if name == "" {
			return noted(i18n.T("The event does not say which policy.")), nil
		}
		id := ""
		if version != "" {
			id, _ = c.Param(version)
		}
		text := ""
		err := iamuser.RetryUntilVisible(ctx, p.sleep, func() (err error) {
			text, err = p.managed(ctx, name, id)
			return err
		})
		switch {
		case change.NotFound(err):
			return noted(i18n.T("The policy has been deleted since; what it allowed or denied cannot be read.")), nil
		case err != nil:
			return nil, err
		}
		v := of(c, text)
		v.given = []string{text}
		return []assessment{v}, nil
	}
}

// created assesses a new user, who may be exempt from birth.
func (p *planner) created(ctx context.Context, c *event.APICall) ([]assessment, error) {
	exempt, err := p.exemption(ctx, c)
	return append([]assessment{byMachine(c)}, exempt...), err
}

// password assesses a new console password.
var password = byEvent(byMachine)

// byMachine assesses that the role of a machine made what people sign in with: the credentials of the machine may have
// been taken from it, and what was made outlives them.
func byMachine(c *event.APICall) assessment {
	machine := c.Machine()
	if machine == "" || c.Identity.Service() == formation {
		return assessment{}
	}
	return worse(high, i18n.Message{}, i18n.T("The call was made with the role of a machine or function, %s: whoever "+
		"took its credentials can stay this way.", machine))
}

// worse is the assessment that a call is worse than it looks.
func worse(severity control.Severity, title, because i18n.Message) assessment {
	return assessment{title: title, severity: severity, because: because}
}

// noted is that a call is as it looks, and what is to be said of it.
func noted(because i18n.Message) []assessment { return []assessment{{because: because}} }

// gained is the assessment that somebody has the rights now that documents give, and what else there is to say if they
// are those of an administrator, or lead there.
func gained(v policy.Assessment, rest i18n.Message) assessment {
	switch {
	case v.Level >= policy.Administrator:
		return worse(critical, i18n.T("Administrator rights gained"), i18n.Sentences(v.Describe(), rest))
	case v.Level == policy.Escalates:
		found := worse(high, i18n.T("Rights gained that lead to administrator"), i18n.Sentences(v.Describe(), rest))
		found.way = v.Describe()
		return found
	}
	return assessment{}
}

// assessRights assesses documents that the call gives to whom it names.
func assessRights(c *event.APICall, texts ...string) policy.Assessment {
	param := func(name string) string { value, _ := c.Param(name); return value }
	return policy.Assess(policy.Holder{
		Account: c.RecipientAccount, User: param("userName"), Groups: []string{param("groupName")}, Role: param("roleName"),
		Policies: []string{param("policyArn")},
	}, texts...)
}

// denies assesses a document; one that cannot be read denies.
func denies(text string) bool { yes, _ := policy.Denies(text); return yes }

// submitted assesses a document that was put, which the event holds as it was submitted.
func submitted(c *event.APICall) assessment {
	text, ok := c.Param("policyDocument")
	switch {
	case c.Omitted():
		return omitted
	case !ok:
		return assessment{because: i18n.T("The event does not contain the document: read it in the account.")}
	}
	v := gained(assessRights(c, text), i18n.Message{})
	v.given = []string{text}
	return v
}

// omitted is the assessment of a call whose parameters CloudTrail left out.
var omitted = worse(high, i18n.Message{}, i18n.T("The parameters of the call are too large to be recorded, which "+
	"those of an ordinary policy are not: read it in the account."))

// version assesses the document of a managed policy, which is in effect only if it is the default
// version and somebody holds the policy. Who holds it is not read.
func version(c *event.APICall) assessment {
	v := submitted(c)
	inEffect, _ := c.Request.Bool("setAsDefault")
	if isDefault, ok := c.Response.Bool("policyVersion", "isDefaultVersion"); ok {
		inEffect = isDefault
	}
	rest := i18n.T("It takes effect only when it becomes the default version.")
	switch {
	case c.Name == "CreatePolicy":
		rest = i18n.T("It is not attached to anyone yet.")
	case inEffect && !v.title.Empty():
		v.because = i18n.Sentences(v.because, everyHolder)
		return v
	case inEffect:
		return v
	}
	v.because, v.given = i18n.Sentences(v.because, rest), nil // nobody has it
	switch v.severity {
	case control.Critical:
		v.title, v.severity = i18n.T("Policy with administrator rights created"), control.High
	case control.High:
		if !v.title.Empty() {
			v.title = i18n.T("Policy that leads to administrator created")
		}
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

var adviseQuarantine = i18n.T("Make the user's access keys inactive, check what they were used for, and issue new " +
	"ones. Keep the policy until then: it does not stop everything, but it limits what an attacker can do.")

// quarantined assesses that one of those policies was attached or detached.
func quarantined(c *event.APICall) assessment {
	v := assessment{
		title: i18n.T("Quarantine policy attached"), severity: control.Critical, advice: adviseQuarantine,
		because: i18n.T("AWS attaches this policy when it finds an access key in public: the key is probably leaked."),
	}
	switch {
	case strings.HasPrefix(c.Name, "Detach"):
		v.title = i18n.T("Quarantine removed")
		v.because = i18n.T("AWS had attached this policy because an access key was probably leaked.")
	case c.Identity.ByAWS():
		v.title = i18n.T("AWS quarantined a user")
	}
	return v
}

// ownQuarantine reports whether a policy is one with which Warder keeps a user from acting.
func (p *planner) ownQuarantine(policyARN string) bool {
	own := p.settings.Quarantine
	return policyARN != "" && (strings.EqualFold(policyARN, own.Key) || strings.EqualFold(policyARN, own.Outside))
}

// released is the assessment that somebody took Warder's quarantine off: what Warder itself reverts is not reported.
var released = assessment{
	title: i18n.T("Quarantine removed"), severity: control.Critical,
	because: i18n.T("Warder had quarantined the user: an access key was exposed, or a sign-in came from outside."),
	advice: i18n.T("Find out at once who did this and why. If nobody knows, treat it as an attack: make the caller's " +
		"credentials inactive first, then revert the change."),
}

// joined assesses what a user gains by joining a group: what one of its policies gives, or else all of them together.
func (p *planner) joined(ctx context.Context, c *event.APICall) ([]assessment, error) {
	return p.group(ctx, c, func(carried []carries) assessment {
		worst, texts := assessment{}, []string{}
		for _, one := range carried {
			v := gained(assessRights(c, one.text), i18n.T("The group has it from policy %s.", one.name))
			if v.severity.Rank() > worst.severity.Rank() {
				worst = v
			}
			texts = append(texts, one.text)
		}
		together := gained(assessRights(c, texts...), i18n.T("The policies of the group give it together."))
		if together.severity.Rank() > worst.severity.Rank() {
			worst = together
		}
		worst.given = texts
		return worst
	})
}

// left assesses what no longer denies a user something who left a group.
func (p *planner) left(ctx context.Context, c *event.APICall) ([]assessment, error) {
	return p.group(ctx, c, func(carried []carries) assessment {
		for _, one := range carried {
			if p.ownQuarantine(one.name) {
				return released
			}
			if denies(one.text) {
				return worse(high, i18n.T("Deny removed"),
					i18n.T("Policy %s of the group denies something; that no longer holds for the user.", one.name))
			}
		}
		return assessment{}
	})
}

// carries is a policy of a group: its name or ARN, and its document.
type carries struct{ name, text string }

// group assesses a group by its policies.
func (p *planner) group(
	ctx context.Context, c *event.APICall, by func([]carries) assessment,
) ([]assessment, error) {
	name, ok := c.Param("groupName")
	if !ok {
		return noted(i18n.T("The event does not say which group.")), nil
	}
	var carried []carries
	err := iamuser.RetryUntilVisible(ctx, p.sleep, func() (err error) {
		carried, err = p.carried(ctx, name)
		return err
	})
	switch {
	case change.NotFound(err):
		return noted(i18n.T("The group has been deleted since; what it allowed or denied cannot be read.")), nil
	case err != nil:
		return nil, err
	}
	return []assessment{by(carried)}, nil
}

// trusted assesses whom a role lets in.
func (p *planner) trusted(ctx context.Context, c *event.APICall) ([]assessment, error) {
	text, ok := c.Param("policyDocument")
	if !ok {
		text, _ = c.Param("assumeRolePolicyDocument")
	}
	t, err := policy.Trusts(text)
	if err != nil || t.Everyone || t.Conditional {
		return []assessment{lets(c, t, nil)}, nil //nolint:nilerr // t says that it cannot be read
	}
	ids := slices.DeleteFunc(slices.Clone(t.Accounts), func(name string) bool { return !uniqueID(name) })
	own, err := p.own(ctx, ids)
	if err != nil {
		return nil, err
	}
	t.Accounts = slices.DeleteFunc(t.Accounts, uniqueID)
	return []assessment{lets(c, t, slices.DeleteFunc(ids, func(id string) bool { return own[id] }))}, nil
}

// uniqueID reports whether a principal is the unique id of a user or a role. IAM shows it in place of the ARN of one
// that was deleted (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html).
func uniqueID(name string) bool {
	return (strings.HasPrefix(name, "AIDA") || strings.HasPrefix(name, "AROA")) && !strings.ContainsAny(name, ":/")
}

// own are those of the unique ids that a user or a role of this account has.
func (p *planner) own(ctx context.Context, ids []string) (map[string]bool, error) {
	own := map[string]bool{}
	begins := func(kind string) bool {
		return slices.ContainsFunc(ids, func(id string) bool { return strings.HasPrefix(id, kind) })
	}
	if begins("AIDA") {
		for user, err := range iamuser.All(ctx, p.api) {
			if err != nil {
				return nil, err
			}
			own[aws.ToString(user.UserId)] = true
		}
	}
	if !begins("AROA") {
		return own, nil
	}
	pages := iam.NewListRolesPaginator(p.api, &iam.ListRolesInput{MaxItems: aws.Int32(1000)})
	for page, err := range iamuser.Pages(ctx, pages, "list roles") {
		if err != nil {
			return nil, err
		}
		for _, role := range page.Roles {
			own[aws.ToString(role.RoleId)] = true
		}
	}
	return own, nil
}

// lets assesses a trust policy. unknown are the unique ids in it that nobody in this account has.
func lets(c *event.APICall, t policy.Trust, unknown []string) assessment {
	text, ok := c.Param("policyDocument")
	if !ok {
		text, ok = c.Param("assumeRolePolicyDocument")
	}
	switch {
	case c.Omitted():
		return omitted
	case !ok:
		return assessment{because: i18n.T("The event does not contain the trust policy: read it in the account.")}
	}
	_, err := policy.Trusts(text)
	others := slices.DeleteFunc(t.Accounts, func(account string) bool { return account == c.RecipientAccount })
	switch {
	case err != nil:
		return worse(critical, i18n.Message{},
			i18n.T("Its trust policy cannot be parsed, so it may allow everyone to assume the role."))
	case t.Everyone:
		return worse(critical, i18n.T("Role trusts everyone"),
			i18n.T("Its trust policy allows every AWS account to assume it."))
	case t.Conditional:
		return worse(high, i18n.T("Role trusts other accounts"),
			i18n.T("Its trust policy allows every AWS account to assume it under a condition, which Warder does not evaluate."))
	case len(others) > 0:
		return worse(high, i18n.T("Role trusts other accounts"),
			i18n.T("Its trust policy allows %s, outside this account, to assume it.", strings.Join(others, ", ")))
	case len(unknown) > 0:
		return worse(high, i18n.T("Role trusts somebody unknown"),
			i18n.T("Its trust policy allows %s to assume it: nobody in this account has this id now. It is of a user or role "+
				"that was deleted, or of another account.", strings.Join(unknown, ", ")))
	}
	return assessment{}
}

// activated distinguishes an access key that was made active from one that was made inactive.
func activated(c *event.APICall) assessment {
	switch status, _ := c.Param("status"); status {
	case change.Inactive:
		return assessment{}
	case change.Active:
		return assessment{
			title: i18n.T("Access key activated"), severity: control.Medium,
			words: i18n.T("made access key %s of %s active", key, user),
		}
	}
	return assessment{
		title: i18n.T("Access key status changed"), severity: control.Medium,
		words: i18n.T("changed the status of access key %s of %s", key, user),
	}
}

// The title and the words of the tag that exempts a user.
var (
	exempted = i18n.T("Exemption set")
	setTag   = i18n.T("set the tag %s of %s", exemptTag, user)
)

// tagged alerts on tags that Warder goes by: those that exempt a user, name its owner, or ask for a new key.
func (p *planner) tagged(ctx context.Context, c *event.APICall) ([]assessment, error) {
	all, err := p.exemption(ctx, c)
	if names := remediation.OwnerTags(c, p.settings.Owners); len(names) > 0 {
		all = append(all, assessment{
			title: i18n.T("Owner changed"), severity: control.Medium,
			words: i18n.T("changed the tag %s of %s, which names who answers for it", strings.Join(names, ", "), user),
			advice: i18n.T("From now on notices about this user go to the owner that it names now. If you answered for the " +
				"user before and do not know of this, find out who uses the caller's credentials, and set the tag back."),
		})
	}
	return append(all, rotation(c)...), err
}

// rotation alerts on the tag that asks for a new access key.
func rotation(c *event.APICall) []assessment {
	for _, tag := range c.Request.Objects("tags") {
		if key, _ := tag.Text("key"); strings.EqualFold(key, change.RotationTag) {
			value, _ := tag.Text("value")
			v := assessment{
				title: i18n.T("New access key asked for"), severity: control.Medium,
				words: i18n.T("set the tag %s of %s", change.RotationTag, user),
				because: i18n.T("Its value is %q. With the value yes, rotate-access-key gives the user a new access key before "+
					"its old one is stale, for the user alone to read.", value),
				advice: i18n.T("Nothing to do if this was intended. If not, remove the tag, and find out who uses the caller's " +
					"credentials."),
			}
			if bySubject(c) {
				v.severity = control.High
				v.because = i18n.Sentences(v.because, i18n.T("A tag that the user set itself asks for nothing."))
			}
			return []assessment{v}
		}
	}
	for _, key := range c.Request.Texts("tagKeys") {
		if strings.EqualFold(key, change.RotationTag) {
			return []assessment{{
				title: i18n.T("New access key not asked for any more"), severity: control.Low,
				words: i18n.T("removed the tag %s of %s", change.RotationTag, user),
			}}
		}
	}
	return nil
}

// bySubject reports whether a user made a call about itself.
func bySubject(c *event.APICall) bool {
	name, _ := c.User()
	return c.Identity.Kind() == event.IAMUser && strings.EqualFold(name, c.Identity.UserName)
}

// exemption alerts on the tag that exempts a user, and on no other.
func (*planner) exemption(_ context.Context, c *event.APICall) ([]assessment, error) {
	for _, tag := range c.Request.Objects("tags") {
		if key, _ := tag.Text("key"); exemption.IsTag(strings.ToLower(key)) {
			value, _ := tag.Text("value")
			severity, because := control.Medium, i18n.T("Its value is %q.", value)
			if bySubject(c) {
				severity = control.High
				because = i18n.Sentences(because, i18n.T("An exemption that its subject set itself is not honoured."))
			}
			return []assessment{{
				title: exempted, words: setTag, severity: severity, because: because,
				advice: i18n.T("An exemption keeps Warder from changing a user. Make sure that the approver it names knows " +
					"about it; if not, remove the tag."),
			}}, nil
		}
	}
	for _, key := range c.Request.Texts("tagKeys") {
		if exemption.IsTag(strings.ToLower(key)) {
			return []assessment{{}}, nil
		}
	}
	return nil, nil
}

// resource is the last part of an ARN, empty if it is none.
func resource(name string) string {
	parsed, err := arn.Parse(name)
	if err != nil {
		return ""
	}
	return parsed.Resource
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

// carried are the policies of a group, inline or attached. A policy that goes while the group is scanned is left out.
func (p *planner) carried(ctx context.Context, group string) ([]carries, error) {
	var all []carries
	add := func(name, text string, err error) error {
		if err == nil {
			all = append(all, carries{name, text})
		}
		if change.NotFound(err) {
			return nil
		}
		return err
	}
	inline := iam.NewListGroupPoliciesPaginator(p.api, &iam.ListGroupPoliciesInput{GroupName: &group})
	for page, err := range iamuser.Pages(ctx, inline, "list inline policies of group %q", group) {
		if err != nil {
			return nil, err
		}
		for _, name := range page.PolicyNames {
			text, err := p.inline(ctx, group, name)
			if err := add(name, text, err); err != nil {
				return nil, err
			}
		}
	}
	attached := iam.NewListAttachedGroupPoliciesPaginator(p.api, &iam.ListAttachedGroupPoliciesInput{GroupName: &group})
	for page, err := range iamuser.Pages(ctx, attached, "list attached policies of group %q", group) {
		if err != nil {
			return nil, err
		}
		for _, policy := range page.AttachedPolicies {
			name := aws.ToString(policy.PolicyArn)
			text, err := p.managed(ctx, name, "")
			if err := add(name, text, err); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// inline is the document of an inline policy of a group.
func (p *planner) inline(ctx context.Context, group, name string) (string, error) {
	got, err := p.api.GetGroupPolicy(ctx, &iam.GetGroupPolicyInput{GroupName: &group, PolicyName: &name})
	if err != nil {
		return "", fmt.Errorf("get inline policy %q of group %q: %w", name, group, err)
	}
	return change.Document(aws.ToString(got.PolicyDocument))
}
