package change

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/policy"
)

// RoleSessions denies everything to sessions of a role that began before a moment. The subject is the name of the role,
// the target [RevocationPolicy], and the value the document of that inline policy, byte for byte. Credentials of a
// session cannot be taken back; what a policy denies them, they cannot do
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_revoke-sessions.html).
const RoleSessions = "role session revocation"

// RevocationPolicy is the name of the inline policy that denies. AWS's console calls its own AWSRevokeOlderSessions.
const RevocationPolicy = "WarderRevokeSessions"

// maxSession is how long the session of a role lasts at most
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use.html): after that its revocation denies nobody.
const maxSession = 12 * time.Hour

// maxRevocations is how many sessions are denied one by one: the inline policies of a role have 10,240 characters
// together (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
const maxRevocations = 20

// Revocation denies everything to the sessions of a role that began before a moment.
type Revocation struct {
	// Session is aws:userid of one session, the unique id of the role and the name of the session, "AROA…:name". All
	// sessions by that name are denied. Empty means every session of the role.
	Session string
	Before  time.Time // whole seconds
}

// InForce reports whether a session that it denies can still go on at now.
func (r Revocation) InForce(now time.Time) bool { return now.Before(r.Before.Add(maxSession)) }

// covers reports whether whoever o denies is denied by r.
func (r Revocation) covers(o Revocation) bool {
	return (r.Session == "" || r.Session == o.Session) && !r.Before.Before(o.Before)
}

// Revoked reports whether the revocations deny all that r does.
func Revoked(all []Revocation, r Revocation) bool {
	return slices.ContainsFunc(all, func(known Revocation) bool { return known.covers(r) })
}

// Revoke adds a revocation. What it covers, and what denies nobody any more, goes. Of too many all become one that
// denies every session of the role.
func Revoke(all []Revocation, r Revocation) []Revocation {
	over := r.Before.Add(-maxSession)
	kept := slices.DeleteFunc(slices.Clone(all), func(known Revocation) bool {
		return r.covers(known) || known.Before.Before(over)
	})
	kept = append(kept, r)
	if len(kept) <= maxRevocations {
		return kept
	}
	latest := slices.MaxFunc(kept, func(a, b Revocation) int { return a.Before.Compare(b.Before) })
	return []Revocation{{Before: latest.Before}}
}

// revocation is a statement of the policy.
type revocation struct {
	Sid       string                       `json:"Sid"`
	Effect    string                       `json:"Effect"`
	Action    string                       `json:"Action"`
	Resource  string                       `json:"Resource"`
	Condition map[string]map[string]string `json:"Condition"`
}

type revocationPolicy struct {
	Version   string       `json:"Version"`
	Statement []revocation `json:"Statement"`
}

// The conditions of a statement. aws:TokenIssueTime is in requests with temporary credentials only
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html).
const (
	issuedBefore, issueTime = "DateLessThan", "aws:TokenIssueTime"
	sessionIs, sessionID    = "StringEquals", "aws:userid"
)

func (r Revocation) statement(i int) revocation {
	s := revocation{
		Sid: fmt.Sprintf("WarderRevokesSession%d", i+1), Effect: "Deny", Action: "*", Resource: "*",
		Condition: map[string]map[string]string{issuedBefore: {issueTime: r.Before.UTC().Format(time.RFC3339)}},
	}
	if r.Session != "" {
		s.Condition[sessionIs] = map[string]string{sessionID: r.Session}
	}
	return s
}

// RevocationDocument is the policy of the revocations.
func RevocationDocument(all []Revocation) string {
	p := revocationPolicy{Version: "2012-10-17"}
	for i, r := range all {
		p.Statement = append(p.Statement, r.statement(i))
	}
	text, err := json.Marshal(p)
	if err != nil {
		panic(err) // texts only
	}
	return string(text)
}

// Revocations reads a policy of revocations; the empty document has none. A document that Warder does not write is an
// error: nobody knows what it denies.
func Revocations(document string) ([]Revocation, error) {
	if document == "" {
		return nil, nil
	}
	var p revocationPolicy
	d := json.NewDecoder(strings.NewReader(document))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return nil, errForeign
	}
	var all []Revocation
	for _, s := range p.Statement {
		before, err := time.Parse(time.RFC3339, s.Condition[issuedBefore][issueTime])
		if err != nil {
			return nil, errForeign
		}
		all = append(all, Revocation{Session: s.Condition[sessionIs][sessionID], Before: before})
	}
	if RevocationDocument(all) != document {
		return nil, errForeign
	}
	return all, nil
}

var errForeign = errors.New("the inline policy " + RevocationPolicy + " is not as Warder writes it")

type roleSessions struct{ iamKind }

func (k roleSessions) Read(ctx context.Context, c Change) (string, error) {
	got, err := k.iam.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &c.Subject, PolicyName: &c.Target})
	if NotFound(err) {
		return "", nil // the policy, or the role
	}
	if err != nil {
		return "", Wrap(err, "get inline policy %q of role %q", c.Target, c.Subject)
	}
	return Document(aws.ToString(got.PolicyDocument))
}

// Set puts a document of revocations, or takes it away: no other inline policy of a role is written.
func (k roleSessions) Set(ctx context.Context, c Change) error {
	if _, err := Revocations(c.After); err != nil || c.Target != RevocationPolicy {
		return fmt.Errorf("revoke sessions of role %q: %q with such a document is no revocation", c.Subject, c.Target)
	}
	if c.After != "" {
		_, err := k.iam.PutRolePolicy(ctx,
			&iam.PutRolePolicyInput{RoleName: &c.Subject, PolicyName: &c.Target, PolicyDocument: &c.After})
		return Wrap(err, "put inline policy %q of role %q", c.Target, c.Subject)
	}
	_, err := k.iam.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: &c.Subject, PolicyName: &c.Target})
	return Wrap(err, "delete inline policy %q of role %q", c.Target, c.Subject)
}

// Widens implements [Kind]: whoever was denied before is denied still, unless the session is over. A document of
// somebody else's may go if it denies nothing.
func (roleSessions) Widens(c Change, _ []Change) bool {
	before, foreign := Revocations(c.Before)
	after, err := Revocations(c.After)
	if err != nil || len(after) == 0 {
		return true
	}
	if foreign != nil {
		if denies, err := policy.Denies(c.Before); denies || err != nil {
			return true
		}
	}
	latest := slices.MaxFunc(after, func(a, b Revocation) int { return a.Before.Compare(b.Before) }).Before
	return slices.ContainsFunc(before, func(r Revocation) bool {
		return !Revoked(after, r) && !r.Before.Before(latest.Add(-maxSession))
	})
}

func (roleSessions) Describe(c Change, done bool) i18n.Message {
	before, _ := Revocations(c.Before)
	after, _ := Revocations(c.After)
	for _, r := range after {
		if Revoked(before, r) {
			continue
		}
		at, name := i18n.Literal(r.Before.UTC().Format(time.RFC3339)), sessionName(r.Session)
		if name == "" {
			return pick(done, i18n.T("revoked every session of role %s that began before %s", c.Subject, at),
				i18n.T("revoke every session of role %s that began before %s", c.Subject, at))
		}
		return pick(done, i18n.T("revoked session %s of role %s that began before %s", name, c.Subject, at),
			i18n.T("revoke session %s of role %s that began before %s", name, c.Subject, at))
	}
	return pick(done, i18n.T("lifted the revocation of sessions of role %s", c.Subject),
		i18n.T("lift the revocation of sessions of role %s", c.Subject))
}

// sessionName is the name in "AROA…:name".
func sessionName(session string) string {
	_, name, _ := strings.Cut(session, ":")
	return name
}
