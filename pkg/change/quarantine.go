package change

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"
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
	// MFALift takes off what [MFALock] put on a user who has MFA now, or no password: the policy, or the group. The values
	// are those of the two above.
	MFALift = "lift of the MFA lock"
)

// The names of the quarantine policies, and of the groups that carry them. All have the path [QuarantinePath].
const (
	OutsideQuarantine = "warder-outside-quarantine"
	KeyQuarantine     = "warder-key-quarantine"
	MFALock           = "warder-require-mfa" // denies a console user without MFA all but to set it up
	QuarantinePath    = "/warder/"
)

// quarantinePolicy matches the ARNs of the quarantine policies, of whatever account: IAM attaches
// those of the user's own account only, beside AWS's.
var quarantinePolicy = lazyregexp.New(`^arn:[a-z-]+:iam::[0-9]{12}:policy` + QuarantinePath + `(` + OutsideQuarantine +
	`|` + KeyQuarantine + `|` + MFALock + `)$`)

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
	if IsMFALock(c.Target) {
		return locked(c, c.After == Attached, done)
	}
	return either(c.After == Attached, done,
		i18n.T("quarantined %s with policy %s", c.Subject, c.Target),
		i18n.T("quarantine %s with policy %s", c.Subject, c.Target),
		i18n.T("released %s from quarantine: policy %s", c.Subject, c.Target),
		i18n.T("release %s from quarantine: policy %s", c.Subject, c.Target))
}

type quarantineGroup struct{ groupMembership }

func isQuarantineGroup(name string) bool {
	return SameName(name, OutsideQuarantine) || SameName(name, KeyQuarantine) || SameName(name, MFALock)
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
	if IsMFALock(c.Target) {
		return locked(c, c.After == Member, done)
	}
	return either(c.After == Member, done,
		i18n.T("quarantined %s in group %s", c.Subject, c.Target), i18n.T("quarantine %s in group %s", c.Subject, c.Target),
		i18n.T("released %s from quarantine: group %s", c.Subject, c.Target),
		i18n.T("release %s from quarantine: group %s", c.Subject, c.Target))
}

// SignsIn says whether a user has a console password, and MFA: a virtual device, a passkey, a security key and a
// hardware token all are devices (https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListMFADevices.html). IAM may
// not show yet what was made a moment ago. A user who does not exist has no password.
func SignsIn(ctx context.Context, api MFA, user string) (password, mfa bool, err error) {
	_, err = api.GetLoginProfile(ctx, &iam.GetLoginProfileInput{UserName: &user})
	if password = err == nil; !password && !NotFound(err) {
		return false, false, fmt.Errorf("get login profile of %q: %w", user, err)
	}
	devices, err := api.ListMFADevices(ctx, &iam.ListMFADevicesInput{UserName: &user})
	if err != nil {
		return password, false, fmt.Errorf("list MFA devices of %q: %w", user, err)
	}
	return password, len(devices.MFADevices) > 0, nil
}

// MFA is the operations that [SignsIn] reads with.
type MFA interface {
	iam.ListMFADevicesAPIClient
	GetLoginProfile(context.Context, *iam.GetLoginProfileInput, ...func(*iam.Options)) (*iam.GetLoginProfileOutput, error)
}

type mfaLift struct{ iamKind }

// of is the kind that takes the thing off.
func (k mfaLift) of(c Change) Kind {
	if IsQuarantine(c.Target) {
		return managedUserPolicy(k)
	}
	return groupMembership(k)
}

// Read also looks whether the lock may be lifted, when that is what is next: an answer of a moment ago may not be true
// any more. Set does not: nothing must come between the look at whose name it is and the write.
func (k mfaLift) Read(ctx context.Context, c Change) (string, error) {
	present, err := k.of(c).Read(ctx, c)
	if err != nil || present == "" || c.After != "" {
		return present, err
	}
	password, mfa, err := SignsIn(ctx, k.iam, c.Subject)
	if err == nil && password && !mfa {
		err = i18n.Fault{Text: i18n.T("not lifted: %s has no MFA device", c.Subject)}
	}
	return present, err
}

func (k mfaLift) Set(ctx context.Context, c Change) error {
	if !IsMFALock(c.Target) {
		return fmt.Errorf("lift the MFA lock of %q: %s is not what locks", c.Subject, c.Target)
	}
	return k.of(c).Set(ctx, c)
}

// IsMFALock reports whether a target is the policy that locks a user without MFA, or the group that carries it.
func IsMFALock(target string) bool {
	return IsQuarantine(target) && strings.HasSuffix(target, "/"+MFALock) || SameName(target, MFALock)
}

func locked(c Change, on, done bool) i18n.Message {
	return either(on, done,
		i18n.T("locked %s in the console until MFA is set up (%s)", c.Subject, c.Target),
		i18n.T("lock %s in the console until MFA is set up (%s)", c.Subject, c.Target),
		i18n.T("unlocked %s in the console without MFA (%s)", c.Subject, c.Target),
		i18n.T("unlock %s in the console without MFA (%s)", c.Subject, c.Target))
}

// Widens implements [Kind]. To lift the lock lets the user do again what the lock was to enforce MFA for; Read makes
// sure that there is MFA, or no password that it could be for. To put it back is for a person alone, and is not
// reverted at once.
func (mfaLift) Widens(c Change, _ []Change) bool { return c.After != "" || !IsMFALock(c.Target) }

func (mfaLift) Describe(c Change, done bool) i18n.Message {
	return either(c.After == "", done,
		i18n.T("lifted the MFA lock of %s", c.Subject), i18n.T("lift the MFA lock of %s", c.Subject),
		i18n.T("put the MFA lock on %s again", c.Subject), i18n.T("put the MFA lock on %s again", c.Subject))
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
