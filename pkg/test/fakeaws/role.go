package fakeaws

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// Role is an IAM role.
type Role struct {
	ID       string              `json:"id,omitempty"`
	Path     string              `json:"path,omitempty"`
	Attached []string            `json:"attached,omitempty"`
	Inline   map[string]Document `json:"inline,omitempty"`
	Boundary string              `json:"boundary,omitempty"`
	Trust    Document            `json:"trust,omitempty"`
	Created  time.Time           `json:"created,omitzero"`
	Used     time.Time           `json:"used,omitzero"` // when it was last used
	Tags     map[string]string   `json:"tags,omitempty"`
}

func (r Role) clone() Role {
	r.Attached, r.Inline = list(r.Attached, same), values(r.Inline, same)
	r.Created, r.Used, r.Tags = utc(r.Created), utc(r.Used), values(r.Tags, same)
	return r
}

// roleQuota is how many characters the inline policies of a role may have together, white space not counted
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
const roleQuota = 10240

const noRolePolicy = "The role policy with name %s cannot be found."

// ListRoles lists the roles below a path.
func (c call) ListRoles(in *iam.ListRolesInput) (any, error) {
	all := slices.DeleteFunc(sorted(c.state.Roles), func(name string) bool {
		return !strings.HasPrefix(c.state.Roles[name].Path, aws.ToString(in.PathPrefix))
	})
	names, next := page(c.Page, all, in.Marker, in.MaxItems)
	out := &iam.ListRolesOutput{Marker: next, IsTruncated: next != nil}
	for _, name := range names {
		out.Roles = append(out.Roles, types.Role{RoleName: aws.String(name), RoleId: aws.String(c.state.Roles[name].ID)})
	}
	return out, nil
}

// GetRole describes a role
// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRole.html).
func (c call) GetRole(role *Role, in *iam.GetRoleInput) (any, error) {
	described := &types.Role{
		RoleName: in.RoleName, RoleId: new(role.ID), Path: new(role.Path), Arn: new(c.roleARN(*in.RoleName, role)),
		RoleLastUsed: &types.RoleLastUsed{},
	}
	if role.Trust != "" {
		described.AssumeRolePolicyDocument = encoded(role.Trust)
	}
	if !role.Created.IsZero() {
		described.CreateDate = new(role.Created)
	}
	if !role.Used.IsZero() {
		described.RoleLastUsed.LastUsedDate = new(role.Used)
	}
	for _, key := range sorted(role.Tags) {
		described.Tags = append(described.Tags, types.Tag{Key: new(key), Value: new(role.Tags[key])})
	}
	return &iam.GetRoleOutput{Role: described}, nil
}

func (c call) roleARN(name string, role *Role) string {
	return "arn:aws:iam::" + c.state.ID + ":role" + role.Path + name
}

// GetRolePolicy returns an inline policy, URL-encoded as IAM does.
func (call) GetRolePolicy(role *Role, in *iam.GetRolePolicyInput) (any, error) {
	document, err := lookUp(role.Inline, *in.PolicyName, noRolePolicy)
	return &iam.GetRolePolicyOutput{
		RoleName: in.RoleName, PolicyName: in.PolicyName, PolicyDocument: encoded(document),
	}, err
}

// PutRolePolicy sets an inline policy.
func (call) PutRolePolicy(role *Role, in *iam.PutRolePolicyInput) (any, error) {
	if !json.Valid([]byte(*in.PolicyDocument)) {
		return nil, &types.MalformedPolicyDocumentException{Message: new("Syntax errors in policy.")}
	}
	total := dense(*in.PolicyDocument)
	for name, document := range role.Inline {
		if name != *in.PolicyName {
			total += dense(string(document))
		}
	}
	if total > roleQuota {
		return nil, exceeded("Maximum policy size of %d bytes exceeded for role %s", roleQuota, *in.RoleName)
	}
	put(&role.Inline, *in.PolicyName, Document(*in.PolicyDocument))
	return &iam.PutRolePolicyOutput{}, nil
}

// ListRolePolicies lists the names of a role's inline policies.
func (c call) ListRolePolicies(role *Role, in *iam.ListRolePoliciesInput) (any, error) {
	names, next := page(c.Page, sorted(role.Inline), in.Marker, in.MaxItems)
	return &iam.ListRolePoliciesOutput{PolicyNames: names, Marker: next, IsTruncated: next != nil}, nil
}

// ListAttachedRolePolicies lists the managed policies of a role.
func (c call) ListAttachedRolePolicies(role *Role, in *iam.ListAttachedRolePoliciesInput) (any, error) {
	arns, next := page(c.Page, role.Attached, in.Marker, in.MaxItems)
	return &iam.ListAttachedRolePoliciesOutput{
		AttachedPolicies: attached(arns), Marker: next, IsTruncated: next != nil,
	}, nil
}

// DeleteRolePolicy takes an inline policy away.
func (call) DeleteRolePolicy(role *Role, in *iam.DeleteRolePolicyInput) (any, error) {
	_, err := lookUp(role.Inline, *in.PolicyName, noRolePolicy)
	delete(role.Inline, *in.PolicyName)
	return &iam.DeleteRolePolicyOutput{}, err
}

// ListEntitiesForPolicy lists the users to whom a managed policy is attached. It knows their filter alone.
func (c call) ListEntitiesForPolicy(in *iam.ListEntitiesForPolicyInput) (any, error) {
	if in.EntityFilter != types.EntityTypeUser {
		return nil, missing("want the users of a policy alone, and not %s", in.EntityFilter)
	}
	if !c.managed(*in.PolicyArn) {
		return nil, missing("Policy %s does not exist or is not attachable.", *in.PolicyArn)
	}
	all := slices.DeleteFunc(sorted(c.state.Users), func(name string) bool {
		return !slices.Contains(c.state.Users[name].Attached, *in.PolicyArn)
	})
	names, next := page(c.Page, all, in.Marker, in.MaxItems)
	out := &iam.ListEntitiesForPolicyOutput{Marker: next, IsTruncated: next != nil}
	for _, name := range names {
		out.PolicyUsers = append(out.PolicyUsers, types.PolicyUser{UserName: &name, UserId: new(c.state.Users[name].ID)})
	}
	return out, nil
}
