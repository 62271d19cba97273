package fakeaws

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// DeleteAccessKey deletes a key, active or not, as IAM does.
func (a *Account) DeleteAccessKey(
	_ context.Context, in *iam.DeleteAccessKeyInput, _ ...func(*iam.Options),
) (*iam.DeleteAccessKeyOutput, error) {
	return onUser(a, "iam:DeleteAccessKey", in.UserName, func(user *User) (*iam.DeleteAccessKeyOutput, error) {
		at := slices.IndexFunc(user.Keys, func(k Key) bool { return k.ID == aws.ToString(in.AccessKeyId) })
		if at < 0 {
			return nil, missing("The Access Key with id %s cannot be found.", aws.ToString(in.AccessKeyId))
		}
		user.Keys = slices.Delete(user.Keys, at, at+1)
		return &iam.DeleteAccessKeyOutput{}, nil
	})
}

// GetLoginProfile says since when a user has a password.
func (a *Account) GetLoginProfile(
	_ context.Context, in *iam.GetLoginProfileInput, _ ...func(*iam.Options),
) (*iam.GetLoginProfileOutput, error) {
	return onUser(a, "iam:GetLoginProfile", in.UserName, func(user *User) (*iam.GetLoginProfileOutput, error) {
		if user.Password == nil {
			return nil, missing("Login Profile for User %s cannot be found.", *in.UserName)
		}
		return &iam.GetLoginProfileOutput{
			LoginProfile: &types.LoginProfile{UserName: in.UserName, CreateDate: aws.Time(user.Password.Created)},
		}, nil
	})
}

// GetAccountAuthorizationDetails lists the users with what is attached to them. It knows their filter
// alone.
func (a *Account) GetAccountAuthorizationDetails(
	_ context.Context, in *iam.GetAccountAuthorizationDetailsInput, _ ...func(*iam.Options),
) (*iam.GetAccountAuthorizationDetailsOutput, error) {
	return call(a, "iam:GetAccountAuthorizationDetails", func() (*iam.GetAccountAuthorizationDetailsOutput, error) {
		if !slices.Equal(in.Filter, []types.EntityType{types.EntityTypeUser}) {
			return nil, fmt.Errorf("get account authorization details: want those of users alone")
		}
		names, next := page(cmp.Or(a.Details, a.Page), sorted(a.state.Users), in.Marker, in.MaxItems)
		out := &iam.GetAccountAuthorizationDetailsOutput{Marker: next, IsTruncated: next != nil}
		for _, name := range names {
			user := a.state.Users[name]
			described := a.describe(name, user)
			detail := types.UserDetail{
				UserName: described.UserName, UserId: described.UserId, Path: described.Path, Arn: described.Arn,
				CreateDate: described.CreateDate,
				GroupList:  slices.Clone(user.Groups), AttachedManagedPolicies: attached(user.Attached),
				PermissionsBoundary: boundaryOf(user), Tags: tagsOf(user),
			}
			for _, inline := range sorted(user.Inline) {
				detail.UserPolicyList = append(
					detail.UserPolicyList,
					types.PolicyDetail{PolicyName: aws.String(inline), PolicyDocument: encoded(user.Inline[inline])},
				)
			}
			out.UserDetailList = append(out.UserDetailList, detail)
		}
		return out, nil
	})
}
