package change

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"

	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/lazyregexp"
	"github.com/warder-aws/warder/pkg/policy"
)

// IAM lists the operations that the kinds of this file use.
type IAM interface {
	iam.ListAccessKeysAPIClient
	UpdateAccessKey(context.Context, *iam.UpdateAccessKeyInput, ...func(*iam.Options)) (*iam.UpdateAccessKeyOutput, error)
	DeleteAccessKey(context.Context, *iam.DeleteAccessKeyInput, ...func(*iam.Options)) (*iam.DeleteAccessKeyOutput, error)

	iam.ListAttachedUserPoliciesAPIClient
	AttachUserPolicy(context.Context, *iam.AttachUserPolicyInput,
		...func(*iam.Options)) (*iam.AttachUserPolicyOutput, error)
	DetachUserPolicy(context.Context, *iam.DetachUserPolicyInput,
		...func(*iam.Options)) (*iam.DetachUserPolicyOutput, error)

	GetUserPolicy(context.Context, *iam.GetUserPolicyInput, ...func(*iam.Options)) (*iam.GetUserPolicyOutput, error)
	PutUserPolicy(context.Context, *iam.PutUserPolicyInput, ...func(*iam.Options)) (*iam.PutUserPolicyOutput, error)
	DeleteUserPolicy(context.Context, *iam.DeleteUserPolicyInput,
		...func(*iam.Options)) (*iam.DeleteUserPolicyOutput, error)

	// The next are for what AWS would refuse.
	iam.GetPolicyAPIClient
	GetPolicyVersion(context.Context, *iam.GetPolicyVersionInput,
		...func(*iam.Options)) (*iam.GetPolicyVersionOutput, error)
	GetAccountSummary(context.Context, *iam.GetAccountSummaryInput,
		...func(*iam.Options)) (*iam.GetAccountSummaryOutput, error)
	iam.ListUserPoliciesAPIClient
	iam.ListGroupPoliciesAPIClient
	iam.ListAttachedGroupPoliciesAPIClient

	iam.ListGroupsForUserAPIClient
	AddUserToGroup(context.Context, *iam.AddUserToGroupInput, ...func(*iam.Options)) (*iam.AddUserToGroupOutput, error)
	RemoveUserFromGroup(context.Context, *iam.RemoveUserFromGroupInput,
		...func(*iam.Options)) (*iam.RemoveUserFromGroupOutput, error)

	iam.GetUserAPIClient
	PutUserPermissionsBoundary(context.Context, *iam.PutUserPermissionsBoundaryInput,
		...func(*iam.Options)) (*iam.PutUserPermissionsBoundaryOutput, error)
	DeleteUserPermissionsBoundary(context.Context, *iam.DeleteUserPermissionsBoundaryInput,
		...func(*iam.Options)) (*iam.DeleteUserPermissionsBoundaryOutput, error)

	MFA

	CredentialAPI
	UpdateServiceSpecificCredential(context.Context, *iam.UpdateServiceSpecificCredentialInput,
		...func(*iam.Options)) (*iam.UpdateServiceSpecificCredentialOutput, error)
	UpdateSSHPublicKey(context.Context, *iam.UpdateSSHPublicKeyInput,
		...func(*iam.Options)) (*iam.UpdateSSHPublicKeyOutput, error)
	UpdateSigningCertificate(context.Context, *iam.UpdateSigningCertificateInput,
		...func(*iam.Options)) (*iam.UpdateSigningCertificateOutput, error)

	iam.ListPolicyVersionsAPIClient
	CreatePolicyVersion(context.Context, *iam.CreatePolicyVersionInput,
		...func(*iam.Options)) (*iam.CreatePolicyVersionOutput, error)
	SetDefaultPolicyVersion(context.Context, *iam.SetDefaultPolicyVersionInput,
		...func(*iam.Options)) (*iam.SetDefaultPolicyVersionOutput, error)
	GetRole(context.Context, *iam.GetRoleInput, ...func(*iam.Options)) (*iam.GetRoleOutput, error)
	GetRolePolicy(context.Context, *iam.GetRolePolicyInput, ...func(*iam.Options)) (*iam.GetRolePolicyOutput, error)
	PutRolePolicy(context.Context, *iam.PutRolePolicyInput, ...func(*iam.Options)) (*iam.PutRolePolicyOutput, error)
	DeleteRolePolicy(context.Context, *iam.DeleteRolePolicyInput,
		...func(*iam.Options)) (*iam.DeleteRolePolicyOutput, error)
}

// ForIAM returns a registry of every kind of IAM change.
func ForIAM(api IAM) Registry {
	named := func(name string) iamKind { return iamKind{name: name, iam: api} }
	return NewRegistry(append(credentialKinds(named),
		accessKeyStatus{named(AccessKeyStatus)},
		accessKeyDeletion{iamKind: named(AccessKeyDeletion)},
		managedUserPolicy{named(ManagedUserPolicy)},
		inlineUserPolicy{named(InlineUserPolicy)},
		groupMembership{named(GroupMembership)},
		permissionsBoundary{named(PermissionsBoundary)},
		quarantine{managedUserPolicy{named(Quarantine)}},
		quarantineGroup{groupMembership{named(QuarantineGroup)}},
		mfaLift{named(MFALift)},
		roleSessions{named(RoleSessions)},
		roleLock{named(RoleLock)},
		inlineRolePolicy{named(InlineRolePolicy)},
		policyVersion{named(PolicyVersion)},
	)...)
}

// iamKind is embedded in the kinds of IAM, whose changes can be reverted but for one.
type iamKind struct {
	reversible
	name string
	iam  IAM
}

func (k iamKind) Name() string { return k.name }

// The names of the kinds, for planners.
const (
	AccessKeyStatus = "access key status" // switches an access key: the values are [Active] and [Inactive]
	// ManagedUserPolicy attaches or detaches a managed policy: the values are [Attached] and absent.
	ManagedUserPolicy = "managed user policy"
	InlineUserPolicy  = "inline user policy" // puts or deletes an inline policy: the value is the document, byte for byte
	GroupMembership   = "group membership"   // adds a user to a group or takes it out: the values are [Member] and absent
)

// The values of changes that are not documents.
const (
	Active   = string(types.StatusTypeActive)
	Inactive = string(types.StatusTypeInactive)
	Attached = "attached"
	Member   = "member"
)

// NotFound reports whether err says that the thing, or what it belongs to, does not exist.
func NotFound(err error) bool {
	var answer smithy.APIError
	return errors.As(err, &answer) && slices.Contains(gone, answer.ErrorCode())
}

// gone is how services say so: IAM (https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html), S3
// (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html), Systems Manager
// (https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ResumeSession.html), CloudTrail
// (https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_GetTrail.html), AWS Config
// (https://docs.aws.amazon.com/config/latest/APIReference/API_DescribeConfigurationRecorderStatus.html), EC2
// (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html) and RDS
// (https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBSnapshotAttributes.html).
var gone = []string{
	"NoSuchEntity", "NoSuchBucket", "DoesNotExistException", "TrailNotFoundException",
	"NoSuchConfigurationRecorderException", "InvalidSnapshot.NotFound", "InvalidAMIID.NotFound",
	"InvalidAMIID.Unavailable", "InvalidVpcId.NotFound", "InvalidVpcID.NotFound", "InvalidSubnetID.NotFound",
	"InvalidSubnetId.NotFound", "InvalidNetworkInterfaceID.NotFound", "InvalidTransitGatewayID.NotFound",
	"DBSnapshotNotFound", "DBClusterSnapshotNotFoundFault",
}

// KeyHint is all of an access key id that a message may show: its last four characters.
func KeyHint(id string) string {
	if len(id) <= 4 {
		return "…" + id
	}
	return "…" + id[len(id)-4:]
}

// SameName reports whether two names, or two ARNs, are those of one user, group, role or policy. IAM tells them apart
// without case (https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateUser.html), and a call may write a name
// in another case than IAM keeps it in. Unique ids, paths and access key ids are not names.
func SameName(a, b string) bool { return strings.EqualFold(a, b) }

type accessKeyStatus struct{ iamKind }

func (k accessKeyStatus) Read(ctx context.Context, c Change) (string, error) {
	pages := iam.NewListAccessKeysPaginator(k.iam, &iam.ListAccessKeysInput{UserName: &c.Subject})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", Wrap(err, "list access keys of %q", c.Subject)
		}
		for _, key := range page.AccessKeyMetadata {
			if aws.ToString(key.AccessKeyId) == c.Target {
				return string(key.Status), nil
			}
		}
	}
	return "", nil
}

func (k accessKeyStatus) Set(ctx context.Context, c Change) error {
	if c.After != Active && c.After != Inactive {
		return fmt.Errorf("set access key %s of %q to %q: the status is %s or %s", KeyHint(c.Target), c.Subject,
			c.After, Active, Inactive)
	}
	_, err := k.iam.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{
		UserName: &c.Subject, AccessKeyId: &c.Target, Status: types.StatusType(c.After),
	})
	return Wrap(err, "set access key %s of %q to %s", KeyHint(c.Target), c.Subject, c.After)
}

// Widens implements [Kind]: only to make a key inactive takes nothing but access.
func (accessKeyStatus) Widens(c Change, _ []Change) bool { return c.After != Inactive }

func (accessKeyStatus) Describe(c Change, done bool) i18n.Message {
	hint := KeyHint(c.Target)
	return either(c.After == Inactive, done,
		i18n.T("deactivated access key %s of %s", hint, c.Subject), i18n.T("deactivate access key %s of %s", hint, c.Subject),
		i18n.T("reactivated access key %s of %s", hint, c.Subject), i18n.T("reactivate access key %s of %s", hint, c.Subject))
}

type managedUserPolicy struct{ iamKind }

func (k managedUserPolicy) Read(ctx context.Context, c Change) (string, error) {
	pages := iam.NewListAttachedUserPoliciesPaginator(k.iam, &iam.ListAttachedUserPoliciesInput{UserName: &c.Subject})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", Wrap(err, "list attached policies of %q", c.Subject)
		}
		for _, policy := range page.AttachedPolicies {
			if SameName(aws.ToString(policy.PolicyArn), c.Target) {
				return Attached, nil
			}
		}
	}
	return "", nil
}

func (k managedUserPolicy) Set(ctx context.Context, c Change) error {
	if c.After == Attached {
		_, err := k.iam.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: &c.Subject, PolicyArn: &c.Target})
		return Wrap(err, "attach policy %s to %q", c.Target, c.Subject)
	}
	_, err := k.iam.DetachUserPolicy(ctx, &iam.DetachUserPolicyInput{UserName: &c.Subject, PolicyArn: &c.Target})
	return Wrap(err, "detach policy %s from %q", c.Target, c.Subject)
}

// neverDetach matches the policies of AWS that deny: AWSDenyAll, and those by which AWS quarantines
// a user whose key is known to be public
// (https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSCompromisedKeyQuarantineV3.html).
var neverDetach = lazyregexp.New(`^arn:[^:]+:iam::aws:policy/(AWSCompromisedKeyQuarantine.*|AWSDenyAll)$`)

// Widens implements [Kind]. That the policy's document does not deny is for the planner to know.
func (managedUserPolicy) Widens(c Change, _ []Change) bool {
	return c.After != "" || neverDetach().MatchString(c.Target) || IsQuarantine(c.Target)
}

func (managedUserPolicy) Describe(c Change, done bool) i18n.Message {
	return either(c.After == Attached, done,
		i18n.T("attached policy %s to %s", c.Target, c.Subject), i18n.T("attach policy %s to %s", c.Target, c.Subject),
		i18n.T("detached policy %s from %s", c.Target, c.Subject), i18n.T("detach policy %s from %s", c.Target, c.Subject))
}

type inlineUserPolicy struct{ iamKind }

func (k inlineUserPolicy) Read(ctx context.Context, c Change) (string, error) {
	got, err := k.iam.GetUserPolicy(ctx, &iam.GetUserPolicyInput{UserName: &c.Subject, PolicyName: &c.Target})
	if NotFound(err) && !policy.Narrower(c.Before, c.After) && !policy.Narrower(c.After, c.Before) {
		return "", nil // the policy, or the user
	}
	if err != nil {
		return "", Wrap(err, "get inline policy %q of %q", c.Target, c.Subject)
	}
	return Document(aws.ToString(got.PolicyDocument))
}

func (k inlineUserPolicy) Set(ctx context.Context, c Change) error {
	if c.After != "" {
		_, err := k.iam.PutUserPolicy(ctx,
			&iam.PutUserPolicyInput{UserName: &c.Subject, PolicyName: &c.Target, PolicyDocument: &c.After})
		return Wrap(err, "put inline policy %q of %q", c.Target, c.Subject)
	}
	_, err := k.iam.DeleteUserPolicy(ctx, &iam.DeleteUserPolicyInput{UserName: &c.Subject, PolicyName: &c.Target})
	return Wrap(err, "delete inline policy %q of %q", c.Target, c.Subject)
}

// Widens implements [Kind]: a document that denies nothing may go, and statements that allow may go from one that
// does. A document that only denies may come, and one that allows less in the place of another.
func (inlineUserPolicy) Widens(c Change, _ []Change) bool {
	if c.After != "" {
		rest, denies := policy.OnlyDenies(c.Before)
		less := c.Before == "" && onlyDenies(c.After) || denies && c.After == rest
		return !less && !policy.Narrower(c.Before, c.After)
	}
	denies, err := policy.Denies(c.Before)
	return denies || err != nil
}

func (inlineUserPolicy) Describe(c Change, done bool) i18n.Message {
	switch rest, denies := policy.OnlyDenies(c.Before); {
	case c.After != "" && denies && c.After == rest:
		return pick(done,
			i18n.T("removed what inline policy %s of %s allows (its document is kept in the ledger)", c.Target, c.Subject),
			i18n.T("remove what inline policy %s of %s allows (its document is kept in the ledger)", c.Target, c.Subject))
	case c.Before != "" && c.After != "" && policy.Narrower(c.Before, c.After):
		return narrowed(c, done)
	case c.After != "" && c.Before == "" && onlyDenies(c.After):
		return i18n.T("put inline policy %s, which only denies, on %s", c.Target, c.Subject)
	case c.After != "":
		return i18n.T("restore inline policy %s of %s", c.Target, c.Subject)
	}
	return pick(done, i18n.T("removed inline policy %s of %s (its document is kept in the ledger)", c.Target, c.Subject),
		i18n.T("remove inline policy %s of %s (its document is kept in the ledger)", c.Target, c.Subject))
}

// onlyDenies reports whether the document denies something and allows nothing.
func onlyDenies(document string) bool {
	rest, denies := policy.OnlyDenies(document)
	return denies && rest == document
}

// Document decodes the text of a policy as IAM returns it: URL-encoded after RFC 3986, which the
// SDK does not undo (https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetUserPolicy.html).
// A literal plus sign stays one, so the bytes are those that were put.
func Document(encoded string) (string, error) {
	text, err := url.PathUnescape(encoded)
	if err != nil {
		return "", fmt.Errorf("decode policy document: %w", err)
	}
	return text, nil
}

type groupMembership struct{ iamKind }

func (k groupMembership) Read(ctx context.Context, c Change) (string, error) {
	pages := iam.NewListGroupsForUserPaginator(k.iam, &iam.ListGroupsForUserInput{UserName: &c.Subject})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", Wrap(err, "list groups of %q", c.Subject)
		}
		for _, group := range page.Groups {
			if SameName(aws.ToString(group.GroupName), c.Target) {
				return Member, nil
			}
		}
	}
	return "", nil
}

func (k groupMembership) Set(ctx context.Context, c Change) error {
	if c.After == Member {
		_, err := k.iam.AddUserToGroup(ctx, &iam.AddUserToGroupInput{UserName: &c.Subject, GroupName: &c.Target})
		return Wrap(err, "add %q to group %q", c.Subject, c.Target)
	}
	_, err := k.iam.RemoveUserFromGroup(ctx, &iam.RemoveUserFromGroupInput{UserName: &c.Subject, GroupName: &c.Target})
	return Wrap(err, "remove %q from group %q", c.Subject, c.Target)
}

// Widens implements [Kind]: joining a group is part of a move, in which the user loses a policy afterwards.
func (groupMembership) Widens(c Change, rest []Change) bool {
	moves := slices.ContainsFunc(rest, func(later Change) bool {
		return later.Subject == c.Subject &&
			(later.Kind == ManagedUserPolicy || later.Kind == InlineUserPolicy) && later.After == ""
	})
	return c.After != Member || !moves
}

func (groupMembership) Describe(c Change, done bool) i18n.Message {
	return either(c.After == Member, done,
		i18n.T("added %s to group %s", c.Subject, c.Target), i18n.T("add %s to group %s", c.Subject, c.Target),
		i18n.T("removed %s from group %s", c.Subject, c.Target), i18n.T("remove %s from group %s", c.Subject, c.Target))
}

// PermissionsBoundary sets or takes away the permissions boundary of a user: the value is the ARN of
// the policy. The target is the user as well: it has one boundary at most.
const PermissionsBoundary = "permissions boundary"

type permissionsBoundary struct{ iamKind }

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

// Wrap adds to an error what was tried; nil stays nil.
func Wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}

// either describes a change that was or would be made, or one that reverts it.
func either(forward, done bool, was, would, wasReverted, wouldRevert i18n.Message) i18n.Message {
	if forward {
		return pick(done, was, would)
	}
	return pick(done, wasReverted, wouldRevert)
}

// pick describes what was done or would be done.
func pick(done bool, was, would i18n.Message) i18n.Message {
	if done {
		return was
	}
	return would
}
