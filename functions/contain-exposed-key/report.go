package containexposedkey

import (
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
)

// parameters are those of control.json: which findings of GuardDuty are acted on.
// https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_findings-severity.html
type parameters struct {
	MinSeverity int `json:"minSeverity"`
	// MediumTypes are types of findings that say, at medium severity too, that somebody else has credentials.
	// https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_finding-types-iam.html
	MediumTypes []string `json:"mediumTypes"`
}

// medium is the severity from which findings are delivered.
const medium = 4

// grave reports whether a finding is to be acted on.
func (p parameters) grave(t *event.Threat) bool {
	_, kind, _ := strings.Cut(t.Type, ":")
	return t.Severity >= float64(p.MinSeverity) ||
		t.Severity >= medium && kind != "" && slices.Contains(p.MediumTypes, kind)
}

// report is what AWS says about credentials, whichever service says it.
type report struct {
	title    i18n.Message // of the notice
	words    i18n.Message // who says what of them
	facts    []remediation.Fact
	suspects []suspect
	last     time.Time // when the credentials were last in use, as far as the report says
}

// suspect is whose credentials a report is about. Empty fields are not known.
type suspect struct {
	kind event.Kind
	key  string // access key id
	user string // name of an IAM user
	id   string // unique id of that user, or "AROA…:name" of a role's session
	name string // what the report calls it, if it is no IAM user
	// fixed says why a role's sessions cannot be revoked; empty if they can.
	fixed i18n.Message
}

// them stands for the credentials in the words of a report.
const them = "credentials"

// describe is what the report says of credentials.
func (r *report) describe(of i18n.Message) i18n.Message {
	return r.words.Map(func(any) any { return of })
}

// The codes by which AWS Health says that credentials are at risk: each with what it says of them.
// They are those of the rule in control.json.
var codes = map[string]struct{ title, words i18n.Message }{
	"AWS_RISK_CREDENTIALS_EXPOSED": {
		i18n.T("Credentials publicly exposed"), i18n.T("AWS reports %s as publicly exposed.", them)},
	"AWS_RISK_CREDENTIALS_EXPOSURE_SUSPECTED": {
		i18n.T("Credentials possibly publicly exposed"), i18n.T("AWS reports %s as possibly publicly exposed.", them)},
	"AWS_RISK_CREDENTIALS_COMPROMISED": {
		i18n.T("Credentials compromised"), i18n.T("AWS reports %s as compromised.", them)},
	"AWS_RISK_CREDENTIALS_COMPROMISE_SUSPECTED": {
		i18n.T("Credentials possibly compromised"), i18n.T("AWS reports %s as possibly compromised.", them)},
	"AWS_RISK_IAM_QUARANTINE": {i18n.T("AWS quarantined a user"),
		i18n.T("AWS reports that it has quarantined a user because %s may be compromised.", them)},
}

// read returns what the event reports, nil if it is nothing to act on: of another account, settled
// already, a sample, or not severe.
func (p parameters) read(e event.Event) *report {
	switch d := e.Detail.(type) {
	case *event.Health:
		return health(d, e)
	case *event.Threat:
		return p.threat(d, e)
	}
	return nil
}

func health(h *event.Health, e event.Event) *report {
	code, ok := codes[h.TypeCode]
	if !ok || h.Closed() || h.Account != e.Account {
		return nil
	}
	r := &report{title: code.title, words: code.words, last: e.Time, facts: remediation.Facts(
		i18n.T("Reported by"), i18n.Literal("AWS Health, "+h.TypeCode), i18n.T("Since"), since(h.Start))}
	for _, entity := range h.Entities {
		r.suspects = append(r.suspects, named(entity.Value))
	}
	return r
}

// named is whom AWS Health means: it gives an access key id, a user's name, or an ARN.
func named(value string) suspect {
	if keyID(value) {
		return suspect{kind: event.IAMUser, key: value}
	}
	parsed, err := arn.Parse(value)
	if err != nil {
		return suspect{kind: event.IAMUser, user: value}
	}
	kind, rest, _ := strings.Cut(parsed.Resource, "/")
	last := rest[strings.LastIndex(rest, "/")+1:]
	switch {
	case parsed.Service == "iam" && parsed.Resource == "root":
		return suspect{kind: event.Root, name: "root"}
	case parsed.Service == "iam" && kind == "user":
		return suspect{kind: event.IAMUser, user: last}
	case parsed.Service == "iam" && kind == "role":
		return role(last, "")
	case parsed.Service == "sts" && kind == "assumed-role":
		name, _, _ := strings.Cut(rest, "/")
		return role(name, "")
	default:
		return suspect{kind: event.Unidentified, name: value}
	}
}

// keyID reports whether the text has the form of an access key id, of a user's or of a session's.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-prefixes
func keyID(text string) bool {
	if len(text) < 16 || !strings.HasPrefix(text, "AKIA") && !temporary(text) {
		return false
	}
	return strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
}

// temporary reports whether an access key id is that of a session.
func temporary(key string) bool { return strings.HasPrefix(key, "ASIA") }

func (p parameters) threat(t *event.Threat, e event.Event) *report {
	if t.Sample || t.Archived || !p.grave(t) || t.Account != e.Account {
		return nil
	}
	// Of what is about a bucket, a machine or a cluster, the credentials that it names are our business.
	family, _, _ := strings.Cut(strings.TrimPrefix(t.Type, "AttackSequence:"), "/")
	about := t.Resource == "AccessKey" ||
		strings.HasPrefix(t.Type, "AttackSequence:") && (family == "IAM" || family == "S3")
	var suspects []suspect
	for _, c := range t.Credentials {
		if s := used(c); about || s.kind != event.Unidentified || keyID(s.key) {
			suspects = append(suspects, s)
		}
	}
	if len(suspects) == 0 && !about {
		return nil
	}
	r := &report{title: i18n.T("Credentials misused")}
	r.words = i18n.T("GuardDuty reports that an attacker seems to use %s.", them)
	r.facts = remediation.Facts(
		i18n.T("Reported by"), i18n.T("GuardDuty, %s, severity %g", t.Type, t.Severity),
		i18n.T("Finding"), i18n.Literal(notice.Plain(t.Title, 200)),
		i18n.T("From"), i18n.Literal(strings.Trim(t.Remote+", "+notice.Plain(t.Country, 60), ", ")),
		i18n.T("Last call"), i18n.Literal(notice.Plain(t.API, 100)),
		i18n.T("Since"), since(t.First),
		i18n.T("Region"), i18n.Literal(t.Region),
	)
	r.suspects, r.last = suspects, known(t.Last, t.First, e.Time)
	return r
}

// used is whom GuardDuty means.
func used(c event.Credential) suspect {
	s := suspect{key: c.AccessKeyID, name: c.UserName}
	switch c.UserType {
	case "IAMUser":
		s.kind, s.user, s.name = event.IAMUser, c.UserName, ""
		if strings.HasPrefix(c.PrincipalID, "AIDA") {
			s.id = c.PrincipalID
		}
	case "Root":
		s.kind, s.name = event.Root, "root"
	case "AssumedRole", "Role":
		key := s.key
		s = role(c.UserName, c.PrincipalID)
		s.key = key
	case "FederatedUser":
		s.kind = event.Federated
	case "AWSAccount", "AWSService":
		s.kind = event.Unidentified
	default:
		s = untyped(s, c)
	}
	return s
}

// untyped is whom GuardDuty means if it does not say what it is, or says what is not known, as of an access key among
// the resources of a sequence.
func untyped(s suspect, c event.Credential) suspect {
	switch {
	case strings.HasPrefix(c.PrincipalID, "AROA"):
		key := s.key
		s = role(c.UserName, c.PrincipalID)
		s.key = key
	case strings.HasPrefix(c.PrincipalID, "AIDA"):
		s.kind, s.user, s.name, s.id = event.IAMUser, c.UserName, "", c.PrincipalID
	case keyID(c.AccessKeyID):
		s.kind, s.name = event.IAMUser, ""
	default:
		s.kind = event.Unidentified
	}
	return s
}

// role is a role, and the session "AROA…:name" if that is known.
func role(name, session string) suspect {
	s := suspect{kind: event.AssumedRole, name: name}
	if strings.HasPrefix(session, "AROA") {
		s.id = session
	}
	if strings.HasPrefix(name, "AWSReservedSSO_") {
		s.kind = event.IdentityCenter
	}
	return s
}

// known is the first time that is known.
func known(times ...time.Time) time.Time {
	for _, t := range times {
		if !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}

func since(t time.Time) i18n.Message {
	if t.IsZero() {
		return i18n.Message{}
	}
	return i18n.Minute(t)
}

// called is whom a notice is about.
func (s suspect) called() i18n.Message {
	switch {
	case s.kind == event.Root:
		return i18n.T("root user")
	case s.user != "":
		return i18n.T("user %s", s.user)
	case s.name != "" && (s.kind == event.AssumedRole || s.kind == event.IdentityCenter):
		return i18n.T("role %s", s.name)
	case s.name != "":
		return i18n.Literal(notice.Plain(s.name, 100))
	case s.key != "":
		return i18n.T("access key %s", change.KeyHint(s.key))
	default:
		return i18n.T("an unnamed principal")
	}
}

// credentials describes what others have, within a sentence.
func (s suspect) credentials() i18n.Message {
	switch {
	case s.kind == event.Root:
		return i18n.T("the root user's credentials")
	case s.user == "" && s.name == "" && s.key != "":
		return s.called()
	default:
		return i18n.T("credentials of %s", s.called())
	}
}
