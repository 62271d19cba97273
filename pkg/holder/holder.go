// Package holder reads which policies the users, groups and roles of the account have, and says what a policy makes of
// its holders together with their others. It changes nothing.
package holder

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/iamuser"
	"github.com/warder-aws/warder/pkg/policy"
)

// Holder is a user, a group or a role, with the policies that it has.
type Holder struct {
	User, Group, Role string // the name of what it is
	Groups            []string
	Policies          []Policy // those of its groups, too
	boundary          string   // ARN
}

// Policy is a policy that a holder has.
type Policy struct {
	Group string // that it comes from; empty: it is the holder's own
	Name  string // of an inline policy, or the ARN
	text  string // of an inline policy
}

// Managed reports whether it is a managed policy.
func (p Policy) Managed() bool { return strings.HasPrefix(p.Name, "arn:") }

// A Read gives the default version of a managed policy, by its ARN.
type Read func(arn string) (document string, err error)

// All lists the users, groups and roles of the account: a call for a thousand of them
// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html).
func All(ctx context.Context, api iam.GetAccountAuthorizationDetailsAPIClient) ([]Holder, error) {
	var groups []Holder
	var users []types.UserDetail
	var all []Holder
	pages := iam.NewGetAccountAuthorizationDetailsPaginator(api, &iam.GetAccountAuthorizationDetailsInput{
		Filter:   []types.EntityType{types.EntityTypeUser, types.EntityTypeGroup, types.EntityTypeRole},
		MaxItems: aws.Int32(1000),
	})
	for page, err := range iamuser.Pages(ctx, pages, "get account authorization details") {
		if err != nil {
			return nil, err
		}
		users = append(users, page.UserDetailList...)
		for _, g := range page.GroupDetailList {
			name := aws.ToString(g.GroupName)
			groups = append(groups, Holder{
				Group: name, Groups: []string{name}, Policies: policies(g.AttachedManagedPolicies, g.GroupPolicyList),
			})
		}
		for _, r := range page.RoleDetailList {
			all = append(all, Holder{
				Role: aws.ToString(r.RoleName), Policies: policies(r.AttachedManagedPolicies, r.RolePolicyList),
				boundary: boundary(r.PermissionsBoundary),
			})
		}
	}
	for _, u := range users {
		all = append(all, Of(u, groups))
	}
	return append(all, groups...), nil
}

// Of is a user as a holder, with the policies of those of the groups that it is in.
func Of(u types.UserDetail, groups []Holder) Holder {
	h := Holder{
		User: aws.ToString(u.UserName), Groups: u.GroupList, Policies: policies(u.AttachedManagedPolicies, u.UserPolicyList),
		boundary: boundary(u.PermissionsBoundary),
	}
	for _, g := range groups {
		if !slices.Contains(u.GroupList, g.Group) {
			continue
		}
		for _, p := range g.Policies {
			p.Group = g.Group
			h.Policies = append(h.Policies, p)
		}
	}
	return h
}

func policies(attached []types.AttachedPolicy, inline []types.PolicyDetail) (all []Policy) {
	for _, p := range attached {
		all = append(all, Policy{Name: aws.ToString(p.PolicyArn)})
	}
	for _, p := range inline {
		text, _ := change.Document(aws.ToString(p.PolicyDocument)) // one that cannot be decoded cannot be read
		all = append(all, Policy{Name: aws.ToString(p.PolicyName), text: text})
	}
	return all
}

func boundary(b *types.AttachedPermissionsBoundary) string {
	if b == nil {
		return ""
	}
	return aws.ToString(b.PermissionsBoundaryArn)
}

// Bounded is the holder with another permissions boundary, which IAM may not show yet.
func (h Holder) Bounded(arn string) Holder { h.boundary = arn; return h }

// Given is what a holder is given.
type Given struct {
	Is        func(Policy) bool // of a policy that the holder has: whether it is one that it is given; nil: none is
	Documents []string          // what the policies say that it is given
	Group     string            // that it joins; empty: none
	Nothing   bool              // it is given nothing: what it has by all of its policies is asked for
}

// May reports whether what is given may complete something: rights, or a policy or a group that others may have the
// right to change. AWS's own policies nobody changes.
func (g Given) May(policyARN string) bool {
	return g.Group != "" || policyARN != "" && !strings.Contains(policyARN, ":iam::aws:") ||
		policy.Contributes(g.Documents...)
}

// Completes says what is made of the holder by what it is given, that its policies do not make of it without that. A
// policy that cannot be read is left out: it is reported for itself. One that is not there any more gives nothing.
func (h Holder) Completes(account string, given Given, read Read) (policy.Assessment, error) {
	after := policy.Holder{Account: account, User: h.User, Role: h.Role, Groups: h.Groups}
	before := after
	before.Groups = slices.DeleteFunc(slices.Clone(h.Groups), func(group string) bool {
		return change.SameName(group, given.Group)
	})
	var others []string
	for _, p := range h.Policies {
		if p.Managed() {
			after.Policies = append(after.Policies, p.Name)
		}
		if given.Is != nil && given.Is(p) {
			continue
		}
		text, err := p.text, error(nil)
		if p.Managed() {
			before.Policies = append(before.Policies, p.Name)
			text, err = read(p.Name)
		}
		switch {
		case change.NotFound(err):
			continue
		case err != nil:
			return policy.Assessment{}, err
		}
		if policy.Assess(policy.Holder{}, text).Level < policy.Unreadable {
			others = append(others, text)
		}
	}
	if given.Nothing {
		given.Documents, others = others, nil
	}
	v := policy.Completes(before, after, others, given.Documents)
	if v.Level == policy.Harmless || h.boundary == "" {
		return v, nil
	}
	limit, err := read(h.boundary)
	if err != nil && !change.NotFound(err) {
		return policy.Assessment{}, err
	}
	before.Boundary, after.Boundary = limit, limit
	return policy.Completes(before, after, others, given.Documents), nil
}
