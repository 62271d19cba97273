package checkwarder

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/warder-aws/warder/pkg/deployment"
	"github.com/warder-aws/warder/pkg/i18n"
)

// rule checks what starts a function, or forwards an event: its state, its pattern or schedule, its targets.
func (c *checker) rule(ctx context.Context, r deployment.Resource) {
	kind, bus := i18n.T("rule"), (*string)(nil)
	on, name := c.stack.Rule(r)
	if on != "" {
		bus = &on
	}
	there := func(o *eventbridge.Options) { o.Region = c.region }
	out, err := c.rules.DescribeRule(ctx, &eventbridge.DescribeRuleInput{Name: &name, EventBusName: bus}, there)
	if err != nil {
		c.unread(critical, name, kind, err)
		return
	}
	state := types.RuleState(r.Text("State"))
	if state == "" {
		state = types.RuleStateEnabled
	}
	switch out.State {
	case state:
	case types.RuleStateDisabled:
		c.differs(critical, name, i18n.T("The rule %s is disabled: events that it matches start nothing.", name))
	default:
		c.differs(high, name, i18n.T("The rule %s is %s and was deployed as %s.", name, string(out.State), string(state)))
	}
	if !deployment.Same(r.Properties["EventPattern"], deployment.JSON(aws.ToString(out.EventPattern))) {
		c.differs(critical, name, i18n.T("The rule %s matches other events than it was deployed for.", name))
	}
	if r.Text("ScheduleExpression") != aws.ToString(out.ScheduleExpression) {
		c.differs(critical, name, i18n.T("The rule %s has another schedule than it was deployed with.", name))
	}
	targets, err := c.rules.ListTargetsByRule(ctx,
		&eventbridge.ListTargetsByRuleInput{Rule: &name, EventBusName: bus}, there)
	if err != nil {
		c.unread(critical, name, kind, err)
		return
	}
	c.targets(name, r.Properties["Targets"], targets.Targets)
}

// schedule checks what starts a function by itself: its state, its times, its target.
func (c *checker) schedule(ctx context.Context, r deployment.Resource) {
	name := r.Name
	there, err := deployment.GetSchedule(ctx, c.schedules, r.Text("GroupName"), name)
	if err != nil {
		c.unread(critical, name, i18n.T("schedule"), err)
		return
	}
	if there["State"] == "DISABLED" && r.Text("State") != "DISABLED" {
		c.differs(critical, name, i18n.T("The schedule %s is disabled: what it starts does not start by itself.", name))
	}
	fields := slices.DeleteFunc(deployment.ScheduleDiffers(r.Properties, there),
		func(field string) bool { return field == "State" || field == "Description" })
	if len(fields) > 0 {
		c.differs(critical, name, i18n.T("The schedule %s is not as it was deployed: %s differs.", name,
			strings.Join(fields, ", ")))
	}
}

// targets checks what a rule starts.
func (c *checker) targets(rule string, deployed any, targets []types.Target) {
	wanted, _ := deployed.([]any)
	extra := map[string]bool{}
	there := make([]any, 0, len(targets))
	for _, t := range targets {
		extra[aws.ToString(t.Arn)] = true
		there = append(there, deployment.Value(t))
	}
	for _, want := range wanted {
		target, _ := want.(map[string]any)
		address, _ := target["Arn"].(string)
		delete(extra, address)
		if !slices.ContainsFunc(there, func(t any) bool { return deployment.Fits(want, t) && sameInput(target, t) }) {
			c.differs(critical, rule, i18n.T("The rule %s does not start %s as it was deployed to.", rule, address))
		}
	}
	for _, address := range slices.Sorted(maps.Keys(extra)) {
		c.differs(high, rule, i18n.T("The rule %s also starts %s, which was not deployed.", rule, address))
	}
}

// sameInput reports whether a target is handed what it was deployed for: something in place of the event, or the event.
func sameInput(deployed map[string]any, there any) bool {
	target, _ := there.(map[string]any)
	for _, field := range []string{"Input", "InputPath", "InputTransformer"} {
		if deployed[field] == nil && target[field] != nil {
			return false
		}
	}
	return true
}

// function checks a function: that it can run, with what it was deployed with, and who may invoke it.
func (c *checker) function(ctx context.Context, r deployment.Resource) {
	kind, name := i18n.T("function"), r.Name
	out, err := c.functions.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &name})
	if err != nil {
		c.unread(critical, name, kind, err)
		return
	}
	// A function is inactive after weeks without use; the next event activates it.
	if out.State == lambdatypes.StateFailed || out.LastUpdateStatus == lambdatypes.LastUpdateStatusFailed {
		c.differs(critical, name, i18n.T("The function %s cannot run.", name))
	}
	if changes := c.changesOf(r, out); len(changes) > 0 {
		c.differs(critical, name, i18n.T("The function %s is not as it was deployed: %s. It may do something else, with the "+
			"rights of its role.", name, i18n.Join(", ", changes...)))
	}
	reserved, err := c.functions.GetFunctionConcurrency(ctx, &lambda.GetFunctionConcurrencyInput{FunctionName: &name})
	switch {
	case err != nil:
		c.unread(critical, name, kind, err)
	case reserved.ReservedConcurrentExecutions == nil: // none is deployed
	case *reserved.ReservedConcurrentExecutions == 0:
		c.differs(critical, name, i18n.T("The function %s may not run: its reserved concurrency is 0.", name))
	default:
		c.differs(high, name, i18n.T("The function %s may run %d times at once only.", name,
			*reserved.ReservedConcurrentExecutions))
	}
	urls, err := c.functions.ListFunctionUrlConfigs(ctx, &lambda.ListFunctionUrlConfigsInput{FunctionName: &name})
	if err != nil {
		c.unread(critical, name, kind, err)
	} else if len(urls.FunctionUrlConfigs) > 0 {
		c.differs(critical, name, i18n.T("The function %s has an address on the internet.", name))
	}
	c.sources(ctx, r)
	c.invokers(ctx, r)
}

// sources checks which queues and streams start a function.
func (c *checker) sources(ctx context.Context, r deployment.Resource) {
	name := r.Name
	left := map[string]bool{} // by the source
	pages := lambda.NewListEventSourceMappingsPaginator(c.functions,
		&lambda.ListEventSourceMappingsInput{FunctionName: &name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			c.unread(critical, name, i18n.T("function"), err)
			return
		}
		for _, m := range page.EventSourceMappings {
			if state := aws.ToString(m.State); state != "Disabled" && state != "Disabling" {
				left[aws.ToString(m.EventSourceArn)] = true
			}
		}
	}
	for _, m := range c.stack.Of("AWS::Lambda::EventSourceMapping") {
		if of := m.Text("FunctionName"); of != name && !strings.HasSuffix(of, ":function:"+name) {
			continue
		}
		source := m.Text("EventSourceArn")
		if !left[source] {
			c.differs(critical, name, i18n.T("The function %s cannot be started by %s any more.", name, source))
		}
		delete(left, source)
	}
	for _, source := range slices.Sorted(maps.Keys(left)) {
		c.differs(high, name, i18n.T("The function %s is also started by %s, which was not deployed.", name, source))
	}
}

// slack is how much later than CloudFormation the clock of another service may be.
const slack = time.Minute

// modified is how Lambda writes times.
const modified = "2006-01-02T15:04:05.000-0700"

// changesOf says what of a function is not as it was deployed. Lambda says when code or settings were changed last:
// after CloudFormation was done with the function only somebody else did that.
// https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html
func (c *checker) changesOf(r deployment.Resource, out *lambda.GetFunctionConfigurationOutput) []i18n.Message {
	var changes []i18n.Message
	at, err := time.Parse(modified, aws.ToString(out.LastModified))
	if err != nil || at.After(r.Changed.Add(slack)) {
		changes = append(changes, i18n.T("code or settings were changed on %s", i18n.Minute(at)))
	}
	if r.Text("Role") != aws.ToString(out.Role) {
		changes = append(changes, i18n.T("it has another role"))
	}
	var environment any
	if out.Environment != nil {
		environment = map[string]any{"Variables": deployment.Value(out.Environment.Variables)}
	}
	if !deployment.Same(r.Properties["Environment"], environment) {
		changes = append(changes, i18n.T("it has other settings"))
	}
	if len(out.Layers) > 0 || out.VpcConfig != nil && aws.ToString(out.VpcConfig.VpcId) != "" {
		changes = append(changes, i18n.T("it has layers, or runs in a network of its own"))
	}
	for name, there := range map[string]any{
		"Handler": aws.ToString(out.Handler), "Runtime": string(out.Runtime), "Timeout": aws.ToInt32(out.Timeout),
		"MemorySize": aws.ToInt32(out.MemorySize),
	} {
		if !deployment.Fits(r.Properties[name], deployment.Value(there)) {
			changes = append(changes, i18n.T("it has another %s", name))
		}
	}
	slices.SortFunc(changes, func(a, b i18n.Message) int { return strings.Compare(a.String(), b.String()) })
	return changes
}

// invokers checks who may invoke a function.
func (c *checker) invokers(ctx context.Context, r deployment.Resource) {
	kind, name := i18n.T("function"), r.Name
	out, err := c.functions.GetPolicy(ctx, &lambda.GetPolicyInput{FunctionName: &name})
	if err != nil && !isAbsent(err) { // without a policy it has no statement
		c.unread(critical, name, kind, err)
		return
	}
	left := map[string]bool{} // whom the policy lets invoke it
	if err == nil {
		document, _ := deployment.JSON(aws.ToString(out.Policy)).(map[string]any)
		statements, _ := document["Statement"].([]any)
		for _, s := range statements {
			left[invoker(s)] = true
		}
	}
	for _, p := range c.stack.Of("AWS::Lambda::Permission") {
		if of := p.Text("FunctionName"); of != name && !strings.HasSuffix(of, ":function:"+name) {
			continue
		}
		source := p.Text("SourceArn")
		by := p.Text("Action") + " " + p.Text("Principal") + " " + source
		if !left[by] {
			c.differs(critical, name, i18n.T("The function %s cannot be started by %s any more.", name, source))
		}
		delete(left, by)
	}
	if len(left) > 0 {
		c.differs(high, name, i18n.T("The function %s can be invoked by others than those it was deployed for.", name))
	}
}

// invoker is whom a statement of a function's policy lets invoke it, and what for. A statement that CloudFormation does
// not make so is that of nobody known.
func invoker(of any) string {
	s, _ := of.(map[string]any)
	principal, _ := s["Principal"].(map[string]any)
	service, _ := principal["Service"].(string)
	action, _ := s["Action"].(string)
	source := ""
	condition, _ := s["Condition"].(map[string]any)
	for operator, keys := range condition {
		keys, _ := keys.(map[string]any)
		for key, value := range keys {
			if text, ok := value.(string); ok && operator == "ArnLike" && strings.EqualFold(key, "AWS:SourceArn") {
				source = text
			}
		}
	}
	if s["Effect"] != "Allow" || len(condition) > 1 {
		return "?"
	}
	return action + " " + service + " " + source
}

// retries checks how often a function tries again, and where what it cannot handle is kept.
func (c *checker) retries(ctx context.Context, r deployment.Resource) {
	name := r.Text("FunctionName")
	out, err := c.functions.GetFunctionEventInvokeConfig(ctx,
		&lambda.GetFunctionEventInvokeConfigInput{FunctionName: &name})
	if err != nil && !isAbsent(err) {
		c.unread(high, name, i18n.T("function"), err)
		return
	}
	want := map[string]any{}
	for _, field := range []string{"DestinationConfig", "MaximumEventAgeInSeconds", "MaximumRetryAttempts"} {
		want[field] = r.Properties[field]
	}
	if err != nil || !deployment.Fits(want, deployment.Value(out)) {
		c.differs(high, name, i18n.T("What the function %s cannot handle may not be tried again, or not be kept.", name))
	}
}
