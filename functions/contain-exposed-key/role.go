package containexposedkey

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
)

// impersonated is a role of which others have a session.
type impersonated struct {
	role     string
	arn      string
	sessions []string // "AROA…:name"; one that is empty means every session
	keys     []string // the access keys of the sessions, as far as the report names them
}

// findRole finds the role whose session a suspect is, or reports why its sessions cannot be revoked.
func (v *scan) findRole(ctx context.Context, s suspect) error {
	if s.name == "" {
		v.alert(s)
		return nil
	}
	out, err := v.api.GetRole(ctx, &iam.GetRoleInput{RoleName: &s.name})
	switch {
	case change.NotFound(err):
		v.alert(s)
		return nil
	case err != nil:
		return fmt.Errorf("get role %q: %w", s.name, err)
	}
	id, name, _ := strings.Cut(s.id, ":")
	switch s.fixed = fixed(out.Role); {
	case !s.fixed.Empty():
		v.alert(s)
		return nil
	case id != "" && id != aws.ToString(out.Role.RoleId):
		s.fixed = i18n.T("The role of this session was deleted; another role has its name now.")
		v.alert(s)
		return nil
	}
	r := v.roles[s.name]
	if r == nil {
		r = &impersonated{role: s.name, arn: aws.ToString(out.Role.Arn)}
		v.roles[s.name] = r
		v.roleOrder = append(v.roleOrder, s.name)
	}
	session := ""
	if name != "" {
		session = s.id
	}
	if !slices.Contains(r.sessions, session) {
		r.sessions = append(r.sessions, session)
	}
	if keyID(s.key) && !slices.Contains(r.keys, s.key) {
		r.keys = append(r.keys, s.key)
	}
	return nil
}

// fixed says why nobody but its owner changes the policies of a role; empty if anybody may
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_revoke-sessions.html).
func fixed(r *types.Role) i18n.Message {
	switch path := aws.ToString(r.Path); {
	case strings.HasPrefix(path, "/aws-service-role/"):
		return i18n.T("AWS does not allow changes to a role that is linked to a service.")
	case strings.HasPrefix(path, "/aws-reserved/"):
		return i18n.T("AWS does not allow changes to a role of IAM Identity Center.")
	case strings.HasPrefix(path, settings.RolePath):
		return i18n.T("It is one of Warder's own roles, which Warder does not change.")
	}
	return i18n.Message{}
}

// revoke denies everything to the sessions of a role that began before now. Others that assume the role begin new
// sessions, and go on.
func (v *scan) revoke(ctx context.Context, r *impersonated) error {
	before, err := v.revocation(ctx, r.role)
	if err != nil {
		return err
	}
	present, err := change.Revocations(before)
	if err != nil {
		s := suspect{kind: event.AssumedRole, name: r.role}
		s.fixed = i18n.T("Its inline policy %s is not as Warder writes it.", change.RevocationPolicy)
		v.alert(s)
		return nil //nolint:nilerr // it is notified
	}
	kept, err := v.memory.Kept(ctx, r.arn)
	if err != nil {
		return err
	}
	moment := v.now.UTC().Truncate(time.Second)
	seen := v.report.last.UTC().Truncate(time.Second)
	if seen.After(moment) {
		seen = moment
	}
	// IAM does not show at once what was put a moment ago: what Warder revoked before is not lost.
	after, open := withKept(present, kept, v.now), false
	var names []string
	for _, session := range r.sessions {
		// Credentials that were in use at a time were issued before it.
		inUse := change.Revocation{Session: session, Before: seen}
		open = open || !change.Revoked(present, inUse)
		if !change.Revoked(after, inUse) {
			after = change.Revoke(after, change.Revocation{Session: session, Before: moment})
		}
		if _, name, _ := strings.Cut(session, ":"); name != "" {
			names = append(names, name)
		}
	}
	v.findings = append(v.findings, v.revocationOf(r, names, before, after, open))
	return nil
}

// withKept adds to revocations those that Warder made, nobody reverted, and that still deny somebody.
func withKept(all []change.Revocation, kept []remediation.Kept, now time.Time) []change.Revocation {
	for _, k := range kept {
		wanted, err := change.Revocations(k.After)
		if err != nil || k.Kind != change.RoleSessions {
			continue
		}
		for _, r := range wanted {
			if !change.Revoked(all, r) && r.InForce(now) {
				all = change.Revoke(all, r)
			}
		}
	}
	return all
}

func (p *planner) revocation(ctx context.Context, role string) (document string, err error) {
	policy := change.RevocationPolicy
	out, err := p.api.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &role, PolicyName: &policy})
	if change.NotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("get inline policy %q of role %q: %w", policy, role, err)
	}
	return change.Document(aws.ToString(out.PolicyDocument))
}

// revocationOf is what is to be done about a role.
func (v *scan) revocationOf(
	r *impersonated, names []string, before string, after []change.Revocation, open bool,
) remediation.Finding {
	role := i18n.T("role %s", r.role)
	f := remediation.Finding{
		Subject: r.arn, Title: v.report.title, Severity: control.Critical,
		Text: v.report.describe(i18n.T("credentials of %s", role)), Facts: slices.Clone(v.report.facts),
		Handling: remediation.Handling{
			Fresh: true, Urgency: remediation.Containment, Alert: true, Once: v.once(r.arn, r.sessions...),
		},
		Advice: i18n.Sentences(i18n.T("New sessions of the role are not denied. Stop the leak: find the instance, function "+
			"or person that had the credentials, and who may assume the role."),
			i18n.T("Find out in CloudTrail, in every region, what was done with them.")),
	}
	if len(names) > 0 {
		f.Facts = append(f.Facts, remediation.Fact{Name: i18n.T("Session"), Value: i18n.Literal(strings.Join(names, ", "))})
	}
	var hints []string
	for _, key := range r.keys {
		hints = append(hints, change.KeyHint(key))
	}
	if len(hints) > 0 {
		f.Facts = append(
			f.Facts,
			remediation.Fact{Name: i18n.T("Access key"), Value: i18n.Literal(strings.Join(hints, ", "))},
		)
	}
	if slices.ContainsFunc(names, instance) {
		f.Advice = i18n.Sentences(
			i18n.T("The session is that of an EC2 instance, which gets new credentials from AWS within "+
				"hours: so does whoever is still on it. Isolate or stop the instance now."),
			f.Advice,
		)
	}
	if !open {
		f.UnchangedReason = i18n.T("The session is already revoked.")
		return f
	}
	f.Changes = []change.Change{revoked(r.role, before, change.RevocationDocument(after))}
	return f
}

// instance reports whether the session of a role is that of an EC2 instance, which is called like it
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_switch-role-ec2.html).
func instance(session string) bool {
	id, found := strings.CutPrefix(session, "i-")
	return found && len(id) >= 8 && strings.Trim(id, "0123456789abcdef") == ""
}

func revoked(role, before, after string) change.Change {
	return change.Change{
		Kind: change.RoleSessions, Subject: role, Target: change.RevocationPolicy, Before: before, After: after,
	}
}
