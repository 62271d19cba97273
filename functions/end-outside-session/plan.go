package endoutsidesession

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/network"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/ssmsession"
)

// parameters are those of control.json.
type parameters struct {
	ClosedTag string `json:"closedTag"`
}

type planner struct {
	api        readAPI
	allowed    network.Allowed
	key, value string // of the tag; no key: no machine is closed
}

func newPlanner(api readAPI, f settings.Function) (remediation.Planner, error) {
	p, err := settings.Parameters[parameters](f)
	if err != nil {
		return nil, err
	}
	key, value, _ := strings.Cut(p.ClosedTag, "=")
	if p.ClosedTag != "" && (key == "" || value == "") {
		return nil, fmt.Errorf("read parameters: closedTag %q is not a tag such as warder:closed=yes", p.ClosedTag)
	}
	return &planner{api: api, allowed: f.AllowedNetworks, key: key, value: value}, nil
}

// Plan assesses the session that the event says was started or resumed.
func (p *planner) Plan(ctx context.Context, e event.Event, _ time.Time) ([]remediation.Finding, error) {
	d, ok := e.Detail.(*event.APICall)
	if ok && !d.Failed() && (d.Source == "ecs.amazonaws.com" && d.Name == "ExecuteCommand" ||
		d.Source == "ssm.amazonaws.com" && d.Name == "SendCommand") {
		return command(d, p.allowed.Evaluate(&d.Record)), nil
	}
	if !ok || d.Source != "ssm.amazonaws.com" || d.Name != "StartSession" && d.Name != "ResumeSession" || d.Failed() {
		return nil, nil
	}
	s := session{APICall: d, origin: p.allowed.Evaluate(&d.Record)}
	s.target, _ = d.Param("target")
	if s.id, _ = d.Response.Text("sessionId"); s.id == "" {
		s.id, _ = d.Param("sessionId")
	}
	var err error
	outside := s.origin.Place == network.Outside
	// The record of a resumed session does not say where it is.
	if outside || s.target == "" {
		err = p.locate(ctx, &s)
	}
	if err == nil && !outside {
		s.closed, err = p.closed(ctx, d.Region, s.target)
	}
	if err == nil && s.closed && !s.active {
		err = p.locate(ctx, &s)
	}
	if err != nil {
		return nil, err
	}
	return s.findings(len(p.allowed) > 0), nil
}

// locate finds out whether the session is still there, and where it is.
func (p *planner) locate(ctx context.Context, s *session) error {
	if s.id == "" {
		return nil
	}
	active, err := ssmsession.Active(ctx, p.api, s.Region, s.id)
	if err == nil && active != nil {
		s.active, s.target = true, cmp.Or(s.target, aws.ToString(active.Target))
	}
	return err
}

// closed reports whether the machine has the tag by which nobody is to have a session on it. Systems
// Manager knows the tags of what it manages, EC2 instances and others alike; a filter by tag cannot
// be combined with one by id, so the machines with the tag are listed, which are few.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_InstanceInformationStringFilter.html
func (p *planner) closed(ctx context.Context, region, target string) (bool, error) {
	if p.key == "" || !strings.HasPrefix(target, "i-") && !strings.HasPrefix(target, "mi-") {
		return false, nil
	}
	pages := ssm.NewDescribeInstanceInformationPaginator(p.api, &ssm.DescribeInstanceInformationInput{
		Filters: []types.InstanceInformationStringFilter{{Key: aws.String("tag:" + p.key), Values: []string{p.value}}},
	})
	is := func(machine types.InstanceInformation) bool { return aws.ToString(machine.InstanceId) == target }
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx, func(o *ssm.Options) { o.Region = region })
		if err != nil {
			return false, fmt.Errorf("describe the closed machines in %s: %w", region, err)
		}
		if slices.ContainsFunc(page.InstanceInformationList, is) {
			return true, nil
		}
	}
	return false, nil
}

var adviseLook = i18n.T(
	"Ask them. If it was not them, disable their credentials first, then check the session log and " +
		"what the machine did since.",
)

// session is one session with what is made of it.
type session struct {
	*event.APICall
	id     string // empty if the record does not say
	target string // empty if the record does not say, and the session is over
	origin network.Origin
	active bool
	closed bool // the target is closed to sessions
}

// findings are what is to be said and done about the session. listed says whether any network is.
func (s session) findings(listed bool) []remediation.Finding {
	who := s.Identity.Name()
	machine := i18n.Or(i18n.Literal(s.target), i18n.T("a machine that is not recorded"))
	from := s.origin.Describe()
	title, text := i18n.T("Session started"), i18n.T("%s started a session on %s from %s.",
		s.Identity.Describe(), machine, from)
	if s.Name == "ResumeSession" {
		title, text = i18n.T("Session resumed"), i18n.T("%s resumed a session on %s from %s.",
			s.Identity.Describe(), machine, from)
	}
	document, _ := s.Param("documentName")
	f := remediation.Finding{
		Subject: who, Handling: remediation.Handling{Fresh: true}, Text: text,
		Facts: remediation.Facts(
			i18n.T("Session"), i18n.Or(i18n.Literal(s.id), i18n.T("not recorded")),
			i18n.T("Machine"), i18n.Or(i18n.Literal(s.target), i18n.T("not recorded")),
			i18n.T("Region"), i18n.Literal(s.Region), i18n.T("From"), from,
			i18n.T("Document"), i18n.Literal(document),
		),
	}
	if s.Identity.Kind() == event.IAMUser { // of others there is no owner to look up
		f.User = s.Identity.UserName
	}
	look := adviseLook
	switch {
	case s.origin.Place == network.Outside || s.closed:
		f.Advice = look
		if s.closed {
			f.Title, f.Text = i18n.T("Session on a closed machine"), i18n.Sentences(f.Text,
				i18n.T("Sessions are not allowed on this machine."))
		}
		switch {
		case s.id == "":
			f.UnchangedReason = i18n.T("Not ended: the record does not say which session it is.")
		case s.active:
			f.Changes = []change.Change{
				{Kind: change.Session, Subject: who, Target: change.SessionTarget(s.Region, s.id), Before: change.Connected},
			}
		default:
			f.UnchangedReason = i18n.T("The session has already ended.")
		}
	case s.origin.Place == network.Foreign:
		f.Title, f.Advice = i18n.T("Session through another VPC"), look
		f.UnchangedReason = i18n.T("Not ended: the address alone does not show whether it is allowed.")
		f.Once = remediation.Once{Key: "foreign#" + who + "#" + from.String(), For: remediation.Quiet}
	case !listed && s.origin.Address.IsValid():
		f.Title, f.Severity = title, control.Low
		f.UnchangedReason = i18n.T("No allowed network is configured, so no session counts as outside.")
		f.Advice = i18n.T("List the networks that people work from in allowedNetworks of cdk.json.")
		f.Once = remediation.Once{Key: "unjudged#" + who + "#" + from.String(), For: remediation.Quiet}
	default:
		return nil
	}
	return []remediation.Finding{f}
}

// command is what is to be said of a command that was run on machines or in a container: nothing ends it, so that it is
// an alert. From inside, and by services and pipelines that call from no address, it is daily work.
func command(d *event.APICall, origin network.Origin) []remediation.Finding {
	who, from := d.Identity.Name(), origin.Describe()
	var targets []string
	for _, name := range d.Request.Texts("instanceIds") {
		targets = append(targets, notice.Plain(name, 60))
	}
	where, within := i18n.T("Machines"), i18n.Message{}
	title, text := i18n.T("Command run on machines"), i18n.T("%s ran a command on %s from %s.", d.Identity.Describe(),
		i18n.Or(i18n.Literal(strings.Join(targets[:min(len(targets), 5)], ", ")), i18n.T("a machine that is not recorded")),
		from)
	if d.Name == "ExecuteCommand" {
		task, _ := d.Param("task")
		container, _ := d.Param("container")
		cluster, _ := d.Param("cluster")
		task, container = notice.Plain(task, 200), notice.Plain(container, 200)
		targets, within = append(targets, strings.Trim(task+", "+container, ", ")), i18n.Literal(notice.Plain(cluster, 200))
		where, title = i18n.T("Container"), i18n.T("Command run in a container")
		inside := i18n.T("a container that is not recorded")
		if name := cmp.Or(container, task); name != "" {
			inside = i18n.T("container %s", name)
		}
		text = i18n.T("%s ran a command in %s from %s.", d.Identity.Describe(), inside, from)
	}
	document, _ := d.Param("documentName")
	f := remediation.Finding{
		Subject: who, Text: text,
		Facts: remediation.Facts(
			where, i18n.Or(i18n.Literal(strings.Join(targets[:min(len(targets), 10)], ", ")), i18n.T("not recorded")),
			i18n.T("Cluster"), within, i18n.T("Region"), i18n.Literal(d.Region), i18n.T("From"), from,
			i18n.T("Document"), i18n.Literal(document),
		),
		UnchangedReason: i18n.T("Not ended: what was run with ECS Exec or Run Command cannot be ended from here."),
		Advice:          adviseLook,
		Handling: remediation.Handling{
			Fresh: true, Once: remediation.Once{Key: d.Name + "#" + who + "#" + from.String(), For: remediation.Quiet},
		},
	}
	if d.Identity.Kind() == event.IAMUser { // of others there is no owner to look up
		f.User = d.Identity.UserName
	}
	switch origin.Place {
	case network.Outside:
		f.Title = i18n.T("%s from outside", title)
	case network.Foreign:
		f.Title, f.Severity = i18n.T("%s through another VPC", title), control.Medium
	default:
		return nil
	}
	return []remediation.Finding{f}
}
