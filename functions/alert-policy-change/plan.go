package alertpolicychange

import (
	"cmp"
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/deployment"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
)

type planner struct {
	api      rightsAPI
	stacks   cloudformation.DescribeStacksAPIClient
	settings settings.Function
	hub      string // region
	sleep    func(context.Context, time.Duration)
}

// Plan alerts on one call that changed something. Calls that were refused changed nothing.
func (p *planner) Plan(ctx context.Context, e event.Event, now time.Time) ([]remediation.Finding, error) {
	c, ok := e.Detail.(*event.APICall)
	if !ok || c.Failed() {
		return nil, nil
	}
	a, ok := acts[c.Source][c.Name]
	if !ok {
		return others.Plan(ctx, e, now)
	}
	assessments, err := a.by(p, ctx, c)
	if err != nil {
		return nil, err
	}
	deployed := false
	if c.Identity.Service() == formation && p.owns(c, a) {
		if deployed, err = p.deployed(ctx, c); err != nil {
			return nil, err
		}
	}
	var findings []remediation.Finding
	for _, v := range assessments {
		findings = append(findings, p.finding(c, a, v, deployed))
	}
	return findings, nil
}

// formation is the service of what CloudFormation does for a stack.
const formation = "cloudformation.amazonaws.com"

// stackSet begins the name of what a StackSet that is named for Warder has made in another region.
const stackSet = "StackSet-" + settings.Product + "-"

// deployed reports whether CloudFormation made the call for a stack of Warder's: one of the hub or of another region,
// whose calls to IAM are recorded here, is being changed, or was when the call was made. Stacks that a StackSet makes
// in other regions have names that nobody knows beforehand: their roles' names must do.
func (p *planner) deployed(ctx context.Context, c *event.APICall) (bool, error) {
	if role, _ := c.Param("roleName"); len(p.settings.Own.Regions) > 0 && strings.HasPrefix(role, stackSet) {
		return true, nil
	}
	for i, region := range append([]string{p.hub}, p.settings.Own.Regions...) {
		name := cmp.Or(p.settings.Own.Stack, settings.Product)
		if i > 0 {
			name = settings.Product + "-" + region
		}
		underway, err := deployment.Underway(ctx, p.stacks, name, c.Time,
			func(o *cloudformation.Options) { o.Region = region })
		if underway || err != nil {
			return underway, err
		}
	}
	return false, nil
}

// assessment is what reading the account adds to what acts has about a call. What is empty stays.
type assessment struct {
	title    i18n.Message
	severity control.Severity
	words    i18n.Message
	because  i18n.Message
	way      i18n.Message // to administrator rights: one way must not hide behind alerts on another
	advice   i18n.Message
	given    []string // the documents that the call gives to whom it names
}

// The advice that assessments do not give themselves.
var (
	adviseCheck = i18n.T("Nothing to do if this was intended. If not, revert it and find out who uses the caller's " +
		"credentials.")
	adviseStop = i18n.T("Find out at once who did this and why. If nobody knows, treat it as an attack: make the " +
		"caller's credentials inactive first, then revert the change.")
	adviseDeploy = i18n.T("Find out at once who did this and why. If nobody knows, treat it as an attack, and do not " +
		"rely on Warder's notices, nor on their absence. Then deploy Warder again.")
)

// finding describes a call. In CloudFormation's hands what is medium is low, because somebody wrote and
// deployed a template; what is worse stays so, and so do credentials.
func (p *planner) finding(c *event.APICall, a act, v assessment, deployed bool) remediation.Finding {
	title, severity := i18n.Or(v.title, a.title), cmp.Or(v.severity, a.severity)
	user, named := c.User()
	root := a.subject == "" && !named && c.Identity.Kind() == event.Root
	if root && severity.Rank() >= control.Medium.Rank() {
		severity = control.Critical
	}
	did := i18n.Or(v.words, a.action).Map(func(value any) any {
		if name, ok := value.(arg); ok {
			return p.filled(c, string(name))
		}
		return value
	})
	text := i18n.Sentences(i18n.T("%s %s.", remediation.Actor(c), did), v.because)
	advice := v.advice
	once := []any{
		c.Name, c.Identity.ARN, c.Identity.Name(), c.Request, p.value(c, "accessKeyId|accessKey.accessKeyId"), title.String(),
		severity,
	}

	byTemplate := c.Identity.Service() == formation
	own := p.owns(c, a)
	deployed = deployed && v.severity.Rank() < control.High.Rank()
	switch {
	case deployed:
		title, severity, advice = i18n.T("Warder was deployed"), control.Low, adviseCheck
		if strings.HasPrefix(c.Name, "Delete") || strings.HasPrefix(c.Name, "Remove") {
			title, severity = i18n.T("Part of Warder was deleted"), control.Medium
		}
		text = i18n.Sentences(text, i18n.T("CloudFormation made this change; its other changes to Warder within %s are "+
			"not notified one by one.", i18n.Period(remediation.Quiet)))
		once = []any{title.String(), c.Identity.ARN}
	case own:
		title, severity, advice = tampered, control.Critical, i18n.Or(advice, adviseDeploy)
		text = i18n.Sentences(text, i18n.T("The changed resource belongs to Warder."))
		if byTemplate && v.severity.Rank() < control.High.Rank() {
			text = i18n.Sentences(text, i18n.T("CloudFormation made this change, for a stack that is not Warder's."))
		}
	case byTemplate && severity == control.Medium && !lasting[c.Name],
		// What a service does with the role that is its own follows from a call that is recorded where it was made.
		v.severity == "" && c.Identity.ServiceLinked() && !root:
		severity = control.Low
	}
	f := remediation.Finding{
		Title: title, Severity: severity, Text: text, Facts: remediation.CallFacts(c),
		Advice: i18n.Or(advice, advise(severity)),
		Handling: remediation.Handling{
			Fresh: true,
			Once:  remediation.Once{Key: remediation.OnceKey(once...), For: remediation.Quiet, Alike: v.way.String()},
			Addressee: remediation.Addressee{
				Former: slices.Contains([]string{"TagUser", "UntagUser", "UpdateUser"}, c.Name),
			},
		},
	}
	switch {
	case deployed:
		f.Subject = settings.Product
	case a.subject != "":
		f.Subject = os.Expand(a.subject, func(names string) string { return cmp.Or(p.value(c, names), "(not in the event)") })
	case named: // a user that was renamed is found under its new name
		f.User = cmp.Or(p.value(c, "newUserName"), user)
	case root:
		f.Subject = "root"
	default:
		f.Subject = "unnamed user"
	}
	return f
}

// lasting are the calls that make what somebody can come back with, whoever deployed the template.
var lasting = map[string]bool{
	"CreateAccessKey": true, "CreateLoginProfile": true, "UpdateLoginProfile": true,
	"CreateServiceSpecificCredential": true, "UploadSSHPublicKey": true, "UploadSigningCertificate": true,
}

// advise is the advice for a call about nothing of Warder's.
func advise(severity control.Severity) i18n.Message {
	if severity.Rank() >= control.High.Rank() {
		return adviseStop
	}
	return adviseCheck
}

// filled is what stands for an arg in the words of acts.
func (p *planner) filled(c *event.APICall, names string) i18n.Message {
	if names == "user" {
		if user, ok := c.User(); ok {
			return i18n.T("user %s", user)
		}
		if c.Identity.Kind() == event.Root {
			return i18n.T("the root user")
		}
		return i18n.T("a user that the event does not name")
	}
	return i18n.Or(i18n.Literal(p.value(c, names)), i18n.T("(not in the event)"))
}

// value is what the call says under the first of the names, separated by bars, that it has; empty
// if none. No value is a whole access key id but that under accessKeyId, which is no word of acts.
func (p *planner) value(c *event.APICall, names string) string {
	for name := range strings.SplitSeq(names, "|") {
		value := ""
		switch name {
		case "key":
			value = change.KeyHint(p.value(c, "accessKeyId|accessKey.accessKeyId"))
		default:
			path := strings.Split(name, ".")
			if value, _ = c.Request.Text(path...); value == "" {
				value, _ = c.Response.Text(path...)
			}
		}
		if value != "" {
			return value
		}
	}
	return ""
}

// owns reports whether a call is about a role or a policy of Warder's. Names that only begin or end like one of
// Warder's do not count.
func (p *planner) owns(c *event.APICall, a act) bool {
	param := func(name string) string { value, _ := c.Param(name); return value }
	role := func(name string) bool {
		return slices.ContainsFunc(p.settings.Roles, func(own string) bool { return change.SameName(own, name) })
	}
	switch {
	case c.Name == "CreateRole" || c.Name == "CreatePolicy":
		return param("path") == settings.RolePath || role(param("roleName"))
	case a.subject == "${policyArn}":
		return strings.HasPrefix(strings.ToLower(resource(param("policyArn"))), "policy"+settings.RolePath)
	}
	return role(param("roleName"))
}
