package alertpolicychange

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/holder"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/policy"
)

// together is for a call that gives somebody a policy, or changes one: what its documents give to a user, a group or a
// role together with the other policies counts, if these do not give it without them.
func together(alone assess) assess {
	return func(p *planner, ctx context.Context, c *event.APICall) ([]assessment, error) {
		found, err := alone(p, ctx, c)
		if err != nil || len(found) != 1 || found[0].severity == critical || found[0].given == nil {
			return found, err
		}
		given := holder.Given{Documents: found[0].given}
		if _, ok := c.Param("userName"); ok {
			given.Group, _ = c.Param("groupName")
		}
		arn := ""
		if strings.HasPrefix(c.Name, "Attach") {
			arn, _ = c.Param("policyArn")
		}
		if !given.May(arn) {
			return found, nil
		}
		v, err := p.completed(ctx, c, given)
		if err == nil && v.severity.Rank() > found[0].severity.Rank() {
			return []assessment{v}, nil
		}
		return found, err
	}
}

// completed assesses what is made of the worst of those who are given something, together with their other policies.
func (p *planner) completed(ctx context.Context, c *event.APICall, given holder.Given) (assessment, error) {
	all, err := holder.All(ctx, p.api)
	if err != nil {
		return assessment{}, err
	}
	read := p.reader(ctx)
	worst, others := assessment{}, 0
	for _, h := range concerned(c, all) {
		given.Is = func(p holder.Policy) bool { return isGiven(c, h, p) }
		v, err := h.Completes(c.RecipientAccount, given, read)
		if err != nil {
			return assessment{}, err
		}
		switch found := gained(v, has(h)); {
		case found.severity.Rank() > worst.severity.Rank():
			worst, others = found, 0
		case found.severity != "" && found.severity == worst.severity:
			others++
		}
	}
	if others > 0 {
		worst.because = i18n.Sentences(worst.because, i18n.T("%d more have it in the same way.", others))
	}
	return worst, nil
}

// reader reads each managed policy once.
func (p *planner) reader(ctx context.Context) holder.Read {
	texts := map[string]string{}
	return func(arn string) (text string, err error) {
		text, known := texts[arn]
		if !known {
			if text, err = p.managed(ctx, arn, ""); err == nil {
				texts[arn] = text
			}
		}
		return text, err
	}
}

// rights are what a user or a role has by all of its policies, within its boundary, or the one that the call sets.
func (p *planner) rights(ctx context.Context, c *event.APICall) (policy.Assessment, error) {
	all, err := holder.All(ctx, p.api)
	if err != nil {
		return policy.Assessment{}, err
	}
	user, _ := c.Param("userName")
	role, _ := c.Param("roleName")
	for _, h := range all {
		if h.User != "" && change.SameName(h.User, user) || h.Role != "" && change.SameName(h.Role, role) {
			if boundary, ok := c.Param("permissionsBoundary"); ok {
				h = h.Bounded(boundary)
			}
			return h.Completes(c.RecipientAccount, holder.Given{Nothing: true}, p.reader(ctx))
		}
	}
	return policy.Assessment{}, nil
}

// let is for a changed trust policy: whoever it lets in has the role's rights.
func let(alone assess) assess {
	return within(alone, i18n.T("Trust of a role with administrator rights changed"),
		i18n.T("Whoever its trust policy lets in has these rights."))
}

// bounded is for a new permissions boundary, which may not limit what it should.
func bounded(alone assess) assess {
	return within(alone, i18n.T("Permissions boundary leaves a way to administrator"),
		i18n.T("This is what the policies allow within the new boundary."))
}

// within is for a call that is as bad as the rights of the user or role that it is about.
func within(alone assess, title, because i18n.Message) assess {
	return func(p *planner, ctx context.Context, c *event.APICall) ([]assessment, error) {
		found, err := alone(p, ctx, c)
		if err != nil || len(found) != 1 || found[0].severity != "" {
			return found, err
		}
		v, err := p.rights(ctx, c)
		if err != nil || v.Level == policy.Harmless {
			return found, err
		}
		return []assessment{worse(high, title, i18n.Sentences(v.Describe(), because))}, nil
	}
}

// has says who has rights by all of its policies.
func has(h holder.Holder) i18n.Message {
	switch {
	case h.Group != "":
		return i18n.T("The policies of the group give it together.")
	case h.Role != "":
		return i18n.T("The policies of role %s give it together.", h.Role)
	}
	return i18n.T("The policies of user %s and of its groups give it together.", h.User)
}

// concerned are those to whom a call gives a policy. A user that is not there by its name may have another since: it is
// whoever has the policy.
func concerned(c *event.APICall, all []holder.Holder) []holder.Holder {
	param := func(name string) string { value, _ := c.Param(name); return value }
	user, role, group := param("userName"), param("roleName"), param("groupName")
	some := func(is func(holder.Holder) bool) (some []holder.Holder) {
		for _, h := range all {
			if is(h) {
				some = append(some, h)
			}
		}
		return some
	}
	has := func(h holder.Holder) bool {
		return slices.ContainsFunc(h.Policies, func(p holder.Policy) bool { return isGiven(c, h, p) })
	}
	switch {
	case user != "":
		found := some(func(h holder.Holder) bool { return change.SameName(h.User, user) })
		if len(found) == 0 {
			found = some(func(h holder.Holder) bool { return h.User != "" && has(h) })
		}
		return found
	case role != "":
		return some(func(h holder.Holder) bool { return change.SameName(h.Role, role) })
	case group != "":
		return some(func(h holder.Holder) bool {
			return slices.ContainsFunc(h.Groups, func(name string) bool { return change.SameName(name, group) })
		})
	}
	return some(has)
}

// isGiven reports whether a policy that a holder has is what the call gives to it: the one that it names, or all of a
// group.
func isGiven(c *event.APICall, h holder.Holder, p holder.Policy) bool {
	group, inGroup := c.Param("groupName")
	_, ofUser := c.Param("userName")
	switch from := cmp.Or(p.Group, h.Group); {
	case inGroup && !change.SameName(from, group), ofUser && !inGroup && from != "":
		return false
	}
	for _, parameter := range []string{"policyArn", "policyName"} {
		if name, ok := c.Param(parameter); ok {
			return change.SameName(p.Name, name)
		}
	}
	return inGroup
}
