package change

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/warder-aws/warder/pkg/i18n"
)

// AccessKeyRotation gives a user a second access key, to take the place of the one that is the
// change's target: the values are absent and [Rotated]. The old key is left as it is.
//
// The new key's secret is in Secrets Manager and nowhere else, in a secret whose resource policy lets the user alone
// read it. Which key that is, is said by the id of the secret's current version; so one call stores both, and what
// was done can be read without the value. Package rotation reads and makes such changes.
const AccessKeyRotation = "access key rotation"

// RotationTag is the key of the user's tag that asks for it, with the value yes.
const RotationTag = "warder:rotate"

// Rotated says that there is a new key and that its secret is stored.
const Rotated = "rotated"

// Withdrawn is read while a rotation is reverted: its secret is marked for deletion, its key is not deleted yet.
const Withdrawn = "withdrawn"

// RotatedSecrets is what the names of the secrets of rotated keys begin with.
const RotatedSecrets = "warder/rotated/"

// SecretName is the name of the secret that holds the key that takes the place of the user's key of
// the given id. It shows of that id what a message may, and no two ids share a name. Of the
// characters of user names the comma alone is not allowed in a secret's
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html): it becomes
// =2C, and = becomes =3D, so that no two users share a name either.
func SecretName(user, key string) string {
	sum := sha256.Sum256([]byte(key))
	return RotatedSecrets + strings.NewReplacer("=", "=3D", ",", "=2C").Replace(user) + "/" +
		strings.TrimPrefix(KeyHint(key), "…") + "." + hex.EncodeToString(sum[:4])
}

// Rotations describes changes of [AccessKeyRotation].
type Rotations struct{ reversible }

// Name implements [Kind].
func (Rotations) Name() string { return AccessKeyRotation }

// Widens implements [Kind]: a new key, which the user alone can read, lets the same principal do the
// same things. To delete one is for people to ask.
func (Rotations) Widens(c Change, _ []Change) bool { return c.After != Rotated }

// Describe implements [Kind].
func (Rotations) Describe(c Change, done bool) i18n.Message {
	name, hint := SecretName(cmp.Or(c.Former, c.Subject), c.Target), KeyHint(c.Target)
	return either(c.After == Rotated, done,
		i18n.T("created a new access key of %s beside %s, in the secret %s", c.Subject, hint, name),
		i18n.T("create a new access key of %s beside %s, in the secret %s", c.Subject, hint, name),
		i18n.T("deleted the new access key of %s and the secret %s", c.Subject, name),
		i18n.T("delete the new access key of %s and the secret %s", c.Subject, name))
}
