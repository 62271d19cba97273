// Package principal finds the IAM users that an event is about, whatever the event calls them:
// by unique id, name or ARN, or all of them. It reads and never writes.
package principal

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/warder-aws/warder/pkg/change"
)

// API is the operation that users are found with.
type API interface {
	ListUsers(context.Context, *iam.ListUsersInput, ...func(*iam.Options)) (*iam.ListUsersOutput, error)
}

// Users yields every user of the account, page by page. After an error it ends. The users have
// neither tags nor a permissions boundary
// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListUsers.html).
func Users(ctx context.Context, api API) iter.Seq2[types.User, error] {
	return func(yield func(types.User, error) bool) {
		pages := iam.NewListUsersPaginator(api, &iam.ListUsersInput{})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(types.User{}, fmt.Errorf("list users: %w", err))
				return
			}
			for _, user := range page.Users {
				if !yield(user, nil) {
					return
				}
			}
		}
	}
}

// Name returns the name of the user that resource names: its unique id (AIDA…, which is what AWS
// Config gives and no other IAM operation takes), its ARN, or its name. ok is false when no user
// of the account is meant, or the user is gone.
func Name(ctx context.Context, api API, resource string) (name string, ok bool, err error) {
	if parsed, err := arn.Parse(resource); err == nil {
		kind, path, _ := strings.Cut(parsed.Resource, "/")
		if parsed.Service != "iam" || kind != "user" {
			return "", false, nil
		}
		name := path[strings.LastIndex(path, "/")+1:]
		return name, name != "", nil
	}
	if strings.HasPrefix(resource, "arn:") { // no name has a colon
		return "", false, nil
	}
	if !UniqueID(resource) {
		return resource, resource != "", nil
	}
	for user, err := range Users(ctx, api) {
		if err != nil {
			return "", false, err
		}
		// A user may be named like an id: the id decides.
		if aws.ToString(user.UserId) == resource {
			return aws.ToString(user.UserName), true, nil
		}
	}
	return "", false, nil
}

// UniqueID reports whether text has the form of an IAM user's unique id
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-prefixes).
func UniqueID(text string) bool {
	return len(text) >= 16 && strings.HasPrefix(text, "AIDA") && strings.ToUpper(text) == text && !strings.ContainsAny(text, "-_@+=,./")
}

// Patiently calls read again when it says that the thing is gone, after one second and after two
// more: IAM is eventually consistent, and a user may be heard of before it can be read
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html).
func Patiently(ctx context.Context, sleep func(context.Context, time.Duration), read func() error) error {
	err := read()
	for _, pause := range []time.Duration{time.Second, 2 * time.Second} {
		if !change.Gone(err) {
			return err
		}
		sleep(ctx, pause)
		err = read()
	}
	return err
}
