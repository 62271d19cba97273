package alertpolicychange

import (
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/operation"
)

// others alerts on the calls that the table of operations gives to the control and that acts has no words of its own
// for.
var others = operation.Planner{Control: "alert-policy-change", Kinds: kinds, Advice: adviseStop}

// kinds are what those are about, by the words that the table has for them.
var kinds = map[string]operation.Kind{
	"credential": operation.About(i18n.T("Credential of a user changed"),
		i18n.T("Whoever made the call may know the new credential.")),
	"credential-ended": operation.About(i18n.T("Credential of a user deleted"),
		i18n.T("What used it does not work any more.")),
	"delegation": operation.About(i18n.T("Rights delegated to a partner"),
		i18n.T("Another company may get temporary rights in this account.")),
	"machine-role": operation.About(i18n.T("Role of machines changed"),
		i18n.T("Machines with this instance profile may have other rights than before.")),
	"mfa": operation.About(i18n.T("MFA device made or synchronized"),
		i18n.T("It counts once it is enabled for a user.")),
	"outbound-identity": operation.About(i18n.T("Outbound identity federation changed"),
		i18n.T("Whoever may ask for a token of this account may come in wherever that is trusted.")),
	"provider": operation.About(i18n.T("Identity provider changed"),
		i18n.T("Tokens for that client are not accepted any more.")),
	"role-session": operation.About(i18n.T("Session length of a role changed"),
		i18n.T("Sessions of the role may last longer than before.")),
	"root-management": operation.About(i18n.T("Management of root users changed"),
		i18n.T("Who may act for the root users of member accounts is otherwise than before.")),
	"token-settings": operation.About(i18n.T("Settings of security tokens changed"),
		i18n.T("Temporary credentials may work in other regions than before.")),
}
