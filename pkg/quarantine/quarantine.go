// Package quarantine knows how an IAM user is kept from acting: what the policies say that the stack
// owns for it, and which change puts a user under one. It reads and never writes.
//
// A quarantine stops what the user does by API, console included, with its keys, its password and the sessions of
// both. It does not keep the user from signing in, does not end an SSH session, and does not reach into roles that
// the user has assumed. Roles and users of IAM Identity Center cannot be quarantined: a role's policies hold for
// everybody who assumes it, and those of Identity Center cannot be edited.
package quarantine

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/iamuser"
	"github.com/warder-aws/warder/pkg/settings"
)

//go:embed ko.json
var korean []byte

func init() { i18n.Register("ko", korean) }

// MaxDocument is the size of a managed policy's document, in characters without white space.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
const MaxDocument = 6144

// attachable is how many managed policies a user can have. An account can have it raised to 20: the
// group holds as well then.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
const attachable = 10

type statement struct {
	Sid, Effect string
	Action      any                       `json:",omitempty"` // a text or several
	NotAction   []string                  `json:",omitempty"`
	Resource    string                    `json:",omitempty"`
	NotResource []string                  `json:",omitempty"`
	Condition   map[string]map[string]any `json:",omitempty"`
}

func document(statements ...statement) string {
	text, err := json.Marshal(struct {
		Version   string
		Statement []statement
	}{"2012-10-17", statements})
	if err != nil {
		panic(err) // strings and networks only
	}
	return string(text)
}

// KeyDocument is the policy of a user whose access key is known to others: it denies everything.
func KeyDocument() string {
	return document(statement{Sid: "WarderDeniesEverything", Effect: "Deny", Action: "*", Resource: "*"})
}

// OutsideDocument is the policy of a user who came from outside the networks: it denies everything but what comes from
// them. Without networks everything is outside.
//
// A request through a VPC endpoint has no aws:SourceIp, and a missing key is in no network, so the
// first statement leaves those to the others: they are evaluated by their address in the VPC, and only
// through an endpoint of the account's own, because who makes a VPC chooses its addresses. Where a
// service does not say whose the endpoint is, the request is denied.
//
// What AWS does for the user with the user's own rights, which aws:ViaAWSService marks, comes from
// AWS's addresses and is let through: its first call was evaluated.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_examples_aws_deny-ip.html
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
func OutsideDocument(networks []netip.Prefix) string {
	deny := func(sid, throughEndpoint, operator, key string, value any) statement {
		return statement{Sid: sid, Effect: "Deny", Action: "*", Resource: "*", Condition: map[string]map[string]any{
			"Bool": {"aws:ViaAWSService": "false"}, "Null": {"aws:SourceVpce": throughEndpoint}, operator: {key: value},
		}}
	}
	if len(networks) == 0 {
		return KeyDocument()
	}
	return document(
		deny("WarderDeniesFromOutside", "true", "NotIpAddress", "aws:SourceIp", networks),
		deny("WarderDeniesFromOutsideByEndpoint", "false", "NotIpAddress", "aws:VpcSourceIp", networks),
		deny("WarderDeniesByForeignEndpoint", "false", "StringNotEquals", "aws:VpceAccount", "${aws:PrincipalAccount}"),
	)
}

// setUp is what somebody without MFA may do in the console, about nobody but themselves: set it up, change the
// password, and see what is needed for it. It is what AWS's own example leaves.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_examples_aws_my-sec-creds-self-manage.html
var setUp = []string{
	"iam:ChangePassword", "iam:CreateVirtualMFADevice", "iam:EnableMFADevice", "iam:GetLoginProfile", "iam:GetMFADevice",
	"iam:GetUser", "iam:ListMFADevices", "iam:ResyncMFADevice",
}

// see is what is asked about the account for that.
var see = []string{
	"iam:GetAccountPasswordPolicy", "iam:GetAccountSummary", "iam:ListVirtualMFADevices", "sts:GetSessionToken",
}

// MFADocument is the policy of a console user without MFA: in a session of the console that was begun without MFA it
// denies everything but to set up one's own MFA and to change one's own password.
//
// A request that is signed with an access key has no aws:MultiFactorAuthPresent, which Bool does not take for false:
// what programs do with the user's keys goes on. A session that GetSessionToken or the console made without MFA has it,
// and it is false then.
//
// aws:MultiFactorAuthPresent in
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
func MFADocument() string {
	without := map[string]map[string]any{"Bool": {"aws:MultiFactorAuthPresent": "false"}}
	return document(
		statement{
			Sid: "WarderDeniesWithoutMFA", Effect: "Deny", NotAction: slices.Concat(setUp, see), Resource: "*",
			Condition: without,
		},
		statement{
			Sid: "WarderDeniesOthersWithoutMFA", Effect: "Deny", Action: setUp, NotResource: []string{
				"arn:*:iam::*:user/${aws:username}", "arn:*:iam::*:user/*/${aws:username}", "arn:*:iam::*:mfa/*",
			}, Condition: without,
		},
	)
}

// MFA is the ARN of the policy that [MFADocument] is in, which the stack puts beside the others.
func MFA(f settings.Function) string {
	return strings.TrimSuffix(f.Quarantine.Key, change.KeyQuarantine) + change.MFALock
}

// Lifts are the changes that take the MFA lock off a user: none if the user is not locked.
func Lifts(ctx context.Context, api API, user, policy string) (lifts []change.Change, err error) {
	_, name, _ := strings.Cut(policy, change.QuarantinePath)
	lift := change.Change{Kind: change.MFALift, Subject: user}
	policies := iam.NewListAttachedUserPoliciesPaginator(api, &iam.ListAttachedUserPoliciesInput{UserName: &user})
	for page, err := range iamuser.Pages(ctx, policies, "list attached policies of "+user) {
		if err != nil {
			return nil, err
		}
		for _, p := range page.AttachedPolicies {
			if change.SameName(aws.ToString(p.PolicyArn), policy) {
				lift.Target, lift.Before = policy, change.Attached
				lifts = append(lifts, lift)
			}
		}
	}
	groups := iam.NewListGroupsForUserPaginator(api, &iam.ListGroupsForUserInput{UserName: &user})
	for page, err := range iamuser.Pages(ctx, groups, "list groups of "+user) {
		if err != nil {
			return nil, err
		}
		for _, g := range page.Groups {
			if change.SameName(aws.ToString(g.GroupName), name) {
				lift.Target, lift.Before = name, change.Member
				lifts = append(lifts, lift)
			}
		}
	}
	return lifts, nil
}

// API is the operations that a user's room for a quarantine is found with.
type API interface {
	iam.ListAttachedUserPoliciesAPIClient
	iam.ListGroupsForUserAPIClient
}

// Inspection is the state of a user as to a quarantine.
type Inspection struct {
	In     bool          // means that the user is quarantined already, by this policy or one that denies more
	Change change.Change // puts the user under the quarantine; meaningless when In
	Note   i18n.Message  // a sentence on why it is not the change that a reader would expect; empty if it is
}

// Outside is the ARN of the policy that quarantines who comes from outside, empty if no networks are
// listed. Networks without the policy are an error: nobody could be quarantined.
func Outside(f settings.Function) (policy string, err error) {
	if len(f.AllowedNetworks) > 0 && f.Quarantine.Outside == "" {
		return "", errors.New(
			"allowedNetworks are listed, and there is no quarantine policy for who comes from outside: deploy the stack again",
		)
	}
	return f.Quarantine.Outside, nil
}

// At inspects a user who is to be quarantined with the policy, one of those of change.IsQuarantine.
// A user who does not exist is an error that change.NotFound recognizes.
func At(ctx context.Context, api API, user, policy string) (Inspection, error) {
	if !change.IsQuarantine(policy) {
		return Inspection{}, fmt.Errorf("inspect %q: %q is no quarantine policy", user, policy)
	}
	folder, name := policy[:strings.LastIndex(policy, "/")+1], policy[strings.LastIndex(policy, "/")+1:]
	attached := 0
	policies := iam.NewListAttachedUserPoliciesPaginator(api, &iam.ListAttachedUserPoliciesInput{UserName: &user})
	for policies.HasMorePages() {
		page, err := policies.NextPage(ctx)
		if err != nil {
			return Inspection{}, fmt.Errorf("list attached policies of %q: %w", user, err)
		}
		attached += len(page.AttachedPolicies)
		for _, p := range page.AttachedPolicies {
			if arn := aws.ToString(p.PolicyArn); change.SameName(arn, policy) ||
				change.SameName(arn, folder+change.KeyQuarantine) {
				return Inspection{In: true}, nil
			}
		}
	}
	inspection := Inspection{
		Change: change.Change{Kind: change.Quarantine, Subject: user, Target: policy, After: change.Attached},
	}
	if attached < attachable {
		return inspection, nil
	}
	groups := iam.NewListGroupsForUserPaginator(api, &iam.ListGroupsForUserInput{UserName: &user})
	for groups.HasMorePages() {
		page, err := groups.NextPage(ctx)
		if err != nil {
			return Inspection{}, fmt.Errorf("list groups of %q: %w", user, err)
		}
		for _, g := range page.Groups {
			if group := aws.ToString(g.GroupName); change.SameName(group, name) || change.SameName(group, change.KeyQuarantine) {
				return Inspection{In: true}, nil
			}
		}
	}
	inspection.Change = change.Change{Kind: change.QuarantineGroup, Subject: user, Target: name, After: change.Member}
	inspection.Note = i18n.T(
		"%s has %d policies attached, which is the limit: the quarantine policy comes with the group %s instead.", user,
		attached, name,
	)
	return inspection, nil
}
