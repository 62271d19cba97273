package change

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/warder-aws/warder/pkg/i18n"
)

// RoleLock denies everything to a role that nobody uses. The subject is the name of the role, the target its unique id,
// so that a lock is never put on, or taken off, another role by that name. The value is the document of the inline
// policy [LockPolicy], byte for byte, and Content what AWS knew of the last use, see [LastUse].
const RoleLock = "role lock"

// LockPolicy is the name of the inline policy that denies, and LockDocument what it says.
const (
	LockPolicy   = "WarderUnusedRole"
	LockDocument = `{"Version":"2012-10-17",` +
		`"Statement":[{"Sid":"WarderUnusedRole","Effect":"Deny","Action":"*","Resource":"*"}]}`
)

type roleLock struct{ iamKind }

// LastUse is when a role was last used, as IAM keeps it for 400 days; "never" if it does not know of any
// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_RoleLastUsed.html).
func LastUse(r *types.Role) string {
	if r.RoleLastUsed == nil || r.RoleLastUsed.LastUsedDate == nil {
		return "never"
	}
	return r.RoleLastUsed.LastUsedDate.UTC().Format(time.RFC3339)
}

func (k roleLock) role(ctx context.Context, c Change) (*types.Role, error) {
	out, err := k.iam.GetRole(ctx, &iam.GetRoleInput{RoleName: &c.Subject})
	if err != nil {
		return nil, Wrap(err, "get role %q", c.Subject)
	}
	if id := aws.ToString(out.Role.RoleId); id != c.Target {
		return nil, &types.NoSuchEntityException{Message: aws.String("another role has the name " + c.Subject + " now")}
	}
	return out.Role, nil
}

// Read also looks whether the role was used since it was found unused, when the lock is what comes next.
func (k roleLock) Read(ctx context.Context, c Change) (string, error) {
	role, err := k.role(ctx, c)
	if err != nil {
		return "", err
	}
	present, err := LockOf(ctx, k.iam, c.Subject)
	if err == nil && present == "" && c.After != "" && c.Content != LastUse(role) {
		err = i18n.Fault{Text: i18n.T("not locked: the role %s was used since it was found unused", c.Subject)}
	}
	return present, err
}

// LockOf is the document of the inline policy that locks a role, empty if there is none.
func LockOf(ctx context.Context, api interface {
	GetRolePolicy(context.Context, *iam.GetRolePolicyInput, ...func(*iam.Options)) (*iam.GetRolePolicyOutput, error)
}, role string) (string, error) {
	out, err := api.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &role, PolicyName: aws.String(LockPolicy)})
	if NotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", Wrap(err, "get inline policy %q of role %q", LockPolicy, role)
	}
	return Document(aws.ToString(out.PolicyDocument))
}

func (k roleLock) Set(ctx context.Context, c Change) error {
	policy, document := LockPolicy, LockDocument
	switch c.After {
	case document:
		_, err := k.iam.PutRolePolicy(ctx,
			&iam.PutRolePolicyInput{RoleName: &c.Subject, PolicyName: &policy, PolicyDocument: &document})
		return Wrap(err, "put inline policy %q of role %q", policy, c.Subject)
	case "":
		_, err := k.iam.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: &c.Subject, PolicyName: &policy})
		return Wrap(err, "delete inline policy %q of role %q", policy, c.Subject)
	}
	return fmt.Errorf("lock role %q: %q with such a document is no lock", c.Subject, policy)
}

// Widens implements [Kind]: where there was nothing a deny may come.
func (roleLock) Widens(c Change, _ []Change) bool { return c.Before != "" || c.After != LockDocument }

func (roleLock) Describe(c Change, done bool) i18n.Message {
	return either(c.After != "", done,
		i18n.T("locked role %s (inline policy %s denies everything)", c.Subject, LockPolicy),
		i18n.T("lock role %s (inline policy %s denies everything)", c.Subject, LockPolicy),
		i18n.T("unlocked role %s", c.Subject), i18n.T("unlock role %s", c.Subject))
}

// Tags implements [Tagged]. IAM tells keys apart without case.
func (k roleLock) Tags(ctx context.Context, c Change) (map[string]string, error) {
	role, err := k.role(ctx, c)
	if NotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return RoleTags(role), nil
}

// RoleTags are the tags of a role by their keys in lower case.
func RoleTags(r *types.Role) map[string]string {
	tags := map[string]string{}
	for _, tag := range r.Tags {
		tags[strings.ToLower(aws.ToString(tag.Key))] = aws.ToString(tag.Value)
	}
	return tags
}

var _ Tagged = roleLock{}
