package alertorganizationchange

import (
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/operation"
	"github.com/warder-aws/warder/pkg/policy"
)

// planner alerts on the calls that the table of operations gives to the control.
var planner = operation.Planner{
	Control: "alert-organization-change", Kinds: kinds, Rules: rules,
	Advice: i18n.T("Find out at once who did this and why. If nobody knows, treat it as an attack: make the caller's " +
		"credentials inactive first, then revert the change."),
}

// kinds are what the operations are about, by the words that the table has for them.
var kinds = map[string]operation.Kind{
	"account-closed": operation.About(i18n.T("Account closed"),
		i18n.T("Whatever runs in the account ends.")),
	"account-contact": operation.About(i18n.T("Contact of the account changed"),
		i18n.T("Warnings of AWS about the account may reach other people than before, or nobody.")),
	"account-email": operation.About(i18n.T("Email address of the root user changed"),
		i18n.T("Whoever reads that mailbox can become the root user.")),
	"account-made": operation.About(i18n.T("Account created"),
		i18n.T("The organization has another account, with a role that its administrators may assume.")),
	"account-region": operation.About(i18n.T("Region enabled or disabled"),
		i18n.T("In a region that was just enabled nothing may be recorded or watched yet.")),
	"anywhere-notices": operation.About(i18n.T("Notices of Roles Anywhere changed"),
		i18n.T("Nobody may be told before a certificate authority expires.")),
	"anywhere-profile": operation.About(i18n.T("Roles Anywhere profile changed"),
		i18n.T("Whoever has a certificate of a trust anchor may assume other roles than before.")),
	"application-access": operation.About(i18n.T("Access to an application changed"),
		i18n.T("Others may use the application, or use it otherwise, than before.")),
	"assignment": operation.About(i18n.T("Access to an account assigned"),
		i18n.T("A person or group has the rights of a permission set in an account.")),
	"assignment-ended": operation.About(i18n.T("Access to an account withdrawn"),
		i18n.T("A person or group has the rights of the permission set no longer.")),
	"boundary-removed": operation.About(i18n.T("Permissions boundary of a permission set removed"),
		i18n.T("The permission set may give more rights than before.")),
	"credential": operation.About(i18n.T("Credential of a directory user changed"),
		i18n.T("Whoever made the call may know how to sign in as that person.")),
	"delegated-admin": operation.About(i18n.T("Delegated administration changed"),
		i18n.T("Another account may administer a service for the whole organization.")),
	"directory-group": operation.About(i18n.T("Directory group changed"),
		i18n.T("The members of the group have what is assigned to the group.")),
	"directory-user": operation.About(i18n.T("Directory user changed"),
		i18n.T("The person may be able to sign in, or not any more.")),
	"federation-token": operation.About(i18n.T("Federation token issued"),
		i18n.T("A user's access key was made into a session, which lasts after the key is inactive.")),
	"identity-source": operation.About(i18n.T("Source of identities changed"),
		i18n.T("Who may sign in, and with which attributes, may be decided somewhere else than before.")),
	"joined": operation.About(i18n.T("Membership of the organization changed"),
		i18n.T("An account joins, or the organization's policies apply otherwise than before.")),
	"leave": operation.About(i18n.T("Account left the organization"),
		i18n.T("The organization's policies, trails and detectors do not apply to it any more.")),
	"mfa": operation.About(i18n.T("MFA device registered"),
		i18n.T("Whoever registered it can sign in with it.")),
	"mfa-removed": operation.About(i18n.T("MFA device removed"),
		i18n.T("The person can sign in without it, or register another.")),
	"moved": operation.About(i18n.T("Account moved in the organization"),
		i18n.T("Other policies of the organization may apply to it than before.")),
	"permission-set": operation.About(i18n.T("Permission set changed"),
		i18n.T("Everybody who has it assigned may have other rights than before.")),
	"policy-changed": operation.About(i18n.T("Policy of the organization changed"),
		i18n.T("Accounts may be allowed other things than before.")),
	"policy-detached": operation.About(i18n.T("Policy of the organization taken away"),
		i18n.T("What the policy kept accounts from is allowed again.")),
	"revocation-list": operation.About(i18n.T("Certificate revocation list changed"),
		i18n.T("A certificate that was revoked may work again.")),
	"root-session": operation.About(i18n.T("Session as a member's root user"),
		i18n.T("Somebody acts as the root user of a member account, within the limits of a task policy.")),
	"service-access": operation.About(i18n.T("Access of a service to the organization changed"),
		i18n.T("The service may act in every account, or not any more.")),
	"sign-in-rules": operation.About(i18n.T("Rules of sign-in changed"),
		i18n.T("Who may sign in to the console, from where, and with what may be otherwise than before.")),
	"token-issuer": operation.About(i18n.T("Issuer of tokens changed"),
		i18n.T("Whoever holds a token of the issuer may come in.")),
	"trust-anchor": operation.About(i18n.T("Trust anchor changed"),
		i18n.T("Whoever holds a certificate of the anchor may assume the roles of its profiles.")),
}

// rules judge the calls whose parameters decide how bad they are.
var rules = map[string]operation.Rule{"permission-set": permissionSet}

// wide are the managed policies of AWS that make an administrator.
// https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html
var wide = []string{"AdministratorAccess", "IAMFullAccess"}

// permissionSet judges what is given to everybody who has the permission set assigned. Policies of the accounts, which
// are attached by name, cannot be read from here.
func permissionSet(c *event.APICall) (control.Severity, i18n.Message) {
	if arn, ok := c.Param("managedPolicyArn"); ok {
		for _, name := range wide {
			if policy.Matches("arn:*:iam::aws:policy/"+name, arn) {
				return control.Critical, i18n.T("Everybody who has it assigned is an administrator: %s.", name)
			}
		}
		return control.Medium, i18n.Message{}
	}
	document, ok := c.Param("inlinePolicy")
	if !ok {
		return control.Medium, i18n.T("Its new policy is not in the event.")
	}
	assessed := policy.Assess(policy.Holder{}, document)
	switch assessed.Level {
	case policy.Unreadable:
		return control.High, i18n.T("Its new policy cannot be read.")
	case policy.Administrator:
		return control.Critical, i18n.T("Everybody who has it assigned is an administrator: %s.", assessed.Ways[0].Text)
	case policy.Escalates:
		return control.High, i18n.T("Everybody who has it assigned can become an administrator: %s.", assessed.Ways[0].Text)
	}
	return control.Medium, i18n.Message{}
}
