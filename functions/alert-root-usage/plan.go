package alertrootusage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/network"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
)

// subject is whom every finding is about.
const subject = "root"

// parameters are those of control.json.
type parameters struct {
	SignIns bool `json:"signIns"`
}

type planner struct {
	api     readAPI
	signIns bool
	allowed network.Allowed
}

// Plan alerts on the act that the event records, or when the sweep comes, on what the account summary
// says about the root user.
func (p *planner) Plan(ctx context.Context, e event.Event, _ time.Time) ([]remediation.Finding, error) {
	var a act
	switch d := e.Detail.(type) {
	case *event.Sweep:
		return p.sweep(ctx)
	case *event.APICall:
		// alert-console-login alerts on sign-ins, those for programs included, with what only a sign-in has.
		signIn, signsIn := d.SignIn()
		if signsIn && !p.signIns {
			return nil, nil
		}
		_, others := d.User()
		a = act{Record: &d.Record, failed: d.Failed() || signsIn && signIn.Failed(), others: others, program: signsIn}
	case *event.SignIn:
		if d.Name == "ConsoleLogin" && !p.signIns {
			return nil, nil
		}
		a = act{Record: &d.Record, failed: d.Failed()}
	default:
		// What a service did by itself is no use of the root user, whoever the record names.
		return nil, nil
	}
	if a.Identity.Kind() != event.Root || a.Identity.ByAWS() {
		return nil, nil
	}
	a.origin = p.allowed.Evaluate(a.Record)
	return []remediation.Finding{a.finding(e)}, nil
}

// sweep alerts on root credentials that should not be, and should be.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountSummary.html
func (p *planner) sweep(ctx context.Context) ([]remediation.Finding, error) {
	out, err := p.api.GetAccountSummary(ctx, &iam.GetAccountSummaryInput{})
	if err != nil {
		return nil, fmt.Errorf("get account summary: %w", err)
	}
	keys, saysKeys := out.SummaryMap["AccountAccessKeysPresent"]
	mfa, saysMFA := out.SummaryMap["AccountMFAEnabled"]
	if !saysKeys || !saysMFA {
		return nil, errors.New("get account summary: the answer does not say whether root access keys and root MFA are there")
	}
	var findings []remediation.Finding
	if keys > 0 {
		findings = append(findings, remediation.Finding{
			Subject: subject, Title: i18n.T("Root user has an access key"), Severity: control.Critical,
			Text: i18n.T("The root user of the account has an access key. Whoever holds it can do everything, and no " +
				"policy of the account can limit it. This notice repeats weekly until the key is deleted."),
			Advice: i18n.T("Sign in as root, check under Security credentials when the key was last used, move what uses " +
				"it to a role, make the key inactive, then delete it."),
			Handling: remediation.Handling{Once: remediation.Once{Key: "root access key", For: remediation.Weekly}},
		})
	}
	if out.SummaryMap[string(types.SummaryKeyTypeAccountSigningCertificatesPresent)] > 0 {
		findings = append(findings, remediation.Finding{
			Subject: subject, Title: i18n.T("Root user has a signing certificate"), Severity: control.High,
			Text: i18n.T("The root user of the account has a signing certificate, a credential that does not end by itself. " +
				"This notice repeats weekly until it is deleted."),
			Advice: i18n.T("Sign in as root and delete the certificate under Security credentials. It is for old SOAP " +
				"interfaces, and no policy of the account can limit it."),
			Handling: remediation.Handling{Once: remediation.Once{Key: "root signing certificate", For: remediation.Weekly}},
		})
	}
	// A member account whose root credentials were removed centrally has no password that MFA could guard. The summary of
	// old says nothing of the password: then there is one.
	password, saysPassword := out.SummaryMap["AccountPasswordPresent"]
	if mfa == 0 && (password > 0 || !saysPassword) {
		findings = append(findings, remediation.Finding{
			Subject: subject, Title: i18n.T("Root user has no MFA"), Severity: control.Critical,
			Text: i18n.T("The root user of the account can sign in with the password alone. This notice repeats weekly " +
				"until it has MFA."),
			Advice: i18n.T("Sign in as root and register an MFA device under Security credentials; two devices in two " +
				"places are better."),
			Handling: remediation.Handling{Once: remediation.Once{Key: "root MFA", For: remediation.Weekly}},
		})
	}
	return findings, nil
}

// act is something that the root user did or tried.
type act struct {
	*event.Record
	failed bool
	others bool // it is about an IAM user, not about the root user itself
	// it gave a program access
	program bool
	origin  network.Origin
}

// assessment is what an act is notified as.
type assessment struct {
	title    i18n.Message
	severity control.Severity
	advice   i18n.Message
}

var (
	ask = i18n.T("Ask who used the root user and why, and keep the answer: auditors report root use without a " +
		"documented purpose.")
	alarm = i18n.T("If you do not recognise this, the account is compromised: change the root password and MFA, " +
		"delete root access keys, and contact AWS Support.")
	billing = i18n.T("Billing does not need the root user: activate IAM access to billing once (Account, IAM user and " +
		"role access to Billing information), then give a group or role the billing permissions it needs.")
)

// grave are the acts that take an account over or give it away, by service and name.
var grave = map[string]i18n.Message{
	"account:AcceptPrimaryEmailUpdate":     i18n.T("Root user's email address was changed"),
	"account:CloseAccount":                 i18n.T("Root user closed the account"),
	"account:StartPrimaryEmailUpdate":      i18n.T("Root user's email address is being changed"),
	"billingconsole:CloseAccount":          i18n.T("Root user closed the account"),
	"billingconsole:SetAccountPreferences": i18n.T("Account name, email or root password was changed"),
	"iam:CreateAccessKey":                  i18n.T("Root user created a root access key"),
	"iam:DeactivateMFADevice":              i18n.T("Root user's MFA device was deactivated"),
	"organizations:CloseAccount":           i18n.T("Root user closed an account of the organization"),
	"organizations:LeaveOrganization":      i18n.T("Root user removed the account from its organization"),
	"signin:PasswordRecoveryCompleted":     i18n.T("Root user's password was reset"),
	"signin:PasswordUpdated":               i18n.T("Root user's password was changed"),
}

// ownSignIn are calls about the root user's own sign-in that change nothing when they fail.
var ownSignIn = map[string]bool{
	"iam:ChangePassword": true, "signin:ExternalIdPDirectoryLogin": true, "signin:PasswordUpdated": true,
}

// billingServices are those in whose events billing work is recorded. Of the account's own settings
// only the address that invoices go to is among it.
// https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/logging-using-cloudtrail.html
var billingServices = []string{
	"aws-portal", "bcm-data-exports", "bcm-pricing-calculator", "billing", "billingconsole", "budgets", "ce",
	"consolidatedbilling", "cost-optimization-hub", "cur", "customer-verification", "freetier", "invoicing", "payments",
	"purchase-orders", "tax", "taxconsole",
}

// service is the first label of the event source: "iam" of "iam.amazonaws.com".
func (a act) service() string {
	service, _, _ := strings.Cut(a.Source, ".")
	return service
}

// billing reports whether the act is billing work, which others could do.
func (a act) billing() bool {
	known := slices.Contains(billingServices, a.service())
	switch a.Name {
	case "SetAdditionalContacts", "SetSecurityQuestions":
		return false // who AWS believes to own the account
	case "GetContactInformation", "PutContactInformation":
		return known || a.service() == "account"
	}
	return known
}

// own reports whether the act is about the root user's own credentials: it names no other user.
func (a act) own() bool { return a.service() != "iam" || !a.others }

// assess assesses how bad the act is.
func (a act) assess() assessment {
	title, isGrave := grave[a.service()+":"+a.Name]
	status, _ := a.Request.Text("status")
	name := notice.Truncate(a.Name, 40)
	switch {
	case a.Identity.Session.AssumedRoot:
		return assessment{i18n.T("Privileged task of a central root session"), control.Medium,
			i18n.T("A central team started this session with AssumeRoot. Check that the task was approved; the AssumeRoot " +
				"event in the management or delegated account names the caller.")}
	case a.Name == "CreateServiceLinkedRole" && !a.failed:
		return assessment{i18n.T("Service-linked role created for the root user"), control.Low,
			i18n.T("A service makes such a role for itself when it is set up, and nobody else can use it. Ask who set it up " +
				"as the root user.")}
	case a.failed && !a.Denied() && ownSignIn[a.service()+":"+a.Name]:
		return assessment{i18n.T("Root user's %s failed", name), control.Low,
			i18n.T("A single failure is usually a typo. If nobody knows of it, change the root password, and check its MFA.")}
	case a.Denied():
		return assessment{i18n.T("Root user was denied %s", name), control.High,
			i18n.Sentences(ask, i18n.T("It was blocked this time, probably by a policy of the organization."))}
	case a.failed && a.Name == "ConsoleLogin":
		return assessment{i18n.T("Root user sign-in failed"), control.High, ask}
	case a.failed:
		return assessment{i18n.T("Root user's %s failed", name), control.High, ask}
	case isGrave && a.own():
		return assessment{title, control.Critical, alarm}
	case a.service() == "iam" && a.Name == "UpdateAccessKey" && a.own() && status == "Active":
		return assessment{i18n.T("Root user activated a root access key"), control.Critical, alarm}
	case a.Name == "ConsoleLogin":
		return assessment{i18n.T("Root user signed in"), control.High, ask}
	case a.program:
		return assessment{i18n.T("Root user signed in for a program"), control.Critical,
			i18n.Sentences(ask, i18n.T("The root user is not for programs: end the program's session."))}
	case a.Name == "CheckMfa":
		return assessment{i18n.T("Root user was asked for MFA"), control.Low,
			i18n.T("If no sign-in follows, somebody got as far as the MFA prompt: ask who it was, and change the root " +
				"password if nobody knows.")}
	case a.Name == "PasswordRecoveryRequested":
		return assessment{i18n.T("Root user's password reset was requested"), control.High,
			i18n.Sentences(ask, i18n.T("If you do not recognise this, make sure that the mailbox of the root user is safe."))}
	case a.Name == "SetIAMAccessPreference":
		return assessment{i18n.T("Root user changed access to billing"), control.Medium,
			i18n.T("If IAM access to billing is active, give a group or role the billing permissions it needs: then the root " +
				"user is no longer needed for billing.")}
	case a.billing():
		return assessment{i18n.T("Billing work by the root user"), control.Medium, billing}
	case a.ReadOnly != nil && *a.ReadOnly:
		return assessment{i18n.T("Root user called %s", name), control.Medium, ask}
	}
	return assessment{i18n.T("Root user called %s", name), control.High, ask}
}

// maybeCentral reports whether the call may be one of a central root session although the record does
// not say so: some records of such sessions lack the mark. It has a temporary key, no MFA, and was not
// made in the console. That is no proof.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/cloudtrail-track-privileged-tasks.html
func (a act) maybeCentral() bool {
	return strings.HasPrefix(a.Identity.AccessKeyID, "ASIA") && !a.Identity.Session.AssumedRoot &&
		!a.WithMFA() &&
		a.Type == "AwsApiCall" && !a.SessionCredentialFromConsole && a.Identity.InvokedBy == ""
}

// targets are the request parameters that name what a call is about.
var targets = []string{
	"userName", "roleName", "groupName", "accessKeyId", "serialNumber", "policyArn", "bucketName", "functionName", "name",
	"accountId",
}

// finding describes the act.
func (a act) finding(e event.Event) remediation.Finding {
	v := a.assess()
	who := i18n.T("The root user")
	if a.Identity.Session.AssumedRoot {
		who = i18n.T("A central root session (AssumeRoot)")
	}
	account, region, from := a.RecipientAccount, a.Region, a.origin.Describe()
	text := i18n.T("%s called %s of %s in account %s (%s) from %s.", who, a.Name, a.service(), account, region, from)
	switch {
	case a.Name == "ConsoleLogin" && a.failed:
		text = i18n.T("%s could not sign in to the console of account %s (%s) from %s.", who, account, region, from)
	case a.Name == "ConsoleLogin":
		text = i18n.T("%s signed in to the console of account %s (%s) from %s.", who, account, region, from)
	case a.failed:
		text = i18n.T("%s called %s of %s in account %s (%s) from %s; the call failed.",
			who, a.Name, a.service(), account, region, from)
	}
	if a.Identity.ByAgent() {
		v.severity = control.Critical
		v.advice = i18n.Sentences(i18n.T("A program called for the root user through an MCP server of AWS: find out who "+
			"runs it, and end its session. The root user is not for programs."), v.advice)
	}
	key := a.Identity.AccessKeyID
	switch {
	case strings.HasPrefix(key, "AKIA"):
		text = i18n.Sentences(text, i18n.T("It used the root access key %s, which should not exist.", change.KeyHint(key)))
	case a.maybeCentral():
		v.advice = i18n.Sentences(v.advice,
			i18n.T("If your organization uses AssumeRoot, look in the management or delegated account for the AssumeRoot "+
				"call that issued session key %s: if there is one, it was a central task.",
				change.KeyHint(key)))
	}
	f := remediation.Finding{
		Subject: subject, Title: v.title, Severity: v.severity, Text: text, Advice: v.advice,
		Handling: remediation.Handling{Fresh: true},
		Facts:    a.facts(cmp.Or(a.Time, e.Time)),
	}
	// What takes an account over is notified each time. A program repeats itself, and renews its token.
	switch {
	case a.program:
		f.Once = remediation.Once{Key: a.key(v), For: 12 * time.Hour}
	case v.severity != control.Critical || a.Identity.ByAgent():
		f.Once = remediation.Once{Key: a.key(v), For: remediation.Quiet}
	}
	return f
}

// facts are the lines that let the reader decide.
func (a act) facts(at time.Time) []remediation.Fact {
	target := ""
	for _, parameter := range targets {
		if value, ok := a.Request.Text(parameter); ok {
			target = value
			break
		}
	}
	var session i18n.Message
	switch since := a.Identity.Session.CreationDate; {
	case since == "":
	case a.WithMFA():
		session = i18n.T("since %s, with MFA", since)
	default:
		session = i18n.T("since %s, without MFA", since)
	}
	key := ""
	if a.Identity.AccessKeyID != "" {
		key = change.KeyHint(a.Identity.AccessKeyID)
	}
	return remediation.Facts(
		i18n.T("Call"), i18n.Literal(a.Source+" "+a.Name),
		i18n.T("Target"), i18n.Literal(notice.Plain(target, 120)),
		i18n.T("Response"), i18n.Literal(notice.Plain(strings.Trim(a.ErrorCode+": "+a.ErrorMessage, ": "), 200)),
		i18n.T("From"), a.origin.Describe(),
		i18n.T("Through"), i18n.Literal(a.Identity.Through()),
		i18n.T("Session"), session,
		i18n.T("Key"), i18n.Literal(key),
		i18n.T("User agent"), i18n.Literal(notice.Agent(a.UserAgent)),
		i18n.T("At"), i18n.Moment(at),
	)
}

// key is the same for the same act of the same session: a session is known by when it began, as the
// console changes its keys, and long-lived credentials by the key.
func (a act) key(v assessment) string {
	address := a.SourceIP
	if a.origin.Address.IsValid() {
		address = a.origin.Address.String()
	}
	session := cmp.Or(a.Identity.Session.CreationDate, change.KeyHint(a.Identity.AccessKeyID))
	return strings.Join([]string{session, address, a.Source, a.Name, a.ErrorCode, v.title.String()}, "|")
}
