// Package rootkey lists and deletes the access keys of the root users of member accounts, in sessions
// that may do just that: the changes of kind [change.RootKeyDeletion]. It never creates a key.
//
// It is a package of its own so that only the functions that import it link the client of STS.
package rootkey

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	tokens "github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/warder-aws/warder/pkg/change"
)

// The tasks that a session as root is begun for: to list and to delete
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_root-user-privileged-task.html).
const (
	auditTask  = "root-task/IAMAuditRootUserCredentials"
	deleteTask = "root-task/IAMDeleteRootUserCredentials"
)

// taskSeconds is how long a session as root lasts: the longest there is. One call is made in it
// (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoot.html).
const taskSeconds = 900

// Roots begins sessions as the root user of a member account, at a regional endpoint: the global one refuses it.
type Roots interface {
	AssumeRoot(context.Context, *sts.AssumeRootInput, ...func(*sts.Options)) (*sts.AssumeRootOutput, error)
}

// RootSession lists the operations that are called as root.
type RootSession interface {
	ListAccessKeys(context.Context, *iam.ListAccessKeysInput, ...func(*iam.Options)) (*iam.ListAccessKeysOutput, error)
	DeleteAccessKey(context.Context, *iam.DeleteAccessKeyInput, ...func(*iam.Options)) (*iam.DeleteAccessKeyOutput, error)
}

// Sessions makes the client of a session.
type Sessions func(aws.Credentials) RootSession

// Kinds returns a registry of what is done as the root user of member accounts.
func Kinds(api Roots, sessions Sessions) change.Registry {
	return change.NewRegistry(kind{api: api, sessions: sessions})
}

// List lists the access keys of a root user, in a session that may only list. root is its ARN.
func List(ctx context.Context, api Roots, sessions Sessions, root string) ([]types.AccessKeyMetadata, error) {
	session, err := assumeRoot(ctx, api, sessions, root, auditTask)
	if err != nil {
		return nil, err
	}
	// Without a user name the keys are those of the caller.
	out, err := session.ListAccessKeys(ctx, &iam.ListAccessKeysInput{})
	if err != nil {
		return nil, fmt.Errorf("list access keys of %s: %w", root, err)
	}
	return out.AccessKeyMetadata, nil
}

// begin begins a session as root for a task.
func assumeRoot(ctx context.Context, api Roots, sessions Sessions, root, task string) (RootSession, error) {
	who, err := arn.Parse(root)
	if err != nil || who.Service != "iam" || who.Resource != "root" {
		return nil, fmt.Errorf("assume root: %q is not the ARN of a root user", root)
	}
	out, err := api.AssumeRoot(ctx, &sts.AssumeRootInput{
		TargetPrincipal: &who.AccountID, DurationSeconds: aws.Int32(taskSeconds),
		TaskPolicyArn: &tokens.PolicyDescriptorType{Arn: aws.String("arn:" + who.Partition + ":iam::aws:policy/" + task)},
	})
	if err != nil {
		return nil, fmt.Errorf("assume root of account %s for %s: %w", who.AccountID,
			strings.TrimPrefix(task, "root-task/"), err)
	}
	if out.Credentials == nil {
		return nil, errors.New("assume root: the answer has no credentials")
	}
	return sessions(aws.Credentials{
		AccessKeyID:     aws.ToString(out.Credentials.AccessKeyId),
		SecretAccessKey: aws.ToString(out.Credentials.SecretAccessKey),
		SessionToken:    aws.ToString(out.Credentials.SessionToken),
	}), nil
}

type kind struct {
	change.RootKeys
	api      Roots
	sessions Sessions
}

func (k kind) Read(ctx context.Context, c change.Change) (string, error) {
	keys, err := List(ctx, k.api, k.sessions, c.Subject)
	for _, key := range keys {
		if aws.ToString(key.AccessKeyId) == c.Target {
			return string(key.Status), nil
		}
	}
	return "", err
}

func (k kind) Set(ctx context.Context, c change.Change) error {
	if c.After != "" {
		return fmt.Errorf("delete root access key %s of %s: none is restored", change.KeyHint(c.Target), c.Subject)
	}
	session, err := assumeRoot(ctx, k.api, k.sessions, c.Subject, deleteTask)
	if err != nil {
		return err
	}
	_, err = session.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{AccessKeyId: &c.Target})
	return change.Wrap(err, "delete root access key %s of %s", change.KeyHint(c.Target), c.Subject)
}
