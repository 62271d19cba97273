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
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/i18n"
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
	Sid, Effect, Action, Resource string
	Condition                     map[string]map[string]any `json:",omitempty"`
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
