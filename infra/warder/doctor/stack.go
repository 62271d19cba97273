package doctor

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	formationtypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/warder-aws/warder/infra/warder/account"
	"github.com/warder-aws/warder/infra/warder/terminal"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/deployment"
	"github.com/warder-aws/warder/pkg/settings"
)

// What to do about what is not as it was deployed.
const (
	deploy   = "make deploy"
	redeploy = `make deploy ARGS="--revert-drift"`
)

// A template is what is read of a CloudFormation template.
type template struct {
	Metadata  map[string]json.RawMessage // the settings that it was made with, under the product's name
	Resources map[string]struct {
		Type       string
		Properties json.RawMessage
	}
}

// A synth is what was synthesized for a stack on this machine.
type synth struct {
	template []byte
	settled  bool // whether it is newer than the settings
}

// readSynth reads a synthesized template. It is fs.ErrNotExist when there is none.
func readSynth(path, settings string) (synth, error) {
	data, err := os.ReadFile(path)
	made, errMade := os.Stat(path)
	set, errSet := os.Stat(settings)
	if err := cmp.Or(err, errMade, errSet); err != nil {
		return synth{}, err
	}
	return synth{data, !made.ModTime().Before(set.ModTime())}, nil
}

// A stack is a deployed stack.
type stack struct {
	name, region string
	deployed     bool
	limited      bool      // the parameters Mode and Wave of a StackSet say where what the settings enforce acts
	changed      time.Time // created or updated last
	template     template
	physical     map[string]string // by logical id
	err          error             // what kept template or physical from being read
}

// working are the states of a stack in which all that it has is in force.
var working = []formationtypes.StackStatus{
	formationtypes.StackStatusCreateComplete, formationtypes.StackStatusUpdateComplete,
	formationtypes.StackStatusImportComplete, formationtypes.StackStatusUpdateCompleteCleanupInProgress,
}

// checkStack reads a stack and checks it.
func (d *doctor) checkStack(ctx context.Context, l *lines, s *stack) error {
	cfg := d.in(s.region)
	out, err := cloudformation.NewFromConfig(cfg).DescribeStacks(ctx,
		&cloudformation.DescribeStacksInput{StackName: &s.name})
	if account.NoStack(err) && !strings.HasPrefix(s.name, deployment.StackSet) {
		made, errList := account.OfStackSet(ctx, cfg)
		if errList != nil {
			return errList
		}
		if made != "" {
			s.name = made
			return d.checkStack(ctx, l, s)
		}
	}
	switch {
	case account.NoStack(err), err == nil && len(out.Stacks) == 0:
		if s.region == d.Settings.HubRegion {
			l.remark("warder preview shows what it would do; then make deploy",
				"not deployed: what follows a deployment was not checked")
		} else {
			l.problem(deploy, "not deployed: events of %s do not reach Warder", s.region)
		}
		return nil
	case err != nil:
		return err
	}
	described := out.Stacks[0]
	s.limited = slices.ContainsFunc(described.Parameters,
		func(p formationtypes.Parameter) bool { return aws.ToString(p.ParameterKey) == "Mode" })
	s.deployed, s.changed = true, aws.ToTime(cmp.Or(described.LastUpdatedTime, described.CreationTime))
	status := described.StackStatus
	switch {
	case slices.Contains(working, status):
	case strings.HasSuffix(string(status), "IN_PROGRESS"):
		l.add(unknown, "run it again when that is done", "it is being changed: %s", status)
	default:
		l.problem("read its events in CloudFormation, fix what they say, and make deploy", "%s %s", status,
			aws.ToString(described.StackStatusReason))
	}
	if s.err = s.read(ctx, cfg); s.err != nil {
		return s.err
	}
	for _, id := range s.of("AWS::Events::EventBus") {
		bus := s.physical[id]
		_, err := eventbridge.NewFromConfig(cfg).DescribeEventBus(ctx, &eventbridge.DescribeEventBusInput{Name: &bus})
		if err = l.missing(err, redeploy, "the bus %s does not exist: what other regions forward is lost", bus); err != nil {
			l.unread(err)
		}
	}
	rules, target := s.rules("hub"), "" // those of controls have lines of their own
	if s.region != d.Settings.HubRegion {
		rules, target = s.rules(""), fmt.Sprintf(":%s:%s:event-bus/%s", d.Settings.HubRegion, d.id, settings.Product)
		if len(rules) == 0 {
			l.problem(deploy, "its stack has no rule: no event is forwarded")
		}
		d.forwarders(ctx, l, s)
	}
	for _, r := range rules {
		if err := d.started(ctx, l, s, r, target); err != nil {
			return err
		}
	}
	d.compare(l, s)
	l.ok("%s since %s, %s", status, day(s.changed), terminal.Count(len(s.physical), "resource"))
	return nil
}

// forwarders checks that the roles are there with which the rules of a region forward to the hub's bus.
func (d *doctor) forwarders(ctx context.Context, l *lines, s *stack) {
	for _, id := range s.of("AWS::IAM::Role") {
		role := s.physical[id]
		_, err := iam.NewFromConfig(d.in(s.region)).GetRole(ctx, &iam.GetRoleInput{RoleName: &role})
		if err = l.missing(err, redeploy, "the role %s that forwards its events does not exist", role); err != nil {
			l.unread(err)
		}
	}
}

// read reads the stack's template and the names of its resources.
func (s *stack) read(ctx context.Context, cfg aws.Config) error {
	out, err := cloudformation.NewFromConfig(cfg).GetTemplate(ctx, &cloudformation.GetTemplateInput{StackName: &s.name})
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(aws.ToString(out.TemplateBody)), &s.template); err != nil {
		return fmt.Errorf("read template of stack %s: %w", s.name, err)
	}
	resources, err := account.Resources(ctx, cfg, s.name)
	s.physical = map[string]string{}
	for _, r := range resources {
		s.physical[aws.ToString(r.LogicalResourceId)] = aws.ToString(r.PhysicalResourceId)
	}
	return err
}

// compare says whether what is deployed is what was synthesized.
func (d *doctor) compare(l *lines, s *stack) {
	if d.synth == nil {
		return
	}
	const again = "make synth, and run it again"
	const notKnown = "whether it is what the sources here would deploy is not known: "
	var t template
	local, err := d.synth(s.name)
	if err == nil {
		err = json.Unmarshal(local.template, &t)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		l.remark(again, notKnown+"nothing is synthesized here")
		return
	case err != nil:
		l.add(unknown, again, "read template: %v", err)
		return
	case !local.settled:
		l.remark(again, notKnown+"the settings are newer than the synthesized template")
		return
	}
	all := maps.Clone(s.template.Resources)
	maps.Copy(all, t.Resources)
	var differ []string
	for _, id := range slices.Sorted(maps.Keys(all)) {
		here, there := t.Resources[id], s.template.Resources[id]
		if here.Type != there.Type || !same(here.Properties, there.Properties) {
			differ = append(differ, id)
		}
	}
	if len(differ) > 0 {
		l.remark("make diff shows it, make deploy puts it into force",
			"another version than the one synthesized here: %s, such as %s",
			number(len(differ), "resource differs", "resources differ"), differ[0])
	}
}

// same reports whether two pieces of JSON say the same.
func same(a, b json.RawMessage) bool {
	var left, right any
	if json.Unmarshal(a, &left) != nil || json.Unmarshal(b, &right) != nil {
		return bytes.Equal(a, b)
	}
	return reflect.DeepEqual(left, right)
}

// of are the logical ids of the template's resources of a type, sorted.
func (s *stack) of(kind string) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(s.template.Resources)),
		func(id string) bool { return s.template.Resources[id].Type != kind })
}

// refers returns the logical id that a Ref or Fn::GetAtt names, empty for anything else.
func refers(value any) string {
	object, _ := value.(map[string]any)
	id, _ := object["Ref"].(string)
	if parts, ok := object["Fn::GetAtt"].([]any); ok && len(parts) == 2 {
		id, _ = parts[0].(string)
	}
	return id
}

// keepers are the logical ids of the queues that keep what failed or was not delivered: those that
// something of the template names as such.
func (s *stack) keepers() []string {
	var ids []string
	var walk func(key string, value any)
	walk = func(key string, value any) {
		switch value := value.(type) {
		case map[string]any:
			for inner, value := range value {
				id := refers(value)
				if (key == "DeadLetterConfig" || key == "OnFailure") && s.template.Resources[id].Type == "AWS::SQS::Queue" {
					ids = append(ids, id)
				}
				walk(inner, value)
			}
		case []any:
			for _, value := range value {
				walk(key, value)
			}
		}
	}
	for _, r := range s.template.Resources {
		var properties any
		if json.Unmarshal(r.Properties, &properties) == nil {
			walk("", properties)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// A rule is a rule of a template.
type rule struct {
	id           string // logical
	EventBusName any
	EventPattern json.RawMessage
	State        eventtypes.RuleState
	Tags         []struct{ Key, Value string }
	Targets      []struct{ Arn any }
}

// starts is how the ARN ends of what a rule of the function starts: the function, or the queue that feeds it.
func (s *stack) starts(r rule, function string) string {
	for _, target := range r.Targets {
		if id := refers(target.Arn); s.template.Resources[id].Type == "AWS::SQS::Queue" {
			return ":" + s.physical[id][strings.LastIndex(s.physical[id], "/")+1:]
		}
	}
	return ":function:" + function
}

// rules are the template's rules with the tag of the given owner; every rule without one.
func (s *stack) rules(owner string) []rule {
	var rules []rule
	for _, id := range s.of("AWS::Events::Rule") {
		r := rule{id: id, State: eventtypes.RuleStateEnabled}
		if err := json.Unmarshal(s.template.Resources[id].Properties, &r); err != nil {
			continue // CloudFormation took it, so it is none of ours
		}
		for _, tag := range r.Tags {
			if tag.Key == settings.Product && (owner == "" || tag.Value == owner) {
				rules = append(rules, r)
			}
		}
	}
	return rules
}

// started checks a rule: it is there, in its state, with its pattern, and starts what it is to start, whose ARN ends
// with target.
func (d *doctor) started(ctx context.Context, l *lines, s *stack, r rule, target string) error {
	client := eventbridge.NewFromConfig(d.in(s.region))
	// On another bus than the default one the physical name is bus|rule.
	name := s.physical[r.id]
	name = name[strings.LastIndex(name, "|")+1:]
	options := name + " --region " + s.region
	on, named := r.EventBusName.(string)
	if !named {
		on = s.physical[refers(r.EventBusName)]
	}
	var bus *string
	if on != "" {
		bus, options = &on, options+" --event-bus-name "+on
	}
	out, err := client.DescribeRule(ctx, &eventbridge.DescribeRuleInput{Name: &name, EventBusName: bus})
	const disabled = eventtypes.RuleStateDisabled
	switch {
	case err != nil:
		return l.missing(err, redeploy, "the rule %s does not exist", name)
	case out.State != r.State && r.State == disabled:
		l.problem("aws events disable-rule --name "+options, "the rule %s is on, and the control is off", name)
	case out.State != r.State && out.State == disabled:
		l.problem("aws events enable-rule --name "+options, "the rule %s is disabled", name)
	case out.State != r.State:
		l.problem(redeploy, "the rule %s is %s, and deployed as %s: some calls do not reach it", name, out.State, r.State)
	case !filled(r.EventPattern, aws.ToString(out.EventPattern), d.id):
		l.problem(redeploy, "the rule %s does not match what it was deployed for", name)
	}
	targets, err := client.ListTargetsByRule(ctx, &eventbridge.ListTargetsByRuleInput{Rule: &name, EventBusName: bus})
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(targets.Targets,
		func(t eventtypes.Target) bool { return strings.HasSuffix(aws.ToString(t.Arn), target) }) {
		l.problem(redeploy, "the rule %s does not start %s", name, strings.TrimLeft(target, ":"))
	}
	return nil
}

// scheduled checks the schedule that starts a function: it is there, in its state, at its times, and starts that.
func (d *doctor) scheduled(ctx context.Context, l *lines, s *stack, function string) error {
	for _, id := range s.of(deployment.ScheduleType) {
		var r struct {
			GroupName, State, ScheduleExpression any
			Target                               struct{ Arn any }
		}
		if err := json.Unmarshal(s.template.Resources[id].Properties, &r); err != nil ||
			s.physical[refers(r.Target.Arn)] != function {
			continue
		}
		name, group := s.physical[id], s.physical[refers(r.GroupName)]
		there, err := deployment.GetSchedule(ctx, deployment.NewScheduler(d.in(s.region)), group, name)
		if err != nil {
			return l.missing(err, redeploy, "the schedule %s does not exist", name)
		}
		target, _ := there["Target"].(map[string]any)
		starts, _ := target["Arn"].(string)
		switch {
		case there["State"] != r.State && r.State == "DISABLED":
			l.problem(redeploy, "the schedule %s is on, and the control is off", name)
		case there["State"] != r.State:
			l.problem(redeploy, "the schedule %s is disabled", name)
		case there["ScheduleExpression"] != r.ScheduleExpression:
			l.problem(redeploy, "the schedule %s is not at the times it was deployed for", name)
		case !strings.HasSuffix(starts, ":function:"+function):
			l.problem(redeploy, "the schedule %s does not start %s", name, function)
		}
		return nil
	}
	l.problem(deploy, "the deployed stack has no schedule that starts it")
	return nil
}

// filled reports whether a pattern is what CloudFormation makes of that of a template. Of what it fills
// in only the account's number is known here: it is the one that must be right.
func filled(pattern json.RawMessage, there, account string) bool {
	var want, got any
	return json.Unmarshal(pattern, &want) == nil && json.Unmarshal([]byte(there), &got) == nil && fits(want, got, account)
}

func fits(want, got any, account string) bool {
	switch want := want.(type) {
	case map[string]any:
		if want["Ref"] == "AWS::AccountId" {
			return got == account
		}
		for key := range want {
			if _, text := got.(string); text && len(want) == 1 && (key == "Ref" || strings.HasPrefix(key, "Fn::")) {
				return true
			}
		}
		there, _ := got.(map[string]any)
		return there != nil && maps.EqualFunc(want, there, func(want, got any) bool { return fits(want, got, account) })
	case []any:
		there, ok := got.([]any)
		return ok && slices.EqualFunc(want, there, func(want, got any) bool { return fits(want, got, account) })
	}
	return want == got
}

// function checks a control or a tool: what starts it is there and on, and its function is and is as the settings say.
func (d *doctor) function(ctx context.Context, l *lines, c control.Control) error {
	hub, mode, name := d.stacks[0], control.Enforce, settings.FunctionName(c.ID)
	rules := hub.rules(c.ID)
	if !c.Tool {
		mode = d.inForce.Controls[c.ID].Mode
	}
	switch {
	case hub.err != nil && (!c.Tool || len(rules) > 0):
		l.unread(hub.err)
		rules = nil
	case !c.Tool && len(rules) == 0 && (len(c.Rules) > 0 || c.Schedule == ""):
		l.problem(deploy, "the deployed stack has no rule that starts it")
	}
	for _, r := range rules {
		if err := d.started(ctx, l, hub, r, hub.starts(r, name)); err != nil {
			return err
		}
	}
	if c.Schedule != "" && hub.err == nil {
		if err := d.scheduled(ctx, l, hub, name); err != nil {
			return err
		}
	}
	out, err := lambda.NewFromConfig(d.Config).GetFunctionConfiguration(ctx,
		&lambda.GetFunctionConfigurationInput{FunctionName: &name})
	if err != nil {
		if err = l.missing(err, deploy, "the function %s is not there", name); err != nil {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.unread = err
		}
		return err
	}
	// A function is inactive after weeks without use; the next event activates it.
	if out.State != lambdatypes.StateActive && out.State != lambdatypes.StateInactive {
		l.problem("look at the function in Lambda; then make deploy", "the function %s is %s: %s", name, out.State,
			aws.ToString(out.StateReason))
	}
	if out.LastUpdateStatus == lambdatypes.LastUpdateStatusFailed {
		l.problem(deploy, "the last update of the function %s failed: %s", name, aws.ToString(out.LastUpdateStatusReason))
	}
	if out.Environment == nil || out.Environment.Error != nil {
		l.add(unknown, "use credentials that may see the environment of functions",
			"the settings of the function %s cannot be read", name)
		return nil
	}
	got, err := settings.FromEnv(func(name string) (string, bool) {
		value, ok := out.Environment.Variables[name]
		return value, ok
	})
	want := d.inForce.Function(c)
	says, do := "the settings say", deploy
	if d.there { // CloudFormation does not update what it believes to be unchanged
		says, do = "was deployed with", redeploy
	}
	switch {
	case err != nil:
		l.problem(deploy, "the function %s has settings that it cannot read, and does nothing: %s", name, err)
		return nil
	case got.Mode == control.Observe && mode == control.Enforce && hub.limited:
		l.remark("", "it observes: the parameters Mode and Wave of the stack say so")
	case got.Mode != mode:
		l.problem(do, "the function is set to %s, and %s %s", got.Mode, says, mode)
		return nil
	case !same(got.Parameters, want.Parameters):
		l.problem(deploy, "the function has other parameters than the settings")
	}
	if common(got) != common(want) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.differing = append(d.differing, c.ID)
	}
	switch {
	case c.Tool:
		l.ok("function active")
	case mode == control.Off:
		l.ok("off, function active")
	default:
		l.ok("%s, %s on, function active", mode, terminal.Count(len(rules), "rule"))
	}
	return nil
}

// common is the settings that are the same for every function, as JSON.
func common(f settings.Function) string {
	return settings.Function{
		Parameters: json.RawMessage("{}"), AllowedNetworks: f.AllowedNetworks, Owners: f.Owners, BlastRadius: f.BlastRadius,
		TrustedAccounts: f.TrustedAccounts, HoldDays: f.HoldDays, Runbooks: f.Runbooks, Language: f.Language,
		Timezone: f.Timezone, Subjects: f.Subjects,
	}.Env()[settings.Variable]
}

// deployedSettings reads the settings that the stack says it was deployed with. Without them those of the file are
// taken for deployed.
func (d *doctor) deployedSettings(s *stack) {
	given, ok := s.template.Metadata[settings.Product]
	if !ok {
		return
	}
	if set, err := settings.Parse(given, d.Controls); err == nil {
		d.inForce, d.there = set, true
	}
}

// settingsOfFunctions checks that the functions have the settings that all share, which were read with the functions,
// and whether those of the file are deployed.
func (d *doctor) settingsOfFunctions(_ context.Context, l *lines) error {
	slices.Sort(d.differing)
	source := d.Settings.Source
	if d.there {
		source = "those that the stack was deployed with"
	}
	switch n := len(d.differing); {
	case n > 0:
		l.problem(deploy, "%s other settings than %s, such as %s", number(n, "function has", "functions have"), source,
			d.differing[0])
		return nil
	case d.unread != nil:
		return d.unread
	}
	d.notDeployed(l)
	if keys := d.inForce.Marks(); len(keys) > 0 {
		l.remark("let only people who may decide that set them on users, in iam:TagUser, iam:UntagUser and iam:CreateUser",
			"parameters have values by the tags %s: whoever may set them on a user chooses its values",
			strings.Join(keys, ", "))
	}
	l.ok("every function has the settings (%s)", source)
	return nil
}

// notDeployed remarks that the settings of the file are others than those that are deployed.
func (d *doctor) notDeployed(l *lines) {
	var others []string
	for _, c := range d.Controls {
		here, there := d.Settings.Function(c), d.inForce.Function(c)
		switch {
		case here.Mode != there.Mode:
			others = append(others, fmt.Sprintf("%s (%s, and deployed as %s)", c.ID, here.Mode, there.Mode))
		case !maps.Equal(here.Env(), there.Env()):
			others = append(others, c.ID)
		}
	}
	if n := len(others); n > 0 {
		l.remark("make diff shows it, make deploy puts it into force",
			"%s is not what is deployed: %s other settings, such as %s", d.Settings.Source,
			number(n, "function would have", "functions would have"), others[0])
	}
}

func number(n int, one, many string) string {
	if n == 1 {
		many = one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// day is a time as lines show it.
func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }

// ago is how long before now a time is, in the unit that people would say it in.
func ago(now, t time.Time) string {
	passed := now.Sub(t)
	unit, name := 24*time.Hour, "days"
	switch {
	case passed < 2*time.Minute:
		return "just now"
	case passed < 2*time.Hour:
		unit, name = time.Minute, "minutes"
	case passed < 48*time.Hour:
		unit, name = time.Hour, "hours"
	}
	return fmt.Sprintf("%d %s ago", passed/unit, name)
}
