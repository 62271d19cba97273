// Package guardrail writes two policies of AWS Organizations that protect Warder in the members of an organization: a
// service control policy, which keeps everybody but those who deploy Warder from changing it, administrators and the
// root user of the member included, and a resource control policy, which keeps everybody outside the organization from
// its bucket, its queues and its keys, and everybody from its roles.
//
// They grant nothing. They do not apply to the management account, and not to roles that are linked to a service.
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html
package guardrail

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/warder-aws/warder/pkg/drill"
	"github.com/warder-aws/warder/pkg/own"
	"github.com/warder-aws/warder/pkg/settings"
)

// MaxSize is how many characters a policy of the organization may have.
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html
const MaxSize = 5120

// StackSets is the role by which CloudFormation deploys service-managed StackSets to a member.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-orgs-enable-trusted-access.html
const StackSets = "arn:aws:iam::*:role/stacksets-exec-*"

// Who are the principals that the service control policy leaves alone, by ARN. "*" stands for any text; the account may
// be "*". In every member nobody else can make or change a role that is named so.
type Who struct {
	Deployers []string // may change Warder: StackSets, and what `make deploy` uses
	Operators []string // may take messages from Warder's queues, as `warder redrive` does
}

// A statement of a policy.
type statement struct {
	Sid       string
	Effect    string
	Principal string   `json:",omitempty"` // of a resource control policy
	Action    []string `json:",omitempty"`
	NotAction []string `json:",omitempty"`
	Resource  []string
	Condition map[string]map[string][]string `json:",omitempty"`
}

// reads are what everybody may do with Warder, of whom their own policies allow it: read it, ask its functions, which
// find out who asks, and tell its bus who left.
var reads = []string{
	"cloudformation:Describe*", "cloudformation:Detect*", "cloudformation:Get*", "cloudformation:List*",
	"cloudwatch:Describe*", "cloudwatch:Get*", "cloudwatch:List*",
	"dynamodb:BatchGetItem", "dynamodb:Describe*", "dynamodb:GetItem", "dynamodb:List*", "dynamodb:Query", "dynamodb:Scan",
	"events:Describe*", "events:List*", "events:PutEvents",
	"iam:Get*", "iam:List*", "iam:Simulate*",
	"lambda:Get*", "lambda:InvokeFunction", "lambda:List*",
	"logs:Describe*", "logs:Filter*", "logs:Get*", "logs:List*", "logs:StartLiveTail", "logs:StartQuery",
	"s3:Get*", "s3:List*",
	"scheduler:Get*", "scheduler:List*",
	"ses:Get*", "ses:List*",
	"sns:Get*", "sns:List*",
}

// buckets are Warder's buckets, and queues its queues.
var (
	buckets = []string{
		"arn:aws:s3:::" + settings.Product + "-*",
		"arn:aws:s3:::" + strings.ToLower(own.StackSet) + "*",
	}
	queues = []string{
		"arn:aws:sqs:*:*:" + settings.Product + "-*",
		"arn:aws:sqs:*:*:" + own.StackSet + "*",
	}
)

// named are Warder's other resources whose names say so, in every region and account.
var named = []string{
	"arn:aws:cloudformation:*:*:stack/" + settings.Product + "/*",
	"arn:aws:cloudformation:*:*:stack/" + settings.Product + "-*",
	"arn:aws:cloudformation:*:*:stack/" + own.StackSet + "*",
	"arn:aws:cloudwatch:*:*:alarm:" + settings.Product + "-*",
	"arn:aws:cloudwatch::*:dashboard/" + settings.Product,
	"arn:aws:dynamodb:*:*:table/" + settings.Product + "*",
	"arn:aws:events:*:*:event-bus/" + settings.Product,
	"arn:aws:events:*:*:rule/" + settings.Product + "*",
	"arn:aws:events:*:*:rule/" + own.StackSet + "*",
	"arn:aws:iam::*:group" + settings.RolePath + "*",
	"arn:aws:iam::*:policy" + settings.RolePath + "*",
	"arn:aws:iam::*:policy" + drill.Path + "*",
	"arn:aws:iam::*:role" + settings.RolePath + "*",
	"arn:aws:iam::*:user" + drill.Path + "*",
	"arn:aws:lambda:*:*:function:" + settings.FunctionName("*"),
	"arn:aws:logs:*:*:log-group:" + settings.LogGroupName("*"),
	"arn:aws:scheduler:*:*:schedule/" + settings.Product + "*",
	"arn:aws:scheduler:*:*:schedule/" + own.StackSet + "*",
	"arn:aws:scheduler:*:*:schedule-group/" + settings.Product + "*",
	"arn:aws:scheduler:*:*:schedule-group/" + own.StackSet + "*",
	"arn:aws:ses:*:*:configuration-set/" + settings.Product + "*",
	"arn:aws:ses:*:*:configuration-set/" + own.StackSet + "*",
	"arn:aws:sns:*:*:" + settings.Product + "-*",
	"arn:aws:sns:*:*:" + own.StackSet + "*",
}

// ofKeys are the operations on a key of Warder's, and on its rules of AWS Config, that change what becomes of it. These
// resources have no names of their own, but the tag of Warder's.
var ofKeys = []string{
	"config:DeleteConfigRule", "config:PutConfigRule", "config:TagResource", "config:UntagResource",
	"kms:CreateGrant", "kms:DeleteImportedKeyMaterial", "kms:DisableKey*", "kms:PutKeyPolicy", "kms:ReplicateKey",
	"kms:RevokeGrant", "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource", "kms:UpdatePrimaryRegion",
}

// tagged are the condition keys of what has the tag of Warder's.
var tagged = map[string][]string{"aws:ResourceTag/" + settings.Product: {"false"}}

// SCP is the service control policy. A principal that would leave everybody alone, and one in a form that IAM does not
// have, is an error that names it.
func SCP(who Who) ([]byte, error) {
	if err := errors.Join(checked("deployer", who.Deployers), checked("operator", who.Operators)); err != nil {
		return nil, err
	}
	if len(who.Deployers) == 0 {
		return nil, errors.New("nobody could deploy Warder any more: name at least one deployer, such as " + StackSets)
	}
	// Warder's own functions are limited by their roles, which nobody else can make or change.
	deployers := append([]string{"arn:aws:iam::*:role" + settings.RolePath + "*"}, who.Deployers...)
	but := func(principals []string) map[string][]string {
		return map[string][]string{"aws:PrincipalArn": principals}
	}
	only := map[string]map[string][]string{"ArnNotLike": but(deployers)}
	return document([]statement{
		{
			Sid: "OnlyDeployersChangeWarder", Effect: "Deny", NotAction: reads, Resource: slices.Concat(named, buckets),
			Condition: only,
		},
		{
			Sid: "OnlyOperatorsTakeMessages", Effect: "Deny", NotAction: []string{"sqs:Get*", "sqs:List*"}, Resource: queues,
			Condition: map[string]map[string][]string{"ArnNotLike": but(slices.Concat(deployers, who.Operators))},
		},
		{
			Sid: "NobodyMakesADeployer", Effect: "Deny",
			NotAction: []string{"iam:Get*", "iam:List*", "iam:PassRole", "sts:*"},
			Resource:  slices.Concat(who.Deployers, who.Operators), Condition: only,
		},
		{
			Sid: "NobodyLeavesQuarantine", Effect: "Deny",
			Action:   []string{"iam:DetachGroupPolicy", "iam:DetachRolePolicy", "iam:DetachUserPolicy"},
			Resource: []string{"*"}, Condition: map[string]map[string][]string{
				"ArnLike":    {"iam:PolicyARN": {"arn:aws:iam::*:policy" + settings.RolePath + "*"}},
				"ArnNotLike": but(deployers),
			},
		},
		{
			Sid: "NobodyCutsWarderOff", Effect: "Deny",
			Action:   []string{"lambda:DeleteEventSourceMapping", "lambda:UpdateEventSourceMapping"},
			Resource: []string{"*"}, Condition: map[string]map[string][]string{
				"ArnLike":    {"lambda:FunctionArn": {"arn:aws:lambda:*:*:function:" + settings.FunctionName("*")}},
				"ArnNotLike": but(deployers),
			},
		},
		{
			Sid: "NobodyTurnsKeysOff", Effect: "Deny", Action: ofKeys, Resource: []string{"*"},
			Condition: map[string]map[string][]string{"Null": tagged, "ArnNotLike": but(deployers)},
		},
	})
}

// organization is the id of an organization.
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_Organization.html
var organization = regexp.MustCompile(`^o-[a-z0-9]{10,32}$`)

// RCP is the resource control policy for the members of the organization of that id.
func RCP(id string) ([]byte, error) {
	if !organization.MatchString(id) {
		return nil, fmt.Errorf("%q is no id of an organization, which is like o-a1b2c3d4e5 "+
			"(aws organizations describe-organization)", id)
	}
	// What AWS does for the organization is not meant, such as EventBridge that puts what failed into a queue.
	notAWS := map[string][]string{"aws:PrincipalIsAWSService": {"false"}}
	outside := map[string]map[string][]string{
		"BoolIfExists":            notAWS,
		"StringNotEqualsIfExists": {"aws:PrincipalOrgID": {id}},
	}
	outsideKeys := maps.Clone(outside)
	outsideKeys["Null"] = tagged
	return document([]statement{
		{
			Sid: "OnlyTheOrganization", Effect: "Deny", Principal: "*", Action: []string{"s3:*", "sqs:*"},
			Resource: slices.Concat(buckets, queues), Condition: outside,
		},
		{
			Sid: "OnlyTheOrganizationUsesKeys", Effect: "Deny", Principal: "*", Action: []string{"kms:*"},
			Resource: []string{"*"}, Condition: outsideKeys,
		},
		{
			Sid: "OnlyLambdaTakesItsRoles", Effect: "Deny", Principal: "*", Action: []string{"sts:*"},
			Resource:  []string{"arn:aws:iam::*:role" + settings.RolePath + "*"},
			Condition: map[string]map[string][]string{"BoolIfExists": notAWS},
		},
	})
}

// document encodes a policy, without white space, which would count.
func document(statements []statement) ([]byte, error) {
	document, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	if err != nil {
		return nil, fmt.Errorf("encode policy: %w", err)
	}
	if len(document) > MaxSize {
		return nil, fmt.Errorf("the policy would have %d characters, and AWS takes %d: name fewer deployers and operators, "+
			"or shorter ones", len(document), MaxSize)
	}
	return document, nil
}

// principal is the ARN of roles or users. Neither the kind nor the beginning of the name may be left open: anybody
// could have such a name.
var principal = regexp.MustCompile(`^arn:aws:iam::([0-9]{12}|\*):(role|user)/[\w+=,.@-][\w+=,.@/-]{2,}[\w+=,.@/*-]*$`)

func checked(kind string, arns []string) error {
	var faults []error
	for _, arn := range arns {
		if !principal.MatchString(arn) {
			faults = append(faults, fmt.Errorf("%s %q is no ARN of a role or user, like %s: the account may be *, and the "+
				"name has three letters at least before a *", kind, arn, StackSets))
		}
	}
	return errors.Join(faults...)
}
