package alertconsolelogin

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/network"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remedy"
	"github.com/warder-aws/warder/pkg/say"
	"github.com/warder-aws/warder/pkg/settings"
)

// quiet is how long the same sign-in is not told of again: people sign in twice, and a wrong
// password is tried more than once.
const quiet = 15 * time.Minute

type planner struct{ allowed network.Allowed }

func newPlanner(f settings.Function) remedy.Planner {
	return planner{allowed: f.AllowedNetworks}
}

// Plan tells of the sign-in that the event records. It is what happened, so there is no present
// state to read.
func (p planner) Plan(_ context.Context, e event.Event, _ time.Time) ([]remedy.Finding, error) {
	d, ok := e.Detail.(*event.SignIn)
	if !ok || d.Name != "ConsoleLogin" && d.Name != "SwitchRole" {
		return nil, nil
	}
	s := signIn{SignIn: d, kind: d.Kind(), origin: p.allowed.Judge(&d.Record)}
	v := s.verdict()
	f := remedy.Finding{
		Title: v.title, Severity: v.severity, Text: say.Sentences(s.text(), v.more), Advice: v.advice, Facts: s.facts(e), Fresh: true,
		Once: remedy.Once{Key: s.key(v), For: quiet},
	}
	// Only of an IAM user is there an owner to look up.
	if s.kind == event.IAMUser && d.Identity.UserName != "" {
		f.User = d.Identity.UserName
	} else {
		f.Subject = s.name()
	}
	return []remedy.Finding{f}, nil
}

// signIn is one sign-in with what is made of it.
type signIn struct {
	*event.SignIn
	kind   event.Kind
	origin network.Origin
}

// verdict is what a sign-in is told as.
type verdict struct {
	title    say.Text
	severity control.Severity
	more     say.Text // what the text says besides who and where from
	advice   say.Text
}

// verdict judges the sign-in.
func (s signIn) verdict() verdict {
	root := s.kind == event.Root
	switch {
	case s.Name == "SwitchRole" && s.Failed():
		return verdict{say.F("Role switch refused"), control.Medium, s.reason(),
			say.F("If the role should be open to them, look at its trust policy. If not, ask who tried, and from where.")}
	case s.Failed() && s.Identity.HiddenUser:
		return verdict{say.F("Sign-in failed: unknown user name"), control.Medium,
			say.Sentences(s.reason(), say.F("AWS does not show what was typed, because people type passwords there.")),
			say.F("Once is a slip. Many from one address are somebody who tries names: block the address where you can, and see that every user has MFA.")}
	case s.Failed() && strings.HasPrefix(s.ErrorMessage, "Authorization denied because of a"):
		return verdict{say.F("%s sign-in refused by a policy", s.who()), control.Medium,
			say.Sentences(s.reason(), say.F("The sign-in policy of the account or organization did its work.")),
			say.F("Ask whether they tried. If not, somebody else knows the password: change it.")}
	case s.Failed() && root:
		return verdict{say.F("Root user sign-in failed"), control.High, s.reason(),
			say.F("Ask the few who may use the root user. If it was none of them, somebody knows its email address: change the password, and check its MFA.")}
	case s.Failed():
		return verdict{say.F("%s sign-in failed", s.who()), control.Medium, s.reason(),
			say.F("Once is a slip. If it was not them, somebody tries their password: change it, and tell the security team.")}
	case !s.Succeeded():
		return verdict{say.F("%s sign-in, outcome not recorded", s.who()), control.Medium, say.F("The record does not say whether it succeeded."),
			say.F("Look at what they did afterwards, in the event history of CloudTrail.")}
	}

	v := verdict{title: say.F("%s signed in", s.who()), severity: control.Low}
	var advice []say.Text
	if s.Name == "SwitchRole" {
		v.title = say.F("Role switched in the console")
	}
	if root {
		v.severity = control.High
		advice = append(advice, say.F("Ask who uses the root user, and what for. It is meant for the few tasks that nobody else can do."))
	}
	outside, noMFA, posing := s.origin.Place == network.Outside, s.withoutMFA(), s.posing()
	switch {
	case outside && noMFA:
		v.title = say.F("%s from outside, without MFA", v.title)
	case outside:
		v.title = say.F("%s from outside", v.title)
	case noMFA:
		v.title = say.F("%s without MFA", v.title)
	case posing:
		v.title = say.F("Role named like Identity Center signed in")
	case s.origin.Place == network.Foreign:
		v.title = say.F("%s through another VPC", v.title)
	}
	switch {
	case root && (outside || noMFA):
		v.severity = control.Critical
	case outside || noMFA || posing:
		v.severity = control.High
	case s.origin.Place == network.Foreign && !root:
		v.severity = control.Medium
	}
	if outside {
		advice = append(advice, say.F("Ask them where they were."))
	}
	if noMFA {
		v.more = say.F("They used no MFA.")
		advice = append(advice, say.F("Register an MFA device for them today."))
	}
	if posing {
		v.more = say.Sentences(v.more, say.F("The role is named like one of IAM Identity Center and is none."))
		advice = append(advice, say.F("Find out who made the role, and who may assume it."))
	}
	if s.origin.Place == network.Foreign {
		advice = append(advice, say.F("Ask whose VPC that is: in a VPC of one's own any address can be had."))
	}
	otherwise := say.F("If it was not them: %s", s.stop())
	switch {
	case len(advice) == 0:
		otherwise = say.F("Nothing, if it was them. If not: %s", s.stop())
	case root:
		otherwise = say.F("If it was nobody of yours: %s", s.stop())
	}
	v.advice = say.Sentences(append(advice, otherwise)...)
	return v
}

// stop is how to keep them out.
func (s signIn) stop() say.Text {
	switch s.kind {
	case event.Root:
		return say.F("change the root password, check its MFA, delete its access keys, and see what was done.")
	case event.IAMUser:
		return say.F("delete the console password, make the access keys inactive, and see what the user did.")
	case event.IdentityCenter:
		return say.F("disable the user in IAM Identity Center, end their sessions there, and see what they did.")
	case event.SAML:
		return say.F("disable the user at the identity provider, revoke the role's active sessions in IAM, and see what they did.")
	case event.Federated:
		return say.F("make the access keys of the IAM user that asked for the session inactive, and see what they did.")
	default:
		return say.F("revoke the role's active sessions in IAM, find out who assumed it, and see what they did.")
	}
}

// withoutMFA reports whether the record says that no MFA was used, of those of whom AWS records it:
// sign-ins by role, SAML, federation and IAM Identity Center say No whatever was asked of them.
// A record that says nothing is no evidence.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-aws-console-sign-in-events.html
func (s signIn) withoutMFA() bool {
	_, said := s.Additional.Bool("MFAUsed")
	return s.Name == "ConsoleLogin" && (s.kind == event.IAMUser || s.kind == event.Root) && said && !s.MFAUsed
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
func (s signIn) called() say.Text {
	if s.kind == event.IdentityCenter && s.Identity.SessionName() != "" {
		return say.Data(s.Identity.SessionName())
	}
	return s.Identity.Say()
}

// who is the kind of who signs in, at the beginning of words.
func (s signIn) who() say.Text {
	switch s.kind {
	case event.Root:
		return say.F("Root user")
	case event.IAMUser:
		return say.F("IAM user")
	case event.AssumedRole:
		return say.F("Role")
	case event.IdentityCenter:
		return say.F("IAM Identity Center user")
	case event.SAML:
		return say.F("SAML user")
	case event.WebIdentity:
		return say.F("Web identity")
	case event.Federated:
		return say.F("Federated user")
	case event.AWSService:
		return say.F("AWS service")
	case event.AWSAccount:
		return say.F("AWS account")
	}
	return say.F("Unidentified")
}

// text says who came from where.
func (s signIn) text() say.Text {
	who := say.F("%s %s", s.who(), s.called())
	switch {
	case s.Name == "SwitchRole":
		who = say.F("Role %s", s.called())
	case s.kind == event.Root:
		who = say.F("The root user")
	case s.Identity.HiddenUser:
		who = say.F("A user name that does not exist")
	case s.kind == event.IAMUser && s.Identity.UserName == "" && s.Identity.ARN == "":
		who = say.F("An IAM user whose name is not recorded")
	}
	account, region, from := s.RecipientAccount, s.Region, s.origin.Say()
	switch {
	case s.Name == "SwitchRole" && s.Failed():
		return say.F("%s could not be switched to in the console of account %s (%s) from %s.", who, account, region, from)
	case s.Name == "SwitchRole":
		return say.F("%s was switched to in the console of account %s (%s) from %s.", who, account, region, from)
	case s.Failed() && s.Identity.HiddenUser:
		return say.F("%s was tried at the console of account %s (%s) from %s.", who, account, region, from)
	case s.Failed():
		return say.F("%s could not sign in to the console of account %s (%s) from %s.", who, account, region, from)
	case !s.Succeeded():
		return say.F("%s was at the sign-in page of the console of account %s (%s) from %s.", who, account, region, from)
	}
	return say.F("%s signed in to the console of account %s (%s) from %s.", who, account, region, from)
}

// reason is AWS's word for a failure.
func (s signIn) reason() say.Text {
	if s.ErrorMessage == "" {
		return say.Text{}
	}
	return say.F("AWS says: %s.", strings.TrimSuffix(notice.Plain(s.ErrorMessage, 200), "."))
}

// facts are the lines that let the reader judge.
func (s signIn) facts(e event.Event) []remedy.Fact {
	at := s.Time
	if at.IsZero() {
		at = e.Time
	}
	var facts []remedy.Fact
	fact := func(name, value say.Text) {
		if !value.Empty() {
			facts = append(facts, remedy.Fact{Name: name, Value: value})
		}
	}
	fact(say.F("Kind"), s.kind.Say())
	if s.kind == event.IdentityCenter || s.kind == event.SAML {
		fact(say.F("Role"), say.Data(s.Identity.RoleName()))
	}
	fact(say.F("Provider"), say.Data(s.SAMLProvider))
	fact(say.F("Switched from"), say.Data(s.SwitchFrom))
	fact(say.F("From"), s.origin.Say())
	fact(say.F("MFA"), s.mfa())
	fact(say.F("User agent"), say.Data(notice.Agent(s.UserAgent)))
	fact(say.F("At"), say.Moment(at))
	return facts
}

// mfa words what is known about MFA.
func (s signIn) mfa() say.Text {
	_, said := s.Additional.Bool("MFAUsed")
	switch {
	case s.Identity.Session.MFAAuthenticated:
		return say.F("yes, in the session that signed in")
	case s.kind != event.IAMUser && s.kind != event.Root:
		return say.F("not known: AWS records it for IAM users and the root user only")
	case !said:
		return say.F("not recorded")
	case s.MFAUsed && s.MFAIdentifier != "":
		return say.F("yes, %s", s.MFAIdentifier)
	case s.MFAUsed:
		return say.F("yes")
	default:
		return say.F("no")
	}
}

// key is the same for the same sign-in: of the same principal, from the same address, told alike. A
// user name that AWS hides is any name, so the address is what tells two of them apart.
func (s signIn) key(v verdict) string {
	address := s.SourceIP
	if s.origin.Address.IsValid() {
		address = s.origin.Address.String()
	}
	return strings.Join([]string{
		s.Name, string(s.kind), s.Identity.Name(), s.SAMLProvider, s.SwitchFrom, address, s.VPCEndpoint, cmp.Or(s.Outcome, "none"), v.title.String(),
	}, "|")
}
