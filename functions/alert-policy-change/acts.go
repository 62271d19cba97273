package alertpolicychange

import (
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/i18n"
)

// arg is something that is filled in from the call: the path of a request parameter or response
// element, alternatives separated by a bar, or one of the words that planner.value knows.
type arg string

// act is one call of an AWS API that is told of.
type act struct {
	title    i18n.Message     // what happened
	severity control.Severity // unless the call turns out to be worse
	words    i18n.Message     // what the caller did, with an arg for each argument
	subject  string           // whom it is about, when that is no IAM user, with args in braces
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
		"AttachUserPolicy":  {title: i18n.T("Policy attached to a user"), severity: control.Medium, words: i18n.T("attached policy %s to %s", arg("policyArn"), arg("user")), judge: byPolicy},
		"AttachGroupPolicy": {title: i18n.T("Policy attached to a group"), severity: control.Medium, words: i18n.T("attached policy %s to group %s", arg("policyArn"), arg("groupName")), subject: "group/{groupName}", judge: byPolicy},
		"AttachRolePolicy":  {title: i18n.T("Policy attached to a role"), severity: control.Medium, words: i18n.T("attached policy %s to role %s", arg("policyArn"), arg("roleName")), subject: "role/{roleName}", judge: byPolicy},
		"DetachUserPolicy":  {title: i18n.T("Policy detached from a user"), severity: control.Low, words: i18n.T("detached policy %s from %s", arg("policyArn"), arg("user")), judge: byDetached},
		"DetachGroupPolicy": {title: i18n.T("Policy detached from a group"), severity: control.Low, words: i18n.T("detached policy %s from group %s", arg("policyArn"), arg("groupName")), subject: "group/{groupName}", judge: byDetached},
		"DetachRolePolicy":  {title: i18n.T("Policy detached from a role"), severity: control.Low, words: i18n.T("detached policy %s from role %s", arg("policyArn"), arg("roleName")), subject: "role/{roleName}", judge: byDetached},
		"PutUserPolicy":     {title: i18n.T("Inline policy put on a user"), severity: control.Medium, words: i18n.T("put inline policy %s on %s", arg("policyName"), arg("user")), judge: byDocument},
		"PutGroupPolicy":    {title: i18n.T("Inline policy put on a group"), severity: control.Medium, words: i18n.T("put inline policy %s on group %s", arg("policyName"), arg("groupName")), subject: "group/{groupName}", judge: byDocument},
		"PutRolePolicy":     {title: i18n.T("Inline policy put on a role"), severity: control.Medium, words: i18n.T("put inline policy %s on role %s", arg("policyName"), arg("roleName")), subject: "role/{roleName}", judge: byDocument},
		// What these allowed or denied cannot be read any more.
		"DeleteUserPolicy":  {title: i18n.T("Inline policy of a user deleted"), severity: control.Medium, words: i18n.T("deleted inline policy %s of %s", arg("policyName"), arg("user"))},
		"DeleteGroupPolicy": {title: i18n.T("Inline policy of a group deleted"), severity: control.Medium, words: i18n.T("deleted inline policy %s of group %s", arg("policyName"), arg("groupName")), subject: "group/{groupName}"},
		"DeleteRolePolicy":  {title: i18n.T("Inline policy of a role deleted"), severity: control.Medium, words: i18n.T("deleted inline policy %s of role %s", arg("policyName"), arg("roleName")), subject: "role/{roleName}"},

		// Managed policies.
		"CreatePolicy":            {title: i18n.T("Policy created"), severity: control.Low, words: i18n.T("created policy %s", arg("policyName")), subject: "{policy.arn|policyName}", judge: byNewVersion},
		"CreatePolicyVersion":     {title: i18n.T("Policy version created"), severity: control.Medium, words: i18n.T("wrote a new version of policy %s", arg("policyArn")), subject: "{policyArn}", judge: byNewVersion},
		"SetDefaultPolicyVersion": {title: i18n.T("Policy switched to another version"), severity: control.Medium, words: i18n.T("switched policy %s to version %s", arg("policyArn"), arg("versionId")), subject: "{policyArn}", judge: byVersion},
		"DeletePolicy":            {title: i18n.T("Policy deleted"), severity: control.Low, words: i18n.T("deleted policy %s", arg("policyArn")), subject: "{policyArn}"},
		"DeletePolicyVersion":     {title: i18n.T("Policy version deleted"), severity: control.Low, words: i18n.T("deleted version %s of policy %s", arg("versionId"), arg("policyArn")), subject: "{policyArn}"},

		// Users and groups.
		"CreateUser":          {title: i18n.T("User created"), severity: control.Medium, words: i18n.T("created %s", arg("user")), judge: byUser},
		"UpdateUser":          {title: i18n.T("User renamed or moved"), severity: control.Low, words: i18n.T("changed the name or path of %s, whose name is %s now", arg("user"), arg("newUserName|userName"))},
		"DeleteUser":          {title: i18n.T("User deleted"), severity: control.Low, words: i18n.T("deleted %s", arg("user"))},
		"CreateGroup":         {title: i18n.T("Group created"), severity: control.Low, words: i18n.T("created group %s", arg("groupName")), subject: "group/{groupName}"},
		"UpdateGroup":         {title: i18n.T("Group renamed or moved"), severity: control.Low, words: i18n.T("changed the name or path of group %s, whose name is %s now", arg("groupName"), arg("newGroupName|groupName")), subject: "group/{groupName}"},
		"DeleteGroup":         {title: i18n.T("Group deleted"), severity: control.Low, words: i18n.T("deleted group %s", arg("groupName")), subject: "group/{groupName}"},
		"AddUserToGroup":      {title: i18n.T("User added to a group"), severity: control.Medium, words: i18n.T("added %s to group %s", arg("user"), arg("groupName")), judge: byGroup},
		"RemoveUserFromGroup": {title: i18n.T("User removed from a group"), severity: control.Low, words: i18n.T("removed %s from group %s", arg("user"), arg("groupName")), judge: byLeft},

		// Roles, and who may assume them.
		"CreateRole":             {title: i18n.T("Role created"), severity: control.Low, words: i18n.T("created role %s", arg("roleName")), subject: "role/{roleName}", judge: byTrust},
		"UpdateAssumeRolePolicy": {title: i18n.T("Trust policy changed"), severity: control.Medium, words: i18n.T("changed the trust policy of role %s", arg("roleName")), subject: "role/{roleName}", judge: byTrust},
		"DeleteRole":             {title: i18n.T("Role deleted"), severity: control.Low, words: i18n.T("deleted role %s", arg("roleName")), subject: "role/{roleName}"},

		// Permissions boundaries.
		"PutUserPermissionsBoundary":    {title: i18n.T("Permissions boundary of a user set"), severity: control.Medium, words: i18n.T("made policy %s the permissions boundary of %s", arg("permissionsBoundary"), arg("user")), judge: byBoundary},
		"PutRolePermissionsBoundary":    {title: i18n.T("Permissions boundary of a role set"), severity: control.Medium, words: i18n.T("made policy %s the permissions boundary of role %s", arg("permissionsBoundary"), arg("roleName")), subject: "role/{roleName}", judge: byBoundary},
		"DeleteUserPermissionsBoundary": {title: i18n.T("Permissions boundary of a user removed"), severity: control.High, words: i18n.T("removed the permissions boundary of %s", arg("user"))},
		"DeleteRolePermissionsBoundary": {title: i18n.T("Permissions boundary of a role removed"), severity: control.High, words: i18n.T("removed the permissions boundary of role %s", arg("roleName")), subject: "role/{roleName}"},

		// What a user signs in and signs requests with.
		"EnableMFADevice":                 {title: i18n.T("MFA device enabled"), severity: control.Low, words: i18n.T("enabled an MFA device for %s", arg("user"))},
		"DeactivateMFADevice":             {title: i18n.T("MFA device deactivated"), severity: control.High, words: i18n.T("deactivated an MFA device of %s", arg("user"))},
		"DeleteVirtualMFADevice":          {title: i18n.T("Virtual MFA device deleted"), severity: control.Medium, words: i18n.T("deleted MFA device %s", arg("serialNumber")), subject: "{serialNumber}"},
		"CreateLoginProfile":              {title: i18n.T("Console password created"), severity: control.Medium, words: i18n.T("gave %s a console password", arg("user"))},
		"UpdateLoginProfile":              {title: i18n.T("Console password changed"), severity: control.Medium, words: i18n.T("changed the console password of %s", arg("user"))},
		"DeleteLoginProfile":              {title: i18n.T("Console password deleted"), severity: control.Low, words: i18n.T("deleted the console password of %s", arg("user"))},
		"CreateAccessKey":                 {title: i18n.T("Access key created"), severity: control.Medium, words: i18n.T("created access key %s of %s", arg("key"), arg("user"))},
		"UpdateAccessKey":                 {title: i18n.T("Access key deactivated"), severity: control.Low, words: i18n.T("made access key %s of %s inactive", arg("key"), arg("user")), judge: byStatus},
		"DeleteAccessKey":                 {title: i18n.T("Access key deleted"), severity: control.Low, words: i18n.T("deleted access key %s of %s", arg("key"), arg("user"))},
		"CreateServiceSpecificCredential": {title: i18n.T("Service credential created"), severity: control.Medium, words: i18n.T("created a credential of %s for %s", arg("user"), arg("serviceName"))},
		"UploadSSHPublicKey":              {title: i18n.T("SSH public key uploaded"), severity: control.Medium, words: i18n.T("uploaded an SSH public key of %s", arg("user"))},
		"UploadSigningCertificate":        {title: i18n.T("Signing certificate uploaded"), severity: control.Medium, words: i18n.T("uploaded a signing certificate of %s", arg("user"))},

		// Identity providers, and the account's password policy.
		"CreateSAMLProvider":                    {title: i18n.T("Identity provider created"), severity: control.High, words: i18n.T("created SAML provider %s", arg("name")), subject: "{sAMLProviderArn|name}"},
		"UpdateSAMLProvider":                    {title: i18n.T("Identity provider changed"), severity: control.High, words: i18n.T("changed SAML provider %s", arg("sAMLProviderArn")), subject: "{sAMLProviderArn}"},
		"DeleteSAMLProvider":                    {title: i18n.T("Identity provider deleted"), severity: control.Medium, words: i18n.T("deleted SAML provider %s", arg("sAMLProviderArn")), subject: "{sAMLProviderArn}"},
		"CreateOpenIDConnectProvider":           {title: i18n.T("Identity provider created"), severity: control.High, words: i18n.T("created OpenID Connect provider %s", arg("url")), subject: "{openIDConnectProviderArn|url}"},
		"AddClientIDToOpenIDConnectProvider":    {title: i18n.T("Identity provider changed"), severity: control.High, words: i18n.T("added client %s to OpenID Connect provider %s", arg("clientID"), arg("openIDConnectProviderArn")), subject: "{openIDConnectProviderArn}"},
		"UpdateOpenIDConnectProviderThumbprint": {title: i18n.T("Identity provider changed"), severity: control.High, words: i18n.T("changed the thumbprints of OpenID Connect provider %s", arg("openIDConnectProviderArn")), subject: "{openIDConnectProviderArn}"},
		"DeleteOpenIDConnectProvider":           {title: i18n.T("Identity provider deleted"), severity: control.Medium, words: i18n.T("deleted OpenID Connect provider %s", arg("openIDConnectProviderArn")), subject: "{openIDConnectProviderArn}"},
		"UpdateAccountPasswordPolicy":           {title: i18n.T("Password policy changed"), severity: control.Medium, words: i18n.T("changed the account's password policy"), subject: "account"},
		"DeleteAccountPasswordPolicy":           {title: i18n.T("Password policy deleted"), severity: control.High, words: i18n.T("deleted the account's password policy"), subject: "account"},

		// Exemptions.
		"TagUser":   {title: i18n.T("Exemption set"), severity: control.Medium, words: i18n.T("set the tag %s of %s", exemptTag, arg("user")), judge: byTag},
		"UntagUser": {title: i18n.T("Exemption removed"), severity: control.Low, words: i18n.T("removed the tag %s of %s", exemptTag, arg("user")), judge: byTag},
	},

	// What records all this.
	"cloudtrail.amazonaws.com": {
		"StopLogging":       {title: i18n.T("Trail stopped"), severity: control.Critical, words: i18n.T("stopped trail %s", arg("name")), subject: "{name}"},
		"DeleteTrail":       {title: i18n.T("Trail deleted"), severity: control.Critical, words: i18n.T("deleted trail %s", arg("name")), subject: "{name}"},
		"UpdateTrail":       {title: i18n.T("Trail changed"), severity: control.High, words: i18n.T("changed trail %s", arg("name")), subject: "{name}"},
		"PutEventSelectors": {title: i18n.T("Events of a trail changed"), severity: control.High, words: i18n.T("changed which events trail %s records", arg("trailName")), subject: "{trailName}"},
	},
	"config.amazonaws.com": {
		"StopConfigurationRecorder":   {title: i18n.T("AWS Config recorder stopped"), severity: control.High, words: i18n.T("stopped AWS Config recorder %s", arg("configurationRecorderName")), subject: "{configurationRecorderName}"},
		"DeleteConfigurationRecorder": {title: i18n.T("AWS Config recorder deleted"), severity: control.High, words: i18n.T("deleted AWS Config recorder %s", arg("configurationRecorderName")), subject: "{configurationRecorderName}"},
	},
	"access-analyzer.amazonaws.com": {
		"DeleteAnalyzer": {title: i18n.T("Access analyzer deleted"), severity: control.High, words: i18n.T("deleted access analyzer %s", arg("analyzerName")), subject: "{analyzerName}"},
	},

	// Warder itself.
	"lambda.amazonaws.com": {
		"AddPermission":    {title: tampered, severity: control.Critical, words: i18n.T("called %s on function %s", arg("call"), arg("functionName")), subject: "{functionName}", tamper: true},
		"DeleteFunction":   {title: tampered, severity: control.Critical, words: i18n.T("called %s on function %s", arg("call"), arg("functionName")), subject: "{functionName}", tamper: true},
		"PutFunction":      {title: tampered, severity: control.Critical, words: i18n.T("called %s on function %s", arg("call"), arg("functionName")), subject: "{functionName}", tamper: true},
		"RemovePermission": {title: tampered, severity: control.Critical, words: i18n.T("called %s on function %s", arg("call"), arg("functionName")), subject: "{functionName}", tamper: true},
		"UpdateFunction":   {title: tampered, severity: control.Critical, words: i18n.T("called %s on function %s", arg("call"), arg("functionName")), subject: "{functionName}", tamper: true},
	},
	"events.amazonaws.com": {
		"DeleteRule":    {title: tampered, severity: control.Critical, words: i18n.T("deleted rule %s", arg("name")), subject: "{name}", tamper: true},
		"DisableRule":   {title: tampered, severity: control.Critical, words: i18n.T("disabled rule %s", arg("name")), subject: "{name}", tamper: true},
		"PutRule":       {title: tampered, severity: control.Critical, words: i18n.T("changed rule %s", arg("name")), subject: "{name}", tamper: true},
		"PutTargets":    {title: tampered, severity: control.Critical, words: i18n.T("changed the targets of rule %s", arg("rule")), subject: "{rule}", tamper: true},
		"RemoveTargets": {title: tampered, severity: control.Critical, words: i18n.T("removed targets of rule %s", arg("rule")), subject: "{rule}", tamper: true},
	},
	"ssm.amazonaws.com": {
		"PutParameter":     {title: i18n.T("Warder's halt switch set"), severity: control.Critical, words: i18n.T("set parameter %s", arg("name")), subject: "{name}", judge: byHalt, tamper: true},
		"DeleteParameter":  {title: tampered, severity: control.Critical, words: i18n.T("deleted parameter %s", arg("name")), subject: "{name}", tamper: true},
		"DeleteParameters": {title: tampered, severity: control.Critical, words: i18n.T("deleted parameter %s", arg("halt")), subject: "{halt}", tamper: true},
	},
	"dynamodb.amazonaws.com": {
		"DeleteTable":             {title: tampered, severity: control.Critical, words: i18n.T("deleted table %s", arg("tableName")), subject: "{tableName}", tamper: true},
		"UpdateContinuousBackups": {title: tampered, severity: control.Critical, words: i18n.T("changed the backups of table %s", arg("tableName")), subject: "{tableName}", tamper: true},
		"UpdateTable":             {title: tampered, severity: control.Critical, words: i18n.T("changed table %s", arg("tableName")), subject: "{tableName}", tamper: true},
		"UpdateTimeToLive":        {title: tampered, severity: control.Critical, words: i18n.T("changed how long table %s keeps its items", arg("tableName")), subject: "{tableName}", tamper: true},
	},
	"sns.amazonaws.com": {
		"DeleteTopic":               {title: tampered, severity: control.Critical, words: i18n.T("deleted topic %s", arg("topicArn")), subject: "{topicArn}", tamper: true},
		"SetTopicAttributes":        {title: tampered, severity: control.Critical, words: i18n.T("changed %s of topic %s", arg("attributeName"), arg("topicArn")), subject: "{topicArn}", tamper: true},
		"SetSubscriptionAttributes": {title: tampered, severity: control.High, words: i18n.T("changed %s of subscription %s", arg("attributeName"), arg("subscriptionArn")), subject: "{subscriptionArn}", tamper: true},
		"Unsubscribe":               {title: tampered, severity: control.High, words: i18n.T("ended subscription %s", arg("subscriptionArn")), subject: "{subscriptionArn}", tamper: true},
	},
	"cloudformation.amazonaws.com": {
		"DeleteStack": {title: i18n.T("Warder is being deleted"), severity: control.Critical, words: i18n.T("is deleting stack %s", arg("stackName")), subject: "{stackName}", tamper: true},
	},
}

// tampered is the title of what somebody did to Warder.
var tampered = i18n.T("Warder tampered with")

// exemptTag is the key of the tag that exempts a user. IAM compares keys without regard to case
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html).
const exemptTag = "warder:exempt"
