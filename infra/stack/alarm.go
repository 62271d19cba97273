package stack

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/lazyregexp"
	"github.com/warder-aws/warder/pkg/metric"
	"github.com/warder-aws/warder/pkg/settings"
)

// handbook says what to do about alarms that are not about one control.
const handbook = "docs/operations.md"

// addOperations adds what a person on call looks at: alarms that notify the topic, a dashboard, and saved queries of
// the log. A control that is off has none of them. The only custom metrics are those of pkg/metric.
func (h *Hub) addOperations() {
	var watched []control.Control
	for _, c := range h.props.Controls {
		if c.Tool || !h.props.off(c) {
			watched = append(watched, c)
		}
	}
	if h.props.Settings.Notify.Topic == "" { // a topic elsewhere has its own policy
		// CloudWatch notifies the topic of this account's alarms, and uses the topic's key for that.
		// https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
		may := func(resource *string, actions ...string) awsiam.PolicyStatement {
			return allowService("cloudwatch", resource, "StringEquals", "aws:SourceAccount", h.Account(), actions...)
		}
		h.Topic.AddToResourcePolicy(may(h.Topic.TopicArn(), "sns:Publish"))
		// In a key policy, * is this key.
		h.Key.AddToResourcePolicy(may(jsii.String("*"), "kms:Decrypt", "kms:GenerateDataKey"), nil)
	}
	alarms := h.addAlarms(watched)
	newDashboard(h, watched, alarms)
	newQueries(h, watched)
}

// What CloudWatch makes of a period without a value.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
const (
	missingIsFine  = "notBreaching"
	missingIsBad   = "breaching"
	missingIsStale = "ignore" // the alarm stays as it is
)

const (
	minute = 60
	hour   = 60 * minute

	// A sweep comes once a day, and takes its time. CloudWatch looks back over at
	// most a week, in periods of an hour or more.
	// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
	sweepHours = 26
	haltHours  = 24

	// One event that fails in all its tries, or as many that fail once. What is
	// retried with success, such as a sweep that ran out of time, wakes nobody.
	errorsAnHour = retries + 1

	atLeast = "GreaterThanOrEqualToThreshold"
)

// watch is what an alarm watches: a metric of CloudWatch's, or of Warder's.
type watch struct {
	namespace, name  string
	dimension, value string // the value may be a reference
	statistic        string
	period, periods  int    // seconds, an hour when 0; all periods have to be beyond the threshold, 1 when 0
	comparison       string // atLeast when empty
	threshold        float64
	missing          string
	twice            bool   // the alarm notifies both topics
	plus             string // another metric beside it, whose values are added
}

// addAlarms adds the alarms and returns their names, the most urgent first. They
// have names because the name is in the subject of the mail.
func (h *Hub) addAlarms(watched []control.Control) []string {
	var names []string
	add := func(id, name string, w watch, description string, values ...any) {
		props := w.alarm(settings.Product+"-"+name, fmt.Sprintf(description, values...))
		props.AlarmActions, props.OkActions = &[]any{h.Topic.TopicArn()}, &[]any{h.Topic.TopicArn()}
		if w.twice {
			props.AlarmActions = h.bothTopics()
		}
		awscloudwatch.NewCfnAlarm(h.Stack, jsii.String(id), props)
		names = append(names, *props.AlarmName)
	}
	failed, undelivered := notEmpty(h.Failed), notEmpty(h.Undelivered)
	failed.twice, undelivered.twice = true, true
	add("FailedAlarm", "failed", failed,
		"An event could not be handled in all its tries and is kept in the queue Failed, for 14 days. "+
			"Read why in the saved query warder/failures, fix the cause, then: make redrive. See %s.", handbook)
	add("UndeliveredAlarm", "undelivered", undelivered,
		"An event or a notice did not reach its function and is kept in the queue Undelivered, for 14 days. "+
			"Check that the function exists and can be invoked: make doctor. Then: make redrive. See %s.", handbook)
	halted := watch{
		namespace: metric.Namespace, name: metric.HaltedHours.Name, statistic: "Maximum",
		threshold: haltHours, missing: missingIsStale,
	}
	add("HaltAlarm", "halted", halted,
		"Warder has been halted for %d hours or more: it notifies, and changes nothing. "+
			"Who halted it and why: make doctor. To end it: make resume. See %s.", haltHours, handbook)
	var sweeps []awscloudwatch.CfnAlarm
	for _, c := range watched {
		id, see := pascal(c.ID), "See "+h.runbook(c)+"."
		if !c.Tool && h.props.Settings.Controls[c.ID].Mode == control.Enforce {
			// By the minute, so that a release soon after is seen apart.
			open := watch{
				namespace: metric.Namespace, name: metric.BreakerOpen.Name, dimension: metric.Control, value: c.ID,
				statistic: "Maximum", period: minute, threshold: 1, missing: missingIsStale,
			}
			add(id+"BreakerAlarm", c.ID+"-breaker", open,
				"%s has stopped itself: more than %d changes in an hour were due. "+
					"Read what is pending, in its notice or in the saved query warder/last actions. "+
					"If that is right: make release CONTROL=%[1]s REASON=... If it is not: make halt REASON=... "+
					"and set the control to observe. %[3]s", c.ID, h.props.Settings.BlastRadius, see)
		}
		errors := watch{
			namespace: "AWS/Lambda", name: "Errors", plus: "Throttles", dimension: "FunctionName",
			value: settings.FunctionName(c.ID), statistic: "Sum", threshold: errorsAnHour, missing: missingIsFine,
		}
		add(id+"ErrorAlarm", c.ID+"-errors", errors,
			"The function %s failed or was throttled %d times or more within an hour. "+
				"Read why in the saved query warder/failures. What failed in every try is kept in the queue Failed: "+
				"make redrive, once the cause is fixed. %s", errors.value, errorsAnHour, see)
		if c.Tool && watches(c) {
			// It checks the others: nobody checks it but CloudWatch. Nobody can put values into a namespace of AWS's.
			none := watch{
				namespace: "AWS/Lambda", name: "Invocations", dimension: "FunctionName", value: errors.value, statistic: "Sum",
				periods: sweepHours, comparison: "LessThanThreshold", threshold: 1, missing: missingIsBad, twice: true,
			}
			add(id+"MissingAlarm", c.ID+"-missing", none,
				"%s has not run in %d hours: whether Warder is as it was deployed is not known. Find out who disabled its rule "+
					"or its function: make doctor. After the first deployment it is on until the first run. %s",
				errors.value, sweepHours, see)
		}
		if !c.Tool && c.Schedule != "" {
			none := watch{
				namespace: metric.Namespace, name: metric.Sweeps.Name, dimension: metric.Control, value: c.ID,
				statistic: "Sum", periods: sweepHours, comparison: "LessThanThreshold", threshold: 1, missing: missingIsBad,
			}
			description := fmt.Sprintf("%s has not completed a sweep in %d hours: "+
				"what its events missed is not found, and pending changes are not made. "+
				"Sweep now and read the answer: make sweep CONTROL=%[1]s. "+
				"Read why in the saved query warder/failures. %[3]s", c.ID, sweepHours, see)
			sweeps = append(sweeps, awscloudwatch.NewCfnAlarm(h.Stack, jsii.String(id+"SweepAlarm"),
				none.alarm(settings.Product+"-"+c.ID+"-sweep", description)))
		}
	}
	if len(sweeps) > 0 {
		names = append(names, h.newSweepAlarm(sweeps))
	}
	for _, sweep := range sweeps {
		names = append(names, *sweep.AlarmName())
	}
	return names
}

// bothTopics are for alarms that go off as well when nothing can be published to the topic of notices: then events fail
// in all their tries, and sweeps do not come to their end.
func (h *Hub) bothTopics() *[]any { return &[]any{h.Topic.TopicArn(), h.Watch.TopicArn()} }

// runbook returns the address of the page about a control or a tool.
func (h *Hub) runbook(c control.Control) string {
	if runbooks := h.props.Settings.Runbooks; runbooks != "" {
		return runbooks + c.ID
	}
	return "functions/" + c.ID + "/README.md"
}

// notEmpty watches a queue that is empty while all is well. SQS has no values of
// a queue that nobody has used for hours.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
func notEmpty(queue awssqs.Queue) watch {
	return watch{
		namespace: "AWS/SQS", name: "ApproximateNumberOfMessagesVisible",
		dimension: "QueueName", value: *queue.QueueName(), statistic: "Maximum", period: 5 * minute,
		comparison: "GreaterThanThreshold", missing: missingIsFine,
	}
}

// alarm returns the props of an alarm that notifies nobody.
func (w watch) alarm(name, description string) *awscloudwatch.CfnAlarmProps {
	periods, period := jsii.Number(cmp.Or(w.periods, 1)), jsii.Number(cmp.Or(w.period, hour))
	props := &awscloudwatch.CfnAlarmProps{
		AlarmName:          jsii.String(name),
		AlarmDescription:   jsii.String(description),
		ComparisonOperator: jsii.String(cmp.Or(w.comparison, atLeast)),
		Threshold:          jsii.Number(w.threshold),
		EvaluationPeriods:  periods,
		DatapointsToAlarm:  periods,
		TreatMissingData:   jsii.String(w.missing),
	}
	var dimensions *[]any
	if w.dimension != "" {
		dimensions = &[]any{&awscloudwatch.CfnAlarm_DimensionProperty{
			Name: jsii.String(w.dimension), Value: jsii.String(w.value),
		}}
	}
	if w.plus == "" {
		props.Namespace, props.MetricName, props.Dimensions = jsii.String(w.namespace), jsii.String(w.name), dimensions
		props.Statistic, props.Period = jsii.String(w.statistic), period
		return props
	}
	query := func(id, name string) *awscloudwatch.CfnAlarm_MetricDataQueryProperty {
		return &awscloudwatch.CfnAlarm_MetricDataQueryProperty{
			Id: jsii.String(id), ReturnData: jsii.Bool(false),
			MetricStat: &awscloudwatch.CfnAlarm_MetricStatProperty{
				Metric: &awscloudwatch.CfnAlarm_MetricProperty{
					Namespace: jsii.String(w.namespace), MetricName: jsii.String(name), Dimensions: dimensions,
				},
				Period: period, Stat: jsii.String(w.statistic),
			},
		}
	}
	props.Metrics = &[]any{
		&awscloudwatch.CfnAlarm_MetricDataQueryProperty{
			Id: jsii.String("sum"), Expression: jsii.String("FILL(a, 0) + FILL(b, 0)"),
			Label: jsii.String(w.name + " and " + w.plus), ReturnData: jsii.Bool(true),
		},
		query("a", w.name), query("b", w.plus),
	}
	return props
}

// newSweepAlarm adds the alarm that is on while one of the alarms of the sweeps
// is, and returns its name. Only this one notifies: what prevents one sweep prevents most, and until the
// first sweep after the first deployment no control has one.
func (h *Hub) newSweepAlarm(sweeps []awscloudwatch.CfnAlarm) string {
	const name = settings.Product + "-no-sweep"
	var rule []string
	for _, sweep := range sweeps {
		rule = append(rule, "ALARM("+*sweep.Ref()+")") // its name; a rule may name only alarms that exist
	}
	awscloudwatch.NewCfnCompositeAlarm(h.Stack, jsii.String("SweepAlarm"), &awscloudwatch.CfnCompositeAlarmProps{
		AlarmName: jsii.String(name),
		AlarmDescription: jsii.String(fmt.Sprintf("A control has not completed a sweep in %d hours; "+
			"the alarms that end in -sweep say which one, and what to do. After the first deployment it is on until "+
			"the first sweeps. Sweep now: make sweep CONTROL=... See %s.", sweepHours, handbook)),
		AlarmRule:    jsii.String(strings.Join(rule, " OR ")),
		AlarmActions: h.bothTopics(),
		OkActions:    &[]any{h.Topic.TopicArn()},
	})
	return name
}

// A query is a saved query of the log, in the language of Logs Insights.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html
type query struct{ id, name, text string }

// queries read the lines that pkg/remediation and pkg/handler write, each those of one message.
var queries = []query{
	{"LastActions", "last actions", `fields @timestamp, control, subject, kind, target, status, reason, id
| filter msg = "change"
| sort @timestamp desc
| limit 100`},
	{"UserHistory", "one user's history", `# Write the user's name in place of alice.
fields @timestamp, control, msg, kind, target, status, reason, title, severity, owner, id
| filter subject = "alice" and msg in ["change", "notice"]
| sort @timestamp desc
| limit 500`},
	{"WouldChange", "what observe would have done", `fields @timestamp, control, subject, kind, target, id
| filter msg = "change" and status = "would_change"
| sort @timestamp desc
| limit 500`},
	{"Failures", "failures", `fields @timestamp, control, msg, subject, error, reason, event, request_id
| filter level = "ERROR"
| sort @timestamp desc
| limit 100`},
	{"OpenCases", "open cases", `filter msg = "case"
| stats latest(due) as due_on, latest(severity) as severity_now, latest(owner) as notified, ` +
		`latest(held) as on_hold, max(@timestamp) as seen by control, subject, title, id
| sort due_on asc
| limit 200`},
	{"OneEvent", "one event from end to end", `# Write the key of the event, or a request id, in place of EVENT.
fields @timestamp, control, level, msg, subject, kind, target, status, outcome, reason, error, request_id
| filter event = "EVENT" or request_id = "EVENT"
| sort @timestamp asc
| limit 200`},
}

// newQueries saves the queries, over the logs of all functions.
func newQueries(h *Hub, watched []control.Control) {
	var groups []any
	for _, c := range watched {
		groups = append(groups, h.kept(settings.LogGroupName(c.ID)))
	}
	for _, q := range queries {
		awslogs.NewCfnQueryDefinition(h.Stack, jsii.String(q.id+"Query"), &awslogs.CfnQueryDefinitionProps{
			Name:          jsii.String(settings.Product + "/" + q.name), // the console shows a folder
			QueryString:   jsii.String(q.text),
			LogGroupNames: &groups,
		})
	}
}

// A board is the body of a dashboard.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
type board struct {
	Start   string   `json:"start"`
	Widgets []widget `json:"widgets"`
}

type widget struct {
	Type       string           `json:"type"`
	X          int              `json:"x"`
	Y          int              `json:"y"`
	Width      int              `json:"width"`
	Height     int              `json:"height"`
	Properties widgetProperties `json:"properties"`
}

// widgetProperties are those of a widget's type, the others empty.
type widgetProperties struct {
	Markdown string   `json:"markdown,omitempty"`
	Title    string   `json:"title,omitempty"`
	Region   string   `json:"region,omitempty"`
	View     string   `json:"view,omitempty"`
	Stacked  any      `json:"stacked,omitempty"` // false is not empty
	Stat     string   `json:"stat,omitempty"`
	Period   int      `json:"period,omitempty"` // seconds
	Metrics  [][]any  `json:"metrics,omitempty"`
	Query    string   `json:"query,omitempty"`
	Alarms   []string `json:"alarms,omitempty"` // ARNs
}

// boardWidth is how many columns a dashboard has.
const boardWidth = 24

// logSource is a log group in a query of the dashboard, without the last quote.
var logSource = lazyregexp.New(`(SOURCE '[^']*)'`)

// newDashboard adds the dashboard, with the alarms of the given names.
func newDashboard(h *Hub, watched []control.Control, alarms []string) {
	var body strings.Builder
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)                               // for a reader of the template
	_ = encoder.Encode(newBoard(*h.Region(), watched, alarms)) // cannot fail: strings and numbers
	text, values := strings.TrimSpace(body.String()), map[string]*string{
		"Failed": h.Failed.QueueName(), "Undelivered": h.Undelivered.QueueName(),
	}
	if h.org != nil {
		text = logSource().ReplaceAllString(text, "${1}$${End}'")
		values["End"] = &h.org.suffix
	}
	awscloudwatch.NewCfnDashboard(h.Stack, jsii.String("Dashboard"), &awscloudwatch.CfnDashboardProps{
		DashboardName: jsii.String(settings.Product),
		DashboardBody: awscdk.Fn_Sub(&text, &values),
	})
}

// newBoard returns what the dashboard shows, from the top: the alarms, the changes, the
// open cases, the failures, and the course of the metrics over the last day.
func newBoard(region string, watched []control.Control, alarms []string) board {
	b := board{Start: fmt.Sprintf("-PT%dH", sweepHours)}
	var sources []string
	var controls []control.Control
	for _, c := range watched {
		sources = append(sources, "SOURCE '"+settings.LogGroupName(c.ID)+"'")
		if !c.Tool {
			controls = append(controls, c)
		}
	}
	y := 0
	row := func(height int, widgets ...widget) {
		width := boardWidth / len(widgets)
		for i, w := range widgets {
			w.X, w.Y, w.Width, w.Height = i*width, y, width, height
			b.Widgets = append(b.Widgets, w)
		}
		y += height
	}
	chart := func(title, stat string, period int, metrics ...[]any) widget {
		return widget{Type: "metric", Properties: widgetProperties{
			Title: title, Region: region, View: "timeSeries",
			Stacked: stat == "Sum", Stat: stat, Period: period, Metrics: metrics,
		}}
	}
	each := func(title, stat string, m metric.Metric) widget {
		var lines [][]any
		for _, c := range controls {
			lines = append(lines, []any{metric.Namespace, m.Name, metric.Control, c.ID, map[string]any{"label": c.ID}})
		}
		return chart(title, stat, hour, lines...)
	}
	table := func(title, id string) widget {
		i := slices.IndexFunc(queries, func(q query) bool { return q.id == id })
		query := strings.Join(append(sources, queries[i].text), " | ")
		return widget{Type: "log", Properties: widgetProperties{Title: title, Region: region, View: "table", Query: query}}
	}
	var arns []string
	for _, name := range alarms {
		arns = append(arns, "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:"+name)
	}
	kept := func(queue string) []any {
		label := map[string]any{"label": queue}
		return []any{"AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "${" + queue + "}", label}
	}
	row(3, widget{Type: "text", Properties: widgetProperties{Markdown: "# Warder\n" +
		"Each alarm says what to do about it. Stop every change: `make halt REASON=...`, go on: `make resume`. " +
		"Undo: `make undo ID=... REASON=...`, with the id of the change below. " +
		"Why: `make explain KEY=...` or `USER=...`. " +
		"What is kept in the queues: `make redrive`. More queries: Logs Insights, saved, folder `warder`."}})
	row(7, widget{Type: "alarm", Properties: widgetProperties{Title: "Alarms", Alarms: arns}})
	row(8, table("Latest changes", "LastActions"))
	row(8, table("Open cases", "OpenCases"), table("Failures", "Failures"))
	row(7,
		each("Changes", "Sum", metric.Changes),
		each("Seconds from event to change (maximum)", "Maximum", metric.SecondsToChange),
		each("Notices", "Sum", metric.Notices))
	row(7,
		each("Findings", "Sum", metric.Findings),
		each("Open cases, at the end of a sweep", "Maximum", metric.OpenCases),
		each("Completed sweeps", "Sum", metric.Sweeps))
	var reasons [][]any
	for _, m := range metric.All {
		if strings.HasPrefix(m.Name, metric.Skipped.Name) && m != metric.Skipped {
			reasons = append(reasons, []any{metric.Namespace, m.Name})
		}
	}
	row(7,
		chart("Skipped, by reason", "Sum", hour, reasons...),
		each("Failures", "Sum", metric.Failures),
		chart("Kept in the queues", "Maximum", 5*minute, kept("Failed"), kept("Undelivered")))
	row(6,
		each("Skipped, by control", "Sum", metric.Skipped),
		each("Stopped by the blast radius", "Maximum", metric.BreakerOpen),
		chart("Hours halted", "Maximum", hour, []any{metric.Namespace, metric.HaltedHours.Name}))
	return b
}
