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
	return call(a, "iam:PutUserPermissionsBoundary", func() (*iam.PutUserPermissionsBoundaryOutput, error) {
		user, err := a.user(in.UserName)
		if err != nil {
			return nil, err
		}
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
	return call(a, "iam:DeleteUserPermissionsBoundary", func() (*iam.DeleteUserPermissionsBoundaryOutput, error) {
		user, err := a.user(in.UserName)
		if err != nil {
			return nil, err
		}
		a.known[user.Boundary] = true
		user.Boundary = ""
		return &iam.DeleteUserPermissionsBoundaryOutput{}, nil
	})
}
