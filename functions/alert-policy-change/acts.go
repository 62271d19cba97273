package alertpolicychange

import (
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/say"
)

// arg is something that is filled in from the call: the path of a request parameter or response
// element, alternatives separated by a bar, or one of the words that planner.value knows.
type arg string

// act is one call of an AWS API that is told of.
type act struct {
	title    say.Text         // what happened
	severity control.Severity // unless the call turns out to be worse
	words    say.Text         // what the caller did, with an arg for each argument
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
		"AttachUserPolicy":  {title: say.F("Policy attached to a user"), severity: control.Medium, words: say.F("attached policy %s to %s", arg("policyArn"), arg("user")), judge: byPolicy},
		"AttachGroupPolicy": {title: say.F("Policy attached to a group"), severity: control.Medium, words: say.F("attached policy %s to group %s", arg("policyArn"), arg("groupName")), subject: "group/{groupName}", judge: byPolicy},
		"AttachRolePolicy":  {title: say.F("Policy attached to a role"), severity: control.Medium, words: say.F("attached policy %s to role %s", arg("policyArn"), arg("roleName")), subject: "role/{roleName}", judge: byPolicy},
		"DetachUserPolicy":  {title: say.F("Policy detached from a user"), severity: control.Low, words: say.F("detached policy %s from %s", arg("policyArn"), arg("user")), judge: byDetached},
		"DetachGroupPolicy": {title: say.F("Policy detached from a group"), severity: control.Low, words: say.F("detached policy %s from group %s", arg("policyArn"), arg("groupName")), subject: "group/{groupName}", judge: byDetached},
		"DetachRolePolicy":  {title: say.F("Policy detached from a role"), severity: control.Low, words: say.F("detached policy %s from role %s", arg("policyArn"), arg("roleName")), subject: "role/{roleName}", judge: byDetached},
		"PutUserPolicy":     {title: say.F("Inline policy put on a user"), severity: control.Medium, words: say.F("put inline policy %s on %s", arg("policyName"), arg("user")), judge: byDocument},
		"PutGroupPolicy":    {title: say.F("Inline policy put on a group"), severity: control.Medium, words: say.F("put inline policy %s on group %s", arg("policyName"), arg("groupName")), subject: "group/{groupName}", judge: byDocument},
		"PutRolePolicy":     {title: say.F("Inline policy put on a role"), severity: control.Medium, words: say.F("put inline policy %s on role %s", arg("policyName"), arg("roleName")), subject: "role/{roleName}", judge: byDocument},
		// What these allowed or denied cannot be read any more.
		"DeleteUserPolicy":  {title: say.F("Inline policy of a user deleted"), severity: control.Medium, words: say.F("deleted inline policy %s of %s", arg("policyName"), arg("user"))},
		"DeleteGroupPolicy": {title: say.F("Inline policy of a group deleted"), severity: control.Medium, words: say.F("deleted inline policy %s of group %s", arg("policyName"), arg("groupName")), subject: "group/{groupName}"},
		"DeleteRolePolicy":  {title: say.F("Inline policy of a role deleted"), severity: control.Medium, words: say.F("deleted inline policy %s of role %s", arg("policyName"), arg("roleName")), subject: "role/{roleName}"},

		// Managed policies.
		"CreatePolicy":            {title: say.F("Policy created"), severity: control.Low, words: say.F("created policy %s", arg("policyName")), subject: "{policy.arn|policyName}", judge: byNewVersion},
		"CreatePolicyVersion":     {title: say.F("Policy version created"), severity: control.Medium, words: say.F("wrote a new version of policy %s", arg("policyArn")), subject: "{policyArn}", judge: byNewVersion},
		"SetDefaultPolicyVersion": {title: say.F("Policy switched to another version"), severity: control.Medium, words: say.F("switched policy %s to version %s", arg("policyArn"), arg("versionId")), subject: "{policyArn}", judge: byVersion},
		"DeletePolicy":            {title: say.F("Policy deleted"), severity: control.Low, words: say.F("deleted policy %s", arg("policyArn")), subject: "{policyArn}"},
		"DeletePolicyVersion":     {title: say.F("Policy version deleted"), severity: control.Low, words: say.F("deleted version %s of policy %s", arg("versionId"), arg("policyArn")), subject: "{policyArn}"},

		// Users and groups.
		"CreateUser":          {title: say.F("User created"), severity: control.Medium, words: say.F("created %s", arg("user")), judge: byUser},
		"UpdateUser":          {title: say.F("User renamed or moved"), severity: control.Low, words: say.F("changed the name or path of %s, whose name is %s now", arg("user"), arg("newUserName|userName"))},
		"DeleteUser":          {title: say.F("User deleted"), severity: control.Low, words: say.F("deleted %s", arg("user"))},
		"CreateGroup":         {title: say.F("Group created"), severity: control.Low, words: say.F("created group %s", arg("groupName")), subject: "group/{groupName}"},
		"UpdateGroup":         {title: say.F("Group renamed or moved"), severity: control.Low, words: say.F("changed the name or path of group %s, whose name is %s now", arg("groupName"), arg("newGroupName|groupName")), subject: "group/{groupName}"},
		"DeleteGroup":         {title: say.F("Group deleted"), severity: control.Low, words: say.F("deleted group %s", arg("groupName")), subject: "group/{groupName}"},
		"AddUserToGroup":      {title: say.F("User added to a group"), severity: control.Medium, words: say.F("added %s to group %s", arg("user"), arg("groupName")), judge: byGroup},
		"RemoveUserFromGroup": {title: say.F("User removed from a group"), severity: control.Low, words: say.F("removed %s from group %s", arg("user"), arg("groupName")), judge: byLeft},

		// Roles, and who may assume them.
		"CreateRole":             {title: say.F("Role created"), severity: control.Low, words: say.F("created role %s", arg("roleName")), subject: "role/{roleName}", judge: byTrust},
		"UpdateAssumeRolePolicy": {title: say.F("Trust policy changed"), severity: control.Medium, words: say.F("changed the trust policy of role %s", arg("roleName")), subject: "role/{roleName}", judge: byTrust},
		"DeleteRole":             {title: say.F("Role deleted"), severity: control.Low, words: say.F("deleted role %s", arg("roleName")), subject: "role/{roleName}"},

		// Permissions boundaries.
		"PutUserPermissionsBoundary":    {title: say.F("Permissions boundary of a user set"), severity: control.Medium, words: say.F("made policy %s the permissions boundary of %s", arg("permissionsBoundary"), arg("user")), judge: byBoundary},
		"PutRolePermissionsBoundary":    {title: say.F("Permissions boundary of a role set"), severity: control.Medium, words: say.F("made policy %s the permissions boundary of role %s", arg("permissionsBoundary"), arg("roleName")), subject: "role/{roleName}", judge: byBoundary},
		"DeleteUserPermissionsBoundary": {title: say.F("Permissions boundary of a user removed"), severity: control.High, words: say.F("removed the permissions boundary of %s", arg("user"))},
		"DeleteRolePermissionsBoundary": {title: say.F("Permissions boundary of a role removed"), severity: control.High, words: say.F("removed the permissions boundary of role %s", arg("roleName")), subject: "role/{roleName}"},

		// What a user signs in and signs requests with.
		"EnableMFADevice":                 {title: say.F("MFA device enabled"), severity: control.Low, words: say.F("enabled an MFA device for %s", arg("user"))},
		"DeactivateMFADevice":             {title: say.F("MFA device deactivated"), severity: control.High, words: say.F("deactivated an MFA device of %s", arg("user"))},
		"DeleteVirtualMFADevice":          {title: say.F("Virtual MFA device deleted"), severity: control.Medium, words: say.F("deleted MFA device %s", arg("serialNumber")), subject: "{serialNumber}"},
		"CreateLoginProfile":              {title: say.F("Console password created"), severity: control.Medium, words: say.F("gave %s a console password", arg("user"))},
		"UpdateLoginProfile":              {title: say.F("Console password changed"), severity: control.Medium, words: say.F("changed the console password of %s", arg("user"))},
		"DeleteLoginProfile":              {title: say.F("Console password deleted"), severity: control.Low, words: say.F("deleted the console password of %s", arg("user"))},
		"CreateAccessKey":                 {title: say.F("Access key created"), severity: control.Medium, words: say.F("created access key %s of %s", arg("key"), arg("user"))},
		"UpdateAccessKey":                 {title: say.F("Access key deactivated"), severity: control.Low, words: say.F("made access key %s of %s inactive", arg("key"), arg("user")), judge: byStatus},
		"DeleteAccessKey":                 {title: say.F("Access key deleted"), severity: control.Low, words: say.F("deleted access key %s of %s", arg("key"), arg("user"))},
		"CreateServiceSpecificCredential": {title: say.F("Service credential created"), severity: control.Medium, words: say.F("created a credential of %s for %s", arg("user"), arg("serviceName"))},
		"UploadSSHPublicKey":              {title: say.F("SSH public key uploaded"), severity: control.Medium, words: say.F("uploaded an SSH public key of %s", arg("user"))},
		"UploadSigningCertificate":        {title: say.F("Signing certificate uploaded"), severity: control.Medium, words: say.F("uploaded a signing certificate of %s", arg("user"))},

		// Identity providers, and the account's password policy.
		"CreateSAMLProvider":                    {title: say.F("Identity provider created"), severity: control.High, words: say.F("created SAML provider %s", arg("name")), subject: "{sAMLProviderArn|name}"},
		"UpdateSAMLProvider":                    {title: say.F("Identity provider changed"), severity: control.High, words: say.F("changed SAML provider %s", arg("sAMLProviderArn")), subject: "{sAMLProviderArn}"},
		"DeleteSAMLProvider":                    {title: say.F("Identity provider deleted"), severity: control.Medium, words: say.F("deleted SAML provider %s", arg("sAMLProviderArn")), subject: "{sAMLProviderArn}"},
		"CreateOpenIDConnectProvider":           {title: say.F("Identity provider created"), severity: control.High, words: say.F("created OpenID Connect provider %s", arg("url")), subject: "{openIDConnectProviderArn|url}"},
		"AddClientIDToOpenIDConnectProvider":    {title: say.F("Identity provider changed"), severity: control.High, words: say.F("added client %s to OpenID Connect provider %s", arg("clientID"), arg("openIDConnectProviderArn")), subject: "{openIDConnectProviderArn}"},
		"UpdateOpenIDConnectProviderThumbprint": {title: say.F("Identity provider changed"), severity: control.High, words: say.F("changed the thumbprints of OpenID Connect provider %s", arg("openIDConnectProviderArn")), subject: "{openIDConnectProviderArn}"},
		"DeleteOpenIDConnectProvider":           {title: say.F("Identity provider deleted"), severity: control.Medium, words: say.F("deleted OpenID Connect provider %s", arg("openIDConnectProviderArn")), subject: "{openIDConnectProviderArn}"},
		"UpdateAccountPasswordPolicy":           {title: say.F("Password policy changed"), severity: control.Medium, words: say.F("changed the account's password policy"), subject: "account"},
		"DeleteAccountPasswordPolicy":           {title: say.F("Password policy deleted"), severity: control.High, words: say.F("deleted the account's password policy"), subject: "account"},

		// Exemptions.
		"TagUser":   {title: say.F("Exemption set"), severity: control.Medium, words: say.F("set the tag %s of %s", exemptTag, arg("user")), judge: byTag},
		"UntagUser": {title: say.F("Exemption removed"), severity: control.Low, words: say.F("removed the tag %s of %s", exemptTag, arg("user")), judge: byTag},
	},

	// What records all this.
	"cloudtrail.amazonaws.com": {
		"StopLogging":       {title: say.F("Trail stopped"), severity: control.Critical, words: say.F("stopped trail %s", arg("name")), subject: "{name}"},
		"DeleteTrail":       {title: say.F("Trail deleted"), severity: control.Critical, words: say.F("deleted trail %s", arg("name")), subject: "{name}"},
		"UpdateTrail":       {title: say.F("Trail changed"), severity: control.High, words: say.F("changed trail %s", arg("name")), subject: "{name}"},
		"PutEventSelectors": {title: say.F("Events of a trail changed"), severity: control.High, words: say.F("changed which events trail %s records", arg("trailName")), subject: "{trailName}"},
	},
	"config.amazonaws.com": {
		"StopConfigurationRecorder":   {title: say.F("AWS Config recorder stopped"), severity: control.High, words: say.F("stopped AWS Config recorder %s", arg("configurationRecorderName")), subject: "{configurationRecorderName}"},
		"DeleteConfigurationRecorder": {title: say.F("AWS Config recorder deleted"), severity: control.High, words: say.F("deleted AWS Config recorder %s", arg("configurationRecorderName")), subject: "{configurationRecorderName}"},
	},
	"access-analyzer.amazonaws.com": {
		"DeleteAnalyzer": {title: say.F("Access analyzer deleted"), severity: control.High, words: say.F("deleted access analyzer %s", arg("analyzerName")), subject: "{analyzerName}"},
	},

	// Warder itself.
	"lambda.amazonaws.com": {
		"AddPermission":    {title: tampered, severity: control.Critical, words: say.F("called %s on function %s", arg("call"), arg("functionName")), subject: "{functionName}", tamper: true},
		"DeleteFunction":   {title: tampered, severity: control.Critical, words: say.F("called %s on function %s", arg("call"), arg("functionName")), subject: "{functionName}", tamper: true},
		"PutFunction":      {title: tampered, severity: control.Critical, words: say.F("called %s on function %s", arg("call"), arg("functionName")), subject: "{functionName}", tamper: true},
		"RemovePermission": {title: tampered, severity: control.Critical, words: say.F("called %s on function %s", arg("call"), arg("functionName")), subject: "{functionName}", tamper: true},
		"UpdateFunction":   {title: tampered, severity: control.Critical, words: say.F("called %s on function %s", arg("call"), arg("functionName")), subject: "{functionName}", tamper: true},
	},
	"events.amazonaws.com": {
		"DeleteRule":    {title: tampered, severity: control.Critical, words: say.F("deleted rule %s", arg("name")), subject: "{name}", tamper: true},
		"DisableRule":   {title: tampered, severity: control.Critical, words: say.F("disabled rule %s", arg("name")), subject: "{name}", tamper: true},
		"PutRule":       {title: tampered, severity: control.Critical, words: say.F("changed rule %s", arg("name")), subject: "{name}", tamper: true},
		"PutTargets":    {title: tampered, severity: control.Critical, words: say.F("changed the targets of rule %s", arg("rule")), subject: "{rule}", tamper: true},
		"RemoveTargets": {title: tampered, severity: control.Critical, words: say.F("removed targets of rule %s", arg("rule")), subject: "{rule}", tamper: true},
	},
	"ssm.amazonaws.com": {
		"PutParameter":     {title: say.F("Warder's halt switch set"), severity: control.Critical, words: say.F("set parameter %s", arg("name")), subject: "{name}", judge: byHalt, tamper: true},
		"DeleteParameter":  {title: tampered, severity: control.Critical, words: say.F("deleted parameter %s", arg("name")), subject: "{name}", tamper: true},
		"DeleteParameters": {title: tampered, severity: control.Critical, words: say.F("deleted parameter %s", arg("halt")), subject: "{halt}", tamper: true},
	},
	"dynamodb.amazonaws.com": {
		"DeleteTable":             {title: tampered, severity: control.Critical, words: say.F("deleted table %s", arg("tableName")), subject: "{tableName}", tamper: true},
		"UpdateContinuousBackups": {title: tampered, severity: control.Critical, words: say.F("changed the backups of table %s", arg("tableName")), subject: "{tableName}", tamper: true},
		"UpdateTable":             {title: tampered, severity: control.Critical, words: say.F("changed table %s", arg("tableName")), subject: "{tableName}", tamper: true},
		"UpdateTimeToLive":        {title: tampered, severity: control.Critical, words: say.F("changed how long table %s keeps its items", arg("tableName")), subject: "{tableName}", tamper: true},
	},
	"sns.amazonaws.com": {
		"DeleteTopic":               {title: tampered, severity: control.Critical, words: say.F("deleted topic %s", arg("topicArn")), subject: "{topicArn}", tamper: true},
		"SetTopicAttributes":        {title: tampered, severity: control.Critical, words: say.F("changed %s of topic %s", arg("attributeName"), arg("topicArn")), subject: "{topicArn}", tamper: true},
		"SetSubscriptionAttributes": {title: tampered, severity: control.High, words: say.F("changed %s of subscription %s", arg("attributeName"), arg("subscriptionArn")), subject: "{subscriptionArn}", tamper: true},
		"Unsubscribe":               {title: tampered, severity: control.High, words: say.F("ended subscription %s", arg("subscriptionArn")), subject: "{subscriptionArn}", tamper: true},
	},
	"cloudformation.amazonaws.com": {
		"DeleteStack": {title: say.F("Warder is being deleted"), severity: control.Critical, words: say.F("is deleting stack %s", arg("stackName")), subject: "{stackName}", tamper: true},
	},
}

// tampered is the title of what somebody did to Warder.
var tampered = say.F("Warder tampered with")

// exemptTag is the key of the tag that exempts a user. IAM compares keys without regard to case
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html).
const exemptTag = "warder:exempt"
