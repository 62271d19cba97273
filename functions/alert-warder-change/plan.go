package alertwarderchange

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	"github.com/warder-aws/warder/pkg/deployment"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/own"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
)

type planner struct {
	api      readAPI
	settings settings.Function
	hub      string // region
}

// Plan alerts on one call that changed something of Warder's. Calls that were refused changed nothing.
func (p *planner) Plan(ctx context.Context, e event.Event, _ time.Time) ([]remediation.Finding, error) {
	c, ok := e.Detail.(*event.APICall)
	if !ok || c.Failed() || c.ReadOnly != nil && *c.ReadOnly {
		return nil, nil
	}
	about := own.Things(&p.settings, c)
	a := find(c)
	if len(about) == 0 || a.severity == "" {
		return nil, nil
	}
	if a.by != nil {
		a = a.by(c)
	}
	byTemplate := c.Source != formation && c.Identity.Service() == formation
	deployed := false
	if byTemplate {
		var err error
		if deployed, err = p.deployed(ctx, c, about); err != nil {
			return nil, err
		}
	}
	return []remediation.Finding{p.finding(c, a, about, byTemplate, deployed)}, nil
}

// formation is the source of CloudFormation's own calls, and the service of those that it makes for a stack.
const formation = "cloudformation.amazonaws.com"

// find is what acts says of a call.
func find(c *event.APICall) act {
	if a, ok := acts[c.Source][c.Operation()]; ok {
		return a
	}
	return unknown
}

// deployed reports whether CloudFormation made the call for a stack of Warder's: CloudTrail does not name the stack,
// but one of Warder's is being changed, or was when the call was made. Stacks that a StackSet makes in other regions
// have names that nobody knows beforehand: their rules' names must do.
func (p *planner) deployed(ctx context.Context, c *event.APICall, about []own.Thing) (bool, error) {
	name := cmp.Or(p.settings.Own.Stack, settings.Product)
	if c.Region != p.hub {
		if slices.ContainsFunc(about, func(t own.Thing) bool { return strings.HasPrefix(t.Name, own.StackSet) }) {
			return true, nil
		}
		name = settings.Product + "-" + c.Region
	}
	return deployment.Underway(ctx, p.api, name, c.Time, func(o *cloudformation.Options) { o.Region = c.Region })
}

// The titles, and the advice.
var (
	tampered = i18n.T("Warder was tampered with")
	changed  = i18n.T("Warder was changed")
	titles   = map[string]i18n.Message{
		"DeleteStack": i18n.T("Warder is being deleted"), "DeleteStackInstances": i18n.T("Warder is being deleted"),
		"DeleteStackSet": i18n.T("Warder is being deleted"),
		"UpdateStack":    i18n.T("Warder is being deployed"), "ExecuteChangeSet": i18n.T("Warder is being deployed"),
		"CreateStack": i18n.T("Warder is being deployed"),
	}

	adviseCheck = i18n.T("Nothing to do if this was intended. If not, revert it and find out who uses the caller's " +
		"credentials.")
	adviseDeploy = i18n.T("Find out at once who did this and why. If nobody knows, treat it as an attack, and do not " +
		"rely on Warder's notices, nor on their absence. Then deploy Warder again.")
)

// finding describes a call about things of Warder's.
func (p *planner) finding(
	c *event.APICall, a act, about []own.Thing, byTemplate, deployed bool,
) remediation.Finding {
	text := i18n.Sentences(i18n.T("%s called %s on %s.", remediation.Actor(c), c.Name, own.Describe(about)), a.effect)
	f := remediation.Finding{
		Title: titles[c.Name], Severity: a.severity, Subject: about[0].Name, Facts: remediation.CallFacts(c), Text: text,
		Advice: adviseDeploy,
	}
	once := []any{c.Name, c.Identity.ARN, c.Identity.Name(), c.Request, a.severity}
	switch {
	case deployed:
		f.Title, f.Severity, f.Advice, f.Subject = i18n.T("Warder was deployed"), low, adviseCheck, settings.Product
		if strings.HasPrefix(c.Name, "Delete") || strings.HasPrefix(c.Name, "Remove") {
			f.Title, f.Severity = i18n.T("Part of Warder was deleted"), medium
		}
		f.Text = i18n.Sentences(i18n.T("%s called %s on %s.", remediation.Actor(c), c.Name, own.Describe(about)),
			i18n.T("CloudFormation made this change; its other changes to Warder within %s are not notified one by one.",
				i18n.Period(remediation.Quiet)))
		once = []any{f.Title.String(), c.Identity.ARN}
	case byTemplate:
		f.Text = i18n.Sentences(text, i18n.T("CloudFormation made this change, for a stack that is not Warder's."))
	case a.severity.Rank() < high.Rank():
		f.Advice = adviseCheck
	}
	if f.Title.Empty() {
		f.Title = tampered
		if f.Severity.Rank() < high.Rank() {
			f.Title = changed
		}
	}
	f.Fresh, f.Once = true, remediation.Once{Key: remediation.OnceKey(once...), For: remediation.Quiet}
	return f
}
