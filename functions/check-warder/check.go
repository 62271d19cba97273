package checkwarder

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"

	"github.com/warder-aws/warder/pkg/awsjson"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/deployment"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/metric"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
)

const (
	medium   = control.Medium
	high     = control.High
	critical = control.Critical
)

// request asks for a check: the schedule and people send an empty one. Or it is a heartbeat, an event.
type request struct {
	Source string          `json:"source"`
	Region string          `json:"region"`
	Detail json.RawMessage `json:"detail"`
}

// UnmarshalJSON reads a request. Only an event may have fields, whichever EventBridge gives it.
func (r *request) UnmarshalJSON(data []byte) error {
	type event request
	if err := json.Unmarshal(data, (*event)(r)); err != nil || r.Source == heartbeat {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	return decoder.Decode(new(struct{}))
}

// answer says what was checked and what is not as it was deployed.
type answer struct {
	Outcome     remediation.Outcome `json:"outcome"` // nothing, or notified
	Checked     int                 `json:"checked"` // resources
	Differences []found             `json:"differences"`
}

type found struct {
	Severity control.Severity `json:"severity"`
	Subject  string           `json:"subject"`
	Text     string           `json:"text"`
}

// A difference is one thing that is not as it was deployed.
type difference struct {
	severity control.Severity
	subject  string       // what it is about, as AWS names it
	text     i18n.Message // what is not so, and what follows from it
}

// clients only read, but for the topics.
type clients struct {
	stacks    *cloudformation.Client
	alarms    *cloudwatch.Client
	logs      *cloudwatchlogs.Client
	tables    *dynamodb.Client
	rules     *eventbridge.Client
	roles     *iam.Client
	schedules *awsjson.Client
	keys      *kms.Client
	mails     *awsjson.Client
	functions *lambda.Client
	topics    *sns.Client
	queues    *sqs.Client
}

// watchman checks Warder.
type watchman struct {
	*remediation.Runner
	clients
	controls func() ([]control.Control, error)
	ways     []*remediation.Runner // by which people are notified, each by itself
}

// watch checks everything and notifies by each way of what is not as it was deployed. The same is notified once a day.
func (w watchman) watch(ctx context.Context, r request) (answer, error) {
	a := answer{Outcome: remediation.Nothing, Differences: []found{}}
	if r.Source == heartbeat {
		return a, w.hear(ctx, r)
	}
	var all []difference
	var state metric.Sheet
	var checkers []*checker
	var sent []time.Time
	for _, region := range append([]string{w.Region}, w.Settings.Own.Regions...) {
		c := &checker{watchman: w, region: region, state: &state}
		checkers, sent = append(checkers, c), append(sent, c.send(ctx))
	}
	for i, c := range checkers {
		if i == 0 {
			c.check(ctx, cmp.Or(w.Settings.Own.Stack, settings.Product), true)
		} else {
			c.forwarders(ctx, settings.Product+"-"+c.region)
		}
	}
	all = w.arrived(ctx, checkers, sent) // first: a deleted bus is many differences
	for _, c := range checkers {
		all, a.Checked = append(all, c.differences...), a.Checked+c.checked
	}
	w.Log.LogAttrs(ctx, slog.LevelInfo, "state", state.Attrs(w.Now())...)
	slices.SortStableFunc(all, func(a, b difference) int { return b.severity.Rank() - a.severity.Rank() })
	if len(all) > 0 {
		a.Outcome = remediation.Notified
	}
	for _, d := range all {
		text := d.text.In(string(w.Settings.Language))
		a.Differences = append(a.Differences, found{d.severity, d.subject, notice.Plain(text, maxText)})
	}
	return a, w.notify(ctx, all)
}

const (
	maxText = 2000
	// most is how many differences have a notice of their own. More than that is one attack, or one accident.
	most = 20
)

// The title, and the advice.
var (
	title  = i18n.T("Warder is not as it was deployed")
	advice = i18n.T("Find out at once who changed this and why. If nobody knows, treat it as an attack: make the " +
		`credentials of whoever did it inactive, then put it back with make deploy ARGS="--revert-drift", and read what ` +
		"happened since the last check: until then Warder may have missed it.")
	adviseDeployed = i18n.T(
		"Nothing to do if you deployed Warder. If nobody did, treat it as an attack, and deploy Warder " +
			"again from sources that you trust.",
	)
)

// notify notifies of the differences by every way, whatever becomes of the others.
func (w watchman) notify(ctx context.Context, all []difference) error {
	if len(all) > most {
		rest := all[most-1:]
		var names []string
		for _, d := range rest {
			names = append(names, d.subject)
		}
		all = append(slices.Clone(all[:most-1]), difference{rest[0].severity, settings.Product, i18n.T(
			"%d more things are not as they were deployed: %s.", len(rest), strings.Join(names, ", "))})
	}
	var faults []error
	for _, way := range w.ways {
		for _, d := range all {
			if _, err := way.Notify(ctx, w.entry(d)); err != nil {
				faults = append(faults, fmt.Errorf("notify of %s: %w", d.subject, err))
			}
		}
	}
	return errors.Join(faults...)
}

// entry is the record of a difference. It is the same all day.
func (w watchman) entry(d difference) ledger.Entry {
	now, language := w.Now(), string(w.Settings.Language)
	entry := ledger.Entry{
		ID:      remediation.EntryID(w.Control.ID, now.UTC().Format(time.DateOnly), d.subject, d.text.String()),
		Control: w.Control.ID, At: now, Notify: notice.Alert, Severity: string(d.severity),
		Subject: notice.Plain(d.subject, maxText), Title: title.In(language),
		Text: notice.Plain(d.text.In(language), maxText), Advice: advice.In(language),
	}
	if d.severity == medium {
		entry.Advice = adviseDeployed.In(language)
	}
	if english := title.String(); english != entry.Title {
		entry.Heading = english
	}
	return entry
}

// A checker checks one stack, in its region.
type checker struct {
	watchman
	region      string
	stack       *deployment.Stack
	checked     int
	differences []difference
	known       listings
	state       *metric.Sheet // what is measured, of all stacks
}

func (c *checker) differs(severity control.Severity, subject string, text i18n.Message) {
	if c.region != c.Region {
		text = i18n.Sentences(text, i18n.T("It is in the region %s.", c.region))
	}
	c.differences = append(c.differences, difference{severity, subject, text})
}

// working are the states of a stack in which all that it has is in force.
var working = []types.StackStatus{
	types.StackStatusCreateComplete, types.StackStatusUpdateComplete, types.StackStatusImportComplete,
	types.StackStatusUpdateCompleteCleanupInProgress, types.StackStatusUpdateRollbackComplete,
	types.StackStatusImportRollbackComplete, types.StackStatusUpdateRollbackCompleteCleanupInProgress,
}

// lately is how long ago a deployment is of which a check has not told yet: a day, and an hour for one that was late.
const lately = 25 * time.Hour

// forwarders checks the stack of another region, or those that StackSets have made there.
func (c *checker) forwarders(ctx context.Context, name string) {
	names, err := deployment.Find(ctx, c.stacks, name, func(o *cloudformation.Options) { o.Region = c.region })
	if errors.Is(err, deployment.ErrNone) {
		c.missing(name)
		return
	}
	if err != nil {
		c.unread(critical, name, i18n.T("stack"), err)
		return
	}
	rules := 0
	for _, name := range names {
		c.check(ctx, name, false)
		if c.stack != nil {
			rules += len(c.stack.Of("AWS::Events::Rule"))
		}
	}
	if c.stack != nil && rules == 0 {
		c.differs(critical, name, i18n.T("The stack %s has no rule: no event is forwarded.", names[0]))
	}
}

// missing notes that there is no such stack.
func (c *checker) missing(name string) {
	c.differs(critical, name, i18n.T("The stack %s does not exist: nothing of it works any more.", name))
}

// check checks a stack and what is in it.
func (c *checker) check(ctx context.Context, name string, hub bool) {
	var err error
	c.stack, err = deployment.Read(ctx, c.stacks, name, func(o *cloudformation.Options) { o.Region = c.region })
	switch {
	case errors.Is(err, deployment.ErrNone):
		c.missing(name)
		return
	case err != nil:
		c.unread(critical, name, i18n.T("stack"), err)
		return
	}
	s := c.stack
	if !slices.Contains(working, s.Status) {
		c.differs(high, name, i18n.T("The stack %s is %s: it may not work as its template says.", name, string(s.Status)))
	}
	if c.Now().Sub(s.Changed) < lately {
		c.differs(medium, name, i18n.T("The stack %s was deployed on %s: it is compared with what it says since then.",
			name, i18n.Minute(s.Changed)))
	}
	if hub {
		c.complete()
		c.standing(ctx)
		c.mail(ctx)
	}
	c.delivery(ctx)
	for _, r := range s.Resources {
		if check := checks[r.Type]; check != nil {
			c.checked++
			check(c, ctx, r)
		}
	}
}

// checks are how resources are checked, by type.
var checks = map[string]func(*checker, context.Context, deployment.Resource){
	"AWS::CloudWatch::Alarm":         (*checker).alarm,
	"AWS::DynamoDB::Table":           (*checker).table,
	"AWS::Events::EventBus":          (*checker).bus,
	"AWS::Events::Rule":              (*checker).rule,
	"AWS::IAM::Group":                (*checker).group,
	"AWS::IAM::ManagedPolicy":        (*checker).policy,
	"AWS::IAM::Role":                 (*checker).role,
	"AWS::KMS::Key":                  (*checker).key,
	"AWS::Lambda::EventInvokeConfig": (*checker).retries,
	"AWS::Lambda::Function":          (*checker).function, // and who may invoke it
	"AWS::Logs::LogGroup":            (*checker).logGroup,
	"AWS::Logs::MetricFilter":        (*checker).metricFilter,
	deployment.ScheduleType:          (*checker).schedule,
	"AWS::SNS::Topic":                (*checker).topic, // and its subscriptions and policy
	"AWS::SQS::Queue":                (*checker).queue, // and its policy
}

// complete checks that the stack has every control: each with a function, and a rule for each pattern and for its
// schedule. What the controls are is part of this program: a stack cannot leave one out unnoticed.
func (c *checker) complete() {
	controls, err := c.controls()
	if err != nil {
		c.unread(critical, c.stack.Name, i18n.T("stack"), err)
		return
	}
	rules, functions := map[string]int{}, map[string]bool{}
	for _, r := range c.stack.Of("AWS::Events::Rule") {
		rules[owner(r)]++
	}
	for _, r := range c.stack.Of("AWS::Lambda::Function") {
		functions[r.Text("FunctionName")] = true
	}
	scheduled := map[string]bool{}
	for _, r := range c.stack.Of(deployment.ScheduleType) {
		scheduled[r.Starts()] = true
	}
	for _, control := range controls {
		function := settings.FunctionName(control.ID)
		optional := slices.ContainsFunc(control.Permissions, usesOptional)
		starts := rules[control.ID] >= len(control.Rules) && (control.Schedule == "" || scheduled[function])
		if !optional && (!functions[function] || !starts) {
			c.differs(critical, function, i18n.T("The stack %s has not all of %s: it does not start, or not by all its events.",
				c.stack.Name, control.ID))
		}
	}
}

// usesOptional reports whether a permission is of a tool that is deployed only where Slack, or SES, is used.
func usesOptional(p control.Permission) bool {
	return slices.Contains(p.Resources, control.Slack) || slices.Contains(p.Resources, control.Mail)
}

// owner is the control or tool that a resource belongs to, empty for none.
func owner(r deployment.Resource) (id string) {
	tags, _ := r.Properties["Tags"].([]any)
	for _, tag := range tags {
		if tag, _ := tag.(map[string]any); tag["Key"] == settings.Product {
			id, _ = tag["Value"].(string)
		}
	}
	return id
}

// absent are the codes with which AWS says that something does not exist.
var absent = []string{
	"AWS.SimpleQueueService.NonExistentQueue", "NoSuchEntity", "NotFound", "NotFoundException", "PolicyNotFoundException",
	"QueueDoesNotExist", "ResourceNotFoundException",
}

// isAbsent reports whether err says that what was asked for does not exist.
func isAbsent(err error) bool {
	var refused smithy.APIError
	return errors.As(err, &refused) && slices.Contains(absent, refused.ErrorCode())
}

// unread notes that something is not there, which is as severe as that, or could not be read.
func (c *checker) unread(severity control.Severity, name string, kind i18n.Message, err error) {
	if isAbsent(err) {
		c.differs(severity, name, i18n.T("The %s %s does not exist any more: what it was for does not happen.", kind, name))
		return
	}
	code := i18n.T("no answer")
	var refused smithy.APIError
	if errors.As(err, &refused) {
		code = i18n.Literal(refused.ErrorCode())
	}
	c.differs(high, name, i18n.T("The %s %s could not be checked (%s).", kind, name, code))
}
