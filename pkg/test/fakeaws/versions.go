package fakeaws

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// Versions are those of a managed policy.
type Versions struct {
	Default string              `json:"default"`
	All     map[string]Document `json:"all"` // by their ids, "v1"
}

func (v Versions) clone() Versions {
	v.All = values(v.All, same)
	return v
}

// versionQuota is how many versions a managed policy has at most
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
const versionQuota = 5

// versions are those of a policy, which has one alone if the state says no more.
func (c call) versions(arn string) Versions {
	if v := c.state.Versions[arn]; v != nil {
		return *v
	}
	v := Versions{"v1", map[string]Document{}}
	if document, ok := c.state.Policies[arn]; ok {
		v.All["v1"] = document
	}
	return v
}

// holders is how many users, groups and roles have a policy, and how many have it as their boundary.
func (c call) holders(arn string) (attached, bounds int32) {
	count := func(all []string, boundary string) {
		if slices.Contains(all, arn) {
			attached++
		}
		if boundary == arn {
			bounds++
		}
	}
	for _, u := range c.state.Users {
		count(u.Attached, u.Boundary)
	}
	for _, r := range c.state.Roles {
		count(r.Attached, r.Boundary)
	}
	for _, g := range c.state.Groups {
		count(g.Attached, "")
	}
	return attached, bounds
}

// GetPolicy describes a managed policy.
func (c call) GetPolicy(in *iam.GetPolicyInput) (any, error) {
	if !c.managed(*in.PolicyArn) {
		return nil, missing("Policy %s was not found.", *in.PolicyArn)
	}
	attached, bounds := c.holders(*in.PolicyArn)
	return &iam.GetPolicyOutput{
		Policy: &types.Policy{
			Arn: in.PolicyArn, PolicyName: policyName(*in.PolicyArn), DefaultVersionId: new(c.versions(*in.PolicyArn).Default),
			IsAttachable:    !slices.Contains(c.state.Unattachable, *in.PolicyArn),
			AttachmentCount: new(attached), PermissionsBoundaryUsageCount: new(bounds),
		},
	}, nil
}

// GetPolicyVersion returns the document of a managed policy, URL-encoded as IAM does.
func (c call) GetPolicyVersion(in *iam.GetPolicyVersionInput) (any, error) {
	v := c.versions(*in.PolicyArn)
	document, ok := v.All[*in.VersionId]
	if !ok {
		return nil, missing("Policy %s version %s was not found.", *in.PolicyArn, *in.VersionId)
	}
	return &iam.GetPolicyVersionOutput{PolicyVersion: &types.PolicyVersion{
		VersionId: in.VersionId, IsDefaultVersion: *in.VersionId == v.Default, Document: encoded(document),
	}}, nil
}

// ListPolicyVersions lists the versions of a managed policy.
func (c call) ListPolicyVersions(in *iam.ListPolicyVersionsInput) (any, error) {
	if !c.managed(*in.PolicyArn) {
		return nil, missing("Policy %s was not found.", *in.PolicyArn)
	}
	v := c.versions(*in.PolicyArn)
	ids, next := page(c.Page, sorted(v.All), in.Marker, in.MaxItems)
	out := &iam.ListPolicyVersionsOutput{Marker: next, IsTruncated: next != nil}
	for _, id := range ids {
		out.Versions = append(out.Versions, types.PolicyVersion{VersionId: new(id), IsDefaultVersion: id == v.Default})
	}
	return out, nil
}

// CreatePolicyVersion adds a version.
func (c call) CreatePolicyVersion(in *iam.CreatePolicyVersionInput) (any, error) {
	document := Document(*in.PolicyDocument)
	if !json.Valid([]byte(document)) {
		return nil, &types.MalformedPolicyDocumentException{Message: new("Syntax errors in policy.")}
	}
	if _, ok := c.state.Policies[*in.PolicyArn]; !ok {
		return nil, missing("Policy %s was not found.", *in.PolicyArn)
	}
	v := c.versions(*in.PolicyArn)
	if len(v.All) >= versionQuota {
		return nil, exceeded("A managed policy can have up to %d versions.", versionQuota)
	}
	last := 0
	for id := range v.All {
		n, _ := strconv.Atoi(id[1:])
		last = max(last, n)
	}
	id := "v" + strconv.Itoa(last+1)
	v.All = maps.Clone(v.All)
	v.All[id] = document
	if in.SetAsDefault {
		v.Default = id
		c.state.Policies[*in.PolicyArn] = document
	}
	put(&c.state.Versions, *in.PolicyArn, &v)
	return &iam.CreatePolicyVersionOutput{PolicyVersion: &types.PolicyVersion{VersionId: &id}}, nil
}

// SetDefaultPolicyVersion has another version apply.
func (c call) SetDefaultPolicyVersion(in *iam.SetDefaultPolicyVersionInput) (any, error) {
	v := c.versions(*in.PolicyArn)
	document, ok := v.All[*in.VersionId]
	if !ok {
		return nil, missing("Policy %s version %s was not found.", *in.PolicyArn, *in.VersionId)
	}
	v.Default = *in.VersionId
	c.state.Policies[*in.PolicyArn] = document
	put(&c.state.Versions, *in.PolicyArn, &v)
	return &iam.SetDefaultPolicyVersionOutput{}, nil
}
