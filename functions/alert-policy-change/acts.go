package alertpolicychange

import (
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/i18n"
)

// arg is something that is filled in from the call: the path of a request parameter or response
// element, alternatives separated by a bar, or one of the words that planner.value knows.
type arg string

// act is one call of an AWS API that somebody is alerted on.
type act struct {
	title    i18n.Message     // what happened
	severity control.Severity // unless the call turns out to be worse
	subject  string           // whom it is about, when that is no IAM user, with args in braces
	by       assess           // what says whether it is worse than it looks
	action   i18n.Message     // what the caller did, with an arg for each argument
}

const (
	low      = control.Low
	medium   = control.Medium
	high     = control.High
	critical = control.Critical

	// Whom an act is about.
	ofGroup  = "group/${groupName}"
	ofRole   = "role/${roleName}"
	ofSAML   = "${sAMLProviderArn}"
	ofOpenID = "${openIDConnectProviderArn}"

	groupName  = arg("groupName")
	key        = arg("key")
	name       = arg("name")
	policyArn  = arg("policyArn")
	policyName = arg("policyName")
	roleName   = arg("roleName")
	user       = arg("user")
)

// acts are the calls that somebody is alerted on, by event source and event name. The rules of control.json deliver
// these and no others. What becomes of Warder's own functions, rules and topics is for alert-warder-change.
var acts = map[string]map[string]act{
	"iam.amazonaws.com": {
		// Policies of users, groups and roles.
		"AttachUserPolicy": {i18n.T("Policy attached to a user"), medium, "", together(attached),
			i18n.T("attached policy %s to %s", policyArn, user)},
		"AttachGroupPolicy": {i18n.T("Policy attached to a group"), medium, ofGroup, together(attached),
			i18n.T("attached policy %s to group %s", policyArn, groupName)},
		"AttachRolePolicy": {i18n.T("Policy attached to a role"), medium, ofRole, together(attached),
			i18n.T("attached policy %s to role %s", policyArn, roleName)},
		"DetachUserPolicy": {i18n.T("Policy detached from a user"), low, "", detached,
			i18n.T("detached policy %s from %s", policyArn, user)},
		"DetachGroupPolicy": {i18n.T("Policy detached from a group"), low, ofGroup, detached,
			i18n.T("detached policy %s from group %s", policyArn, groupName)},
		"DetachRolePolicy": {i18n.T("Policy detached from a role"), low, ofRole, detached,
			i18n.T("detached policy %s from role %s", policyArn, roleName)},
		"PutUserPolicy": {i18n.T("Inline policy added to a user"), medium, "", together(document),
			i18n.T("added inline policy %s to %s", policyName, user)},
		"PutGroupPolicy": {i18n.T("Inline policy added to a group"), medium, ofGroup, together(document),
			i18n.T("added inline policy %s to group %s", policyName, groupName)},
		"PutRolePolicy": {i18n.T("Inline policy added to a role"), medium, ofRole, together(document),
			i18n.T("added inline policy %s to role %s", policyName, roleName)},
		// What these allowed or denied cannot be read any more.
		"DeleteUserPolicy": {i18n.T("Inline policy of a user deleted"), medium, "", asItIs,
			i18n.T("deleted inline policy %s of %s", policyName, user)},
		"DeleteGroupPolicy": {i18n.T("Inline policy of a group deleted"), medium, ofGroup, asItIs,
			i18n.T("deleted inline policy %s of group %s", policyName, groupName)},
		"DeleteRolePolicy": {i18n.T("Inline policy of a role deleted"), medium, ofRole, asItIs,
			i18n.T("deleted inline policy %s of role %s", policyName, roleName)},

		// Managed policies.
		"CreatePolicy": {i18n.T("Policy created"), low, "${policy.arn|policyName}", newVersion,
			i18n.T("created policy %s", policyName)},
		"CreatePolicyVersion": {i18n.T("Policy version created"), medium, "${policyArn}", together(newVersion),
			i18n.T("created a new version of policy %s", policyArn)},
		"SetDefaultPolicyVersion": {i18n.T("Default version of a policy changed"), medium, "${policyArn}", together(switched),
			i18n.T("set the default version of policy %s to %s", policyArn, arg("versionId"))},
		"DeletePolicy": {i18n.T("Policy deleted"), low, "${policyArn}", asItIs, i18n.T("deleted policy %s", policyArn)},
		"DeletePolicyVersion": {i18n.T("Policy version deleted"), low, "${policyArn}", asItIs,
			i18n.T("deleted version %s of policy %s", arg("versionId"), policyArn)},

		// Users and groups.
		"CreateUser": {i18n.T("User created"), medium, "", (*planner).created, i18n.T("created %s", user)},
		"UpdateUser": {i18n.T("User renamed or moved"), low, "", asItIs,
			i18n.T("changed the name or path of %s, whose name is %s now", user, arg("newUserName|userName"))},
		"DeleteUser":  {i18n.T("User deleted"), low, "", asItIs, i18n.T("deleted %s", user)},
		"CreateGroup": {i18n.T("Group created"), low, ofGroup, asItIs, i18n.T("created group %s", groupName)},
		"UpdateGroup": {i18n.T("Group renamed or moved"), low, ofGroup, asItIs,
			i18n.T("changed the name or path of group %s, whose name is %s now", groupName, arg("newGroupName|groupName"))},
		"DeleteGroup": {i18n.T("Group deleted"), low, ofGroup, asItIs, i18n.T("deleted group %s", groupName)},
		"AddUserToGroup": {i18n.T("User added to a group"), medium, "", together((*planner).joined),
			i18n.T("added %s to group %s", user, groupName)},
		"RemoveUserFromGroup": {i18n.T("User removed from a group"), low, "", (*planner).left,
			i18n.T("removed %s from group %s", user, groupName)},

		// Roles, and who may assume them.
		"CreateRole": {i18n.T("Role created"), low, ofRole, (*planner).trusted, i18n.T("created role %s", roleName)},
		"UpdateAssumeRolePolicy": {i18n.T("Trust policy changed"), medium, ofRole, let((*planner).trusted),
			i18n.T("changed the trust policy of role %s", roleName)},
		"DeleteRole": {i18n.T("Role deleted"), low, ofRole, asItIs, i18n.T("deleted role %s", roleName)},

		// Permissions boundaries.
		"PutUserPermissionsBoundary": {i18n.T("Permissions boundary of a user set"), medium, "", bounded(boundary),
			i18n.T("set policy %s as the permissions boundary of %s", arg("permissionsBoundary"), user)},
		"PutRolePermissionsBoundary": {i18n.T("Permissions boundary of a role set"), medium, ofRole, bounded(boundary),
			i18n.T("set policy %s as the permissions boundary of role %s", arg("permissionsBoundary"), roleName)},
		"DeleteUserPermissionsBoundary": {i18n.T("Permissions boundary of a user removed"), high, "", asItIs,
			i18n.T("removed the permissions boundary of %s", user)},
		"DeleteRolePermissionsBoundary": {i18n.T("Permissions boundary of a role removed"), high, ofRole, asItIs,
			i18n.T("removed the permissions boundary of role %s", roleName)},

		// What a user signs in and signs requests with.
		"EnableMFADevice": {i18n.T("MFA device enabled"), low, "", asItIs, i18n.T("enabled an MFA device for %s", user)},
		"DeactivateMFADevice": {i18n.T("MFA device deactivated"), high, "", asItIs,
			i18n.T("deactivated an MFA device of %s", user)},
		"DeleteVirtualMFADevice": {i18n.T("Virtual MFA device deleted"), medium, "${serialNumber}", asItIs,
			i18n.T("deleted MFA device %s", arg("serialNumber"))},
		"CreateLoginProfile": {i18n.T("Console password created"), medium, "", password,
			i18n.T("created a console password for %s", user)},
		"UpdateLoginProfile": {i18n.T("Console password changed"), medium, "", asItIs,
			i18n.T("changed the console password of %s", user)},
		"ChangePassword": {i18n.T("Console password changed"), low, "", asItIs,
			i18n.T("changed the console password of %s", user)},
		"DeleteLoginProfile": {i18n.T("Console password deleted"), low, "", asItIs,
			i18n.T("deleted the console password of %s", user)},
		"CreateAccessKey": {i18n.T("Access key created"), medium, "", asItIs,
			i18n.T("created access key %s of %s", key, user)},
		"UpdateAccessKey": {i18n.T("Access key deactivated"), low, "", status,
			i18n.T("made access key %s of %s inactive", key, user)},
		"DeleteAccessKey": {i18n.T("Access key deleted"), low, "", asItIs, i18n.T("deleted access key %s of %s", key, user)},
		"CreateServiceSpecificCredential": {i18n.T("Service credential created"), medium, "", asItIs,
			i18n.T("created a credential of %s for %s", user, arg("serviceName"))},
		"UploadSSHPublicKey": {i18n.T("SSH public key uploaded"), medium, "", asItIs,
			i18n.T("uploaded an SSH public key of %s", user)},
		"UploadSigningCertificate": {i18n.T("Signing certificate uploaded"), medium, "", asItIs,
			i18n.T("uploaded a signing certificate of %s", user)},

		// Identity providers, and the account's password policy.
		"CreateSAMLProvider": {i18n.T("Identity provider created"), high, "${sAMLProviderArn|name}", asItIs,
			i18n.T("created SAML provider %s", name)},
		"UpdateSAMLProvider": {i18n.T("Identity provider changed"), high, ofSAML, asItIs,
			i18n.T("changed SAML provider %s", arg("sAMLProviderArn"))},
		"DeleteSAMLProvider": {i18n.T("Identity provider deleted"), medium, ofSAML, asItIs,
			i18n.T("deleted SAML provider %s", arg("sAMLProviderArn"))},
		"CreateOpenIDConnectProvider": {i18n.T("Identity provider created"), high, "${openIDConnectProviderArn|url}", asItIs,
			i18n.T("created OpenID Connect provider %s", arg("url"))},
		"AddClientIDToOpenIDConnectProvider": {i18n.T("Identity provider changed"), high, ofOpenID, asItIs,
			i18n.T("added client %s to OpenID Connect provider %s", arg("clientID"), arg("openIDConnectProviderArn"))},
		"UpdateOpenIDConnectProviderThumbprint": {i18n.T("Identity provider changed"), high, ofOpenID, asItIs,
			i18n.T("changed the thumbprints of OpenID Connect provider %s", arg("openIDConnectProviderArn"))},
		"DeleteOpenIDConnectProvider": {i18n.T("Identity provider deleted"), medium, ofOpenID, asItIs,
			i18n.T("deleted OpenID Connect provider %s", arg("openIDConnectProviderArn"))},
		"UpdateAccountPasswordPolicy": {i18n.T("Password policy changed"), medium, "account", asItIs,
			i18n.T("changed the account's password policy")},
		"DeleteAccountPasswordPolicy": {i18n.T("Password policy deleted"), high, "account", asItIs,
			i18n.T("deleted the account's password policy")},

		// Tags that Warder goes by.
		"TagUser": {exempted, medium, "", (*planner).tagged, setTag},
		"UntagUser": {i18n.T("Exemption removed"), low, "", (*planner).tagged,
			i18n.T("removed the tag %s of %s", exemptTag, user)},
	},
}

// tampered is the title of what somebody did to a role or policy of Warder's.
var tampered = i18n.T("Warder was tampered with")

// exemptTag is the key of the tag that exempts a user. IAM compares keys without regard to case
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html).
const exemptTag = "warder:exempt"
