package requirepermissionsboundary

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/iamuser"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
)

// parameters are those of control.json.
type parameters struct {
	Boundary        string   `json:"boundary"`
	OtherBoundaries []string `json:"otherBoundaries"`
	ExceptPaths     []string `json:"exceptPaths"`
}

type planner struct {
	parameters
	api   readAPI
	sleep func(context.Context, time.Duration)
}

func newPlanner(
	api readAPI, f settings.Function, sleep func(context.Context, time.Duration),
) (remediation.Planner, error) {
	p, err := settings.Parameters[parameters](f)
	if err != nil {
		return nil, err
	}
	var faults []error
	wanted := p.OtherBoundaries
	if p.Boundary != "" {
		wanted = append(wanted, p.Boundary)
	}
	for _, policy := range wanted {
		if !isPolicy(policy) {
			faults = append(faults, fmt.Errorf("read parameters: %q is not the ARN of a managed policy", policy))
		}
	}
	for _, path := range p.ExceptPaths {
		if len(path) < 3 || !strings.HasPrefix(path, "/") || !strings.HasSuffix(path, "/") {
			faults = append(faults, fmt.Errorf("read parameters: exceptPaths: %q is not a path such as /service/", path))
		}
	}
	return &planner{parameters: p, api: api, sleep: sleep}, errors.Join(faults...)
}

func isPolicy(text string) bool {
	parsed, err := arn.Parse(text)
	return err == nil && parsed.Service == "iam" && strings.HasPrefix(parsed.Resource, "policy/")
}

// Plan scans the user that the event is about, or every user when the sweep comes. Without a
// configured boundary it scans nobody.
func (p *planner) Plan(ctx context.Context, e event.Event, now time.Time) ([]remediation.Finding, error) {
	return p.Keep(ctx, e, nil, now)
}

// Keep is Plan, and knows what IAM did not show yet when its event came.
func (p *planner) Keep(
	ctx context.Context, e event.Event, m remediation.Memory, now time.Time,
) ([]remediation.Finding, error) {
	if p.Boundary == "" {
		return nil, nil
	}
	var found []remediation.Finding
	switch d := e.Detail.(type) {
	case *event.APICall:
		name, ok := d.User()
		if !ok || d.Failed() {
			return nil, nil
		}
		u, seen, err := p.read(ctx, name, d)
		if !seen && err == nil && m != nil && now.Sub(d.Time) <= remediation.Settled {
			err = unseen(ctx, m, u, d)
		}
		if err != nil || u.path == "" {
			return nil, err
		}
		for _, f := range p.assess(u) {
			found = append(found, fresh(f, d))
		}
	case *event.Sweep:
		users, err := p.all(ctx)
		if err != nil {
			return nil, err
		}
		awaited := map[string]bool{}
		if m != nil {
			if awaited, err = m.Awaited(ctx); err != nil {
				return nil, err
			}
		}
		for _, u := range users {
			for _, f := range p.assess(u) {
				f.Fresh = f.Fresh || awaited[u.awaits()]
				found = append(found, f)
			}
		}
	}
	return p.possible(ctx, e, found)
}

// possible replaces the changes by one alert when the policy that they would put on users is not there.
func (p *planner) possible(
	ctx context.Context, e event.Event, found []remediation.Finding,
) ([]remediation.Finding, error) {
	changes := func(f remediation.Finding) bool { return len(f.Changes) > 0 }
	if !slices.ContainsFunc(found, changes) {
		return found, nil
	}
	_, err := p.api.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &p.Boundary})
	if change.NotFound(err) {
		alerts := slices.DeleteFunc(slices.Clone(found), changes)
		return append(alerts, p.missing(e, len(found)-len(alerts))), nil
	}
	if err != nil {
		return nil, fmt.Errorf("get policy %s: %w", p.Boundary, err)
	}
	return found, nil
}

// user is what is known of a user.
type user struct {
	name, path, boundary string
}

// read reads one user; its path is empty if there is none. One that was created just now may not be there yet, and the
// boundary of another may still be the one that a call replaced or removed: seen is false then.
func (p *planner) read(ctx context.Context, name string, call *event.APICall) (u user, seen bool, err error) {
	u.name = name
	err = iamuser.RetryUntilVisible(ctx, p.sleep, func() error {
		out, err := p.api.GetUser(ctx, &iam.GetUserInput{UserName: &name})
		if err != nil {
			return err
		}
		u.path, u.boundary = aws.ToString(out.User.Path), boundary(out.User.PermissionsBoundary)
		set, _ := call.Param("permissionsBoundary")
		if strings.HasSuffix(call.Name, "UserPermissionsBoundary") && !change.SameName(set, u.boundary) {
			return &types.NoSuchEntityException{Message: aws.String("the user does not have this boundary")}
		}
		return nil
	})
	switch {
	case change.NotFound(err):
		return u, false, nil
	case err != nil:
		return u, false, fmt.Errorf("get user %q: %w", name, err)
	}
	return u, true, nil
}

// unseen is the error that IAM does not show a user as a call has left it; nil if it is known that it was changed
// since.
func unseen(ctx context.Context, m remediation.Memory, u user, call *event.APICall) error {
	since := map[string]string{"DeleteUser": u.name}
	if u.path != "" {
		since["PutUserPermissionsBoundary"] = u.boundary
		if u.boundary == "" {
			since = map[string]string{"DeleteUserPermissionsBoundary": u.name}
		}
	}
	made := change.Change{Kind: change.PermissionsBoundary, Target: u.name}
	removed, err := m.Removed(ctx, u.name, call.Time, made, since)
	if err != nil || removed {
		return err
	}
	return &remediation.Unseen{What: u.awaits(), Gone: u.path == ""}
}

// awaits names the boundary of a user.
func (u user) awaits() string { return strings.ToLower(u.name) }

// all reads every user in a few calls, where ListUsers would leave the boundary to one GetUser for each.
func (p *planner) all(ctx context.Context) ([]user, error) {
	var users []user
	for u, err := range iamuser.Details(ctx, p.api) {
		if err != nil {
			return nil, err
		}
		users = append(users, user{aws.ToString(u.UserName), aws.ToString(u.Path), boundary(u.PermissionsBoundary)})
	}
	return users, nil
}

func boundary(b *types.AttachedPermissionsBoundary) string {
	if b == nil {
		return ""
	}
	return aws.ToString(b.PermissionsBoundaryArn)
}

// assess says what is wrong with a user's boundary, if something is.
func (p *planner) assess(u user) []remediation.Finding {
	excepted := slices.ContainsFunc(p.ExceptPaths, func(path string) bool { return strings.HasPrefix(u.path, path) })
	same := func(arn string) bool { return change.SameName(arn, u.boundary) }
	if excepted || same(p.Boundary) || slices.ContainsFunc(p.OtherBoundaries, same) {
		return nil
	}
	f := remediation.Finding{User: u.name, Facts: remediation.Facts(
		i18n.T("Permissions boundary"), i18n.Or(i18n.Literal(u.boundary), i18n.T("none")),
		i18n.T("Required"), i18n.Literal(p.Boundary))}
	if u.boundary == "" {
		f.Text = i18n.T("%s has no permissions boundary.", u.name)
		f.Advice = i18n.T("Set the boundary when creating users: aws iam create-user --permissions-boundary. The user may " +
			"do what both its policies and the boundary allow.")
		f.Changes = []change.Change{{Kind: change.PermissionsBoundary, Subject: u.name, Target: u.name, After: p.Boundary}}
		return []remediation.Finding{f}
	}
	f.Title = i18n.T("Another permissions boundary on a user")
	f.Text = i18n.T("%s has a permissions boundary other than the required one.", u.name)
	f.UnchangedReason = i18n.T("Not replaced: the required boundary may allow what this one does not.")
	f.Advice = i18n.T("Compare the two policies. If the other one is equivalent, list it in otherBoundaries; if not, " +
		"set the required one on the user.")
	f.Once = remediation.Once{Key: "other#" + u.boundary, For: remediation.Weekly}
	return []remediation.Finding{f}
}

// fresh describes a finding about the user that the call is about.
func fresh(f remediation.Finding, d *event.APICall) remediation.Finding {
	f.Fresh = true
	f.Facts = append(f.Facts, remediation.Facts(
		i18n.T("By"), d.Identity.Describe(), i18n.T("Call"), i18n.Literal(d.Name))...)
	switch {
	case len(f.Changes) == 0:
	case d.Name == "CreateUser":
		f.Text = i18n.T("%s was created without a permissions boundary.", f.User)
	case d.Name == "DeleteUserPermissionsBoundary":
		f.Text = i18n.T("The permissions boundary of %s was removed.", f.User)
		f.Advice = i18n.T("Ask who removed it, and why. If the user needs to be without it for a time, ask for an exemption.")
	}
	return f
}

// missing says that the configured boundary cannot be put on anybody.
func (p *planner) missing(e event.Event, users int) remediation.Finding {
	return remediation.Finding{
		Subject: "account " + e.Account,
		Title:   i18n.T("The required permissions boundary does not exist"),
		Text: i18n.T("The policy that is configured as the permissions boundary does not exist. It would apply "+
			"to %s.", count(users)),
		Facts:           []remediation.Fact{{Name: i18n.T("Policy"), Value: i18n.Literal(p.Boundary)}},
		UnchangedReason: i18n.T("No user was changed."),
		Advice:          i18n.T("Create the policy, or correct the parameter boundary in cdk.json and deploy."),
		Handling:        remediation.Handling{Once: remediation.Once{Key: "missing#" + p.Boundary, For: remediation.Weekly}},
	}
}

func count(users int) i18n.Message {
	if users == 1 {
		return i18n.T("1 user")
	}
	return i18n.T("%d users", users)
}
