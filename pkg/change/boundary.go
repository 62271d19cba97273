package change

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/warder-aws/warder/pkg/i18n"
)

// PermissionsBoundary sets or takes away the permissions boundary of a user: the value is the ARN of
// the policy. The target is the user as well: it has one boundary at most.
const PermissionsBoundary = "permissions boundary"

type permissionsBoundary struct {
	reversible
	iam IAM
}

func (permissionsBoundary) Name() string { return PermissionsBoundary }

func (k permissionsBoundary) Read(ctx context.Context, c Change) (string, error) {
	got, err := k.iam.GetUser(ctx, &iam.GetUserInput{UserName: &c.Subject})
	if err != nil {
		return "", Wrap(err, "get user %q", c.Subject)
	}
	if got.User.PermissionsBoundary == nil {
		return "", nil
	}
	return aws.ToString(got.User.PermissionsBoundary.PermissionsBoundaryArn), nil
}

func (k permissionsBoundary) Set(ctx context.Context, c Change) error {
	if c.After == "" {
		_, err := k.iam.DeleteUserPermissionsBoundary(ctx, &iam.DeleteUserPermissionsBoundaryInput{UserName: &c.Subject})
		return Wrap(err, "delete the permissions boundary of %q", c.Subject)
	}
	_, err := k.iam.PutUserPermissionsBoundary(ctx,
		&iam.PutUserPermissionsBoundaryInput{UserName: &c.Subject, PermissionsBoundary: &c.After})
	return Wrap(err, "put the permissions boundary %s on %q", c.After, c.Subject)
}

// Widens implements [Kind]: a boundary where there was none can only take access away. One in the
// place of another may allow what the other did not.
func (permissionsBoundary) Widens(c Change, _ []Change) bool { return c.Before != "" || c.After == "" }

func (permissionsBoundary) Describe(c Change, done bool) i18n.Message {
	if c.After == "" {
		return pick(done, i18n.T("removed the permissions boundary %s from %s", c.Before, c.Subject),
			i18n.T("remove the permissions boundary %s from %s", c.Before, c.Subject))
	}
	return i18n.T("put the permissions boundary %s on %s", c.After, c.Subject)
}
