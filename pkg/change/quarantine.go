package change

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/lazyregexp"
)

// The kinds that keep an IAM user from acting, by what the stack owns for it: a policy that denies
// and, for users who can take no more policies, a group that carries the same policy.
const (
	Quarantine = "quarantine" // attaches one of the quarantine policies: the values are [Attached] and absent
	// QuarantineGroup puts the user into the group of a quarantine: the values are [Member] and absent.
	QuarantineGroup = "quarantine group"
)

// The names of the quarantine policies, and of the groups that carry them. All have the path [QuarantinePath].
const (
	OutsideQuarantine = "warder-outside-quarantine"
	KeyQuarantine     = "warder-key-quarantine"
	QuarantinePath    = "/warder/"
)

// quarantinePolicy matches the ARNs of the quarantine policies, of whatever account: IAM attaches
// those of the user's own account only, beside AWS's.
var quarantinePolicy = lazyregexp.New(`^arn:[a-z-]+:iam::[0-9]{12}:policy` + QuarantinePath + `(` + OutsideQuarantine +
	`|` + KeyQuarantine + `)$`)

// IsQuarantine reports whether the ARN is that of one of Warder's quarantine policies, name and path.
func IsQuarantine(arn string) bool { return quarantinePolicy().MatchString(arn) }

type quarantine struct{ managedUserPolicy }

func (k quarantine) Set(ctx context.Context, c Change) error {
	if !IsQuarantine(c.Target) {
		return fmt.Errorf("quarantine %q: %s is no quarantine policy", c.Subject, c.Target)
	}
	return explainLimit(k.managedUserPolicy.Set(ctx, c), i18n.T("the user has reached the limit of attached policies"))
}

// Widens implements [Kind]: a policy that denies only takes access away.
func (quarantine) Widens(c Change, _ []Change) bool {
	return c.After != Attached || !IsQuarantine(c.Target)
}

func (quarantine) Describe(c Change, done bool) i18n.Message {
	return either(c.After == Attached, done,
		i18n.T("quarantined %s with policy %s", c.Subject, c.Target),
		i18n.T("quarantine %s with policy %s", c.Subject, c.Target),
		i18n.T("released %s from quarantine: policy %s", c.Subject, c.Target),
		i18n.T("release %s from quarantine: policy %s", c.Subject, c.Target))
}

type quarantineGroup struct{ groupMembership }

func isQuarantineGroup(name string) bool {
	return SameName(name, OutsideQuarantine) || SameName(name, KeyQuarantine)
}

func (k quarantineGroup) Set(ctx context.Context, c Change) error {
	if !isQuarantineGroup(c.Target) {
		return fmt.Errorf("quarantine %q: %s is no quarantine group", c.Subject, c.Target)
	}
	return explainLimit(k.groupMembership.Set(ctx, c),
		i18n.T("the user has reached the limits of attached policies and of groups"))
}

// Widens implements [Kind]: the group carries a policy that denies, and nothing else.
func (quarantineGroup) Widens(c Change, _ []Change) bool {
	return c.After != Member || !isQuarantineGroup(c.Target)
}

func (quarantineGroup) Describe(c Change, done bool) i18n.Message {
	return either(c.After == Member, done,
		i18n.T("quarantined %s in group %s", c.Subject, c.Target), i18n.T("quarantine %s in group %s", c.Subject, c.Target),
		i18n.T("released %s from quarantine: group %s", c.Subject, c.Target),
		i18n.T("release %s from quarantine: group %s", c.Subject, c.Target))
}

// explainLimit says what there is no room for, where IAM only says that a limit is exceeded
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
func explainLimit(err error, what i18n.Message) error {
	var full *types.LimitExceededException
	if errors.As(err, &full) {
		return i18n.Fault{Text: i18n.T("not quarantined: %s; detach one, or delete the user's password and make its "+
			"access keys inactive", what), Err: err}
	}
	return err
}
