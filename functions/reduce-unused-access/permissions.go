package reduceunusedaccess

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/iamuser"
	"github.com/warder-aws/warder/pkg/policy"
	"github.com/warder-aws/warder/pkg/remediation"
)

// principal is a user or a role whose policies allow more than it uses.
type principal struct {
	arn, name, id string
	user          bool
	created       time.Time
	addressee     remediation.Addressee
}

// held is a policy of a principal, with the change that would put another document in the place of its own.
type held struct {
	change.Change
	label string
	why   i18n.Message // why it cannot be changed; empty if it can
}

// principal reads a user or a role, by its ARN; nil if it is none of the control's business.
func (p *planner) principal(ctx context.Context, name string) (*principal, error) {
	if role, ok := p.role(name); ok {
		out, err := p.api.GetRole(ctx, &iam.GetRoleInput{RoleName: &role})
		if err != nil {
			return nil, fmt.Errorf("get role %q: %w", role, err)
		}
		if fixed(out.Role) {
			return nil, nil
		}
		contact := p.owners.Of(role, aws.ToString(out.Role.Path), change.RoleTags(out.Role))
		return &principal{
			arn: aws.ToString(out.Role.Arn), name: role, id: aws.ToString(out.Role.RoleId),
			created:   aws.ToTime(out.Role.CreateDate),
			addressee: remediation.Addressee{Redirected: true, Recipient: contact.Address},
		}, nil
	}
	of, err := arn.Parse(name)
	path, isUser := strings.CutPrefix(of.Resource, "user/")
	user := path[strings.LastIndex(path, "/")+1:]
	if err != nil || !isUser || of.Service != "iam" || of.AccountID != p.account || user == "" {
		return nil, nil //nolint:nilerr // it is about something else
	}
	out, err := p.api.GetUser(ctx, &iam.GetUserInput{UserName: &user})
	if err != nil {
		return nil, fmt.Errorf("get user %q: %w", user, err)
	}
	return &principal{
		arn: aws.ToString(out.User.Arn), name: aws.ToString(out.User.UserName), id: aws.ToString(out.User.UserId),
		user: true, created: aws.ToTime(out.User.CreateDate),
	}, nil
}

// propose is a finding for each policy of a principal that allows what it did not use.
func (p *planner) propose(ctx context.Context, name string, now time.Time) ([]remediation.Finding, error) {
	of, err := p.principal(ctx, name)
	since := now.AddDate(0, 0, -p.MaxUnusedDays)
	if err != nil || of == nil || !of.created.Before(since) {
		return nil, err
	}
	services, err := p.accessed(ctx, of.arn)
	if err != nil {
		return nil, err
	}
	all, err := p.policies(ctx, *of)
	if err != nil {
		return nil, err
	}
	var findings []remediation.Finding
	for _, h := range all {
		// A document that cannot be read is none that anything is known of.
		n, err := policy.Narrow(h.Before, uses(services, since))
		if err != nil || len(n.Lines) == 0 {
			continue
		}
		h.After = n.Document
		if n.Empty {
			h.why = i18n.T("Nothing that it allows was used: detach or delete it.")
		}
		findings = append(findings, proposal(*of, h, n.Lines))
	}
	return findings, nil
}

// uses are what was used since a time.
func uses(services []types.ServiceLastAccessed, since time.Time) policy.Uses {
	all := policy.Uses{}
	for _, s := range services {
		use := policy.Use{Used: !aws.ToTime(s.LastAuthenticated).Before(since), Actions: map[string]bool{}}
		for _, a := range s.TrackedActionsLastAccessed {
			use.Actions[aws.ToString(a.ActionName)] = !aws.ToTime(a.LastAccessedTime).Before(since)
		}
		all[strings.ToLower(aws.ToString(s.ServiceNamespace))] = use
	}
	return all
}

// few is how many lines of a difference a notice has.
const few = 12

func proposal(of principal, h held, lines []string) remediation.Finding {
	f := remediation.Finding{
		Title: i18n.T("Unused permissions"),
		Text: i18n.T("%s has not used all that the policy %s allows. IAM does not tell the use of every action: what it "+
			"does not tell stays.", of.name, h.label),
		Advice: i18n.T("Read the lines: what begins with - goes, what begins with + takes its place. Nothing is changed " +
			"unless somebody applies it, and undo restores the policy as it was."),
		Handling: remediation.Handling{
			Alert: true, Urgency: remediation.Proposal, Addressee: of.addressee,
			Once: remediation.Once{Key: "proposal#" + of.id + "#" + h.Target + "#" + change.Content(h.After), For: proposedFor},
		},
	}
	if of.user {
		f.User = of.name
	} else {
		f.Subject = of.arn
	}
	shown := lines
	if len(lines) > few {
		shown = lines[:few]
	}
	for _, line := range shown {
		f.Facts = append(f.Facts, remediation.Fact{Name: i18n.T("Line"), Value: i18n.Literal(line)})
	}
	if more := len(lines) - len(shown); more > 0 {
		f.Facts = append(f.Facts, remediation.Fact{Name: i18n.T("Line"), Value: i18n.T("%d more", more)})
	}
	if !h.why.Empty() {
		f.UnchangedReason, f.Urgency = h.why, remediation.Ordinary
		return f
	}
	f.Changes = []change.Change{h.Change}
	return f
}

// proposedFor is how long the same proposal is not made again.
const proposedFor = 30 * 24 * time.Hour

// policies are those of a principal that are the account's, with their documents.
func (p *planner) policies(ctx context.Context, of principal) ([]held, error) {
	inline, attached, err := p.named(ctx, of)
	if err != nil {
		return nil, err
	}
	var all []held
	for _, name := range inline {
		h := held{label: name, Change: change.Change{Kind: change.InlineUserPolicy, Subject: of.name, Target: name}}
		document := ""
		if of.user {
			out, err := p.api.GetUserPolicy(ctx, &iam.GetUserPolicyInput{UserName: &of.name, PolicyName: &name})
			if err != nil {
				return nil, fmt.Errorf("get inline policy %q of %q: %w", name, of.name, err)
			}
			document = aws.ToString(out.PolicyDocument)
		} else {
			h.Kind, h.Target = change.InlineRolePolicy, change.RolePolicyTarget(of.id, name)
			out, err := p.api.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &of.name, PolicyName: &name})
			if err != nil {
				return nil, fmt.Errorf("get inline policy %q of role %q: %w", name, of.name, err)
			}
			document = aws.ToString(out.PolicyDocument)
		}
		if h.Before, err = change.Document(document); err != nil {
			return nil, fmt.Errorf("read inline policy %q of %q: %w", name, of.name, err)
		}
		all = append(all, h)
	}
	for _, name := range attached {
		// AWS's own policies are nobody's to narrow, and those of the stack deny.
		if own, err := arn.Parse(name); err != nil || own.AccountID != p.account || change.IsQuarantine(name) {
			continue
		}
		known, document, err := change.PolicyDocument(ctx, p.api, name)
		if err != nil {
			return nil, err
		}
		h := held{label: name, Change: change.Change{
			Kind: change.PolicyVersion, Subject: of.name, Target: name, Before: document,
		}}
		if !change.Alone(known) {
			h.why = i18n.T("The policy is not attached here alone: others may need what it allows. Write one of its own.")
		}
		all = append(all, h)
	}
	return all, nil
}

// named are the names of a principal's inline policies and the ARNs of those that are attached.
func (p *planner) named(ctx context.Context, of principal) (inline, attached []string, err error) {
	add := func(all []types.AttachedPolicy) {
		for _, a := range all {
			attached = append(attached, aws.ToString(a.PolicyArn))
		}
	}
	if of.user {
		own := iam.NewListUserPoliciesPaginator(p.api, &iam.ListUserPoliciesInput{UserName: &of.name})
		for page, err := range iamuser.Pages(ctx, own, "list inline policies of "+of.name) {
			if err != nil {
				return nil, nil, err
			}
			inline = append(inline, page.PolicyNames...)
		}
		others := iam.NewListAttachedUserPoliciesPaginator(p.api, &iam.ListAttachedUserPoliciesInput{UserName: &of.name})
		for page, err := range iamuser.Pages(ctx, others, "list attached policies of "+of.name) {
			if err != nil {
				return nil, nil, err
			}
			add(page.AttachedPolicies)
		}
		return inline, attached, nil
	}
	own := iam.NewListRolePoliciesPaginator(p.api, &iam.ListRolePoliciesInput{RoleName: &of.name})
	for page, err := range iamuser.Pages(ctx, own, "list inline policies of role "+of.name) {
		if err != nil {
			return nil, nil, err
		}
		inline = append(inline, page.PolicyNames...)
	}
	others := iam.NewListAttachedRolePoliciesPaginator(p.api, &iam.ListAttachedRolePoliciesInput{RoleName: &of.name})
	for page, err := range iamuser.Pages(ctx, others, "list attached policies of role "+of.name) {
		if err != nil {
			return nil, nil, err
		}
		add(page.AttachedPolicies)
	}
	denying := []string{change.LockPolicy, change.RevocationPolicy} // Warder's own, which deny
	inline = slices.DeleteFunc(inline, func(name string) bool { return slices.Contains(denying, name) })
	return inline, attached, nil
}

// applied is the finding that somebody wants to be applied, if it would be proposed now, to the letter.
func (p *planner) applied(ctx context.Context, d *event.Applied, now time.Time) ([]remediation.Finding, error) {
	name := d.Subject
	if !strings.HasPrefix(name, "arn:") {
		name = "arn:aws:iam::" + p.account + ":user/" + name
	}
	all, err := p.propose(ctx, name, now)
	if err != nil {
		return nil, err
	}
	for _, f := range all {
		if len(f.Changes) > 0 && remediation.ProposalOf(f.Changes) == d.Proposal {
			f.Urgency, f.Fresh = remediation.Ordinary, true
			f.Once = remediation.Once{Key: "applied#" + d.Proposal, For: 24 * time.Hour}
			f.Facts = append(f.Facts, remediation.Fact{Name: i18n.T("Applied by"), Value: i18n.Literal(d.By)})
			return []remediation.Finding{f}, nil
		}
	}
	return nil, nil
}
