package alertconsolelogin

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/network"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
)

type planner struct{ allowed network.Allowed }

// Plan alerts on the sign-in that the event records. It is what happened, so there is no present state to read.
func (p planner) Plan(_ context.Context, e event.Event, _ time.Time) ([]remediation.Finding, error) {
	d, ok := e.Detail.(*event.SignIn)
	if call, isCall := e.Detail.(*event.APICall); isCall {
		d, ok = call.SignIn()
	}
	if !ok || d.Name != "ConsoleLogin" && d.Name != "SwitchRole" && !d.ForProgram() {
		return nil, nil
	}
	s := signIn{SignIn: d, kind: d.Kind(), origin: p.allowed.Evaluate(&d.Record)}
	if s.expected() {
		return nil, nil
	}
	v := s.assessment()
	f := remediation.Finding{
		Subject: s.name(), Title: v.title, Severity: v.severity, Text: i18n.Sentences(s.text(), v.more), Advice: v.advice,
		Facts:    s.facts(e),
		Handling: remediation.Handling{Fresh: true, Once: remediation.Once{Key: s.key(v), For: s.quiet()}},
	}
	if s.kind == event.IAMUser { // of others there is no owner to look up
		f.User = d.Identity.UserName
	}
	return []remediation.Finding{f}, nil
}

// signIn is one sign-in with what is made of it.
type signIn struct {
	*event.SignIn
	kind   event.Kind
	origin network.Origin
}

// expected reports whether nobody signed in and nothing is new: a program inside goes on with what it was signed in
// for, or has AWS credentials and gets a token for them, which is daily work of roles anywhere. Of the root user
// neither is.
func (s signIn) expected() bool {
	inside := s.origin.Place != network.Outside && s.origin.Place != network.Foreign
	switch {
	case s.kind == event.Root && !s.Failed():
		return false
	case s.Exchanged():
		return inside || s.kind != event.IAMUser && s.kind != event.Root
	}
	return s.Renewed() && inside
}

// programs is how long a person's session in the browser can be, and what programs get from it.
// https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-sign-in.html
const programs = 12 * time.Hour

// quiet is for how long the same is not notified again: not every record of a program's says that it only renews.
func (s signIn) quiet() time.Duration {
	if s.ForProgram() && s.Identity.Session.CreationDate != "" {
		return programs
	}
	return remediation.Quiet
}

// assessment is what a sign-in is notified as.
type assessment struct {
	title    i18n.Message
	severity control.Severity
	more     i18n.Message // what the text says besides who and where from
	advice   i18n.Message
}

// assessment assesses the sign-in.
func (s signIn) assessment() assessment {
	root := s.kind == event.Root
	switch {
	case s.Name == "SwitchRole" && s.Failed():
		return assessment{i18n.T("Role switch refused"), control.Medium, s.reason(),
			i18n.T("If they should have access, check the role's trust policy. If not, find out who tried, and from where.")}
	case s.Failed() && s.Identity.HiddenUser:
		return assessment{i18n.T("Sign-in failed: unknown user name"), control.Medium,
			i18n.Sentences(s.reason(), i18n.T("AWS does not record what was typed, because people sometimes type their "+
				"password there.")),
			i18n.T("A single failure is usually a typo. Many from one address mean that somebody is trying user names: block " +
				"the address where you can, and make sure that every user has MFA.")}
	case s.Failed() && strings.HasPrefix(s.ErrorMessage, "Authorization denied because of a"):
		return assessment{i18n.T("%s sign-in refused by a policy", s.who()), control.Medium,
			i18n.Sentences(s.reason(), i18n.T("The sign-in policy of the account or organization blocked it.")),
			i18n.T("Ask whether it was them. If not, somebody else knows the password: change it.")}
	case s.Failed() && s.ForProgram():
		severity := control.Medium
		if root {
			severity = control.High
		}
		return assessment{i18n.T("%s sign-in for a program failed", s.who()), severity, s.reason(),
			i18n.T("Ask whether it was them. If not, somebody has their password or their session: change the password, and " +
				"check what they did.")}
	case s.Failed() && root:
		return assessment{i18n.T("Root user sign-in failed"), control.High, s.reason(),
			i18n.T("Ask the people who may use the root user. If it was none of them, somebody knows its email address: " +
				"change the password, and check its MFA.")}
	case s.Failed():
		return assessment{i18n.T("%s sign-in failed", s.who()), control.Medium, s.reason(),
			i18n.T("A single failure is usually a typo. If it was not them, somebody is trying their password: change it, " +
				"and inform the security team.")}
	case !s.Succeeded():
		return assessment{i18n.T("%s sign-in, outcome not recorded", s.who()), control.Medium, i18n.T("The record does not " +
			"say whether it succeeded."),
			i18n.T("Check in the event history of CloudTrail what they did afterwards.")}
	}

	v := assessment{title: i18n.T("%s signed in", s.who()), severity: control.Low}
	var advice []i18n.Message
	switch {
	case s.Name == "SwitchRole":
		v.title = i18n.T("Role switched in the console")
	case s.Exchanged():
		v.title = i18n.T("%s got a program token", s.who())
	case s.Renewed():
		v.title = i18n.T("%s renewed a program token", s.who())
	case s.ForProgram():
		v.title = i18n.T("%s signed in for a program", s.who())
	}
	if s.Remote() && !s.Renewed() {
		v.severity = control.Medium
		advice = append(advice, i18n.T("The program is on another device: ask them whether it is theirs. Attackers ask "+
			"people to sign in and to send them the code."))
	}
	if root {
		v.severity = control.High
		advice = append(advice,
			i18n.T("Ask who uses the root user, and what for. It is meant for the few tasks that nobody else can do."))
	}
	if root && s.ForProgram() {
		advice = append(advice, i18n.T("The root user is not for programs: end the program's session."))
	}
	outside, noMFA, posing := s.origin.Place == network.Outside, s.withoutMFA(), s.posing()
	switch {
	case outside && noMFA:
		v.title = i18n.T("%s from outside, without MFA", v.title)
	case outside:
		v.title = i18n.T("%s from outside", v.title)
	case noMFA:
		v.title = i18n.T("%s without MFA", v.title)
	case posing:
		v.title = i18n.T("Role named like Identity Center signed in")
	case s.origin.Place == network.Foreign:
		v.title = i18n.T("%s through another VPC", v.title)
	}
	switch {
	case root && (outside || noMFA || s.ForProgram()):
		v.severity = control.Critical
	case outside || noMFA || posing:
		v.severity = control.High
	case s.origin.Place == network.Foreign && !root:
		v.severity = control.Medium
	}
	if outside {
		advice = append(advice, i18n.T("Ask them where they were."))
	}
	if noMFA {
		v.more = i18n.T("They did not use MFA.")
		advice = append(advice, i18n.T("Register an MFA device for them today."))
	}
	if posing {
		v.more = i18n.Sentences(v.more,
			i18n.T("The role has a name like those of IAM Identity Center but is not one of them."))
		advice = append(advice, i18n.T("Find out who created the role and who may assume it."))
	}
	if s.origin.Place == network.Foreign {
		advice = append(advice, i18n.T("Ask who owns that VPC: the owner of a VPC can choose any address in it."))
	}
	otherwise := i18n.T("If it was not them: %s", s.stop())
	switch {
	case len(advice) == 0:
		otherwise = i18n.T("Nothing, if it was them. If not: %s", s.stop())
	case root:
		otherwise = i18n.T("If you do not recognise this: %s", s.stop())
	}
	v.advice = i18n.Sentences(append(advice, otherwise)...)
	return v
}

// stop is how to keep them out.
func (s signIn) stop() i18n.Message {
	return i18n.Or(map[event.Kind]i18n.Message{
		event.Root: i18n.T("change the root password, check its MFA, delete its access keys, and check what was " +
			"done."),
		event.IAMUser: i18n.T("delete the console password, make the access keys inactive, and check what the user " +
			"did."),
		event.IdentityCenter: i18n.T("disable the user in IAM Identity Center, end their sessions there, and check what " +
			"they did."),
		event.SAML: i18n.T("disable the user at the identity provider, revoke the role's active sessions in " +
			"IAM, and check what they did."),
		event.Federated: i18n.T("make the access keys of the IAM user that requested the session inactive, and check " +
			"what they did."),
	}[s.kind], i18n.T("revoke the role's active sessions in IAM, find out who assumed it, and check what they did."))
}

// withoutMFA reports whether the record says that no MFA was used, of those of whom AWS records it:
// sign-ins by role, SAML, federation and IAM Identity Center say No whatever was asked of them.
// A record that says nothing is no evidence.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-aws-console-sign-in-events.html
func (s signIn) withoutMFA() bool {
	_, recorded := s.Additional.Bool("MFAUsed")
	if s.ForProgram() { // of which the session of the browser says it
		recorded = recorded || s.Identity.Session.CreationDate != ""
	}
	return s.Name != "SwitchRole" && (s.kind == event.IAMUser || s.kind == event.Root) && recorded && !s.WithMFA()
}

// posing reports whether a role of the account bears a name of IAM Identity Center.
func (s signIn) posing() bool {
	return s.kind == event.AssumedRole && strings.HasPrefix(s.Identity.RoleName(), "AWSReservedSSO_")
}

// name is whom the sign-in is about.
func (s signIn) name() string {
	if s.Identity.HiddenUser {
		return "unknown user name"
	}
	return s.called().String()
}

// called is the name for people. The session of IAM Identity Center bears the user's name.
func (s signIn) called() i18n.Message {
	if s.kind == event.IdentityCenter && s.Identity.SessionName() != "" {
		return i18n.Literal(s.Identity.SessionName())
	}
	return s.Identity.Describe()
}

// who is the kind of who signs in, at the beginning of words.
func (s signIn) who() i18n.Message {
	return i18n.Or(map[event.Kind]i18n.Message{
		event.Root:           i18n.T("Root user"),
		event.IAMUser:        i18n.T("IAM user"),
		event.AssumedRole:    i18n.T("Role"),
		event.IdentityCenter: i18n.T("IAM Identity Center user"),
		event.SAML:           i18n.T("SAML user"),
		event.WebIdentity:    i18n.T("Web identity"),
		event.Federated:      i18n.T("Federated user"),
		event.AWSService:     i18n.T("AWS service"),
		event.AWSAccount:     i18n.T("AWS account"),
	}[s.kind], i18n.T("Unidentified"))
}

// text says who came from where.
func (s signIn) text() i18n.Message {
	who := i18n.T("%s %s", s.who(), s.called())
	switch {
	case s.Name == "SwitchRole":
		who = i18n.T("Role %s", s.called())
	case s.kind == event.Root:
		who = i18n.T("The root user")
	case s.Identity.HiddenUser:
		who = i18n.T("A user name that does not exist")
	case s.kind == event.IAMUser && s.Identity.UserName == "" && s.Identity.ARN == "":
		who = i18n.T("An IAM user whose name is not recorded")
	}
	account, region, from := s.RecipientAccount, s.Region, s.origin.Describe()
	switch {
	case s.Name == "SwitchRole" && s.Failed():
		return i18n.T("Switching to %s failed in the console of account %s (%s) from %s.", who, account, region, from)
	case s.Name == "SwitchRole":
		return i18n.T("Somebody switched to %s in the console of account %s (%s) from %s.", who, account, region, from)
	case s.ForProgram() && s.Failed():
		return i18n.T("%s could not sign in for a program (%s) in account %s (%s) from %s.",
			who, s.program(), account, region, from)
	case s.Exchanged():
		return i18n.T("%s has a program that got a token for its credentials in account %s (%s) from %s.",
			who, account, region, from)
	case s.Renewed():
		return i18n.T("%s has a program that renewed its token (%s) in account %s (%s) from %s.",
			who, s.program(), account, region, from)
	case s.ForProgram():
		return i18n.T("%s signed in for a program (%s) in account %s (%s) from %s.",
			who, s.program(), account, region, from)
	case s.Failed() && s.Identity.HiddenUser:
		return i18n.T("Somebody tried to sign in as %s to the console of account %s (%s) from %s.", who,
			account, region, from)
	case s.Failed():
		return i18n.T("%s could not sign in to the console of account %s (%s) from %s.", who, account, region, from)
	case !s.Succeeded():
		return i18n.T("%s opened the sign-in page of the console of account %s (%s) from %s.", who, account, region, from)
	}
	return i18n.T("%s signed in to the console of account %s (%s) from %s.", who, account, region, from)
}

// program is what a program signed in with.
func (s signIn) program() i18n.Message {
	switch {
	case s.Remote():
		return i18n.T("aws login on another device")
	case s.Resource() != "" || strings.Contains(s.Client(), ":external-client/"):
		return i18n.Literal("OAuth")
	}
	return i18n.Literal("aws login")
}

// reason is AWS's word for a failure.
func (s signIn) reason() i18n.Message {
	if s.ErrorMessage == "" {
		return i18n.Message{}
	}
	return i18n.T("AWS says: %s.", strings.TrimSuffix(notice.Plain(s.ErrorMessage, 200), "."))
}

// facts are the lines that let the reader decide.
func (s signIn) facts(e event.Event) []remediation.Fact {
	role := ""
	if s.kind == event.IdentityCenter || s.kind == event.SAML {
		role = s.Identity.RoleName()
	}
	return remediation.Facts(
		i18n.T("Kind"), s.kind.Describe(),
		i18n.T("Role"), i18n.Literal(role),
		i18n.T("Provider"), i18n.Literal(s.SAMLProvider),
		i18n.T("Switched from"), i18n.Literal(s.SwitchFrom),
		i18n.T("From"), s.origin.Describe(),
		i18n.T("MFA"), s.mfa(),
		i18n.T("Program"), i18n.Literal(notice.Plain(s.Client(), 120)),
		i18n.T("Access to"), i18n.Literal(notice.Plain(s.Resource(), 120)),
		i18n.T("Code sent to"), i18n.Literal(notice.Plain(s.Redirect(), 120)),
		i18n.T("Sign-in session"), i18n.Literal(notice.Plain(s.Identity.Session.SignIn, 120)),
		i18n.T("User agent"), i18n.Literal(notice.Agent(s.UserAgent)),
		i18n.T("At"), i18n.Moment(cmp.Or(s.Time, e.Time)),
	)
}

// mfa describes what is known about MFA.
func (s signIn) mfa() i18n.Message {
	_, recorded := s.Additional.Bool("MFAUsed")
	switch {
	case s.Identity.Session.MFAAuthenticated:
		return i18n.T("yes, in the session that signed in")
	case s.kind != event.IAMUser && s.kind != event.Root:
		return i18n.T("not known: AWS records it for IAM users and the root user only")
	case s.MFAIdentifier != "":
		return i18n.T("yes, %s", s.MFAIdentifier)
	case !recorded && s.withoutMFA():
		return i18n.T("no")
	case !recorded:
		return i18n.T("not recorded")
	case s.WithMFA():
		return i18n.T("yes")
	default:
		return i18n.T("no")
	}
}

// key is the same for the same sign-in: of the same principal, from the same address, notified alike. A
// user name that AWS hides is any name, so the address is what distinguishes two of them.
func (s signIn) key(v assessment) string {
	address := s.SourceIP
	if s.origin.Address.IsValid() {
		address = s.origin.Address.String()
	}
	name := s.Name
	if s.ForProgram() {
		name = "program" + s.Identity.Session.CreationDate // two calls make one sign-in
	}
	return strings.Join([]string{
		name, string(s.kind), s.Identity.Name(), s.Identity.PrincipalID, s.SAMLProvider, s.SwitchFrom, address,
		s.VPCEndpoint,
		cmp.Or(s.Outcome, "none"), v.title.String(),
	}, "|")
}
