package main

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
		Title: v.title, Severity: v.severity, Text: s.text() + v.more, Advice: v.advice, Facts: s.facts(e), Fresh: true,
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
	title    string
	severity control.Severity
	more     string // what the text says besides who and where from; begins with a space
	advice   string
}

// verdict judges the sign-in.
func (s signIn) verdict() verdict {
	root, who := s.kind == event.Root, capital(string(s.kind))
	switch {
	case s.Name == "SwitchRole" && s.Failed():
		return verdict{"Role switch refused", control.Medium, s.reason(),
			"If the role should be open to them, look at its trust policy. If not, ask who tried, and from where."}
	case s.Failed() && s.Identity.HiddenUser:
		return verdict{"Sign-in failed: unknown user name", control.Medium,
			s.reason() + " AWS does not show what was typed, because people type passwords there.",
			"Once is a slip. Many from one address are somebody who tries names: block the address where you can, and see that every user has MFA."}
	case s.Failed() && strings.HasPrefix(s.ErrorMessage, "Authorization denied because of a"):
		return verdict{who + " sign-in refused by a policy", control.Medium, s.reason() + " The sign-in policy of the account or organization did its work.",
			"Ask whether they tried. If not, somebody else knows the password: change it."}
	case s.Failed() && root:
		return verdict{"Root user sign-in failed", control.High, s.reason(),
			"Ask the few who may use the root user. If it was none of them, somebody knows its email address: change the password, and check its MFA."}
	case s.Failed():
		return verdict{who + " sign-in failed", control.Medium, s.reason(),
			"Once is a slip. If it was not them, somebody tries their password: change it, and tell the security team."}
	case !s.Succeeded():
		return verdict{who + " sign-in, outcome not recorded", control.Medium, " The record does not say whether it succeeded.",
			"Look at what they did afterwards, in the event history of CloudTrail."}
	}

	v := verdict{title: who + " signed in", severity: control.Low}
	var advice []string
	if s.Name == "SwitchRole" {
		v.title = "Role switched in the console"
	}
	if root {
		v.severity = control.High
		advice = append(advice, "Ask who uses the root user, and what for. It is meant for the few tasks that nobody else can do.")
	}
	outside, noMFA, posing := s.origin.Place == network.Outside, s.withoutMFA(), s.posing()
	switch {
	case outside && noMFA:
		v.title += " from outside, without MFA"
	case outside:
		v.title += " from outside"
	case noMFA:
		v.title += " without MFA"
	case posing:
		v.title = "Role named like Identity Center signed in"
	case s.origin.Place == network.Foreign:
		v.title += " through another VPC"
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
		advice = append(advice, "Ask them where they were.")
	}
	if noMFA {
		v.more += " They used no MFA."
		advice = append(advice, "Register an MFA device for them today.")
	}
	if posing {
		v.more += " The role is named like one of IAM Identity Center and is none."
		advice = append(advice, "Find out who made the role, and who may assume it.")
	}
	if s.origin.Place == network.Foreign {
		advice = append(advice, "Ask whose VPC that is: in a VPC of one's own any address can be had.")
	}
	otherwise := "If it was not them: "
	switch {
	case len(advice) == 0:
		advice, otherwise = append(advice, "Nothing, if it was them."), "If not: "
	case root:
		otherwise = "If it was nobody of yours: "
	}
	v.advice = strings.Join(append(advice, otherwise+s.stop()), " ")
	return v
}

// stop is how to keep them out.
func (s signIn) stop() string {
	switch s.kind {
	case event.Root:
		return "change the root password, check its MFA, delete its access keys, and see what was done."
	case event.IAMUser:
		return "delete the console password, make the access keys inactive, and see what the user did."
	case event.IdentityCenter:
		return "disable the user in IAM Identity Center, end their sessions there, and see what they did."
	case event.SAML:
		return "disable the user at the identity provider, revoke the role's active sessions in IAM, and see what they did."
	case event.Federated:
		return "make the access keys of the IAM user that asked for the session inactive, and see what they did."
	default:
		return "revoke the role's active sessions in IAM, find out who assumed it, and see what they did."
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

// name is whom the sign-in is about. The session of IAM Identity Center bears the user's name.
func (s signIn) name() string {
	if s.Identity.HiddenUser {
		return "unknown user name"
	}
	if s.kind == event.IdentityCenter && s.Identity.SessionName() != "" {
		return s.Identity.SessionName()
	}
	return s.Identity.Name()
}

// text says who came from where.
func (s signIn) text() string {
	did := " signed in to the console"
	switch {
	case s.Name == "SwitchRole" && s.Failed():
		did = " could not be switched to in the console"
	case s.Name == "SwitchRole":
		did = " was switched to in the console"
	case s.Failed() && s.Identity.HiddenUser:
		did = " was tried at the console"
	case s.Failed():
		did = " could not sign in to the console"
	case !s.Succeeded():
		did = " was at the sign-in page of the console"
	}
	who := capital(string(s.kind)) + " " + s.name()
	switch {
	case s.Name == "SwitchRole":
		who = "Role " + s.name()
	case s.kind == event.Root:
		who = "The root user"
	case s.Identity.HiddenUser:
		who = "A user name that does not exist"
	case s.kind == event.IAMUser && s.Identity.UserName == "" && s.Identity.ARN == "":
		who = "An IAM user whose name is not recorded"
	}
	return who + did + " of account " + s.RecipientAccount + " (" + s.Region + ") from " + s.origin.String() + "."
}

// reason is AWS's word for a failure.
func (s signIn) reason() string {
	if s.ErrorMessage == "" {
		return ""
	}
	return " AWS says: " + strings.TrimSuffix(notice.Plain(s.ErrorMessage, 200), ".") + "."
}

// facts are the lines that let the reader judge.
func (s signIn) facts(e event.Event) []notice.Fact {
	at := s.Time
	if at.IsZero() {
		at = e.Time
	}
	var facts []notice.Fact
	fact := func(name, value string) {
		if value != "" {
			facts = append(facts, notice.Fact{Name: name, Value: value})
		}
	}
	fact("Kind", string(s.kind))
	if s.kind == event.IdentityCenter || s.kind == event.SAML {
		fact("Role", s.Identity.RoleName())
	}
	fact("Provider", s.SAMLProvider)
	fact("Switched from", s.SwitchFrom)
	fact("From", s.origin.String())
	fact("MFA", s.mfa())
	fact("User agent", notice.Agent(s.UserAgent))
	fact("At", notice.Moment(at))
	return facts
}

// mfa words what is known about MFA.
func (s signIn) mfa() string {
	_, said := s.Additional.Bool("MFAUsed")
	switch {
	case s.Identity.Session.MFAAuthenticated:
		return "yes, in the session that signed in"
	case s.kind != event.IAMUser && s.kind != event.Root:
		return "not known: AWS records it for IAM users and the root user only"
	case !said:
		return "not recorded"
	case s.MFAUsed:
		return strings.TrimSuffix("yes, "+s.MFAIdentifier, ", ")
	default:
		return "no"
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
		s.Name, string(s.kind), s.Identity.Name(), s.SAMLProvider, s.SwitchFrom, address, s.VPCEndpoint, cmp.Or(s.Outcome, "none"), v.title,
	}, "|")
}

// capital begins the words with a capital letter.
func capital(words string) string {
	return strings.ToUpper(words[:1]) + words[1:]
}
