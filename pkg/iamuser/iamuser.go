// Package iamuser finds and lists IAM users: the one that an event names by unique id, name or ARN, and all of the
// account, with their rows of the credential report. It reads, never writes, and decides nothing.
//
// IAM is one endpoint for the whole account and throttles hard, so [ForEach] limits the calls at a time. The credential
// report is a hint, not a proof: it is up to four hours old, and its last_rotated is when a key was created or its
// status last changed, so a key that was deactivated and activated again looks young. A key is at least as old as the
// report says, never younger.
package iamuser

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/warder-aws/warder/pkg/change"
)

// UserLister lists users.
type UserLister interface {
	ListUsers(context.Context, *iam.ListUsersInput, ...func(*iam.Options)) (*iam.ListUsersOutput, error)
}

// All yields every user of the account, page by page, and ends after an error. The users have neither tags nor a
// permissions boundary (https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListUsers.html).
func All(ctx context.Context, api UserLister) iter.Seq2[types.User, error] {
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

// ResolveName returns the name of a user by its unique id (AIDA…, which AWS Config gives and no other IAM operation
// accepts), its ARN, or its name. ok is false if the resource is no user of the account, or the user is not found.
func ResolveName(ctx context.Context, api UserLister, resource string) (name string, ok bool, err error) {
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
	if !IsUniqueID(resource) {
		return resource, resource != "", nil
	}
	return NameOf(ctx, api, resource) // a user may be named like an id: the id decides
}

// NameOf returns the name that the user of the unique id has now; ok is false if there is no such user.
func NameOf(ctx context.Context, api UserLister, id string) (name string, ok bool, err error) {
	for user, err := range All(ctx, api) {
		if err != nil {
			return "", false, err
		}
		if aws.ToString(user.UserId) == id {
			return aws.ToString(user.UserName), true, nil
		}
	}
	return "", false, nil
}

// IsUniqueID reports whether text has the form of an IAM user's unique id
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-prefixes).
func IsUniqueID(text string) bool {
	return len(text) >= 16 && strings.HasPrefix(text, "AIDA") && strings.ToUpper(text) == text &&
		!strings.ContainsAny(text, "-_@+=,./")
}

// RetryUntilVisible retries a read that answers "not found", after one second and after two more: IAM is eventually
// consistent, and an event about a user may arrive before the user can be read
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html).
func RetryUntilVisible(ctx context.Context, sleep func(context.Context, time.Duration), read func() error) error {
	err := read()
	for _, pause := range []time.Duration{time.Second, 2 * time.Second} {
		if !change.NotFound(err) {
			return err
		}
		sleep(ctx, pause)
		err = read()
	}
	return err
}

// Pace is the pause after the start of each user: at most twenty users a second.
const Pace = 50 * time.Millisecond

// Concurrency is how many users a function inspects at a time. If a call to IAM takes 50 ms, the three calls for a user
// with two access keys take as long as three paces.
const Concurrency = 4

// ForEach inspects the users in order, at most concurrency of them at a time, and one after the other if concurrency is
// less than two. It starts no user after ctx has ended, and waits for those that it has started. It returns their
// results, in the order of the users.
//
// rest is called after the start of each user, for the pace; inspect is called from several goroutines.
func ForEach[T any](ctx context.Context, users []string, concurrency int, rest func(), inspect func(user string) T,
) []T {
	results := make([]T, len(users))
	if concurrency < 2 {
		for i, user := range users {
			if ctx.Err() != nil {
				return results[:i]
			}
			results[i] = inspect(user)
			rest()
		}
		return results
	}
	slots := make(chan struct{}, concurrency)
	var running sync.WaitGroup
	defer running.Wait()
	for i, user := range users {
		slots <- struct{}{}
		if ctx.Err() != nil {
			return results[:i]
		}
		running.Go(func() {
			defer func() { <-slots }()
			results[i] = inspect(user)
		})
		rest()
	}
	return results
}
