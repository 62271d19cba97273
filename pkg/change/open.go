package change

import (
	"strings"

	"github.com/warder-aws/warder/pkg/i18n"
)

// Open says what is still so as long as the change is not made, as in "alice still has policy AdministratorAccess".
// What a person asked to be reverted is named as what is not done.
func (r Registry) Open(c Change) i18n.Message {
	if open := openIAM(c); !open.Empty() {
		return open
	}
	switch {
	case c.Kind == RoleSessions && c.After != "":
		return i18n.T("sessions of role %s are still valid", c.Subject)
	case c.Kind == BucketPublicAccess && c.After == Closed:
		return i18n.T("the public access block of bucket %s is still off", c.Subject)
	case c.Kind == TrailLogging && c.After == On:
		return i18n.T("trail %s still does not log", c.Subject)
	case c.Kind == Recorder && c.After == On:
		return i18n.T("configuration recorder %s in %s is still stopped", c.Subject, c.Target)
	case c.Kind == Session && c.Before == Connected:
		region, id, _ := strings.Cut(c.Target, "/")
		return i18n.T("session %s of %s in %s is still open", id, c.Subject, region)
	}
	return i18n.T("not done: %s", r.Describe(c, false))
}

// openIAM is Open for users and their keys; empty for anything else.
func openIAM(c Change) i18n.Message {
	switch {
	case c.Kind == AccessKeyStatus && c.After == Inactive:
		return i18n.T("access key %s of %s is still active", KeyHint(c.Target), c.Subject)
	case c.Kind == AccessKeyDeletion, c.Kind == RootKeyDeletion:
		return i18n.T("access key %s of %s still exists", KeyHint(c.Target), c.Subject)
	case c.Kind == ManagedUserPolicy && c.After == "":
		return i18n.T("%s still has policy %s", c.Subject, PolicyName(c.Target))
	case c.Kind == InlineUserPolicy && c.After == "":
		return i18n.T("%s still has inline policy %s", c.Subject, c.Target)
	case c.Kind == PermissionsBoundary && c.Before == "":
		return i18n.T("%s still has no permissions boundary", c.Subject)
	case (c.Kind == Quarantine || c.Kind == QuarantineGroup) && c.After != "":
		if IsMFALock(c.Target) {
			return i18n.T("%s can still use the console without MFA", c.Subject)
		}
		return i18n.T("%s is not quarantined", c.Subject)
	}
	return i18n.Message{}
}

// Brief is what was done, in few words for a subject: "key …KEY1 of alice disabled".
func (r Registry) Brief(c Change) i18n.Message {
	switch {
	case c.Kind == AccessKeyStatus && c.After == Inactive:
		return i18n.T("key %s of %s disabled", KeyHint(c.Target), c.Subject)
	case c.Kind == AccessKeyDeletion, c.Kind == RootKeyDeletion:
		return i18n.T("key %s of %s deleted", KeyHint(c.Target), c.Subject)
	case c.Kind == ManagedUserPolicy && c.After == "":
		return i18n.T("%s detached from %s", PolicyName(c.Target), c.Subject)
	case c.Kind == InlineUserPolicy && c.Before != "" && c.After == "":
		return i18n.T("%s removed from %s", c.Target, c.Subject)
	case (c.Kind == Quarantine || c.Kind == QuarantineGroup) && c.After != "" && !IsMFALock(c.Target):
		return i18n.T("%s quarantined", c.Subject)
	case c.Kind == RoleSessions && c.After != "":
		return i18n.T("sessions of role %s revoked", c.Subject)
	case c.Kind == Session && c.After != Connected:
		return i18n.T("session of %s ended", c.Subject)
	}
	return r.Describe(c, true)
}

// PolicyName is the name of a managed policy in its ARN; what is none stays as it is.
func PolicyName(arn string) string {
	if _, path, ok := strings.Cut(arn, ":policy/"); ok && strings.HasPrefix(arn, "arn:") {
		return path[strings.LastIndex(path, "/")+1:]
	}
	return arn
}
