package fakeaws

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// What IAM allows a user: keys, and as many attached policies as groups; and how many characters its inline
// policies may have together, white space not counted
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
const (
	keyQuota    = 2
	quota       = 10
	inlineQuota = 2048
)

func exceeded(format string, args ...any) error {
	return &types.LimitExceededException{Message: new(fmt.Sprintf(format, args...))}
}

func missing(format string, args ...any) error {
	return &types.NoSuchEntityException{Message: new(fmt.Sprintf(format, args...))}
}

// lookUp finds a thing by its name, or fails with the message, in which the name is filled in.
func lookUp[T any](things map[string]T, name, message string) (T, error) {
	thing, ok := things[name]
	if !ok {
		return thing, missing(message, name)
	}
	return thing, nil
}

func (a *Account) arn(name string, user *User) string {
	return "arn:aws:iam::" + a.state.ID + ":user" + user.Path + name
}

// describe is what lists of users say of one; detail adds what descriptions of one say.
func (a *Account) describe(name string, user *User, detail bool) types.User {
	described := types.User{UserName: &name, UserId: new(user.ID), Path: new(user.Path), Arn: new(a.arn(name, user))}
	if !user.Created.IsZero() {
		described.CreateDate = new(user.Created)
	}
	if user.Password != nil && !user.Password.Used.IsZero() {
		described.PasswordLastUsed = new(user.Password.Used)
	}
	if !detail {
		return described
	}
	for _, key := range sorted(user.Tags) {
		described.Tags = append(described.Tags, types.Tag{Key: new(key), Value: new(user.Tags[key])})
	}
	described.PermissionsBoundary = boundary(user.Boundary)
	return described
}

// CreateUser adds a user
// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateUser.html).
func (c call) CreateUser(in *iam.CreateUserInput) (any, error) {
	name, boundary := *in.UserName, aws.ToString(in.PermissionsBoundary)
	// Names that differ in case alone are the same name.
	for other := range c.state.Users {
		if strings.EqualFold(name, other) {
			return nil, &types.EntityAlreadyExistsException{Message: new("User with name " + name + " already exists.")}
		}
	}
	if boundary != "" && !c.managed(boundary) {
		return nil, missing("Scope ARN: %s does not exist or is not attachable.", boundary)
	}
	user := &User{
		ID: "AIDA" + rand.Text()[:16], Path: cmp.Or(aws.ToString(in.Path), "/"), Tags: map[string]string{},
		Boundary: boundary, Created: c.time().UTC().Truncate(time.Second),
	}
	for _, tag := range in.Tags {
		user.Tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	put(&c.state.Users, name, user)
	described := c.describe(name, user, true)
	return &iam.CreateUserOutput{User: &described}, nil
}

// DeleteUser deletes a user on whom there is nothing any more
// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteUser.html).
func (c call) DeleteUser(user *User, in *iam.DeleteUserInput) (any, error) {
	if len(user.Keys)+len(user.Attached)+len(user.Inline)+len(user.Groups) > 0 || user.Password != nil ||
		len(user.Services)+len(user.SSH)+len(user.Signing) > 0 {
		return nil, &types.DeleteConflictException{Message: new("Cannot delete entity, must delete its things first.")}
	}
	delete(c.state.Users, *in.UserName)
	return &iam.DeleteUserOutput{}, nil
}

// ListUsers lists the users below a path without tags, as IAM does.
func (c call) ListUsers(in *iam.ListUsersInput) (any, error) {
	below := slices.DeleteFunc(sorted(c.state.Users), func(name string) bool {
		return !strings.HasPrefix(c.state.Users[name].Path, aws.ToString(in.PathPrefix))
	})
	names, next := page(c.Page, below, in.Marker, in.MaxItems)
	out := &iam.ListUsersOutput{Marker: next, IsTruncated: next != nil}
	for _, name := range names {
		out.Users = append(out.Users, c.describe(name, c.state.Users[name], false))
	}
	return out, nil
}

func (c call) GetUser(user *User, in *iam.GetUserInput) (any, error) {
	described := c.describe(*in.UserName, user, true)
	return &iam.GetUserOutput{User: &described}, nil
}

// GetAccountAuthorizationDetails lists the users, groups and roles that its filter names, with what is attached to
// them. It knows no managed policies.
func (c call) GetAccountAuthorizationDetails(in *iam.GetAccountAuthorizationDetailsInput) (any, error) {
	out := &iam.GetAccountAuthorizationDetailsOutput{}
	var all []func()
	for _, kind := range in.Filter {
		switch kind {
		case types.EntityTypeUser:
			for _, name := range sorted(c.state.Users) {
				all = append(all, func() { out.UserDetailList = append(out.UserDetailList, c.userDetail(name)) })
			}
		case types.EntityTypeGroup:
			for _, name := range sorted(c.state.Groups) {
				group := c.state.Groups[name]
				all = append(all, func() {
					out.GroupDetailList = append(out.GroupDetailList, types.GroupDetail{
						GroupName: new(name), AttachedManagedPolicies: attached(group.Attached), GroupPolicyList: inline(group.Inline),
					})
				})
			}
		case types.EntityTypeRole:
			for _, name := range sorted(c.state.Roles) {
				role := c.state.Roles[name]
				all = append(all, func() {
					out.RoleDetailList = append(out.RoleDetailList, types.RoleDetail{
						RoleName: new(name), RoleId: new(role.ID), Path: new(role.Path),
						AttachedManagedPolicies: attached(role.Attached), RolePolicyList: inline(role.Inline),
						PermissionsBoundary: boundary(role.Boundary),
					})
				})
			}
		default:
			return nil, errors.New("get account authorization details: want those of users, groups and roles alone")
		}
	}
	adds, next := page(cmp.Or(c.Details, c.Page), all, in.Marker, in.MaxItems)
	for _, add := range adds {
		add()
	}
	out.Marker, out.IsTruncated = next, next != nil
	return out, nil
}

func (c call) userDetail(name string) types.UserDetail {
	user := c.state.Users[name]
	described := c.describe(name, user, true)
	return types.UserDetail{
		UserName: described.UserName, UserId: described.UserId, Path: described.Path, Arn: described.Arn,
		CreateDate: described.CreateDate,
		GroupList:  slices.Clone(user.Groups), AttachedManagedPolicies: attached(user.Attached),
		UserPolicyList: inline(user.Inline), PermissionsBoundary: described.PermissionsBoundary, Tags: described.Tags,
	}
}

func boundary(arn string) *types.AttachedPermissionsBoundary {
	if arn == "" {
		return nil
	}
	return &types.AttachedPermissionsBoundary{
		PermissionsBoundaryArn: new(arn), PermissionsBoundaryType: types.PermissionsBoundaryAttachmentTypePolicy,
	}
}

func inline(documents map[string]Document) (all []types.PolicyDetail) {
	for _, name := range sorted(documents) {
		all = append(all, types.PolicyDetail{PolicyName: new(name), PolicyDocument: encoded(documents[name])})
	}
	return all
}

// ListMFADevices lists the MFA devices of a user.
func (call) ListMFADevices(user *User, in *iam.ListMFADevicesInput) (any, error) {
	var devices []types.MFADevice
	for _, serial := range user.MFA {
		devices = append(devices, types.MFADevice{
			UserName: in.UserName, SerialNumber: new(serial), EnableDate: new(user.Created),
		})
	}
	return &iam.ListMFADevicesOutput{MFADevices: devices}, nil
}

// GetLoginProfile says since when a user has a password.
func (call) GetLoginProfile(user *User, in *iam.GetLoginProfileInput) (any, error) {
	if user.Password == nil {
		return nil, missing("Login Profile for User %s cannot be found.", *in.UserName)
	}
	return &iam.GetLoginProfileOutput{
		LoginProfile: &types.LoginProfile{UserName: in.UserName, CreateDate: new(user.Password.Created)},
	}, nil
}

// CreateAccessKey creates an access key, another one each time.
func (c call) CreateAccessKey(user *User, in *iam.CreateAccessKeyInput) (any, error) {
	if len(user.Keys) >= keyQuota {
		return nil, exceeded("Cannot exceed quota for AccessKeysPerUser: %d", keyQuota)
	}
	key := Key{
		ID: "AKIA" + scramble(16, "id", len(c.made)), Secret: scramble(40, "secret", len(c.made)),
		Status: string(types.StatusTypeActive), Created: c.time(),
	}
	c.made, user.Keys = append(c.made, key), append(user.Keys, key)
	return &iam.CreateAccessKeyOutput{AccessKey: &types.AccessKey{
		UserName: in.UserName, AccessKeyId: &key.ID, SecretAccessKey: &key.Secret, Status: types.StatusTypeActive,
		CreateDate: &key.Created,
	}}, nil
}

// index is where the key of the id is.
func index(keys []Key, id string) int {
	return slices.IndexFunc(keys, func(k Key) bool { return k.ID == id })
}

func noKey(id string) error { return missing("The Access Key with id %s cannot be found.", id) }

// deleteKey deletes a key, active or not, as IAM does.
func deleteKey(keys *[]Key, id string) error {
	at := index(*keys, id)
	if at < 0 {
		return noKey(id)
	}
	*keys = slices.Delete(*keys, at, at+1)
	return nil
}

func (call) DeleteAccessKey(user *User, in *iam.DeleteAccessKeyInput) (any, error) {
	return &iam.DeleteAccessKeyOutput{}, deleteKey(&user.Keys, *in.AccessKeyId)
}

// metadata is how the keys of a user, or of a root user without a name, are listed.
func metadata(user *string, keys []Key) (listed []types.AccessKeyMetadata) {
	for _, key := range keys {
		listed = append(listed, types.AccessKeyMetadata{
			UserName: user, AccessKeyId: new(key.ID), Status: types.StatusType(key.Status),
			CreateDate: new(key.Created),
		})
	}
	return listed
}

func (call) ListAccessKeys(user *User, in *iam.ListAccessKeysInput) (any, error) {
	return &iam.ListAccessKeysOutput{AccessKeyMetadata: metadata(in.UserName, user.Keys)}, nil
}

// Where and what for keys were used.
const (
	usedRegion  = "us-east-1"
	usedService = "s3"
)

// GetAccessKeyLastUsed says when a key was used, and whose it is.
func (c call) GetAccessKeyLastUsed(in *iam.GetAccessKeyLastUsedInput) (any, error) {
	for name, user := range c.state.Users {
		at := index(user.Keys, *in.AccessKeyId)
		if at < 0 {
			continue
		}
		used := &types.AccessKeyLastUsed{Region: new("N/A"), ServiceName: new("N/A")}
		if key := user.Keys[at]; !key.Used.IsZero() {
			used = &types.AccessKeyLastUsed{
				Region: new(usedRegion), ServiceName: new(usedService), LastUsedDate: new(key.Used),
			}
		}
		return &iam.GetAccessKeyLastUsedOutput{UserName: new(name), AccessKeyLastUsed: used}, nil
	}
	if slices.Contains(c.state.Foreign, *in.AccessKeyId) {
		return nil, refused("AccessDenied", "User is not authorized to perform: iam:GetAccessKeyLastUsed")
	}
	return nil, noKey(*in.AccessKeyId)
}

// UpdateAccessKey switches a key.
func (c call) UpdateAccessKey(user *User, in *iam.UpdateAccessKeyInput) (any, error) {
	at := index(user.Keys, *in.AccessKeyId)
	if at < 0 {
		return nil, noKey(*in.AccessKeyId)
	}
	user.Keys[at].Status = string(in.Status)
	if c.Now != nil {
		user.Keys[at].Changed = c.Now()
	}
	return &iam.UpdateAccessKeyOutput{}, nil
}

func (call) DeleteUserPermissionsBoundary(user *User, _ *iam.DeleteUserPermissionsBoundaryInput) (any, error) {
	user.Boundary = ""
	return &iam.DeleteUserPermissionsBoundaryOutput{}, nil
}

func (c call) PutUserPermissionsBoundary(user *User, in *iam.PutUserPermissionsBoundaryInput) (any, error) {
	if !c.managed(*in.PermissionsBoundary) {
		return nil, missing("Scope ARN: %s does not exist or is not attachable.", *in.PermissionsBoundary)
	}
	user.Boundary = *in.PermissionsBoundary
	return &iam.PutUserPermissionsBoundaryOutput{}, nil
}

func (c call) ListAttachedUserPolicies(user *User, in *iam.ListAttachedUserPoliciesInput) (any, error) {
	arns, next := page(c.Page, user.Attached, in.Marker, in.MaxItems)
	listed := attached(arns)
	return &iam.ListAttachedUserPoliciesOutput{AttachedPolicies: listed, Marker: next, IsTruncated: next != nil}, nil
}

func attached(arns []string) (policies []types.AttachedPolicy) {
	for _, arn := range arns {
		policies = append(policies, types.AttachedPolicy{PolicyArn: new(arn), PolicyName: policyName(arn)})
	}
	return policies
}

// policyName is the name that ends an ARN.
func policyName(arn string) *string { return new(arn[strings.LastIndex(arn, "/")+1:]) }

// add adds what is not in the list yet, if there is room for it.
func add(list *[]string, name, of string) error {
	switch {
	case slices.Contains(*list, name):
	case len(*list) >= quota:
		return exceeded("Cannot exceed quota for %sPerUser: %d", of, quota)
	default:
		*list = append(*list, name)
	}
	return nil
}

func (c call) AttachUserPolicy(user *User, in *iam.AttachUserPolicyInput) (any, error) {
	if !c.managed(*in.PolicyArn) {
		return nil, missing("Policy %s does not exist or is not attachable.", *in.PolicyArn)
	}
	if slices.Contains(c.state.Unattachable, *in.PolicyArn) {
		return nil, &types.PolicyNotAttachableException{Message: new("Policy is not attachable.")}
	}
	return &iam.AttachUserPolicyOutput{}, add(&user.Attached, *in.PolicyArn, "Policies")
}

func (call) DetachUserPolicy(user *User, in *iam.DetachUserPolicyInput) (any, error) {
	at := slices.Index(user.Attached, *in.PolicyArn)
	if at < 0 {
		return nil, missing("Policy %s was not found.", *in.PolicyArn)
	}
	user.Attached = slices.Delete(user.Attached, at, at+1)
	return &iam.DetachUserPolicyOutput{}, nil
}

func (c call) ListUserPolicies(user *User, in *iam.ListUserPoliciesInput) (any, error) {
	names, next := page(c.Page, sorted(user.Inline), in.Marker, in.MaxItems)
	return &iam.ListUserPoliciesOutput{PolicyNames: names, Marker: next, IsTruncated: next != nil}, nil
}

// GetUserPolicy returns an inline policy, URL-encoded as IAM does.
func (call) GetUserPolicy(user *User, in *iam.GetUserPolicyInput) (any, error) {
	document, err := lookUp(user.Inline, *in.PolicyName, noInline)
	return &iam.GetUserPolicyOutput{
		UserName: in.UserName, PolicyName: in.PolicyName, PolicyDocument: encoded(document),
	}, err
}

const noInline = "The user policy with name %s cannot be found."

// encoded is RFC 3986 encoding, in which only letters, digits and "-_.~" stay.
func encoded(d Document) *string {
	return new(strings.ReplaceAll(url.QueryEscape(string(d)), "+", "%20"))
}

func (call) PutUserPolicy(user *User, in *iam.PutUserPolicyInput) (any, error) {
	if !json.Valid([]byte(*in.PolicyDocument)) {
		return nil, &types.MalformedPolicyDocumentException{Message: new("Syntax errors in policy.")}
	}
	total := dense(*in.PolicyDocument)
	for name, document := range user.Inline {
		if name != *in.PolicyName {
			total += dense(string(document))
		}
	}
	if total > inlineQuota {
		return nil, exceeded("Maximum policy size of %d bytes exceeded for user %s", inlineQuota, *in.UserName)
	}
	put(&user.Inline, *in.PolicyName, Document(*in.PolicyDocument))
	return &iam.PutUserPolicyOutput{}, nil
}

// dense is how long a text is without its white space.
func dense(text string) int {
	return len([]rune(strings.Join(strings.FieldsFunc(text, unicode.IsSpace), "")))
}

func (call) DeleteUserPolicy(user *User, in *iam.DeleteUserPolicyInput) (any, error) {
	_, err := lookUp(user.Inline, *in.PolicyName, noInline)
	delete(user.Inline, *in.PolicyName)
	return &iam.DeleteUserPolicyOutput{}, err
}

func (c call) ListGroupsForUser(user *User, in *iam.ListGroupsForUserInput) (any, error) {
	names, next := page(c.Page, user.Groups, in.Marker, in.MaxItems)
	out := &iam.ListGroupsForUserOutput{Marker: next, IsTruncated: next != nil}
	for _, name := range names {
		out.Groups = append(out.Groups, types.Group{GroupName: new(name)})
	}
	return out, nil
}

func (c call) group(name *string) (*Group, error) {
	return lookUp(c.state.Groups, *name, "The group with name %s cannot be found.")
}

func (c call) AddUserToGroup(user *User, in *iam.AddUserToGroupInput) (any, error) {
	if _, err := c.group(in.GroupName); err != nil {
		return nil, err
	}
	return &iam.AddUserToGroupOutput{}, add(&user.Groups, *in.GroupName, "Groups")
}

func (c call) RemoveUserFromGroup(user *User, in *iam.RemoveUserFromGroupInput) (any, error) {
	if _, err := c.group(in.GroupName); err != nil {
		return nil, err
	}
	user.Groups = slices.DeleteFunc(user.Groups, func(name string) bool { return name == *in.GroupName })
	return &iam.RemoveUserFromGroupOutput{}, nil
}

func (c call) ListAttachedGroupPolicies(group *Group, in *iam.ListAttachedGroupPoliciesInput) (any, error) {
	arns, next := page(c.Page, group.Attached, in.Marker, in.MaxItems)
	return &iam.ListAttachedGroupPoliciesOutput{
		AttachedPolicies: attached(arns), Marker: next, IsTruncated: next != nil,
	}, nil
}

func (c call) ListGroupPolicies(group *Group, in *iam.ListGroupPoliciesInput) (any, error) {
	names, next := page(c.Page, sorted(group.Inline), in.Marker, in.MaxItems)
	return &iam.ListGroupPoliciesOutput{PolicyNames: names, Marker: next, IsTruncated: next != nil}, nil
}

// GetGroupPolicy returns an inline policy of a group, URL-encoded as IAM does.
func (call) GetGroupPolicy(group *Group, in *iam.GetGroupPolicyInput) (any, error) {
	document, err := lookUp(group.Inline, *in.PolicyName, "The group policy with name %s cannot be found.")
	return &iam.GetGroupPolicyOutput{
		GroupName: in.GroupName, PolicyName: in.PolicyName, PolicyDocument: encoded(document),
	}, err
}

// GetAccountSummary returns the account's counts.
func (c call) GetAccountSummary(*iam.GetAccountSummaryInput) (any, error) {
	return &iam.GetAccountSummaryOutput{SummaryMap: maps.Clone(c.state.Summary)}, nil
}
