package reduceunusedaccess

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/warder-aws/warder/pkg/analyzer"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/iamuser"
	"github.com/warder-aws/warder/pkg/owner"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
)

type planner struct {
	parameters
	api     readAPI
	account string
	owners  owner.Book // of tags and names; it reads nothing
	regions []string   // the hub's first
	sleep   func(context.Context, time.Duration)
	// concurrency is how many roles a sweep reads at a time; one after the other if it is 0.
	concurrency int
}

// Plan implements [remediation.Planner].
func (p *planner) Plan(ctx context.Context, e event.Event, now time.Time) ([]remediation.Finding, error) {
	return p.Keep(ctx, e, nil, now)
}

// Keep looks at the roles that findings of unused access are about. The findings only say where to look: when a role
// was last used is read from IAM. When the sweep comes it looks at all that analyzers find, and at the roles with open
// cases, whose findings may have come from Security Hub.
func (p *planner) Keep(
	ctx context.Context, e event.Event, m remediation.Memory, now time.Time,
) ([]remediation.Finding, error) {
	switch d := e.Detail.(type) {
	case *event.AccessFinding:
		return p.reported(ctx, e, []*event.AccessFinding{d}, now)
	case *event.ImportedFindings:
		return p.reported(ctx, e, d.Findings, now)
	case *event.Applied:
		return p.applied(ctx, d, now)
	case *event.Sweep:
		return p.sweep(ctx, m, d.After, now)
	}
	return nil, nil
}

// The types of findings that it acts on.
//
// https://docs.aws.amazon.com/access-analyzer/latest/APIReference/API_FindingSummaryV2.html
const (
	unusedRole       = "UnusedIAMRole"
	unusedPermission = "UnusedPermission"
)

// look is what to look at: a principal, by its ARN, for one of the types.
type look struct{ arn, kind string }

// of is what a finding of a type has to be looked at for; false if it is none of the control's business.
func (p *planner) of(kind, resource string) (look, bool) {
	if name, ok := p.role(resource); ok && kind == unusedRole {
		return look{name, kind}, true // whatever path the finding says
	}
	return look{resource, kind}, kind == unusedPermission
}

// inspect looks at it.
func (p *planner) inspect(ctx context.Context, l look, now time.Time) ([]remediation.Finding, error) {
	if l.kind == unusedPermission {
		return p.propose(ctx, l.arn, now)
	}
	return p.inspectRole(ctx, l.arn, now)
}

// reported looks at what findings are about, each once.
func (p *planner) reported(
	ctx context.Context, e event.Event, all []*event.AccessFinding, now time.Time,
) (findings []remediation.Finding, err error) {
	looks := map[look]bool{}
	for _, d := range all {
		if l, ok := p.of(d.Type, d.Resource); ok && d.Access == event.UnusedAccess && d.Active() && d.Account == e.Account {
			looks[l] = true
		}
	}
	var faults []error
	for _, l := range slices.SortedFunc(maps.Keys(looks), look.compare) {
		found, err := p.inspect(ctx, l, now)
		findings, faults = append(findings, found...), append(faults, err)
	}
	// What IAM does not show is left to the retry, and ends with the last one; what cannot be read does not.
	if slices.ContainsFunc(faults, func(err error) bool { return err != nil && !change.NotFound(err) }) {
		faults = slices.DeleteFunc(faults, change.NotFound)
	}
	return findings, errors.Join(faults...)
}

// role is the name of a role of the account, of its ARN.
func (p *planner) role(name string) (string, bool) {
	of, err := arn.Parse(name)
	path, ok := strings.CutPrefix(of.Resource, "role/")
	if err != nil || !ok || of.Service != "iam" || of.AccountID != p.account {
		return "", false
	}
	path = path[strings.LastIndex(path, "/")+1:]
	return path, path != ""
}

// fixed reports whether a role is none of the control's business: nobody but AWS may change what is linked to a service
// or comes from IAM Identity Center, and Warder's own are used when something happens
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-friendly-names).
func fixed(r *types.Role) bool {
	path := aws.ToString(r.Path)
	return slices.ContainsFunc([]string{"/aws-service-role/", "/aws-reserved/", settings.RolePath}, func(of string) bool {
		return strings.HasPrefix(path, of)
	})
}

func (l look) compare(o look) int { return strings.Compare(l.key(), o.key()) }

func (l look) key() string { return l.kind + " " + l.arn }

// inspectRole is a finding if nobody used a role for so long, and it is not locked.
func (p *planner) inspectRole(ctx context.Context, name string, now time.Time) ([]remediation.Finding, error) {
	out, err := p.api.GetRole(ctx, &iam.GetRoleInput{RoleName: &name})
	if err != nil {
		return nil, fmt.Errorf("get role %q: %w", name, err)
	}
	r := out.Role
	since := now.AddDate(0, 0, -p.MaxUnusedDays)
	used := time.Time{}
	if r.RoleLastUsed != nil {
		used = aws.ToTime(r.RoleLastUsed.LastUsedDate)
	}
	if fixed(r) || !aws.ToTime(r.CreateDate).Before(since) || !used.Before(since) {
		return nil, nil
	}
	lock, err := change.LockOf(ctx, p.api, name)
	if err != nil || lock == change.LockDocument {
		return nil, err
	}
	services, err := p.accessed(ctx, aws.ToString(r.Arn))
	if err != nil {
		return nil, err
	}
	at, service := lastAccess(services)
	if !at.Before(since) {
		return nil, nil
	}
	return []remediation.Finding{p.unused(r, lock, later(at, used), service)}, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// unused is the finding about a role that was last used at a time, if ever.
func (p *planner) unused(r *types.Role, lock string, at time.Time, service string) remediation.Finding {
	name := aws.ToString(r.RoleName)
	contact := p.owners.Of(name, aws.ToString(r.Path), change.RoleTags(r))
	f := remediation.Finding{
		Subject: aws.ToString(r.Arn), Title: i18n.T("Unused role"),
		Text: i18n.T("Nobody has used role %s since it was created on %s.", name, i18n.Day(aws.ToTime(r.CreateDate))),
		Facts: remediation.Facts(
			i18n.T("Created"), i18n.Literal(aws.ToTime(r.CreateDate).UTC().Format(time.DateOnly)),
			i18n.T("Last service"), i18n.Literal(service),
			i18n.T("Owner"), i18n.Or(contact.Missing, contact.Invalid),
		),
		Advice: i18n.T("If nobody needs the role, delete it. If it is for rare cases, such as recovery, tag it with " +
			"warder:exempt. The lock takes nothing away: undo makes the role work as before."),
		Changes: []change.Change{{
			Kind: change.RoleLock, Subject: name, Target: aws.ToString(r.RoleId), After: change.LockDocument,
			Content: change.LastUse(r),
		}},
		Handling: remediation.Handling{Addressee: remediation.Addressee{Redirected: true, Recipient: contact.Address}},
	}
	if !at.IsZero() {
		f.Text = i18n.T("Nobody has used role %s since %s.", name, i18n.Day(at))
	}
	if lock != "" {
		f.Changes, f.Once = nil, remediation.Once{Key: "foreign#" + aws.ToString(r.RoleId), For: remediation.Weekly}
		f.UnchangedReason = i18n.T("Its inline policy %s is not as Warder writes it.", change.LockPolicy)
	}
	return f
}

// sweep looks at the roles that analyzers find, and at those with open cases, after the one that is named, in the order
// of their names.
func (p *planner) sweep(
	ctx context.Context, m remediation.Memory, after string, now time.Time,
) (all []remediation.Finding, err error) {
	looks, faults := map[string]look{}, []error{}
	for f, err := range analyzer.Findings(ctx, p.api, p.regions) {
		switch l, ok := p.of(f.Type, f.Resource); {
		case errors.Is(err, analyzer.ErrNone):
			all = append(all, none(p.account))
		case err != nil:
			faults = append(faults, err)
		case ok && f.Owner == p.account:
			looks[l.key()] = l
		}
	}
	if m != nil {
		open, err := m.Open(ctx)
		if err != nil {
			return nil, err
		}
		for _, c := range open {
			if l, ok := p.of(unusedRole, c.Subject); ok {
				looks[l.key()] = l
			}
		}
	}
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(looks)), func(name string) bool { return name <= after })
	type result struct {
		findings []remediation.Finding
		err      error
	}
	rest := func() { p.sleep(ctx, iamuser.Pace) }
	results := iamuser.ForEach(ctx, names, p.concurrency, rest, func(name string) result {
		findings, err := p.inspect(ctx, looks[name], now)
		if change.NotFound(err) { // it was deleted since it was found
			return result{}
		}
		return result{findings, err}
	})
	whole := errors.Join(faults...) == nil
	for i, r := range results {
		all, faults = append(all, r.findings...), append(faults, r.err)
		if whole = whole && r.err == nil; whole {
			after = names[i]
		}
	}
	if len(results) < len(names) {
		faults = append(faults, &remediation.Stopped{After: after})
	}
	return all, errors.Join(faults...)
}

// none says, once a year, that nothing tells the control what is not used.
func none(account string) remediation.Finding {
	return remediation.Finding{
		Subject: account, Title: i18n.T("No analyzer for unused access"), Severity: control.Low,
		Text: i18n.T("There is no analyzer for unused access in the regions that Warder watches: the daily sweep finds " +
			"nothing, and findings that Security Hub passes on are all that is acted on."),
		Advice: i18n.T("Create an analyzer for unused access in IAM Access Analyzer, which costs 0.20 USD a month for each " +
			"user and role, or switch this control off."),
		Handling: remediation.Handling{
			Once: remediation.Once{Key: "no analyzer", For: 365 * 24 * time.Hour},
		},
	}
}
