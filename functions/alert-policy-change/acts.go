package main

import "github.com/warder-aws/warder/pkg/control"

// act is one call of an AWS API that is told of. Names in braces are filled in from the call: the
// path of a request parameter or response element, alternatives separated by a bar, or one of the
// words that planner.value knows.
type act struct {
	title    string           // what happened
	severity control.Severity // unless the call turns out to be worse
	words    string           // what the caller did
	subject  string           // whom it is about, when that is no IAM user
	judge    judge            // what makes it worse
	tamper   bool             // told of when it is done to a part of Warder only
}

// judge is how to tell whether a call is worse than it looks.
type judge int

const (
	asItIs       judge = iota
	byDocument         // the policy document that was put gives administrator rights
	byNewVersion       // the same; it may not be in effect
	byPolicy           // the managed policy that was attached does
	byVersion          // the version that was made the default does
	byGroup            // a policy of the group that was joined does
	byDetached         // the managed policy that was detached denies something
	byLeft             // a policy of the group that was left denies something
	byBoundary         // the new permissions boundary sets no limit
	byTrust            // the trust policy lets other accounts in
	byStatus           // the access key was made active
	byTag              // the tag is an exemption; nothing else about a tag is told of
	byUser             // the new user is exempt from birth
	byHalt             // it is no worse; what it means is said
)

// acts are the calls that are told of, by event source and event name; those of Lambda by the
// beginning of the name, because CloudTrail appends the version of the API
// (https://docs.aws.amazon.com/lambda/latest/dg/logging-using-cloudtrail.html). The rules of
// control.json deliver these and no others.
var acts = map[string]map[string]act{
	"iam.amazonaws.com": {
		// Policies of users, groups and roles.
		"AttachUserPolicy":  {title: "Policy attached to a user", severity: control.Medium, words: "attached policy {policyArn} to {user}", judge: byPolicy},
		"AttachGroupPolicy": {title: "Policy attached to a group", severity: control.Medium, words: "attached policy {policyArn} to group {groupName}", subject: "group/{groupName}", judge: byPolicy},
		"AttachRolePolicy":  {title: "Policy attached to a role", severity: control.Medium, words: "attached policy {policyArn} to role {roleName}", subject: "role/{roleName}", judge: byPolicy},
		"DetachUserPolicy":  {title: "Policy detached from a user", severity: control.Low, words: "detached policy {policyArn} from {user}", judge: byDetached},
		"DetachGroupPolicy": {title: "Policy detached from a group", severity: control.Low, words: "detached policy {policyArn} from group {groupName}", subject: "group/{groupName}", judge: byDetached},
		"DetachRolePolicy":  {title: "Policy detached from a role", severity: control.Low, words: "detached policy {policyArn} from role {roleName}", subject: "role/{roleName}", judge: byDetached},
		"PutUserPolicy":     {title: "Inline policy put on a user", severity: control.Medium, words: "put inline policy {policyName} on {user}", judge: byDocument},
		"PutGroupPolicy":    {title: "Inline policy put on a group", severity: control.Medium, words: "put inline policy {policyName} on group {groupName}", subject: "group/{groupName}", judge: byDocument},
		"PutRolePolicy":     {title: "Inline policy put on a role", severity: control.Medium, words: "put inline policy {policyName} on role {roleName}", subject: "role/{roleName}", judge: byDocument},
		// What these allowed or denied cannot be read any more.
		"DeleteUserPolicy":  {title: "Inline policy of a user deleted", severity: control.Medium, words: "deleted inline policy {policyName} of {user}"},
		"DeleteGroupPolicy": {title: "Inline policy of a group deleted", severity: control.Medium, words: "deleted inline policy {policyName} of group {groupName}", subject: "group/{groupName}"},
		"DeleteRolePolicy":  {title: "Inline policy of a role deleted", severity: control.Medium, words: "deleted inline policy {policyName} of role {roleName}", subject: "role/{roleName}"},

		// Managed policies.
		"CreatePolicy":            {title: "Policy created", severity: control.Low, words: "created policy {policyName}", subject: "{policy.arn|policyName}", judge: byNewVersion},
		"CreatePolicyVersion":     {title: "Policy version created", severity: control.Medium, words: "wrote a new version of policy {policyArn}", subject: "{policyArn}", judge: byNewVersion},
		"SetDefaultPolicyVersion": {title: "Policy switched to another version", severity: control.Medium, words: "switched policy {policyArn} to version {versionId}", subject: "{policyArn}", judge: byVersion},
		"DeletePolicy":            {title: "Policy deleted", severity: control.Low, words: "deleted policy {policyArn}", subject: "{policyArn}"},
		"DeletePolicyVersion":     {title: "Policy version deleted", severity: control.Low, words: "deleted version {versionId} of policy {policyArn}", subject: "{policyArn}"},

		// Users and groups.
		"CreateUser":          {title: "User created", severity: control.Medium, words: "created {user}", judge: byUser},
		"UpdateUser":          {title: "User renamed or moved", severity: control.Low, words: "changed the name or path of {user}, whose name is {newUserName|userName} now"},
		"DeleteUser":          {title: "User deleted", severity: control.Low, words: "deleted {user}"},
		"CreateGroup":         {title: "Group created", severity: control.Low, words: "created group {groupName}", subject: "group/{groupName}"},
		"UpdateGroup":         {title: "Group renamed or moved", severity: control.Low, words: "changed the name or path of group {groupName}, whose name is {newGroupName|groupName} now", subject: "group/{groupName}"},
		"DeleteGroup":         {title: "Group deleted", severity: control.Low, words: "deleted group {groupName}", subject: "group/{groupName}"},
		"AddUserToGroup":      {title: "User added to a group", severity: control.Medium, words: "added {user} to group {groupName}", judge: byGroup},
		"RemoveUserFromGroup": {title: "User removed from a group", severity: control.Low, words: "removed {user} from group {groupName}", judge: byLeft},

		// Roles, and who may assume them.
		"CreateRole":             {title: "Role created", severity: control.Low, words: "created role {roleName}", subject: "role/{roleName}", judge: byTrust},
		"UpdateAssumeRolePolicy": {title: "Trust policy changed", severity: control.Medium, words: "changed the trust policy of role {roleName}", subject: "role/{roleName}", judge: byTrust},
		"DeleteRole":             {title: "Role deleted", severity: control.Low, words: "deleted role {roleName}", subject: "role/{roleName}"},

		// Permissions boundaries.
		"PutUserPermissionsBoundary":    {title: "Permissions boundary of a user set", severity: control.Medium, words: "made policy {permissionsBoundary} the permissions boundary of {user}", judge: byBoundary},
		"PutRolePermissionsBoundary":    {title: "Permissions boundary of a role set", severity: control.Medium, words: "made policy {permissionsBoundary} the permissions boundary of role {roleName}", subject: "role/{roleName}", judge: byBoundary},
		"DeleteUserPermissionsBoundary": {title: "Permissions boundary of a user removed", severity: control.High, words: "removed the permissions boundary of {user}"},
		"DeleteRolePermissionsBoundary": {title: "Permissions boundary of a role removed", severity: control.High, words: "removed the permissions boundary of role {roleName}", subject: "role/{roleName}"},

		// What a user signs in and signs requests with.
		"EnableMFADevice":                 {title: "MFA device enabled", severity: control.Low, words: "enabled an MFA device for {user}"},
		"DeactivateMFADevice":             {title: "MFA device deactivated", severity: control.High, words: "deactivated an MFA device of {user}"},
		"DeleteVirtualMFADevice":          {title: "Virtual MFA device deleted", severity: control.Medium, words: "deleted MFA device {serialNumber}", subject: "{serialNumber}"},
		"CreateLoginProfile":              {title: "Console password created", severity: control.Medium, words: "gave {user} a console password"},
		"UpdateLoginProfile":              {title: "Console password changed", severity: control.Medium, words: "changed the console password of {user}"},
		"DeleteLoginProfile":              {title: "Console password deleted", severity: control.Low, words: "deleted the console password of {user}"},
		"CreateAccessKey":                 {title: "Access key created", severity: control.Medium, words: "created access key {key} of {user}"},
		"UpdateAccessKey":                 {title: "Access key deactivated", severity: control.Low, words: "made access key {key} of {user} inactive", judge: byStatus},
		"DeleteAccessKey":                 {title: "Access key deleted", severity: control.Low, words: "deleted access key {key} of {user}"},
		"CreateServiceSpecificCredential": {title: "Service credential created", severity: control.Medium, words: "created a credential of {user} for {serviceName}"},
		"UploadSSHPublicKey":              {title: "SSH public key uploaded", severity: control.Medium, words: "uploaded an SSH public key of {user}"},
		"UploadSigningCertificate":        {title: "Signing certificate uploaded", severity: control.Medium, words: "uploaded a signing certificate of {user}"},

		// Identity providers, and the account's password policy.
		"CreateSAMLProvider":                    {title: "Identity provider created", severity: control.High, words: "created SAML provider {name}", subject: "{sAMLProviderArn|name}"},
		"UpdateSAMLProvider":                    {title: "Identity provider changed", severity: control.High, words: "changed SAML provider {sAMLProviderArn}", subject: "{sAMLProviderArn}"},
		"DeleteSAMLProvider":                    {title: "Identity provider deleted", severity: control.Medium, words: "deleted SAML provider {sAMLProviderArn}", subject: "{sAMLProviderArn}"},
		"CreateOpenIDConnectProvider":           {title: "Identity provider created", severity: control.High, words: "created OpenID Connect provider {url}", subject: "{openIDConnectProviderArn|url}"},
		"AddClientIDToOpenIDConnectProvider":    {title: "Identity provider changed", severity: control.High, words: "added client {clientID} to OpenID Connect provider {openIDConnectProviderArn}", subject: "{openIDConnectProviderArn}"},
		"UpdateOpenIDConnectProviderThumbprint": {title: "Identity provider changed", severity: control.High, words: "changed the thumbprints of OpenID Connect provider {openIDConnectProviderArn}", subject: "{openIDConnectProviderArn}"},
		"DeleteOpenIDConnectProvider":           {title: "Identity provider deleted", severity: control.Medium, words: "deleted OpenID Connect provider {openIDConnectProviderArn}", subject: "{openIDConnectProviderArn}"},
		"UpdateAccountPasswordPolicy":           {title: "Password policy changed", severity: control.Medium, words: "changed the account's password policy", subject: "account"},
		"DeleteAccountPasswordPolicy":           {title: "Password policy deleted", severity: control.High, words: "deleted the account's password policy", subject: "account"},

		// Exemptions.
		"TagUser":   {title: "Exemption set", severity: control.Medium, words: "set the tag " + exemptTag + " of {user}", judge: byTag},
		"UntagUser": {title: "Exemption removed", severity: control.Low, words: "removed the tag " + exemptTag + " of {user}", judge: byTag},
	},

	// What records all this.
	"cloudtrail.amazonaws.com": {
		"StopLogging":       {title: "Trail stopped", severity: control.Critical, words: "stopped trail {name}", subject: "{name}"},
		"DeleteTrail":       {title: "Trail deleted", severity: control.Critical, words: "deleted trail {name}", subject: "{name}"},
		"UpdateTrail":       {title: "Trail changed", severity: control.High, words: "changed trail {name}", subject: "{name}"},
		"PutEventSelectors": {title: "Events of a trail changed", severity: control.High, words: "changed which events trail {trailName} records", subject: "{trailName}"},
	},
	"config.amazonaws.com": {
		"StopConfigurationRecorder":   {title: "AWS Config recorder stopped", severity: control.High, words: "stopped AWS Config recorder {configurationRecorderName}", subject: "{configurationRecorderName}"},
		"DeleteConfigurationRecorder": {title: "AWS Config recorder deleted", severity: control.High, words: "deleted AWS Config recorder {configurationRecorderName}", subject: "{configurationRecorderName}"},
	},
	"access-analyzer.amazonaws.com": {
		"DeleteAnalyzer": {title: "Access analyzer deleted", severity: control.High, words: "deleted access analyzer {analyzerName}", subject: "{analyzerName}"},
	},

	// Warder itself.
	"lambda.amazonaws.com": {
		"AddPermission":    {title: tampered, severity: control.Critical, words: "called {call} on function {functionName}", subject: "{functionName}", tamper: true},
		"DeleteFunction":   {title: tampered, severity: control.Critical, words: "called {call} on function {functionName}", subject: "{functionName}", tamper: true},
		"PutFunction":      {title: tampered, severity: control.Critical, words: "called {call} on function {functionName}", subject: "{functionName}", tamper: true},
		"RemovePermission": {title: tampered, severity: control.Critical, words: "called {call} on function {functionName}", subject: "{functionName}", tamper: true},
		"UpdateFunction":   {title: tampered, severity: control.Critical, words: "called {call} on function {functionName}", subject: "{functionName}", tamper: true},
	},
	"events.amazonaws.com": {
		"DeleteRule":    {title: tampered, severity: control.Critical, words: "deleted rule {name}", subject: "{name}", tamper: true},
		"DisableRule":   {title: tampered, severity: control.Critical, words: "disabled rule {name}", subject: "{name}", tamper: true},
		"PutRule":       {title: tampered, severity: control.Critical, words: "changed rule {name}", subject: "{name}", tamper: true},
		"PutTargets":    {title: tampered, severity: control.Critical, words: "changed the targets of rule {rule}", subject: "{rule}", tamper: true},
		"RemoveTargets": {title: tampered, severity: control.Critical, words: "removed targets of rule {rule}", subject: "{rule}", tamper: true},
	},
	"ssm.amazonaws.com": {
		"PutParameter":     {title: "Warder's halt switch set", severity: control.Critical, words: "set parameter {name}", subject: "{name}", judge: byHalt, tamper: true},
		"DeleteParameter":  {title: tampered, severity: control.Critical, words: "deleted parameter {name}", subject: "{name}", tamper: true},
		"DeleteParameters": {title: tampered, severity: control.Critical, words: "deleted parameter {halt}", subject: "{halt}", tamper: true},
	},
	"dynamodb.amazonaws.com": {
		"DeleteTable":             {title: tampered, severity: control.Critical, words: "deleted table {tableName}", subject: "{tableName}", tamper: true},
		"UpdateContinuousBackups": {title: tampered, severity: control.Critical, words: "changed the backups of table {tableName}", subject: "{tableName}", tamper: true},
		"UpdateTable":             {title: tampered, severity: control.Critical, words: "changed table {tableName}", subject: "{tableName}", tamper: true},
		"UpdateTimeToLive":        {title: tampered, severity: control.Critical, words: "changed how long table {tableName} keeps its items", subject: "{tableName}", tamper: true},
	},
	"sns.amazonaws.com": {
		"DeleteTopic":               {title: tampered, severity: control.Critical, words: "deleted topic {topicArn}", subject: "{topicArn}", tamper: true},
		"SetTopicAttributes":        {title: tampered, severity: control.Critical, words: "changed {attributeName} of topic {topicArn}", subject: "{topicArn}", tamper: true},
		"SetSubscriptionAttributes": {title: tampered, severity: control.High, words: "changed {attributeName} of subscription {subscriptionArn}", subject: "{subscriptionArn}", tamper: true},
		"Unsubscribe":               {title: tampered, severity: control.High, words: "ended subscription {subscriptionArn}", subject: "{subscriptionArn}", tamper: true},
	},
	"cloudformation.amazonaws.com": {
		"DeleteStack": {title: "Warder is being deleted", severity: control.Critical, words: "is deleting stack {stackName}", subject: "{stackName}", tamper: true},
	},
}

// tampered is the title of what somebody did to Warder.
const tampered = "Warder tampered with"

// exemptTag is the key of the tag that exempts a user. IAM compares keys without regard to case
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html).
const exemptTag = "warder:exempt"
