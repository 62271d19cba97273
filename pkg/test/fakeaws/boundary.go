package fakeaws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// PutUserPermissionsBoundary sets the permissions boundary of a user.
func (a *Account) PutUserPermissionsBoundary(
	_ context.Context, in *iam.PutUserPermissionsBoundaryInput, _ ...func(*iam.Options),
) (*iam.PutUserPermissionsBoundaryOutput, error) {
	type out = iam.PutUserPermissionsBoundaryOutput
	return onUser(a, "iam:PutUserPermissionsBoundary", in.UserName, func(user *User) (*out, error) {
		if !a.managed(aws.ToString(in.PermissionsBoundary)) {
			return nil, missing("Scope ARN: %s does not exist or is not attachable.", aws.ToString(in.PermissionsBoundary))
		}
		a.known[user.Boundary] = true
		user.Boundary = *in.PermissionsBoundary
		return &iam.PutUserPermissionsBoundaryOutput{}, nil
	})
}

// DeleteUserPermissionsBoundary takes the permissions boundary of a user away.
func (a *Account) DeleteUserPermissionsBoundary(
	_ context.Context, in *iam.DeleteUserPermissionsBoundaryInput, _ ...func(*iam.Options),
) (*iam.DeleteUserPermissionsBoundaryOutput, error) {
	type out = iam.DeleteUserPermissionsBoundaryOutput
	return onUser(a, "iam:DeleteUserPermissionsBoundary", in.UserName, func(user *User) (*out, error) {
		a.known[user.Boundary] = true
		user.Boundary = ""
		return &iam.DeleteUserPermissionsBoundaryOutput{}, nil
	})
}
