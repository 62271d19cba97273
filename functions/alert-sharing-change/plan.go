package alertsharingchange

import (
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/operation"
	"github.com/warder-aws/warder/pkg/settings"
)

// newPlanner alerts on the calls that the table of operations gives to the control.
func newPlanner(s settings.Function) operation.Planner {
	return operation.Planner{
		Control: "alert-sharing-change", Kinds: kinds, Rules: trusted(s.TrustedAccounts).rules(), Settings: s,
		Advice: i18n.T("Find out at once who did this and why. If nobody knows, treat it as an attack: make the caller's " +
			"credentials inactive first, then revert the change."),
	}
}

// kinds are what the operations are about, by the words that the table has for them.
var kinds = map[string]operation.Kind{
	"accepted-share": operation.About(i18n.T("Share from another account accepted"),
		i18n.T("The account uses something that another account owns and may take away or change.")),
	"acl": operation.About(i18n.T("Access list changed"),
		i18n.T("Who may read or write it may be decided by its access list now.")),
	"cluster-access": operation.About(i18n.T("Access to a cluster given"),
		i18n.T("Somebody may have rights in the cluster that IAM does not show.")),
	"cluster-config": operation.About(i18n.T("Reach of a cluster changed"),
		i18n.T("The cluster may be reached from other places than before.")),
	"copied-away": operation.About(i18n.T("Data copied to another place"),
		i18n.T("A copy may be where other people read it.")),
	"credential": operation.About(i18n.T("Token for sending logs changed"),
		i18n.T("Whoever has it may write logs.")),
	"data-protection": operation.About(i18n.T("Data protection of a topic changed"),
		i18n.T("Personal data in its messages may be kept or passed on otherwise than before.")),
	"encryption": operation.About(i18n.T("Encryption changed"),
		i18n.T("Data may be encrypted with another key than before, or not be protected by one of the account's.")),
	"function-code": operation.About(i18n.T("Code of a function replaced"),
		i18n.T("It runs with the rights of the function's role.")),
	"function-url": operation.About(i18n.T("Function reachable from the internet"),
		i18n.T("It has an address of its own.")),
	"grant": operation.About(i18n.T("Right to use something granted"),
		i18n.T("Somebody may use it whom its policy does not name.")),
	"ingress": operation.About(i18n.T("Network opened"),
		i18n.T("Machines of the group can be reached from there.")),
	"key-copied": operation.About(i18n.T("Key copied to another region"),
		i18n.T("Data can be decrypted there, under a policy of its own.")),
	"key-gone": operation.About(i18n.T("Key will be deleted"),
		i18n.T("What is encrypted with it cannot be read any more after that.")),
	"key-off": operation.About(i18n.T("Key disabled or weakened"),
		i18n.T("What is encrypted with it cannot be read, or the key is not renewed any more.")),
	"logs-less": operation.About(i18n.T("Access logging changed"),
		i18n.T("Accesses may not be recorded any more, or recorded somewhere else.")),
	"machine-role": operation.About(i18n.T("Role of a machine changed"),
		i18n.T("Whoever controls the machine has the rights of the role.")),
	"machine-start": operation.About(i18n.T("Start script of a machine changed"),
		i18n.T("It runs as its administrator at the next start, with the rights of its role.")),
	"organization-share": operation.About(i18n.T("Sharing in the organization switched on"),
		i18n.T("Resources can be shared with every account of the organization without its consent.")),
	"public-block": operation.About(i18n.T("Block of public access changed"),
		i18n.T("Something that was kept from the public may become public.")),
	"public-database": operation.About(i18n.T("Database reachable from the internet"),
		i18n.T("Only its security group and its password keep others out.")),
	"resource-policy": operation.About(i18n.T("Resource policy changed"),
		i18n.T("Others may have access to it than before.")),
	"retention": operation.About(i18n.T("Retention of objects changed"),
		i18n.T("Objects may be deleted earlier than before.")),
	"serial-console": operation.About(i18n.T("Serial console opened"),
		i18n.T("Whoever may connect to it gets past the network.")),
	"sessions-less": operation.About(i18n.T("Settings of sessions changed"),
		i18n.T("Sessions on machines may not be recorded, or be decided otherwise than before.")),
	"share": operation.About(i18n.T("Shared with others"),
		i18n.T("Others may read or use it.")),
	"share-permission": operation.About(i18n.T("Rights of a share changed"),
		i18n.T("Those it is shared with may do other things with it than before.")),
	"subscription": operation.About(i18n.T("New subscriber of a topic"),
		i18n.T("It receives every message as soon as it has confirmed.")),
	"versioning": operation.About(i18n.T("Versioning of a bucket changed"),
		i18n.T("Objects that are overwritten or deleted may be lost.")),
	"website": operation.About(i18n.T("Bucket made a website"),
		i18n.T("Its objects are read without credentials if its policy lets them.")),
}
