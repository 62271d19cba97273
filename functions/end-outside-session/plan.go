package endoutsidesession

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/network"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/ssm"
)

// parameters are those of control.json.
type parameters struct {
	ClosedTag string `json:"closedTag"`
}

type planner struct {
	api        ssm.Reader
	allowed    network.Allowed
	key, value string // of the tag; no key: no machine is closed
}

func newPlanner(api ssm.Reader, f settings.Function) (remediation.Planner, error) {
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

// Plan assesses the session that the event says was started or resumed, or the command that was run.
func (p *planner) Plan(ctx context.Context, e event.Event, _ time.Time) ([]remediation.Finding, error) {
	d, ok := e.Detail.(*event.APICall)
	if !ok || d.Failed() {
		return nil, nil
	}
	s := session{APICall: d, origin: p.allowed.Evaluate(&d.Record)}
	switch d.Source + ":" + d.Name {
	case "ssm.amazonaws.com:SendCommand":
		return command(d, s.origin), nil
	case "ecs.amazonaws.com:ExecuteCommand":
		s.exec = true
		s.id, _ = d.Response.Text("session", "sessionId")
		s.target = container(d)
	case "ssm.amazonaws.com:StartSession", "ssm.amazonaws.com:ResumeSession":
		s.target, _ = d.Param("target")
		if s.id, _ = d.Response.Text("sessionId"); s.id == "" {
			s.id, _ = d.Param("sessionId")
		}
	default:
		return nil, nil
	}
	var err error
	outside := s.origin.Place == network.Outside
	// The record of a resumed session does not say where it is.
	if outside || s.target == "" && !s.exec {
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

// container is what a command of ECS Exec was run in: the container, else the task.
func container(d *event.APICall) string {
	name, _ := d.Param("container")
	task, _ := d.Param("task")
	return cmp.Or(notice.Plain(name, 200), notice.Plain(task, 200))
}

// locate finds out whether the session is still there, and where it is.
func (p *planner) locate(ctx context.Context, s *session) error {
	if s.id == "" {
		return nil
	}
	active, err := ssm.Active(ctx, p.api, s.Region, s.id)
	if err == nil && active != nil {
		s.active, s.target = true, cmp.Or(s.target, active.Target)
	}
	return err
}

// closed reports whether the machine has the tag by which nobody is to have a session on it. Systems Manager knows the
// tags of what it manages, EC2 instances and others alike.
func (p *planner) closed(ctx context.Context, region, target string) (bool, error) {
	if p.key == "" || !strings.HasPrefix(target, "i-") && !strings.HasPrefix(target, "mi-") {
		return false, nil
	}
	return ssm.Tagged(ctx, p.api, region, target, p.key, p.value)
}

var adviseLook = i18n.T(
	"Ask them. If it was not them, disable their credentials first, then check the session log and " +
		"what the machine did since.",
)

// session is one session with what is made of it. A command of ECS Exec runs in a session of Session Manager, whose id
// begins with "ecs-execute-command-".
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html
type session struct {
	*event.APICall
	id     string // empty if the record does not say
	target string // empty if the record does not say, and the session is over
	origin network.Origin
	active bool
	closed bool // the target is closed to sessions
	exec   bool // it is of ECS Exec: the target is a container
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
	where, ended := i18n.T("Machine"), i18n.T("The session has already ended.")
	var within []remediation.Fact
	if s.exec {
		inside := i18n.T("a container that is not recorded")
		if s.target != "" {
			inside = i18n.T("container %s", s.target)
		}
		title, text = i18n.T("Command run in a container"), i18n.T("%s ran a command in %s from %s.",
			s.Identity.Describe(), inside, from)
		where, ended = i18n.T("Container"), i18n.T("Not ended: Systems Manager has no active session of this id.")
		task, _ := s.Param("task")
		cluster, _ := s.Param("cluster")
		within = remediation.Facts(i18n.T("Task"), i18n.Literal(notice.Plain(task, 200)),
			i18n.T("Cluster"), i18n.Literal(notice.Plain(cluster, 200)))
	}
	f := remediation.Finding{
		Subject: who, Handling: remediation.Handling{Fresh: true}, Text: text,
		Facts: slices.Concat(remediation.Facts(
			i18n.T("Session"), i18n.Or(i18n.Literal(s.id), i18n.T("not recorded")),
			where, i18n.Or(i18n.Literal(s.target), i18n.T("not recorded")),
		), within, remediation.Facts(
			i18n.T("Region"), i18n.Literal(s.Region), i18n.T("From"), from,
			i18n.T("Document"), i18n.Literal(document),
		)),
	}
	if s.Identity.Kind() == event.IAMUser { // of others there is no owner to look up
		f.User = s.Identity.UserName
	}
	look := adviseLook
	switch {
	case s.origin.Place == network.Outside || s.closed:
		f.Advice = look
		if s.exec {
			f.Title = i18n.T("%s from outside", title)
		}
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
			f.UnchangedReason = ended
		}
	case s.origin.Place == network.Foreign:
		f.Title, f.Advice = i18n.T("Session through another VPC"), look
		if s.exec {
			f.Title = i18n.T("%s through another VPC", title)
		}
		f.UnchangedReason = i18n.T("Not ended: the address alone does not show whether it is allowed.")
		f.Once = remediation.Once{Key: "foreign#" + who + "#" + from.String(), For: remediation.Quiet}
	case !listed && s.origin.Address.IsValid() && !s.exec:
		f.Title, f.Severity = title, control.Low
		f.UnchangedReason = i18n.T("No allowed network is configured, so no session counts as outside.")
		f.Advice = i18n.T("List the networks that people work from in allowedNetworks of cdk.json.")
		f.Once = remediation.Once{Key: "unjudged#" + who + "#" + from.String(), For: remediation.Quiet}
	default:
		return nil
	}
	return []remediation.Finding{f}
}

// command is what is to be said of a command that was run on machines: nothing ends it for certain, so that it is an
// alert. From inside, and by services and pipelines that call from no address, it is daily work.
func command(d *event.APICall, origin network.Origin) []remediation.Finding {
	who, from := d.Identity.Name(), origin.Describe()
	var targets []string
	for _, name := range d.Request.Texts("instanceIds") {
		targets = append(targets, notice.Plain(name, 60))
	}
	for _, target := range d.Request.Objects("targets") { // or by tag
		key, _ := target.Text("key")
		for _, value := range target.Texts("values") {
			targets = append(targets, notice.Plain(key+"="+value, 100))
		}
	}
	title := i18n.T("Command run on machines")
	document, _ := d.Param("documentName")
	id, _ := d.Response.Text("command", "commandId")
	f := remediation.Finding{
		Subject: who,
		Text: i18n.T("%s ran a command on %s from %s.", d.Identity.Describe(), i18n.Or(
			i18n.Literal(strings.Join(targets[:min(len(targets), 5)], ", ")), i18n.T("a machine that is not recorded")), from),
		Facts: remediation.Facts(
			i18n.T("Machines"), i18n.Or(
				i18n.Literal(strings.Join(targets[:min(len(targets), 10)], ", ")), i18n.T("not recorded")),
			i18n.T("Command"), i18n.Literal(notice.Plain(id, 60)),
			i18n.T("Region"), i18n.Literal(d.Region), i18n.T("From"), from,
			i18n.T("Document"), i18n.Literal(document),
		),
		UnchangedReason: i18n.T("Not ended: what Run Command runs is usually over by now."),
		Advice: i18n.Sentences(adviseLook, i18n.T("If it still runs, cancel it: Systems Manager → Run Command, or aws ssm "+
			"cancel-command with the id of the command.")),
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
