package restrictconsolesignin

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/signin"
	"github.com/warder-aws/warder/pkg/sso"
)

type planner struct {
	api       readAPI
	account   string
	regions   []string       // the hub's first
	networks  []netip.Prefix // that people may sign in from
	excluded  string         // who may from anywhere, as in role/break-glass
	enforcing bool
}

// subject is what the findings are about.
const subject = "console sign-in"

// Plan implements [remediation.Planner].
func (p *planner) Plan(ctx context.Context, e event.Event, now time.Time) ([]remediation.Finding, error) {
	return p.Keep(ctx, e, nil, now)
}

// Keep compares the policy as it is with what the settings say. Where no principal for emergencies is named, the
// control is not in use: enforcing without one is refused when the template is made.
func (p *planner) Keep(
	ctx context.Context, e event.Event, m remediation.Memory, _ time.Time,
) ([]remediation.Finding, error) {
	var call *event.APICall
	switch d := e.Detail.(type) {
	case *event.Sweep:
	case *event.APICall:
		if call = d; d.Source != "signin.amazonaws.com" || d.Failed() {
			return nil, nil
		}
	default:
		return nil, nil
	}
	if p.excluded == "" && !p.enforcing {
		return nil, nil
	}
	now, _, err := signin.Read(ctx, p.api, p.account)
	if err != nil {
		return nil, err
	}
	why, principal, err := p.obstacle(ctx, now)
	if err != nil {
		return nil, err
	}
	if !why.Empty() {
		return []remediation.Finding{p.cannot(now, why)}, nil
	}
	wanted := change.SignIn{InForce: true}
	for _, network := range p.networks {
		wanted.Places = append(wanted.Places, change.SignInPlace{SourceIP: network.String(), Excluded: principal})
	}
	made := change.Change{
		Kind: change.SignInPolicy, Subject: p.account, Target: subject, Before: now.Text(), After: wanted.Text(),
	}
	if made.Before == made.After {
		return nil, nil
	}
	kept := false // whether the policy is Warder's work
	if m != nil {
		all, err := m.Kept(ctx, subject)
		if err != nil {
			return nil, err
		}
		kept = len(all) > 0
	}
	if !kept && narrower(now, wanted) {
		return []remediation.Finding{p.cannot(now, i18n.T("The policy that is in force lets in less than allowedNetworks. "+
			"Warder has not set it, and opens nothing that it has not closed."))}, nil
	}
	f := p.finding(now, wanted, call, kept)
	f.Changes = []change.Change{made}
	return []remediation.Finding{f}, nil
}

// narrower reports whether the policy keeps people out of a network that they may sign in from.
func narrower(now, wanted change.SignIn) bool {
	return now.InForce && len(now.Places) > 0 && slices.ContainsFunc(wanted.Places, func(w change.SignInPlace) bool {
		network, _ := w.Network()
		return !slices.ContainsFunc(now.Places, func(place change.SignInPlace) bool {
			of, ok := place.Network()
			return ok && of.Bits() <= network.Bits() && of.Contains(network.Addr())
		})
	})
}

// obstacle says why the policy must not be set, or the ARN of who may sign in from anywhere.
func (p *planner) obstacle(ctx context.Context, now change.SignIn) (why i18n.Message, principal string, err error) {
	switch {
	case len(p.networks) == 0:
		return i18n.T("allowedNetworks is empty: everybody would be kept out."), "", nil
	case p.excluded == "":
		return i18n.T("excludedPrincipal names nobody: when the networks change, nobody could sign in."), "", nil
	}
	if why, principal, err = p.principal(ctx); err != nil || !why.Empty() {
		return why, principal, err
	}
	where, err := p.center(ctx)
	if err == nil && where != "" {
		why = i18n.T("IAM Identity Center is in use (%s): AWS Sign-In would keep out all who come through its portal, from "+
			"whatever network.", where)
		if now.InForce {
			why = i18n.T("IAM Identity Center is in use (%s): AWS Sign-In keeps out all who come through its portal, from "+
				"whatever network, as long as the policy is in force.", where)
		}
	}
	return why, principal, err
}

// principal finds who may sign in from anywhere, and says why that is nobody. Of whom AWS Sign-In excludes it takes the
// ARN without a path (see the pattern of excludedPrincipal on the page of
// [signin.PutResourcePermissionStatementInput]), so who has one would be kept out.
func (p *planner) principal(ctx context.Context) (why i18n.Message, arn string, err error) {
	kind, name, _ := strings.Cut(p.excluded, "/")
	if kind == "role" {
		out, err := p.api.GetRole(ctx, &iam.GetRoleInput{RoleName: &name})
		switch {
		case change.NotFound(err):
			return i18n.T("There is no %s, who is to be able to sign in from anywhere.", p.excluded), "", nil
		case err != nil:
			return why, "", change.Wrap(err, "get role %q", name)
		}
		arn = aws.ToString(out.Role.Arn)
	} else {
		out, err := p.api.GetUser(ctx, &iam.GetUserInput{UserName: &name})
		switch {
		case change.NotFound(err):
			return i18n.T("There is no %s, who is to be able to sign in from anywhere.", p.excluded), "", nil
		case err != nil:
			return why, "", change.Wrap(err, "get user %q", name)
		}
		arn = aws.ToString(out.User.Arn)
		_, err = p.api.GetLoginProfile(ctx, &iam.GetLoginProfileInput{UserName: &name})
		switch {
		case change.NotFound(err):
			return i18n.T("%s, who is to be able to sign in from anywhere, has no password.", p.excluded), "", nil
		case err != nil:
			return why, "", change.Wrap(err, "get login profile of %q", name)
		}
	}
	if strings.Count(arn, "/") != 1 {
		return i18n.T("%s, who is to be able to sign in from anywhere, has a path: AWS Sign-In excludes nobody who has one.",
			p.excluded), "", nil
	}
	return why, arn, nil
}

// portal is the path of the roles that IAM Identity Center makes in the accounts that people come to through its
// portal.
// https://docs.aws.amazon.com/singlesignon/latest/userguide/using-service-linked-roles.html
const portal = "/aws-reserved/sso.amazonaws.com/"

// center says where IAM Identity Center is in use: in a region, or by its roles in this account, whichever region it is
// in. Who cannot be asked is an error: nothing is changed then.
func (p *planner) center(ctx context.Context) (where string, err error) {
	for in := (&iam.ListRolesInput{PathPrefix: aws.String(portal)}); ; {
		out, err := p.api.ListRoles(ctx, in)
		if err != nil {
			return "", change.Wrap(err, "list roles of IAM Identity Center")
		}
		for _, role := range out.Roles {
			return aws.ToString(role.RoleName), nil
		}
		if in.Marker = out.Marker; !out.IsTruncated {
			break
		}
	}
	for _, region := range p.regions {
		out, err := p.api.ListInstances(ctx, &sso.ListInstancesInput{Region: region})
		if err != nil {
			return "", change.Wrap(err, "list instances of IAM Identity Center in %s", region)
		}
		if len(out.Instances) > 0 {
			return region, nil
		}
		if out.NextToken != "" { // a page that is empty says nothing of the next
			return "", errors.Join(fmt.Errorf("list instances of IAM Identity Center in %s: no whole answer", region))
		}
	}
	return "", nil
}

// cannot is the alert that the policy is not as it is to be, and that Warder does not set it.
func (p *planner) cannot(now change.SignIn, why i18n.Message) remediation.Finding {
	f := remediation.Finding{
		Subject: subject, Title: i18n.T("Console sign-in cannot be restricted"), Severity: control.Medium,
		Text:   i18n.Sentences(why, i18n.T("Warder changes nothing about the policy.")),
		Facts:  p.facts(now, change.SignIn{}),
		Advice: i18n.T("Remove the cause, or set the mode of restrict-console-sign-in to off."),
		Handling: remediation.Handling{Once: remediation.Once{
			Key: remediation.OnceKey(subject, why.String(), now.InForce), For: remediation.Weekly,
		}},
	}
	if now.InForce { // people are kept out, or will be
		f.Severity = control.High
	}
	return f
}

// facts are how the policy is, and how it is to be.
func (p *planner) facts(now change.SignIn, wanted change.SignIn) []remediation.Fact {
	is := i18n.T("not in force")
	if now.InForce {
		is = i18n.T("in force")
	}
	if len(now.Places) > 0 {
		is = i18n.T("%s: %s", is, now.Describe())
	}
	facts := remediation.Facts(i18n.T("Policy now"), is, i18n.T("From anywhere now"), i18n.Literal(excluded(now)))
	if wanted.InForce {
		facts = append(facts, remediation.Facts(
			i18n.T("Policy to be"), i18n.T("%s: %s", i18n.T("in force"), wanted.Describe()),
			i18n.T("From anywhere to be"), i18n.Literal(excluded(wanted)))...)
	}
	return facts
}

// excluded are those whom a policy lets in from anywhere.
func excluded(s change.SignIn) string {
	var all []string
	for _, place := range s.Places {
		if place.Excluded != "" {
			all = append(all, place.Excluded)
		}
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), ", ")
}

// finding is about a policy that is not as it is to be. What Warder has set is put back at once.
func (p *planner) finding(
	now change.SignIn, wanted change.SignIn, call *event.APICall, kept bool,
) remediation.Finding {
	f := remediation.Finding{
		Subject: subject, Severity: control.High, Facts: p.facts(now, wanted),
		Text: i18n.T(
			"People can sign in to the console from networks that are not allowed, or others than the one principal " +
				"can from anywhere, or not all networks that are allowed are let in.",
		),
		Advice: i18n.T("Before the policy is in force, make sure that everybody signs in from the networks that it names, " +
			"and that whoever is in charge can sign in as the principal that it excludes."),
	}
	if !now.InForce || len(now.Places) == 0 {
		f.Text = i18n.T("People can sign in to the console from anywhere.")
	}
	if !kept {
		return f
	}
	f.Title, f.Severity = i18n.T("Sign-in policy changed"), control.Critical
	f.Handling = remediation.Handling{Fresh: true, Alert: true, Urgency: remediation.Emergency}
	f.Advice = i18n.T(
		"Find out who changed the policy, and who has signed in since. To change where people sign in from, " +
			"change allowedNetworks and deploy.",
	)
	if call != nil {
		f.Text = i18n.Sentences(i18n.T("%s called %s.", remediation.Actor(call), call.Name), f.Text)
		f.Facts = append(remediation.CallFacts(call), f.Facts...)
	}
	return f
}
