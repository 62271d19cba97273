package change

import "github.com/warder-aws/warder/pkg/i18n"

// RootKeyDeletion deletes an access key of a member account's root user. The subject is the ARN of
// that root user; the values are [Active] or [Inactive], and absent. It cannot be reverted.
// Package rootkey reads and makes such changes.
const RootKeyDeletion = "root access key deletion"

// RootKeys describes changes of [RootKeyDeletion].
type RootKeys struct{}

// Name implements [Kind].
func (RootKeys) Name() string { return RootKeyDeletion }

// Widens implements [Kind]: to delete a key takes nothing but access.
func (RootKeys) Widens(c Change, _ []Change) bool { return c.After != "" }

// Final implements [Kind].
func (RootKeys) Final() i18n.Message {
	return i18n.T("AWS keeps nothing of a deleted access key, and gives no key the same id and secret again")
}

// Describe implements [Kind].
func (RootKeys) Describe(c Change, done bool) i18n.Message {
	return deletion(c, done)
}
