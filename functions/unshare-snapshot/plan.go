package unsharesnapshot

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/smithy-go"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/ec2"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/iamuser"
	"github.com/warder-aws/warder/pkg/rds"
	"github.com/warder-aws/warder/pkg/remediation"
)

type planner struct {
	api     readAPI
	trusted []string // accounts and organizations
	regions []string // the hub's first
	account string
	sleep   func(context.Context, time.Duration)
	// concurrency is how many snapshots a sweep reads at a time; one after the other if it is 0.
	concurrency int
}

// thing is what may be shared: a snapshot or an image.
type thing struct {
	kind, region string
	name         string // the id, or the ARN of a snapshot of a database
	made         string // tells it from another that gets its name later
}

// key sorts things, and names each of them.
func (t thing) key() string { return t.region + " " + t.kind + " " + t.name }

// Plan implements [remediation.Planner].
func (p *planner) Plan(ctx context.Context, e event.Event, now time.Time) ([]remediation.Finding, error) {
	return p.Keep(ctx, e, nil, now)
}

// Keep reads whom the snapshot or image is shared with that a call names, or all of the account when the sweep comes.
func (p *planner) Keep(
	ctx context.Context, e event.Event, m remediation.Memory, now time.Time,
) ([]remediation.Finding, error) {
	switch d := e.Detail.(type) {
	case *event.APICall:
		return p.called(ctx, e.Account, d, m, now)
	case *event.Sweep:
		return p.sweep(ctx, m, d.After)
	}
	return nil, nil
}

// sharing are the calls that share something: what they share, and where they name it and whom they add.
var sharing = map[string]struct{ source, kind, name, permission string }{
	"ModifySnapshotAttribute":   {"ec2.amazonaws.com", change.SnapshotShare, "snapshotId", "createVolumePermission"},
	"ModifyImageAttribute":      {"ec2.amazonaws.com", change.ImageShare, "imageId", "launchPermission"},
	"ModifyDBSnapshotAttribute": {"rds.amazonaws.com", change.DBSnapshotShare, "dBSnapshotIdentifier", ""},
	"ModifyDBClusterSnapshotAttribute": {
		"rds.amazonaws.com", change.ClusterSnapshotShare, "dBClusterSnapshotIdentifier", "",
	},
}

// called reads whom the thing of a call is shared with. It is patient with whom the call has just added: AWS may not
// show that yet (https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html).
func (p *planner) called(
	ctx context.Context, account string, c *event.APICall, m remediation.Memory, now time.Time,
) ([]remediation.Finding, error) {
	t, ok := called(account, c)
	added, all := adds(c)
	added = slices.DeleteFunc(added, func(name string) bool { return p.inside(account, name) })
	if !ok || c.Failed() || len(added) == 0 && !all {
		return nil, nil
	}
	var with []string
	found := func(name string) bool { return slices.Contains(with, name) }
	err := iamuser.RetryUntilVisible(ctx, p.sleep, func() (err error) {
		if with, err = p.read(ctx, &t); err == nil && len(added) > 0 && !slices.ContainsFunc(added, found) {
			return errUnseen
		}
		return err
	})
	if errors.Is(err, errUnseen) {
		err = p.unseen(ctx, t, added, c, m, now)
	}
	if err != nil {
		return nil, err
	}
	return p.findings(account, t, with, c, func(name string) bool { return all || slices.Contains(added, name) }), nil
}

// errUnseen says that nobody whom the call added is there.
var errUnseen = &smithy.GenericAPIError{Code: "NoSuchEntity", Message: "it is shared with nobody whom the call added"}

// unseen is the error that AWS does not show a share that was made just now; nil if it is known that it was taken away,
// or the call is old.
func (p *planner) unseen(
	ctx context.Context, t thing, added []string, c *event.APICall, m remediation.Memory, now time.Time,
) error {
	if m == nil || now.Sub(c.Time) > remediation.Settled {
		return nil
	}
	for _, name := range added {
		made := t.share(name)
		removed, err := m.Removed(ctx, p.subject(t), c.Time, change.Change{Kind: t.kind, Target: made.Target}, nil)
		if err != nil || removed {
			return err
		}
	}
	return &remediation.Unseen{What: t.key(), Gone: true}
}

// called is what a call is about; false if it is nothing of this account's.
func called(account string, c *event.APICall) (t thing, ok bool) {
	call, ok := sharing[c.Name]
	name, _ := c.Param(call.name)
	if !ok || call.source != c.Source || name == "" {
		return t, false
	}
	if call.permission != "" {
		return thing{kind: call.kind, region: c.Region, name: name}, true
	}
	// RDS takes the name in any case
	// (https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBSnapshot.html), and an ARN.
	name = strings.ToLower(name)
	of := "snapshot:"
	if call.kind == change.ClusterSnapshotShare {
		of = "cluster-snapshot:"
	}
	named, err := arn.Parse(name)
	if err != nil {
		named = arn.ARN{
			Partition: partition(c.Region),
			Service:   "rds",
			Region:    c.Region,
			AccountID: account,
			Resource:  of + name,
		}
	}
	ok = named.AccountID == account && named.Region == c.Region && strings.HasPrefix(named.Resource, of)
	return thing{kind: call.kind, region: c.Region, name: named.String()}, ok
}

// partition is that of a region (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html).
func partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

// adds are whom a call adds. all says that it cannot be told, and that it may be any: the record has none of the forms
// that are known, of which one says who is removed, and another changes something else.
func adds(c *event.APICall) (added []string, all bool) {
	permission := sharing[c.Name].permission
	if permission == "" {
		for _, value := range c.Request.Texts("valuesToAdd") {
			added = append(added, strings.ToLower(value))
		}
		return added, false
	}
	known := false
	for _, item := range c.Request.Objects(permission, "add", "items") {
		for _, name := range []string{"group", "userId", "organizationArn", "organizationalUnitArn"} {
			value, ok := item.Text(name)
			known = known || ok
			// Of groups there is "all" alone.
			// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVolumePermission.html
			if ok && (name != "group" || strings.EqualFold(value, "all")) {
				added = append(added, value)
			}
		}
	}
	operation, _ := c.Param("operationType")
	attribute, named := c.Param("attributeType")
	other := named && !strings.EqualFold(strings.ReplaceAll(attribute, "_", ""), permission)
	for _, parameter := range []string{"description", "imdsSupport", "productCodes"} {
		other = other || c.Request[parameter] != nil
	}
	if known || operation == "remove" || other || c.Request.Object(permission, "remove") != nil {
		return added, false
	}
	return nil, true
}

// read reads whom a thing is shared with, and completes it.
func (p *planner) read(ctx context.Context, t *thing) ([]string, error) {
	if t.kind == change.SnapshotShare || t.kind == change.ImageShare {
		return ec2.SharedWith(ctx, p.api, t.kind, t.region, t.name)
	}
	with, err := rds.SharedWith(ctx, p.api, t.kind, t.region, t.name)
	if err != nil || t.made != "" || !slices.ContainsFunc(with, p.outside) {
		return with, err
	}
	for s, err := range rds.All(ctx, p.api, t.kind, t.region, rds.Name(t.name)) {
		if err != nil {
			return nil, err
		}
		t.made = s.Made
	}
	return with, nil
}

// findings is one for each who is outside, so that whoever is added later changes nothing about when the others are
// due.
func (p *planner) findings(
	account string, t thing, with []string, c *event.APICall, fresh func(name string) bool,
) (findings []remediation.Finding) {
	for _, name := range slices.Compact(slices.Sorted(slices.Values(with))) {
		if p.inside(account, name) {
			continue
		}
		f := remediation.Finding{
			Subject: p.subject(t), Severity: control.High, Changes: []change.Change{t.share(name)}, Advice: advice,
			Text:  i18n.T("It is shared with %s, outside of what is trusted.", name),
			Facts: remediation.Facts(i18n.T("Region"), i18n.Literal(t.region)),
		}
		if name == change.Everybody {
			f.Severity = control.Critical
			f.Text = i18n.T("Everybody who has an AWS account can copy it and read what is in it.")
		}
		if fresh(name) {
			f.Handling = remediation.Handling{Fresh: true, Alert: true, Urgency: remediation.Emergency}
		}
		if c != nil && f.Fresh {
			f.Text = i18n.Sentences(i18n.T("%s called %s on %s.", remediation.Actor(c), c.Name, f.Subject), f.Text)
			f.Facts = append(remediation.CallFacts(c), f.Facts...)
		}
		findings = append(findings, f)
	}
	slices.SortStableFunc(findings, func(a, b remediation.Finding) int { return order(a) - order(b) })
	return findings
}

// order puts what was shared just now first, and with everybody before that.
func order(f remediation.Finding) int {
	of := -f.Severity.Rank()
	if f.Fresh {
		of -= control.Critical.Rank()
	}
	return of
}

var advice = i18n.T(
	"Find out who shared it, and what is in it: who had access may have copied it. If it is encrypted, " +
		"look at the policy and the grants of its key, too. If an account is to have it, add the account to " +
		"trustedAccounts and share it again, or exempt it with a tag.",
)

// share is the change that takes a share away.
func (t thing) share(with string) change.Change {
	return change.Change{
		Kind: t.kind, Subject: t.name, Target: change.ShareTarget(t.region, with, t.made), Before: change.Shared,
	}
}

// subject names a thing for people: no two have the same name.
func (p *planner) subject(t thing) string {
	name := change.ShareName(t.name)
	if name != t.name && t.region != p.regions[0] { // ids are unique, names in their region
		return t.region + "/" + name
	}
	return name
}

// inside reports whether the account, organization or unit of one may have what the account shares. The ARN of an
// organization, or of a unit in it, has the organization's id.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/share-amis-org-ou-manage.html
func (p *planner) inside(account, name string) bool {
	if name == account || slices.Contains(p.trusted, name) {
		return true
	}
	of, err := arn.Parse(name)
	parts := strings.Split(of.Resource, "/")
	return err == nil && of.Service == "organizations" && len(parts) > 1 &&
		(parts[0] == "organization" || parts[0] == "ou") && slices.Contains(p.trusted, parts[1])
}

func (p *planner) outside(name string) bool { return !p.inside(p.account, name) }

// sweep reads whom all snapshots and images of the account are shared with, after the one that is named, in the order
// of their keys. What cannot be listed in one region keeps none in another from being read.
func (p *planner) sweep(ctx context.Context, m remediation.Memory, after string) ([]remediation.Finding, error) {
	var faults []error
	awaited := map[string]bool{}
	if m != nil {
		var err error
		if awaited, err = m.Awaited(ctx); err != nil {
			return nil, err
		}
	}
	things := map[string]thing{}
	for _, region := range p.regions {
		faults = append(faults, p.list(ctx, region, things))
	}
	var keys []string
	for key := range things {
		if key > after {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	type result struct {
		findings []remediation.Finding
		err      error
	}
	rest := func() { p.sleep(ctx, iamuser.Pace) }
	results := iamuser.ForEach(ctx, keys, p.concurrency, rest, func(key string) result {
		t := things[key]
		with, err := p.read(ctx, &t)
		if change.NotFound(err) { // it was deleted since it was listed
			return result{}
		}
		return result{p.findings(p.account, t, with, nil, func(string) bool { return awaited[key] }), err}
	})
	var all []remediation.Finding
	whole := errors.Join(faults...) == nil
	for i, r := range results {
		all = append(all, r.findings...)
		faults = append(faults, r.err)
		if whole = whole && r.err == nil; whole {
			after = keys[i]
		}
	}
	if len(results) < len(keys) {
		faults = append(faults, &remediation.Stopped{After: after})
	}
	return all, errors.Join(faults...)
}

// list adds what of a region may be shared.
func (p *planner) list(ctx context.Context, region string, things map[string]thing) error {
	add := func(t thing) { things[t.key()] = t }
	var faults []error
	for _, kind := range []string{change.SnapshotShare, change.ImageShare} {
		for id, err := range ec2.All(ctx, p.api, kind, region) {
			if faults = append(faults, err); err == nil {
				add(thing{kind: kind, region: region, name: id})
			}
		}
	}
	for _, kind := range []string{change.DBSnapshotShare, change.ClusterSnapshotShare} {
		for s, err := range rds.All(ctx, p.api, kind, region, "") {
			if faults = append(faults, err); err == nil {
				add(thing{kind, region, s.ARN, s.Made})
			}
		}
	}
	return errors.Join(faults...)
}
