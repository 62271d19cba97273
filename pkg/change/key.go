package change

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/warder-aws/warder/pkg/i18n"
)

// AccessKeyDeletion deletes an access key, which cannot be reverted: the values are [Inactive] and absent.
const AccessKeyDeletion = "access key deletion"

type accessKeyDeletion struct {
	iamKind
	deletion
}

func (k accessKeyDeletion) Read(ctx context.Context, c Change) (string, error) {
	return accessKeyStatus{k.iamKind}.Read(ctx, c)
}

// Set deletes the key if it is inactive at that moment; one that is active is in use.
func (k accessKeyDeletion) Set(ctx context.Context, c Change) error {
	if c.Before != Inactive || c.After != "" {
		return fmt.Errorf("delete access key %s of %q: only an inactive key is deleted, and none is restored",
			KeyHint(c.Target), c.Subject)
	}
	present, err := k.Read(ctx, c)
	if err != nil {
		// That the user cannot be seen does not say that the key was deleted: the error is not one of Gone.
		return fmt.Errorf("delete access key %s of %q: %s", KeyHint(c.Target), c.Subject, err.Error())
	}
	if present == Active {
		return fmt.Errorf("delete access key %s of %q: it is active", KeyHint(c.Target), c.Subject)
	}
	_, err = k.iam.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: &c.Subject, AccessKeyId: &c.Target})
	return Wrap(err, "delete access key %s of %q", KeyHint(c.Target), c.Subject)
}

func (accessKeyDeletion) Final() i18n.Message {
	return i18n.T("AWS keeps nothing of a deleted access key, and gives no key the same id and secret again; create a " +
		"new one")
}

// RootKeyDeletion deletes an access key of a member account's root user. The subject is the ARN of that root user; the
// values are [Active] or [Inactive], and absent. It cannot be reverted. Package rootkey reads and makes such changes.
const RootKeyDeletion = "root access key deletion"

// RootKeys describes changes of [RootKeyDeletion].
type RootKeys struct{ deletion }

// Name implements [Kind].
func (RootKeys) Name() string { return RootKeyDeletion }

// Final implements [Kind].
func (RootKeys) Final() i18n.Message {
	return i18n.T("AWS keeps nothing of a deleted access key, and gives no key the same id and secret again")
}

// deletion describes the deletion of an access key, whosever it is.
type deletion struct{}

// Widens implements [Kind]: to delete a key takes nothing but access.
func (deletion) Widens(c Change, _ []Change) bool { return c.After != "" }

func (deletion) Describe(c Change, done bool) i18n.Message {
	return pick(done, i18n.T("deleted access key %s of %s for good", KeyHint(c.Target), c.Subject),
		i18n.T("delete access key %s of %s for good", KeyHint(c.Target), c.Subject))
}
