// Package rotation gives users a second access key, and stores its secret where the user alone can read
// it: the changes of kind [change.AccessKeyRotation]. It never reads the value of a secret, and never
// touches the key that is rotated.
//
// It is a package of its own so that only the functions that import it link the client of Secrets Manager.
package rotation

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	secrets "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/i18n"
)

//go:embed ko.json
var korean []byte

func init() { i18n.Register("ko", korean) }

// recovery is how long a secret that was deleted can be restored, in days. Seven is the least; its
// name is taken meanwhile (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html).
const recovery = 7

// UseReader is the operation that says when a key was used.
type UseReader interface {
	GetAccessKeyLastUsed(context.Context, *iam.GetAccessKeyLastUsedInput,
		...func(*iam.Options)) (*iam.GetAccessKeyLastUsedOutput, error)
}

// KeyMaker lists the operations of IAM that the rotation uses.
type KeyMaker interface {
	iam.GetUserAPIClient
	iam.ListAccessKeysAPIClient
	UseReader
	CreateAccessKey(context.Context, *iam.CreateAccessKeyInput, ...func(*iam.Options)) (*iam.CreateAccessKeyOutput, error)
	DeleteAccessKey(context.Context, *iam.DeleteAccessKeyInput, ...func(*iam.Options)) (*iam.DeleteAccessKeyOutput, error)
}

// Secrets lists the operations of Secrets Manager that the rotation uses. None reads a value.
type Secrets interface {
	Describer
	CreateSecret(context.Context, *secretsmanager.CreateSecretInput,
		...func(*secretsmanager.Options)) (*secretsmanager.CreateSecretOutput, error)
	RestoreSecret(context.Context, *secretsmanager.RestoreSecretInput,
		...func(*secretsmanager.Options)) (*secretsmanager.RestoreSecretOutput, error)
	PutResourcePolicy(context.Context, *secretsmanager.PutResourcePolicyInput,
		...func(*secretsmanager.Options)) (*secretsmanager.PutResourcePolicyOutput, error)
	PutSecretValue(context.Context, *secretsmanager.PutSecretValueInput,
		...func(*secretsmanager.Options)) (*secretsmanager.PutSecretValueOutput, error)
	DeleteSecret(context.Context, *secretsmanager.DeleteSecretInput,
		...func(*secretsmanager.Options)) (*secretsmanager.DeleteSecretOutput, error)
}

// Kinds returns a registry of the rotation.
func Kinds(users KeyMaker, store Secrets) change.Registry {
	return change.NewRegistry(kind{iam: users, secrets: store})
}

// versionPrefix makes a version's id of an access key's: at least 32 characters are asked for
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html).
const versionPrefix = "warder-access-key-"

// StoredKey is the id of the access key whose secret is the secret's current value; empty if there is none.
func StoredKey(s *secretsmanager.DescribeSecretOutput) string {
	if s == nil {
		return ""
	}
	for version, stages := range s.VersionIdsToStages {
		if id, ours := strings.CutPrefix(version, versionPrefix); ours && slices.Contains(stages, "AWSCURRENT") {
			return id
		}
	}
	return ""
}

// attempt is how long after the secret was made ready its key is created, at most.
const attempt = 5 * time.Minute

// Orphan reports whether the key is what is left of a rotation that was cut off between the creation
// of the key and the storing of its secret, which nobody knows then. Such a key was created right
// after the secret was made ready, is not the one whose secret is stored, and was never used. A person
// would have to create a key within those moments for it to be taken for one.
func Orphan(
	ctx context.Context, api UseReader, s *secretsmanager.DescribeSecretOutput, id string, created time.Time,
) (bool, error) {
	if s == nil || s.DeletedDate != nil || StoredKey(s) == id {
		return false, nil
	}
	// IAM gives whole seconds, Secrets Manager thousandths.
	ready := aws.ToTime(s.LastChangedDate).Truncate(time.Second)
	if created.Before(ready) || created.After(ready.Add(attempt)) {
		return false, nil
	}
	out, err := api.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: &id})
	if err != nil {
		return false, fmt.Errorf("get last use of access key %s: %w", change.KeyHint(id), err)
	}
	return out.AccessKeyLastUsed == nil || out.AccessKeyLastUsed.LastUsedDate == nil, nil
}

type kind struct {
	change.Rotations
	iam     KeyMaker
	secrets Secrets
}

// A secret that has no value yet, or that of a key that no longer exists, is no rotation: it is made anew.
func (k kind) Read(ctx context.Context, c change.Change) (string, error) {
	_, other, err := k.keys(ctx, c)
	if err != nil || other == nil {
		return "", err
	}
	secret, err := DescribeSecret(ctx, k.secrets, c)
	switch {
	case err != nil:
		return "", err
	case StoredKey(secret) != aws.ToString(other.AccessKeyId):
		return "", nil
	case secret.DeletedDate != nil:
		return change.Withdrawn, nil
	default:
		return change.Rotated, nil
	}
}

// Each call of Set can be the last before the function is cut off; the next try finds out how far it came.
func (k kind) Set(ctx context.Context, c change.Change) error {
	if c.After != change.Rotated {
		return k.revert(ctx, c)
	}
	old, other, err := k.keys(ctx, c)
	if err != nil {
		return err
	}
	if old == nil || old.Status != types.StatusTypeActive {
		return fmt.Errorf("rotate access key %s of %q: %w", change.KeyHint(c.Target), c.Subject,
			&types.NoSuchEntityException{Message: aws.String("the key does not exist or is not active")})
	}
	secret, err := DescribeSecret(ctx, k.secrets, c)
	if err != nil {
		return err
	}
	if other != nil {
		orphan, err := Orphan(ctx, k.iam, secret, aws.ToString(other.AccessKeyId), aws.ToTime(other.CreateDate))
		if err != nil {
			return err
		}
		if !orphan {
			return fmt.Errorf("rotate access key %s of %q: the user has two keys, and IAM allows no more",
				change.KeyHint(c.Target), c.Subject)
		}
		// Before the secret is touched: when that was tells whose key this is.
		if err := k.deleteKey(ctx, c, aws.ToString(other.AccessKeyId)); err != nil {
			return err
		}
	}
	if err := k.prepare(ctx, c, secret); err != nil {
		return err
	}
	created, err := k.iam.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &c.Subject})
	if err != nil {
		return fmt.Errorf("create access key of %q: %w", c.Subject, err)
	}
	value, err := json.Marshal(map[string]*string{
		"UserName": &c.Subject, "AccessKeyId": created.AccessKey.AccessKeyId,
		"SecretAccessKey": created.AccessKey.SecretAccessKey,
	})
	if err != nil {
		return fmt.Errorf("write access key of %q as JSON: %w", c.Subject, err)
	}
	name := change.SecretName(cmp.Or(c.Former, c.Subject), c.Target)
	_, err = k.secrets.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
		SecretId: &name, SecretString: aws.String(string(value)),
		ClientRequestToken: aws.String(versionPrefix + aws.ToString(created.AccessKey.AccessKeyId)),
	})
	return change.Wrap(err, "put value of secret %s", name)
}

// prepare makes the secret ready for a value: it is there, and its policy is the user's.
func (k kind) prepare(ctx context.Context, c change.Change, secret *secretsmanager.DescribeSecretOutput) error {
	user, err := k.iam.GetUser(ctx, &iam.GetUserInput{UserName: &c.Subject})
	if err != nil {
		return fmt.Errorf("get user %q: %w", c.Subject, err)
	}
	name := change.SecretName(cmp.Or(c.Former, c.Subject), c.Target)
	switch {
	case secret == nil:
		_, err = k.secrets.CreateSecret(ctx, &secretsmanager.CreateSecretInput{
			Name: &name, Description: aws.String(fmt.Sprintf("Access key of %s, made by Warder to take the place of %s",
				c.Subject, change.KeyHint(c.Target))),
		})
		err = change.Wrap(err, "create secret %s", name)
	case secret.DeletedDate != nil:
		_, err = k.secrets.RestoreSecret(ctx, &secretsmanager.RestoreSecretInput{SecretId: &name})
		err = change.Wrap(err, "restore secret %s", name)
	}
	if err != nil {
		return err
	}
	policy, err := secretPolicy(aws.ToString(user.User.Arn))
	if err != nil {
		return err
	}
	_, err = k.secrets.PutResourcePolicy(ctx, &secretsmanager.PutResourcePolicyInput{
		SecretId: &name, ResourcePolicy: &policy, BlockPublicPolicy: aws.Bool(true),
	})
	return change.Wrap(err, "put policy of secret %s", name)
}

// secretPolicy lets the user of the given ARN read a secret, and nobody else, administrators and Warder included: a
// denial counts more than what other policies allow
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_resource-policies.html). When the user
// is deleted, a later user of the same name does not get its right: IAM keeps the principal by its unique id
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html).
func secretPolicy(user string) (string, error) {
	type object = map[string]any
	text, err := json.Marshal(object{
		"Version": "2012-10-17",
		"Statement": []object{
			{"Sid": "TheUserMayRead", "Effect": "Allow", "Principal": object{"AWS": user},
				"Action": "secretsmanager:GetSecretValue", "Resource": "*"},
			{"Sid": "NobodyElseMay", "Effect": "Deny", "Principal": "*",
				"Action": "secretsmanager:GetSecretValue", "Resource": "*",
				"Condition": object{"StringNotEquals": object{"aws:PrincipalArn": user}}},
		},
	})
	if err != nil {
		return "", fmt.Errorf("write policy for %s as JSON: %w", user, err)
	}
	return string(text), nil
}

// revert deletes the secret before the key: a secret marked for deletion still says which key it was about.
func (k kind) revert(ctx context.Context, c change.Change) error {
	why, err := k.Refuses(ctx, c)
	if err != nil {
		return err
	}
	if !why.Empty() {
		return fmt.Errorf("put back the rotation of access key %s of %q: %s", change.KeyHint(c.Target), c.Subject, why)
	}
	_, other, err := k.keys(ctx, c)
	if err != nil {
		return err
	}
	secret, err := DescribeSecret(ctx, k.secrets, c)
	if err != nil {
		return err
	}
	if other == nil && (secret == nil || secret.DeletedDate != nil) {
		return nil // an earlier try put it back
	}
	if other == nil || StoredKey(secret) != aws.ToString(other.AccessKeyId) {
		return fmt.Errorf("put back the rotation of access key %s of %q: the user's other key is not the one that was made",
			change.KeyHint(c.Target), c.Subject)
	}
	if secret.DeletedDate == nil {
		name := change.SecretName(cmp.Or(c.Former, c.Subject), c.Target)
		in := &secretsmanager.DeleteSecretInput{SecretId: &name, RecoveryWindowInDays: aws.Int64(recovery)}
		if _, err := k.secrets.DeleteSecret(ctx, in); err != nil {
			return fmt.Errorf("delete secret %s: %w", name, err)
		}
	}
	return k.deleteKey(ctx, c, aws.ToString(other.AccessKeyId))
}

// Refuses implements [change.Conditional]. A new key is made by the control alone: whoever may put changes
// back cannot have keys made by it. And no user is left without a key that works.
func (k kind) Refuses(ctx context.Context, c change.Change) (i18n.Message, error) {
	if c.After == change.Rotated {
		return i18n.T("a new access key is made by the next sweep, not by undo"), nil
	}
	old, _, err := k.keys(ctx, c)
	if err != nil {
		return i18n.Message{}, err
	}
	if old == nil || old.Status != types.StatusTypeActive {
		return i18n.T("access key %s is no longer active, so %s would be left without a working key",
			change.KeyHint(c.Target), c.Subject), nil
	}
	return i18n.Message{}, nil
}

// keys returns the key that is the change's target, and the user's other one; nil for what is not there.
func (k kind) keys(ctx context.Context, c change.Change) (old, other *types.AccessKeyMetadata, err error) {
	pages := iam.NewListAccessKeysPaginator(k.iam, &iam.ListAccessKeysInput{UserName: &c.Subject})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, nil, fmt.Errorf("list access keys of %q: %w", c.Subject, err)
		}
		for _, key := range page.AccessKeyMetadata {
			if aws.ToString(key.AccessKeyId) == c.Target {
				old = &key
			} else {
				other = &key
			}
		}
	}
	return old, other, nil
}

// deleteKey deletes a key. One that no longer exists is deleted: a client whose answer was lost asks again.
func (k kind) deleteKey(ctx context.Context, c change.Change, id string) error {
	_, err := k.iam.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: &c.Subject, AccessKeyId: &id})
	if change.NotFound(err) {
		old, other, unread := k.keys(ctx, c)
		if unread != nil {
			return unread
		}
		if old == nil || other == nil || aws.ToString(other.AccessKeyId) != id {
			return nil
		}
	}
	return change.Wrap(err, "delete access key %s of %q", change.KeyHint(id), c.Subject)
}

// Describer is the operation that describes a secret without its value.
type Describer interface {
	DescribeSecret(context.Context, *secretsmanager.DescribeSecretInput,
		...func(*secretsmanager.Options)) (*secretsmanager.DescribeSecretOutput, error)
}

// DescribeSecret returns what is known of the secret of a rotation without its value, nil if there is no such secret.
func DescribeSecret(
	ctx context.Context, api Describer, c change.Change,
) (*secretsmanager.DescribeSecretOutput, error) {
	name := change.SecretName(cmp.Or(c.Former, c.Subject), c.Target)
	out, err := api.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &name})
	var missing *secrets.ResourceNotFoundException
	if errors.As(err, &missing) {
		return nil, nil
	}
	return out, change.Wrap(err, "describe secret %s", name)
}
