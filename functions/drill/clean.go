package drill

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/drill"
	"github.com/warder-aws/warder/pkg/iamuser"
	"github.com/warder-aws/warder/pkg/notice"
)

// clean deletes every user that a drill made: while one goes on there is no other, so that all of them are its own or
// were left. The error says that some could not be looked for; those that could not be deleted are in the answer.
func (p *play) clean(ctx context.Context, answer *drill.Answer) error {
	var faults []error
	var names []string
	if p.made {
		names = append(names, p.drill.User) // the list may not show it yet
	}
	pages := iam.NewListUsersPaginator(p.iam, &iam.ListUsersInput{PathPrefix: aws.String(drill.Path)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			faults = append(faults, fmt.Errorf("list users below %s: %w", drill.Path, err))
			break
		}
		for _, user := range page.Users {
			if name := aws.ToString(user.UserName); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	for _, name := range names {
		// Where another drill took this one's place, the others are not left over.
		if err := p.goOn(ctx); err != nil && name != p.drill.User {
			return errors.Join(append(faults, err)...)
		}
		faults = append(faults, p.remove(ctx, name, answer))
	}
	return errors.Join(faults...)
}

// remove deletes a user, if a drill made it. What cannot be deleted is named in the answer.
func (p *play) remove(ctx context.Context, name string, answer *drill.Answer) error {
	answer.Leftovers = slices.DeleteFunc(answer.Leftovers, func(l drill.Leftover) bool { return l.User == name })
	var found bool
	var err error
	for _, wait := range []time.Duration{0, pause, 4 * pause} {
		if wait > 0 {
			p.sleep(ctx, wait)
		}
		if found, err = p.try(ctx, name); err == nil {
			if found && !slices.Contains(answer.Cleaned, name) {
				answer.Cleaned = append(answer.Cleaned, name)
			}
			return nil
		}
	}
	answer.Leftovers = append(answer.Leftovers, drill.Leftover{User: name, Why: inOneLine(err), Remove: []string{
		"aws iam list-attached-user-policies --user-name " + name + " --query 'AttachedPolicies[].PolicyArn' --output " +
			"text | xargs -rn1 aws iam detach-user-policy --user-name " + name + " --policy-arn",
		"aws iam list-access-keys --user-name " + name + " --query 'AccessKeyMetadata[].AccessKeyId' --output text | " +
			"xargs -rn1 aws iam delete-access-key --user-name " + name + " --access-key-id",
		"aws iam delete-user --user-name " + name,
	}})
	return fmt.Errorf("user %s of a drill is left", name)
}

// inOneLine is the text of an error for the answer.
func inOneLine(err error) string { return notice.Redact(strings.ReplaceAll(err.Error(), "\n", "; ")) }

// try deletes a user with what belongs to it; found is false when there was none that a drill made. Of
// the policies on it those are detached that a drill, or Warder because of one, attached: a user on
// which somebody put something else is left to them.
func (p *play) try(ctx context.Context, name string) (found bool, err error) {
	user, err := p.user(ctx, name)
	if change.NotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	tags := map[string]string{}
	for _, tag := range user.Tags {
		tags[strings.ToLower(aws.ToString(tag.Key))] = aws.ToString(tag.Value)
	}
	if _, ours := drill.Made(name, aws.ToString(user.Path), tags); !ours {
		return false, nil
	}
	var faults []error
	policies := iam.NewListAttachedUserPoliciesPaginator(p.iam, &iam.ListAttachedUserPoliciesInput{UserName: &name})
	for policies.HasMorePages() {
		page, err := policies.NextPage(ctx)
		if err != nil {
			faults = append(faults, unlessGone(err, "list attached policies of %q", name))
			break
		}
		for _, policy := range page.AttachedPolicies {
			if arn := aws.ToString(policy.PolicyArn); arn == p.policy || arn == p.settings.Quarantine.Outside {
				_, err := p.iam.DetachUserPolicy(ctx, &iam.DetachUserPolicyInput{UserName: &name, PolicyArn: &arn})
				faults = append(faults, unlessGone(err, "detach policy %s from %q", arn, name))
			}
		}
	}
	keys := iam.NewListAccessKeysPaginator(p.iam, &iam.ListAccessKeysInput{UserName: &name})
	for keys.HasMorePages() {
		page, err := keys.NextPage(ctx)
		if err != nil {
			faults = append(faults, unlessGone(err, "list access keys of %q", name))
			break
		}
		for _, key := range page.AccessKeyMetadata {
			_, err := p.iam.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: &name, AccessKeyId: key.AccessKeyId})
			hint := change.KeyHint(aws.ToString(key.AccessKeyId))
			faults = append(faults, unlessGone(err, "delete access key %s of %q", hint, name))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return true, err
	}
	_, err = p.iam.DeleteUser(ctx, &iam.DeleteUserInput{UserName: &name})
	return true, unlessGone(err, "delete user %q", name)
}

// user reads a user, and waits for one that the drill has just made.
func (p *play) user(ctx context.Context, name string) (*types.User, error) {
	var user *types.User
	read := func() error {
		out, err := p.iam.GetUser(ctx, &iam.GetUserInput{UserName: &name})
		if err == nil {
			user = out.User
		}
		return wrap(err, "get user %q", name)
	}
	if name != p.drill.User {
		err := read()
		return user, err
	}
	err := iamuser.RetryUntilVisible(ctx, p.sleep, read)
	return user, err
}

func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}

// unlessGone is the error with what was tried, nil when what it was tried on is gone.
func unlessGone(err error, format string, args ...any) error {
	if change.NotFound(err) {
		return nil
	}
	return wrap(err, format, args...)
}
