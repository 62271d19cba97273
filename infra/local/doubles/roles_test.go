package doubles

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

func role(id string) fakeaws.State {
	return fakeaws.State{Roles: map[string]*fakeaws.Role{id: {Path: "/team/"}}}
}

func roleWithPolicy(id string) fakeaws.State {
	inline := map[string]fakeaws.Document{"own": document}
	return fakeaws.State{Roles: map[string]*fakeaws.Role{id: {Inline: inline}}}
}

// held are the policies that GetAccountAuthorizationDetails has of the group full and of a role.
func held(p *place, id string) (string, error) {
	var found []string
	for all := iam.NewGetAccountAuthorizationDetailsPaginator(p.iam, &iam.GetAccountAuthorizationDetailsInput{
		Filter: []types.EntityType{types.EntityTypeGroup, types.EntityTypeRole},
	}); all.HasMorePages(); {
		page, err := all.NextPage(p.t.Context())
		if err != nil {
			return "", err
		}
		add := func(name string, managed []types.AttachedPolicy, inline []types.PolicyDetail) {
			if name != id && name != "full" {
				return
			}
			found = append(found, fmt.Sprintf("%s: %d attached", name, len(managed)))
			for _, p := range inline {
				found = append(found, *p.PolicyName+" "+encoding(*p.PolicyDocument))
			}
		}
		for _, g := range page.GroupDetailList {
			add(*g.GroupName, g.AttachedManagedPolicies, g.GroupPolicyList)
		}
		for _, r := range page.RoleDetailList {
			add(*r.RoleName, r.AttachedManagedPolicies, r.RolePolicyList)
		}
		if len(page.UserDetailList) > 0 {
			return "users, too", nil
		}
	}
	return strings.Join(found, ", "), nil
}

// listedRole looks for the role among all.
func listedRole(p *place, id string) (string, error) {
	for all := iam.NewListRolesPaginator(p.iam, &iam.ListRolesInput{}); all.HasMorePages(); {
		page, err := all.NextPage(p.t.Context())
		if err != nil {
			return "", err
		}
		for _, role := range page.Roles {
			if *role.RoleName == id {
				return fmt.Sprintf("%s, id %.4s", *role.RoleName, *role.RoleId), nil
			}
		}
	}
	return "not " + id, nil
}

func (p *place) roleOf(id string) (string, error) {
	out, err := p.iam.GetRole(p.t.Context(), &iam.GetRoleInput{RoleName: &id})
	if err != nil {
		return "", err
	}
	r := out.Role
	arn := strings.SplitN(*r.Arn, ":", 6)[5]
	return fmt.Sprintf("%s %s %s, id %s", *r.RoleName, *r.Path, arn, (*r.RoleId)[:4]), nil
}

func (p *place) rolePolicy(id string) (string, error) {
	out, err := p.iam.GetRolePolicy(p.t.Context(), &iam.GetRolePolicyInput{RoleName: &id, PolicyName: aws.String("own")})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s %s %s", *out.RoleName, *out.PolicyName, encoding(*out.PolicyDocument)), nil
}

func putRolePolicy(text string) func(*place, string) (string, error) {
	return func(p *place, id string) (string, error) {
		if _, err := p.iam.PutRolePolicy(p.t.Context(), &iam.PutRolePolicyInput{
			RoleName: &id, PolicyName: aws.String("own"), PolicyDocument: &text,
		}); err != nil {
			return "", err
		}
		return p.rolePolicy(id)
	}
}

func deleteRolePolicy(p *place, id string) (string, error) {
	in := &iam.DeleteRolePolicyInput{RoleName: &id, PolicyName: aws.String("own")}
	if _, err := p.iam.DeleteRolePolicy(p.t.Context(), in); err != nil {
		return "", err
	}
	return p.rolePolicy(id)
}

func usersOf(policy string) func(*place, string) (string, error) {
	return func(p *place, id string) (string, error) {
		out, err := p.iam.ListEntitiesForPolicy(p.t.Context(),
			&iam.ListEntitiesForPolicyInput{PolicyArn: &policy, EntityFilter: types.EntityTypeUser})
		if err != nil {
			return "", err
		}
		i := slices.IndexFunc(out.PolicyUsers, func(u types.PolicyUser) bool { return *u.UserName == id })
		if i < 0 {
			return "not " + id, nil
		}
		return fmt.Sprintf("%s, id %s", id, (*out.PolicyUsers[i].UserId)[:4]), nil
	}
}

var roles = []trial{
	{operation: "iam:GetRole", name: "name, path and id", want: "ID /team/ role/team/ID, id AROA", state: role,
		do: (*place).roleOf},
	{operation: "iam:GetRole", name: "nothing of the name", want: "NoSuchEntity", do: (*place).roleOf},
	{operation: "iam:ListRoles", name: "a role that is there", want: "ID, id AROA", state: role, do: listedRole},
	{operation: "iam:ListRoles", name: "nothing of the name", want: "not ID", do: listedRole},
	{operation: "iam:GetAccountAuthorizationDetails", name: "the policies of groups and roles", state: roleWithPolicy,
		want: "full: 3 attached, a URL-encoded, b URL-encoded, c URL-encoded, ID: 0 attached, own URL-encoded", do: held},
	{operation: "iam:GetRolePolicy", name: "the document is URL-encoded", want: "ID own URL-encoded",
		state: roleWithPolicy, do: (*place).rolePolicy},
	{operation: "iam:GetRolePolicy", name: "a policy that is not there", want: "NoSuchEntity", state: role,
		do: (*place).rolePolicy},
	{operation: "iam:GetRolePolicy", name: "no role of the name", want: "NoSuchEntity", do: (*place).rolePolicy},
	{operation: "iam:PutRolePolicy", name: "it comes back byte for byte", want: "ID own URL-encoded", state: role,
		do: putRolePolicy(document)},
	{operation: "iam:PutRolePolicy", name: "no role of the name", want: "NoSuchEntity", do: putRolePolicy(document)},
	{operation: "iam:PutRolePolicy", name: "what is no JSON", want: "MalformedPolicyDocument", state: role,
		do: putRolePolicy(`{"Version":`)},
	{operation: "iam:DeleteRolePolicy", name: "it is gone then", want: "NoSuchEntity", state: roleWithPolicy,
		do: deleteRolePolicy},
	{operation: "iam:DeleteRolePolicy", name: "a policy that is not there", want: "NoSuchEntity", state: role,
		do: deleteRolePolicy},
	{operation: "iam:ListEntitiesForPolicy", name: "a user who has it", want: "ID, id AIDA",
		state: who(fakeaws.User{Attached: []string{policy(0)}}), do: usersOf(policy(0))},
	{operation: "iam:ListEntitiesForPolicy", name: "a user who does not", want: "not ID", state: plain,
		do: usersOf(policy(0))},
	{operation: "iam:ListEntitiesForPolicy", name: "no policy of the ARN", want: "NoSuchEntity",
		moto: "not ID", why: "moto answers with an empty list, which the planner takes alike",
		do: usersOf("arn:aws:iam::aws:policy/NoneSuch")},
}
