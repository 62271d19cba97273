package restorelogging

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/ec2"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/guardduty"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/route53resolver"
	"github.com/warder-aws/warder/pkg/securityhub"
)

// regional are the kinds of what each region has of its own, by the service whose calls change it.
var regional = map[string]string{
	"ec2.amazonaws.com": change.FlowLog, "guardduty.amazonaws.com": change.Detector,
	"route53resolver.amazonaws.com": change.QueryLog, "securityhub.amazonaws.com": change.Hub,
}

// flowLogID remembers which flow log has an id: the call that deletes it names nothing else.
const flowLogID = "id of a flow log"

// present reads what a region has of a kind, each thing with its value in Before.
func (p *planner) present(ctx context.Context, m *memory, kind, region string) (things []change.Change, err error) {
	whole := change.Change{Kind: kind, Subject: region, Target: region}
	switch kind {
	case change.Detector:
		_, whole.Before, err = guardduty.Read(ctx, p.api, region)
	case change.Hub:
		_, whole.Before, err = securityhub.Read(ctx, p.api, region)
	case change.QueryLog:
		return route53resolver.Logged(ctx, p.api, region)
	default:
		logs, err := ec2.FlowLogs(ctx, p.api, region)
		for _, log := range logs {
			thing := log.Change(region)
			m.saw(change.Change{Kind: flowLogID, Subject: log.ID, Target: region}, thing.Thing())
			things = append(things, thing)
		}
		return things, err
	}
	if err != nil || whole.Before == "" {
		return nil, err
	}
	return []change.Change{whole}, nil
}

// sweepRegions inspects the hub's region, and the others that events have named.
func (p *planner) sweepRegions(ctx context.Context, m *memory) (findings []remediation.Finding, err error) {
	for _, service := range []string{"guardduty", "securityhub", "ec2", "route53resolver"} {
		kind := regional[service+".amazonaws.com"]
		regions := []string{p.region}
		for _, thing := range m.all(kind) {
			if at := region(thing); !slices.Contains(regions, at) {
				regions = append(regions, at)
			}
		}
		for _, at := range regions {
			found, fault := p.inspectRegion(ctx, m, nil, kind, at)
			findings, err = append(findings, found...), errors.Join(err, fault)
		}
	}
	return findings, err
}

// inspectRegion compares what a region has of a kind with what it had, after a call, or for a sweep.
func (p *planner) inspectRegion(
	ctx context.Context, m *memory, c *event.APICall, kind, at string,
) (findings []remediation.Finding, err error) {
	about, lost := taken(c, m)
	things, err := p.present(ctx, m, kind, at)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, thing := range things {
		seen[thing.Thing()] = true
	}
	known := false
	for _, thing := range m.all(kind) {
		if region(thing) != at || !about(thing) {
			continue
		}
		known = true
		if !seen[thing.Thing()] {
			things = append(things, thing)
		}
	}
	slices.SortFunc(things, func(a, b change.Change) int { return cmp.Compare(a.Thing(), b.Thing()) })
	for _, thing := range things {
		now := thing.Before
		if thing.Before = ""; now == "" {
			if there, err := p.exists(ctx, c, thing); err != nil || !there {
				if err != nil {
					return nil, err
				}
				continue
			}
		}
		if f, ok := p.compare(m, c, thing, now); ok {
			findings = append(findings, f)
		}
	}
	madeAgain := len(things) > 0 && (kind == change.Detector || kind == change.Hub)
	if lost != "" && !known && !madeAgain {
		findings = append(findings, p.gone(c, lost, i18n.T("Something that recorded was removed"),
			i18n.T("Warder does not know how it was before.")))
	}
	return findings, nil
}

// taken says which of the things that are not there any more a call is about, and for a call that takes something away
// what that is, to people. A call in a form that is not known is about all.
func taken(c *event.APICall, m *memory) (about func(change.Change) bool, what string) {
	all := func(change.Change) bool { return true }
	if c == nil {
		return all, ""
	}
	switch c.Name {
	case "DeleteDetector":
		return all, c.Region + "/" + change.Detector
	case "DisableSecurityHub":
		return all, c.Region + "/" + change.Hub
	case "DisassociateResolverQueryLogConfig":
		vpc, _ := c.Param("resourceId")
		return func(thing change.Change) bool { return vpc == "" || thing.Subject == vpc }, vpc
	case "DeleteFlowLogs":
		ids := flowLogIDs(c)
		var names []string
		for _, id := range ids {
			names = append(names, m.before(change.Change{Kind: flowLogID, Subject: id, Target: c.Region}))
		}
		if len(ids) == 0 {
			return all, ""
		}
		return func(thing change.Change) bool { return slices.Contains(names, thing.Thing()) }, strings.Join(ids, ", ")
	}
	return all, ""
}

// flowLogIDs are the flow logs that a DeleteFlowLogs names: EC2 records one as an object, and several as a list of
// them.
func flowLogIDs(c *event.APICall) (ids []string) {
	request := c.Request.Object("DeleteFlowLogsRequest")
	for _, of := range append(request.Objects("FlowLogId"), request.Object("FlowLogId")) {
		if id, ok := of.Text("content"); ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// exists reports whether there is still what a flow log or a query log was of: those of a VPC go with it. Of a subnet
// or a network interface only a call is believed.
func (p *planner) exists(ctx context.Context, c *event.APICall, thing change.Change) (bool, error) {
	if thing.Kind != change.FlowLog && thing.Kind != change.QueryLog {
		return true, nil
	}
	if !strings.HasPrefix(thing.Subject, "vpc-") {
		return c != nil, nil
	}
	out, err := p.api.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{Region: region(thing), VPC: thing.Subject})
	if err != nil {
		return false, change.Wrap(err, "describe VPC %q", thing.Subject)
	}
	return len(out.IDs) > 0, nil
}

// assessRegion finds what is lost of what a region had.
func assessRegion(l loss, thing change.Change, before, now string) (loss, bool) {
	switch thing.Kind {
	case change.Detector:
		return assessDetector(l, thing, before, now)
	case change.Hub:
		return assessHub(l, thing, before, now)
	case change.FlowLog:
		l.title, l.severity = i18n.T("Flow log deleted"), control.High
		l.because = i18n.T("The traffic of %s is not recorded any more.", thing.Subject)
	default:
		l.title, l.severity = i18n.T("DNS queries not logged any more"), control.High
		l.because = i18n.T("The names that %s looks up are not recorded any more.", thing.Subject)
	}
	return l, before != "" && now == ""
}

// assessDetector: what a deleted detector had found does not come back.
// https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_suspend-disable.html
func assessDetector(l loss, thing change.Change, before, now string) (loss, bool) {
	was, err := change.ParseDetection(before)
	is, fault := change.ParseDetection(now)
	lost := is.Lost(was)
	if err != nil || fault != nil || before == "" {
		return l, false
	}
	l.severity, l.after = control.Critical, is.Or(was).Text()
	switch {
	case now == "":
		l.title = i18n.T("GuardDuty detector deleted")
		l.because = i18n.Sentences(i18n.T("GuardDuty detects nothing in %s.", thing.Target), i18n.T(
			"What it had found, its filters, lists of addresses, exports and members are lost, and do not come back with a "+
				"new detector."))
	case was.Enabled && !is.Enabled:
		l.title = i18n.T("GuardDuty suspended")
		l.because = i18n.T("GuardDuty detects nothing in %s.", thing.Target)
	case len(lost) > 0:
		l.title, l.severity = i18n.T("Features of GuardDuty switched off"), control.High
		l.because = i18n.T("GuardDuty in %s has switched off: %s.", thing.Target, strings.Join(lost, ", "))
	default:
		return l, false
	}
	return l, true
}

// assessHub: who is its administrator and its members does not come back.
// https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_DisableSecurityHub.html
func assessHub(l loss, thing change.Change, before, now string) (loss, bool) {
	was, err := change.ParseStandards(before)
	is, fault := change.ParseStandards(now)
	lost := was.Without(is)
	if err != nil || fault != nil || before == "" {
		return l, false
	}
	l.severity, l.after = control.Critical, is.Or(was).Text()
	switch {
	case now == "":
		l.title = i18n.T("Security Hub switched off")
		l.because = i18n.Sentences(i18n.T("Security Hub checks and collects nothing in %s.", thing.Target), i18n.T(
			"Who is its administrator and who its members does not come back, and AWS may delete what was found before."))
	case len(lost) > 0:
		l.title, l.severity = i18n.T("Standards of Security Hub switched off"), control.High
		l.because = i18n.T("Security Hub in %s does not check: %s.", thing.Target, strings.Join(lost, ", "))
	default:
		return l, false
	}
	return l, true
}
