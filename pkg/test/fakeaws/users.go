package fakeaws

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// CreateUser adds a user
// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateUser.html).
func (a *Account) CreateUser(
	_ context.Context, in *iam.CreateUserInput, _ ...func(*iam.Options),
) (*iam.CreateUserOutput, error) {
	return call(a, "iam:CreateUser", func() (*iam.CreateUserOutput, error) {
		name := aws.ToString(in.UserName)
		// Names that differ in case alone are the same name.
		if slices.ContainsFunc(sorted(a.state.Users), func(other string) bool { return strings.EqualFold(name, other) }) {
			return nil, &types.EntityAlreadyExistsException{Message: aws.String("User with name " + name + " already exists.")}
		}
		user := &User{ID: "AIDA" + rand.Text()[:16], Path: aws.ToString(in.Path), Tags: map[string]string{}}
		if user.Boundary = aws.ToString(in.PermissionsBoundary); user.Boundary != "" && !a.managed(user.Boundary) {
			return nil, missing("Scope ARN: %s does not exist or is not attachable.", user.Boundary)
		}
		if user.Path == "" {
			user.Path = "/"
		}
		for _, tag := range in.Tags {
			user.Tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
		}
		if a.Now != nil {
			user.Created = a.Now().UTC().Truncate(time.Second)
		}
		if a.state.Users == nil {
			a.state.Users = map[string]*User{}
		}
		a.state.Users[name] = user
		described := a.describe(name, user)
		described.Tags, described.PermissionsBoundary = tagsOf(user), boundaryOf(user)
		return &iam.CreateUserOutput{User: &described}, nil
	})
}

// DeleteUser deletes a user on whom there is nothing any more
// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteUser.html).
func (a *Account) DeleteUser(
	_ context.Context, in *iam.DeleteUserInput, _ ...func(*iam.Options),
) (*iam.DeleteUserOutput, error) {
	return onUser(a, "iam:DeleteUser", in.UserName, func(user *User) (*iam.DeleteUserOutput, error) {
		if len(user.Keys)+len(user.Attached)+len(user.Inline)+len(user.Groups) > 0 || user.Password != nil {
			return nil, &types.DeleteConflictException{
				Message: aws.String("Cannot delete entity, must delete or detach what belongs to it first."),
			}
		}
		delete(a.state.Users, *in.UserName)
		return &iam.DeleteUserOutput{}, nil
	})
}
