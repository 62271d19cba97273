package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/settings"
)

// A rule is a rule of a template.
type rule struct {
	id           string // logical
	EventBusName any
	EventPattern json.RawMessage
	Schedule     string `json:"ScheduleExpression"`
	State        string
	Targets      []struct {
		Arn     any
		RoleArn any
	}
	Tags []struct{ Key, Value string }
}

// rules are the template's rules with the tag of the given owner; every rule without one.
func (s stack) rules(owner string) []rule {
	var rules []rule
	for _, id := range s.of("AWS::Events::Rule") {
		r := rule{id: id, State: string(eventtypes.RuleStateEnabled)}
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

const redeploy = `make deploy ARGS="--revert-drift"`

// control checks that what starts a control is there and on, and that its function is and does what
// cdk.json asks for.
func (d *doctor) control(ctx context.Context, l *lines, c control.Control) {
	mode := d.settings.Controls[c.ID].Mode
	if d.hub.err != nil {
		l.unread(d.hub.unread, d.hub.err)
	} else {
		rules := d.hub.rules(c.ID)
		if len(rules) == 0 {
			l.problem("make deploy", "the deployed stack has no rule that starts it")
		}
		for _, r := range rules {
			if !d.started(ctx, l, d.hub, r, ":function:"+settings.FunctionName(c.ID)) {
				return
			}
		}
	}
	d.function(ctx, l, c, mode)
	if l.fine() {
		l.ok("%s, %s on, function active", mode, number(len(d.hub.rules(c.ID)), "rule"))
		if mode == control.Off {
			l.said[len(l.said)-1].Text = "off, function active"
		}
	}
}

// tool checks the function of a tool, and what starts it.
func (d *doctor) tool(ctx context.Context, l *lines, c control.Control) {
	for _, r := range d.hub.rules(c.ID) {
		if !d.started(ctx, l, d.hub, r, ":function:"+settings.FunctionName(c.ID)) {
			return
		}
	}
	d.function(ctx, l, c, control.Enforce)
	if l.fine() {
		l.ok("function active")
	}
}

// started checks a rule: it is there, in its state, with its pattern or schedule, and starts what it
// is to start, whose ARN ends with target. It returns false when nothing more is worth reading.
func (d *doctor) started(ctx context.Context, l *lines, s stack, r rule, target string) bool {
	client := d.in(s.region).events
	// On another bus than the default one the physical name is bus|rule.
	name := s.physical[r.id]
	name = name[strings.LastIndex(name, "|")+1:]
	var bus *string
	if on := s.name(r.EventBusName); on != "" {
		bus = &on
	}
	out, err := client.DescribeRule(ctx, &eventbridge.DescribeRuleInput{Name: &name, EventBusName: bus})
	switch {
	case coded(err, "ResourceNotFoundException"):
		l.problem(redeploy, "the rule %s is gone", name)
		return true
	case err != nil:
		l.unread("events:DescribeRule", err)
		return false
	case string(out.State) != r.State && r.State == string(eventtypes.RuleStateDisabled):
		l.problem("aws events disable-rule --name "+name+regionOption(s)+busOption(bus), "the rule %s is on, and the control is off", name)
	case out.State == eventtypes.RuleStateDisabled && r.State != string(eventtypes.RuleStateDisabled):
		l.problem("aws events enable-rule --name "+name+regionOption(s)+busOption(bus), "the rule %s is disabled", name)
	case string(out.State) != r.State:
		l.problem(redeploy, "the rule %s is %s, and deployed as %s: some calls do not reach it", name, out.State, r.State)
	case r.Schedule != aws.ToString(out.ScheduleExpression), r.EventPattern != nil && !filled(r.EventPattern, aws.ToString(out.EventPattern), d.id):
		l.problem(redeploy, "the rule %s does not match what it was deployed for", name)
	}
	targets, err := client.ListTargetsByRule(ctx, &eventbridge.ListTargetsByRuleInput{Rule: &name, EventBusName: bus})
	if err != nil {
		l.unread("events:ListTargetsByRule", err)
		return false
	}
	if !slices.ContainsFunc(targets.Targets, func(t eventtypes.Target) bool { return strings.HasSuffix(aws.ToString(t.Arn), target) }) {
		l.problem(redeploy, "the rule %s does not start %s", name, strings.TrimLeft(target, ":"))
	}
	return true
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
		there, ok := got.(map[string]any)
		for key, value := range want {
			ok = ok && fits(value, there[key], account)
		}
		return ok && len(want) == len(there)
	case []any:
		there, ok := got.([]any)
		if !ok || len(want) != len(there) {
			return false
		}
		for i := range want {
			if !fits(want[i], there[i], account) {
				return false
			}
		}
		return true
	}
	return want == got
}

func regionOption(s stack) string { return " --region " + s.region }

func busOption(bus *string) string {
	if bus == nil {
		return ""
	}
	return " --event-bus-name " + *bus
}

// function checks a function: it is there, it can be started, and it was told what cdk.json says.
func (d *doctor) function(ctx context.Context, l *lines, c control.Control, mode control.Mode) {
	name := settings.FunctionName(c.ID)
	out, err := d.in(d.settings.HubRegion).lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &name})
	switch {
	case coded(err, "ResourceNotFoundException"):
		l.problem("make deploy", "the function %s is not there", name)
		return
	case err != nil:
		d.mu.Lock()
		d.unheard = err
		d.mu.Unlock()
		l.unread("lambda:GetFunctionConfiguration", err)
		return
	}
	if out.State != lambdatypes.StateActive && out.State != lambdatypes.StateInactive { // inactive after weeks without use; the next event wakes it
		l.problem("look at the function in Lambda; then make deploy", "the function %s is %s: %s", name, out.State, aws.ToString(out.StateReason))
	}
	if out.LastUpdateStatus == lambdatypes.LastUpdateStatusFailed {
		l.problem("make deploy", "the last update of the function %s failed: %s", name, aws.ToString(out.LastUpdateStatusReason))
	}
	if out.Environment == nil || out.Environment.Error != nil {
		l.say(unknown, "use credentials that may see the environment of functions", "the settings of the function %s cannot be read", name)
		return
	}
	told, err := settings.FromEnv(func(name string) (string, bool) {
		value, ok := out.Environment.Variables[name]
		return value, ok
	})
	if err != nil {
		l.problem("make deploy", "the function %s has settings that it cannot read, and does nothing: %s", name, err)
		return
	}
	want := d.settings.Function(c)
	if told.Mode != mode {
		l.problem("make deploy", "the function is told to %s, and cdk.json says %s", told.Mode, mode)
		return
	}
	if !same(told.Parameters, want.Parameters) {
		l.problem("make deploy", "the function has other parameters than cdk.json")
	}
	if !same(common(told), common(want)) {
		d.mu.Lock()
		d.unlike = append(d.unlike, c.ID)
		d.mu.Unlock()
	}
}

// told checks that the functions have the settings that are for all of them. They were read with the
// functions.
func (d *doctor) told(_ context.Context, l *lines) {
	slices.Sort(d.unlike)
	if len(d.unlike) > 0 {
		l.problem("make deploy", "%s told other settings than cdk.json has, such as %s", were(len(d.unlike)), d.unlike[0])
		return
	}
	if d.unheard != nil {
		l.unread("lambda:GetFunctionConfiguration", d.unheard)
		return
	}
	l.ok("every function was told what cdk.json says")
}

// common is the settings that are the same for every function, as JSON.
func common(f settings.Function) json.RawMessage {
	return json.RawMessage(settings.Function{
		Parameters: json.RawMessage("{}"), AllowedNetworks: f.AllowedNetworks, Owners: f.Owners, BlastRadius: f.BlastRadius,
		HoldDays: f.HoldDays, Runbooks: f.Runbooks, Language: f.Language,
	}.Env()[settings.Variable])
}

func were(n int) string {
	if n == 1 {
		return "1 function was"
	}
	return number(n, "function") + " were"
}

// regionStack checks a region: its stack, and that each of its rules forwards to the hub's bus with a
// role that is there.
func (d *doctor) regionStack(ctx context.Context, l *lines, name, region string) stack {
	s := d.readStack(ctx, l, name, region)
	if !s.there || s.err != nil {
		return s
	}
	bus := fmt.Sprintf(":%s:%s:event-bus/%s", d.settings.HubRegion, d.id, settings.Product)
	rules := s.rules("")
	for _, r := range rules {
		if !d.started(ctx, l, s, r, bus) {
			return s
		}
	}
	for _, id := range s.of("AWS::IAM::Role") {
		role := s.physical[id]
		switch _, err := d.in(region).iam.GetRole(ctx, &iam.GetRoleInput{RoleName: &role}); {
		case coded(err, "NoSuchEntity"):
			l.problem(redeploy, "the role %s that forwards its events is gone", role)
		case err != nil:
			l.unread("iam:GetRole", err)
		}
	}
	if len(rules) == 0 {
		l.problem("make deploy", "its stack has no rule: no event is forwarded")
	}
	return s
}
