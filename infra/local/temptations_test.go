package main

import (
	"encoding/json"
	"strings"

	"github.com/warder-aws/warder/pkg/test/iamsim"
)

// A temptation is a call that whoever has got hold of a function's role would make.
type temptation struct {
	what     string
	action   string
	resource string // for the account's own, without its arn:aws:SERVICE:REGION:ACCOUNT:
	context  map[string]string
	// may are the functions whose job it is, for all else that they are not denied: what each of them
	// must not do is a temptation of its own.
	may []string
}

// Who may do what tempts others.
const (
	connects  = "alert-instance-connect"
	records   = "restore-logging"
	closes    = "close-public-bucket"
	contains  = "contain-exposed-key"
	leaves    = "offboard-user"
	deactive  = "deactivate-stale-access-key"
	unusedOne = "deactivate-unused-access-key"
	rootKeys  = "delete-root-access-key"
	detaches  = "detach-direct-policy"
	drills    = "drill"
	explains  = "explain"
	posts     = "post-to-slack"
	outside   = "quarantine-outside-login"
	reports   = "report"
	bounds    = "require-permissions-boundary"
	rotates   = "rotate-access-key"
	reduces   = "reduce-unused-access"
	undoes    = "undo"
	unshares  = "unshare-snapshot"
	forwards  = "Forward"       // the roles of the region stacks
	schedules = "SchedulesRole" // that of EventBridge Scheduler
)

func policyARN(arn string) map[string]string { return map[string]string{"iam:PolicyARN": arn} }

func tagged(value string) map[string]string {
	return map[string]string{"aws:ResourceTag/warder:rotate": value}
}

func source(name string) map[string]string { return map[string]string{"events:source": name} }

func task(name string) map[string]string {
	return map[string]string{"sts:TaskPolicyArn": "arn:aws:iam::aws:policy/root-task/" + name}
}

func viaKey(service string) map[string]string {
	return map[string]string{"kms:ViaService": service + ".us-east-1.amazonaws.com"}
}

func ownedByEC2(account string) map[string]string { return map[string]string{"ec2:Owner": account} }

func ownedBy(account string) map[string]string {
	return map[string]string{"aws:ResourceAccount": account}
}

const (
	mine                = "123456789012"
	another             = "999999999999"
	administratorAccess = "arn:aws:iam::aws:policy/AdministratorAccess"
	keyQuarantine       = "arn:aws:iam::123456789012:policy/warder/warder-key-quarantine"
	outsidePolicy       = "arn:aws:iam::123456789012:policy/warder/warder-outside-quarantine"
	drillPolicy         = "arn:aws:iam::123456789012:policy/warder-drill/warder-drill"
	quarantineOfAWS     = "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV3"
)

// tempting is what no role may do but that of a function whose job it is. Of the resources, {Failed}
// and the like are those of the template with that logical id.
var tempting = []temptation{
	// To get in, and to stay.
	{"make a user", "iam:CreateUser", "user/mallory", nil, nil},
	{"make a user that is named like a drill's", "iam:CreateUser", "user/warder-drill", nil, nil},
	{"make a user of a drill", "iam:CreateUser", "user/warder-drill/warder-drill-x", nil, []string{drills}},
	{"delete a user", "iam:DeleteUser", "user/alice", nil, nil},
	{"delete a user of a drill", "iam:DeleteUser", "user/warder-drill/warder-drill-x", nil, []string{drills}},
	{"give a user a password", "iam:CreateLoginProfile", "user/alice", nil, nil},
	{"change a user's password", "iam:UpdateLoginProfile", "user/alice", nil, nil},
	{"take a user's second factor", "iam:DeactivateMFADevice", "user/alice", nil, nil},
	{"delete a second factor", "iam:DeleteVirtualMFADevice", "mfa/alice", nil, nil},
	{"make a key of anybody", "iam:CreateAccessKey", "user/alice", nil, nil},
	{"make a key of a user who asks for none", "iam:CreateAccessKey", "user/alice", tagged("no"), nil},
	{"make a key of a user who asks for one", "iam:CreateAccessKey", "user/alice", tagged("yes"), []string{rotates}},
	{"make a key of a drill's user", "iam:CreateAccessKey", "user/warder-drill/warder-drill-x", nil, []string{drills}},
	{"activate a key", "iam:UpdateAccessKey", "user/alice", nil, []string{contains, deactive, leaves, unusedOne, undoes}},
	{"delete a key", "iam:DeleteAccessKey", "user/alice", nil, []string{deactive, unusedOne, undoes}},
	{
		"delete a key of a user who asks for new ones", "iam:DeleteAccessKey", "user/alice", tagged("yes"),
		[]string{deactive, unusedOne, rotates, undoes},
	},
	{"assume a role", "sts:AssumeRole", "role/admin", nil, nil},
	{
		"look for keys of a member's root user", "sts:AssumeRoot", "arn:aws:iam::444455556666:root",
		task("IAMAuditRootUserCredentials"), []string{rootKeys},
	},
	{
		"delete keys of a member's root user", "sts:AssumeRoot", "arn:aws:iam::444455556666:root",
		task("IAMDeleteRootUserCredentials"), []string{rootKeys},
	},
	{
		"give a member's root user a password", "sts:AssumeRoot", "arn:aws:iam::444455556666:root",
		task("IAMCreateRootUserPassword"), nil,
	},
	{
		"open a member's bucket as root", "sts:AssumeRoot", "arn:aws:iam::444455556666:root", task("S3UnlockBucketPolicy"),
		nil,
	},
	{"let in a provider of identities", "iam:CreateSAMLProvider", "saml-provider/mallory", nil, nil},
	{
		"let in another provider of identities", "iam:CreateOpenIDConnectProvider", "oidc-provider/mallory.example", nil, nil,
	},

	// To gain rights.
	{
		"make an administrator of a user", "iam:AttachUserPolicy", "user/alice", policyARN(administratorAccess),
		[]string{undoes},
	},
	{
		"make an administrator of a drill's user", "iam:AttachUserPolicy", "user/warder-drill/warder-drill-x",
		policyARN(administratorAccess), []string{undoes},
	},
	{"attach a drill's policy to anybody", "iam:AttachUserPolicy", "user/alice", policyARN(drillPolicy), []string{undoes}},
	{
		"shut a user out for a key", "iam:AttachUserPolicy", "user/alice", policyARN(keyQuarantine),
		[]string{contains, leaves, undoes},
	},
	{
		"shut a user out for where it is", "iam:AttachUserPolicy", "user/alice", policyARN(outsidePolicy),
		[]string{connects, outside, undoes},
	},
	{"write a user a policy", "iam:PutUserPolicy", "user/alice", nil, []string{detaches, reduces, undoes}},
	{"delete a user's own policy", "iam:DeleteUserPolicy", "user/alice", nil, []string{detaches, undoes}},
	{
		"take a user's policy", "iam:DetachUserPolicy", "user/alice", policyARN(administratorAccess),
		[]string{detaches, undoes},
	},
	{
		"take a drill's policy from anybody", "iam:DetachUserPolicy", "user/alice", policyARN(drillPolicy),
		[]string{detaches, undoes},
	},
	{
		"take any policy of a drill's user", "iam:DetachUserPolicy", "user/warder-drill/warder-drill-x",
		policyARN(administratorAccess), []string{detaches, undoes},
	},
	{
		"free a user that AWS quarantined", "iam:DetachUserPolicy", "user/alice", policyARN(quarantineOfAWS),
		[]string{undoes},
	},
	{
		"free a user to whom everything is denied", "iam:DetachUserPolicy", "user/alice",
		policyARN("arn:aws:iam::aws:policy/AWSDenyAll"), []string{undoes},
	},
	{"free a user whose key is known", "iam:DetachUserPolicy", "user/alice", policyARN(keyQuarantine), []string{undoes}},
	{"free a user from outside", "iam:DetachUserPolicy", "user/alice", policyARN(outsidePolicy), []string{undoes}},
	{"add a user to the administrators", "iam:AddUserToGroup", "group/administrators", nil, []string{detaches, undoes}},
	{
		"add a user to those whose keys are known", "iam:AddUserToGroup", "group/warder/warder-key-quarantine", nil,
		[]string{contains, detaches, leaves, undoes},
	},
	{
		"add a user to those from outside", "iam:AddUserToGroup", "group/warder/warder-outside-quarantine", nil,
		[]string{connects, detaches, outside, undoes},
	},
	{
		"take a user from those whose keys are known", "iam:RemoveUserFromGroup", "group/warder/warder-key-quarantine", nil,
		[]string{undoes},
	},
	{"take a user's boundary", "iam:DeleteUserPermissionsBoundary", "user/alice", nil, []string{undoes}},
	{"replace a user's boundary", "iam:PutUserPermissionsBoundary", "user/alice", nil, []string{bounds, undoes}},
	{"exempt a user", "iam:TagUser", "user/alice", nil, nil},
	{"take a user's owner", "iam:UntagUser", "user/alice", nil, nil},
	{"make a role", "iam:CreateRole", "role/mallory", nil, nil},
	{"hand a role on", "iam:PassRole", "role/admin", nil, nil},
	{
		"make an administrator of a function", "iam:AttachRolePolicy", "role/warder/warder-UndoRole",
		policyARN(administratorAccess), nil,
	},
	{"see who is quarantined", "iam:ListEntitiesForPolicy", "policy/warder/warder-key-quarantine", nil, nil},
	{"write a role a policy", "iam:PutRolePolicy", "role/admin", nil, []string{contains, reduces, undoes}},
	{"take a role's policy", "iam:DeleteRolePolicy", "role/admin", nil, []string{undoes}},
	{"write a function a policy", "iam:PutRolePolicy", "role/warder/warder-UndoRole", nil, nil},
	{"open a role to others", "iam:UpdateAssumeRolePolicy", "role/admin", nil, nil},
	{"take a role's boundary", "iam:DeleteRolePermissionsBoundary", "role/admin", nil, nil},
	{"write a policy", "iam:CreatePolicy", "policy/mallory", nil, nil},
	{"write a quarantine anew", "iam:CreatePolicyVersion", "policy/warder/warder-key-quarantine", nil, nil},
	{
		"go back to a policy's earlier version", "iam:SetDefaultPolicyVersion", "policy/warder/warder-key-quarantine", nil,
		nil,
	},
	{"make administrators of a group", "iam:AttachGroupPolicy", "group/readers", policyARN(administratorAccess), nil},
	{"write a group a policy", "iam:PutGroupPolicy", "group/readers", nil, nil},
	{
		"free the group of those whose keys are known", "iam:DetachGroupPolicy", "group/warder/warder-key-quarantine",
		policyARN(keyQuarantine), nil,
	},
	{"allow short passwords", "iam:UpdateAccountPasswordPolicy", "*", nil, nil},

	// To take data out.
	{
		"share a disk", "ec2:ModifySnapshotAttribute", "arn:aws:ec2:us-east-1::snapshot/snap-0123456789abcdef0",
		ownedByEC2(mine), []string{undoes, unshares},
	},
	{
		"share a machine", "ec2:ModifyImageAttribute", "arn:aws:ec2:us-east-1::image/ami-0123456789abcdef0",
		ownedByEC2(mine), []string{undoes, unshares},
	},
	{
		"share a database", "rds:ModifyDBSnapshotAttribute", "arn:aws:rds:us-east-1:123456789012:snapshot:customers", nil,
		[]string{undoes, unshares},
	},
	{
		"read a disk", "ebs:GetSnapshotBlock", "arn:aws:ec2:us-east-1::snapshot/snap-0123456789abcdef0", nil, nil,
	},

	// To leave no trace.
	{
		"stop the trail", "cloudtrail:StopLogging", "arn:aws:cloudtrail:us-east-1:123456789012:trail/main", nil,
		[]string{undoes},
	},
	{"delete the trail", "cloudtrail:DeleteTrail", "arn:aws:cloudtrail:us-east-1:123456789012:trail/main", nil, nil},
	{
		"record less", "cloudtrail:PutEventSelectors", "arn:aws:cloudtrail:us-east-1:123456789012:trail/main", nil,
		[]string{records, undoes},
	},
	{"record elsewhere", "cloudtrail:CreateTrail", "arn:aws:cloudtrail:us-east-1:123456789012:trail/main", nil, nil},
	{
		"stop AWS Config", "config:DeleteConfigRule", "arn:aws:config:us-east-1:123456789012:config-rule/config-rule-abc",
		nil, nil,
	},
	{
		"stop GuardDuty", "guardduty:DeleteDetector", "arn:aws:guardduty:us-east-1:123456789012:detector/abc", nil,
		[]string{undoes}, // of a detector that restore-logging made
	},
	{
		"stop Access Analyzer", "access-analyzer:DeleteAnalyzer",
		"arn:aws:access-analyzer:us-east-1:123456789012:analyzer/account", nil, nil,
	},
	{
		"delete a log", "logs:DeleteLogGroup", "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/warder-undo", nil,
		nil,
	},
	{
		"delete a part of a log", "logs:DeleteLogStream",
		"arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/warder-undo:log-stream:s", nil, nil,
	},
	{
		"keep logs for a day", "logs:PutRetentionPolicy",
		"arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/warder-undo", nil, nil,
	},
	{
		"write another's log", "logs:PutLogEvents",
		"arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/orders:log-stream:s", nil, nil,
	},
	{
		"begin another's log", "logs:CreateLogStream",
		"arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/orders:log-stream:s", nil, nil,
	},
	{"delete from the ledger", "dynamodb:DeleteItem", "{Ledger}", nil, nil},
	{"change the ledger's history", "dynamodb:UpdateItem", "{Ledger}", nil, nil},
	{"write much of the ledger at once", "dynamodb:BatchWriteItem", "{Ledger}", nil, nil},
	{"change the ledger by a statement", "dynamodb:PartiQLUpdate", "{Ledger}", nil, nil},
	{"delete the ledger", "dynamodb:DeleteTable", "{Ledger}", nil, nil},
	{"take the ledger's protection", "dynamodb:UpdateTable", "{Ledger}", nil, nil},
	{"take the ledger's backups", "dynamodb:UpdateContinuousBackups", "{Ledger}", nil, nil},
	{"have the ledger forget", "dynamodb:UpdateTimeToLive", "{Ledger}", nil, nil},
	{"carry the ledger away", "dynamodb:ExportTableToPointInTime", "{Ledger}", nil, nil},
	{"read all of the ledger", "dynamodb:Scan", "{Ledger}", nil, []string{explains, reports, undoes}},
	{
		"read of the ledger whom it is about", "dynamodb:Query", "{Ledger}/index/subject", nil,
		[]string{drills, explains, undoes},
	},
	{"read the ledger by another index", "dynamodb:Query", "{Ledger}/index/other", nil, nil},
	{"delete evidence", "s3:DeleteObject", "{Reports}/2026-10.html", ownedBy(mine), nil},
	{"read evidence", "s3:GetObject", "{Reports}/2026-10.html", ownedBy(mine), nil},
	{"write evidence", "s3:PutObject", "{Reports}/2026-10.html", ownedBy(mine), []string{reports}},

	// To keep Warder from its work.
	{
		"change a function", "lambda:UpdateFunctionCode", "arn:aws:lambda:us-east-1:123456789012:function:warder-undo", nil,
		nil,
	},
	{
		"change a function's settings", "lambda:UpdateFunctionConfiguration",
		"arn:aws:lambda:us-east-1:123456789012:function:warder-undo", nil, nil,
	},
	{
		"undo something", "lambda:InvokeFunction", "arn:aws:lambda:us-east-1:123456789012:function:warder-undo", nil,
		[]string{schedules}, // undo has a schedule, whose event asks for nothing
	},
	{"delete a function", "lambda:DeleteFunction", "arn:aws:lambda:us-east-1:123456789012:function:warder-undo", nil, nil},
	{"turn a rule off", "events:DisableRule", "arn:aws:events:us-east-1:123456789012:rule/warder-rule", nil, nil},
	{"take a rule's target", "events:RemoveTargets", "arn:aws:events:us-east-1:123456789012:rule/warder-rule", nil, nil},
	{
		"delete the stack", "cloudformation:DeleteStack", "arn:aws:cloudformation:us-east-1:123456789012:stack/warder/abc",
		nil, nil,
	},
	{
		"make up a sign-in", "events:PutEvents", "arn:aws:events:us-east-1:123456789012:event-bus/warder",
		source("aws.signin"), []string{forwards},
	},
	{
		"make up an event of nobody", "events:PutEvents", "arn:aws:events:us-east-1:123456789012:event-bus/warder", nil,
		[]string{forwards},
	},
	{
		"make up a drill", "events:PutEvents", "arn:aws:events:us-east-1:123456789012:event-bus/warder",
		source("warder.drill"), []string{drills, forwards},
	},
	{
		"make up a drill elsewhere", "events:PutEvents", "arn:aws:events:us-east-1:123456789012:event-bus/default",
		source("warder.drill"), nil,
	},
	{
		"make up an event of nobody elsewhere", "events:PutEvents",
		"arn:aws:events:us-east-1:123456789012:event-bus/default", nil, nil,
	},
	{
		"make up an event elsewhere", "events:PutEvents", "arn:aws:events:us-east-1:123456789012:event-bus/orders",
		source("aws.signin"), nil,
	},
	{"empty the queue of what failed", "sqs:PurgeQueue", "{Failed}", nil, nil},
	{"take what failed", "sqs:DeleteMessage", "{Failed}", nil, nil},
	{"read what failed", "sqs:ReceiveMessage", "{Failed}", nil, nil},
	{"read what was not delivered", "sqs:ReceiveMessage", "{Undelivered}", nil, nil},
	{"take others' work", "sqs:DeleteMessage", "arn:aws:sqs:us-east-1:123456789012:orders", nil, nil},
	{"read others' work", "sqs:ReceiveMessage", "arn:aws:sqs:us-east-1:123456789012:orders", nil, nil},
	{"give others work", "sqs:SendMessage", "arn:aws:sqs:us-east-1:123456789012:orders", nil, nil},

	// To speak for Warder, and to listen.
	{"publish elsewhere", "sns:Publish", "arn:aws:sns:us-east-1:123456789012:orders", nil, nil},
	{"subscribe the notices", "sns:Subscribe", "{Notices}", nil, nil},
	{"open the topic", "sns:SetTopicAttributes", "{Notices}", nil, nil},
	{"delete the topic", "sns:DeleteTopic", "{Notices}", nil, nil},
	{"read messages with the topic's key", "kms:Decrypt", "{TopicKey}", nil, nil},
	{"read objects with the topic's key", "kms:Decrypt", "{TopicKey}", viaKey("s3"), nil},
	{"encrypt objects with the topic's key", "kms:GenerateDataKey", "{TopicKey}", viaKey("s3"), nil},
	{"read messages of other topics", "kms:Decrypt", otherKey, viaKey("sns"), nil},
	{"write messages of other topics", "kms:GenerateDataKey", otherKey, viaKey("sns"), nil},
	{"let others use the topic's key", "kms:CreateGrant", "{TopicKey}", nil, nil},
	{"delete the topic's key", "kms:ScheduleKeyDeletion", "{TopicKey}", nil, nil},
	{"write the key's policy", "kms:PutKeyPolicy", "{TopicKey}", nil, nil},

	// To read, and to break, what is others'.
	{
		"read other secrets", "secretsmanager:GetSecretValue",
		"arn:aws:secretsmanager:us-east-1:123456789012:secret:db-AbCdEf", nil, nil,
	},
	{
		"read a key that was made for a user", "secretsmanager:GetSecretValue",
		"arn:aws:secretsmanager:us-east-1:123456789012:secret:warder/rotated/alice/WXYZ.00000000-AbCdEf", nil, nil,
	},
	{
		"read Slack's token", "secretsmanager:GetSecretValue",
		"arn:aws:secretsmanager:us-east-1:123456789012:secret:warder/slack-AbCdEf", nil, []string{posts},
	},
	{
		"read a secret that is named like Slack's token", "secretsmanager:GetSecretValue",
		"arn:aws:secretsmanager:us-east-1:123456789012:secret:warder/slack-of-others-AbCdEf", nil, nil,
	},
	{
		"look at other secrets", "secretsmanager:DescribeSecret",
		"arn:aws:secretsmanager:us-east-1:123456789012:secret:db-AbCdEf", nil, nil,
	},
	{
		"change other secrets", "secretsmanager:PutSecretValue",
		"arn:aws:secretsmanager:us-east-1:123456789012:secret:db-AbCdEf", nil, nil,
	},
	{
		"change Slack's token", "secretsmanager:PutSecretValue",
		"arn:aws:secretsmanager:us-east-1:123456789012:secret:warder/slack-AbCdEf", nil, nil,
	},
	{
		"open other secrets", "secretsmanager:PutResourcePolicy",
		"arn:aws:secretsmanager:us-east-1:123456789012:secret:db-AbCdEf", nil, nil,
	},
	{
		"make other secrets", "secretsmanager:CreateSecret", "arn:aws:secretsmanager:us-east-1:123456789012:secret:db-AbCdEf",
		nil, nil,
	},
	{
		"delete other secrets", "secretsmanager:DeleteSecret",
		"arn:aws:secretsmanager:us-east-1:123456789012:secret:db-AbCdEf", nil, nil,
	},
	{
		"restore other secrets", "secretsmanager:RestoreSecret",
		"arn:aws:secretsmanager:us-east-1:123456789012:secret:db-AbCdEf", nil, nil,
	},
	{"read other parameters", "ssm:GetParameter", "arn:aws:ssm:us-east-1:123456789012:parameter/db/password", nil, nil},
	{
		"read what other parameters were", "ssm:GetParameterHistory",
		"arn:aws:ssm:us-east-1:123456789012:parameter/db/password", nil, nil,
	},
	{
		"run a command on machines", "ssm:SendCommand", "arn:aws:ec2:us-east-1:123456789012:instance/i-0abc1234def567890",
		nil, nil,
	},
	{
		"open a session on a machine", "ssm:StartSession", "arn:aws:ec2:us-east-1:123456789012:instance/i-0abc1234def567890",
		nil, nil,
	},
	{"read other tables", "dynamodb:GetItem", "arn:aws:dynamodb:us-east-1:123456789012:table/orders", nil, nil},
	{"search other tables", "dynamodb:Query", "arn:aws:dynamodb:us-east-1:123456789012:table/orders", nil, nil},
	{"read all of other tables", "dynamodb:Scan", "arn:aws:dynamodb:us-east-1:123456789012:table/orders", nil, nil},
	{"write other tables", "dynamodb:PutItem", "arn:aws:dynamodb:us-east-1:123456789012:table/orders", nil, nil},
	{"read objects", "s3:GetObject", "arn:aws:s3:::photos/a", ownedBy(mine), nil},
	{"write objects", "s3:PutObject", "arn:aws:s3:::photos/a", ownedBy(mine), nil},
	{"open a bucket by its policy", "s3:PutBucketPolicy", "arn:aws:s3:::photos", ownedBy(mine), nil},
	{
		"open a bucket that was closed", "s3:PutBucketPublicAccessBlock", "arn:aws:s3:::photos", ownedBy(mine),
		[]string{closes, undoes},
	},
	{"open buckets of another account", "s3:PutBucketPublicAccessBlock", "arn:aws:s3:::photos", ownedBy(another), nil},
	{"open the whole account's buckets", "s3:PutAccountPublicAccessBlock", "*", nil, nil},
	{"leave the organization", "organizations:LeaveOrganization", "*", nil, nil},
}

// everybody lets everybody in: whether somebody may do something there is up to the policies of who asks.
var everybody = json.RawMessage(
	`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`,
)

// otherKey is a key of the account that is not the topic's.
const otherKey = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"

// delegates is the policy of a key that leaves it to the policies of the account's roles who may use
// it. That of the topic's key keeps others out by itself; no role is to rely on that.
var delegates = json.RawMessage(
	`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},` +
		`"Action":"kms:*","Resource":"*"}]}`,
)

// request is the temptation in an account whose resources have those ARNs, by their logical id.
func (x temptation) request(resources map[string]string) iamsim.Request {
	r := iamsim.Request{Action: x.action, Resource: x.resource, Context: x.context}
	if name, rest, ok := strings.Cut(strings.TrimPrefix(r.Resource, "{"), "}"); ok {
		r.Resource = resources[name] + rest
	} else if r.Resource != "*" && !strings.HasPrefix(r.Resource, "arn:") {
		r.Resource = "arn:aws:iam::123456789012:" + r.Resource
	}
	if strings.HasPrefix(r.Resource, "arn:aws:kms:") {
		r.Policy = delegates
	}
	return r
}
