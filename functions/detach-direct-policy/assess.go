package detachdirectpolicy

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/policy"
)

// assessment is what a policy is found to be, apart from being attached directly.
type assessment struct {
	title           i18n.Message     // empty: the finding's own
	severity        control.Severity // empty: the control's
	rights          i18n.Message     // a sentence to add when it gives a lot
	unchangedReason i18n.Message     // why it stays; empty: it goes
	advice          i18n.Message     // what to do about one that stays
}

// byName assesses the policies of AWS that stay whatever their documents say today. ok is false for
// all others: a customer's policy of the same name is assessed by its document.
func byName(d direct) (v assessment, ok bool) {
	parsed, err := arn.Parse(d.target)
	if d.kind != change.ManagedUserPolicy || err != nil || parsed.Service != "iam" || parsed.AccountID != "aws" {
		return assessment{}, false
	}
	switch name := parsed.Resource[strings.LastIndex(parsed.Resource, "/")+1:]; {
	case strings.HasPrefix(name, "AWSCompromisedKeyQuarantine"):
		// https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSCompromisedKeyQuarantineV3.html
		return assessment{
			title: i18n.T("Quarantine policy on a user"), severity: control.Critical,
			unchangedReason: i18n.T("AWS attaches this policy to a user whose access key is exposed. Detaching it would allow the holder of the key to do more."),
			advice: i18n.T("Make the user's access keys inactive now: the policy does not stop them. Find out what was done " +
				"with them. Detach the policy only when the AWS support case says so."),
		}, true
	case name == "AWSDenyAll":
		return denies, true
	case name == "IAMUserChangePassword":
		return assessment{
			severity:        control.Low,
			unchangedReason: i18n.T("The console attaches this policy to a user who has to choose a new password at the first sign-in; without it the user may be unable to."),
			advice: i18n.T("Let the account's password policy, or a group, allow users to change their password, then detach " +
				"this policy."),
		}, true
	}
	return assessment{}, false
}

var denies = assessment{
	severity:        control.Medium,
	unchangedReason: i18n.T("The policy denies something: detaching it would allow the user to do more."),
	advice:          i18n.T("If the policy also allows something, grant that through a group and keep the deny. A permanent deny belongs in a permissions boundary or a service control policy."),
}

// byDocument assesses a policy by what it says.
func byDocument(d direct, document string) assessment {
	var v assessment
	denying, err := policy.Denies(document)
	switch {
	case err != nil:
		return assessment{
			severity:        control.Critical,
			unchangedReason: i18n.T("The policy document cannot be parsed, so it may deny something."),
			advice:          i18n.T("Read the document, grant what it allows through a group, then detach the policy."),
		}
	case denying:
		v = denies
	case d.kind == change.InlineUserPolicy && policy.AllowsOnly(document, "ses:SendRawEmail", "ses:SendEmail"):
		// https://docs.aws.amazon.com/ses/latest/dg/smtp-credentials.html
		v = assessment{
			severity:        control.Low,
			unchangedReason: i18n.T("The policy only allows sending mail with Amazon SES, as an SMTP user needs; without it the mail would stop."),
			advice:          i18n.T("Add the user to a group that allows the same, check that mail is still sent, then delete the inline policy."),
		}
	}
	if change.IsQuarantine(d.target) {
		v = quarantined(denying && err == nil)
	}
	if administers, err := policy.Administers(document); err != nil || administers {
		v.severity, v.rights = control.Critical, i18n.T("Grants administrator-level access.")
	}
	return v
}

// quarantined assesses one of Warder's own quarantine policies, which stay whatever they say: one that
// does not deny is not what the stack has deployed.
func quarantined(denying bool) assessment {
	if !denying {
		return assessment{
			title: i18n.T("Quarantine policy does not deny"), severity: control.Critical,
			unchangedReason: i18n.T("The policy has the name of one of Warder's quarantine policies, but another document."),
			advice:          i18n.T("Find out in CloudTrail who changed it. Deploy Warder again, which restores its document, or detach the policy if it is not Warder's."),
		}
	}
	return assessment{
		title: i18n.T("User is in quarantine"), severity: control.High,
		unchangedReason: i18n.T("Warder has quarantined the user with this policy. Detaching it would allow the holder of the user's credentials to do more."),
		advice:          i18n.T("Find out why, with make explain. When the user may work again, undo the quarantine."),
	}
}
