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
	"github.com/aws/constructs-go/constructs/v10"
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
		if h.Mails != nil {
			h.Mails.AddToResourcePolicy(may(h.Mails.TopicArn(), "sns:Publish"))
		}
		// In a key policy, * is this key.
		h.Key.AddToResourcePolicy(may(jsii.String("*"), "kms:Decrypt", "kms:GenerateDataKey"), nil)
	}
	for _, c := range watched {
		h.countErrors(c)
	}
	newDashboard(h, watched, h.addAlarms())
	newQueries(h, watched)
}

// What CloudWatch makes of a period without a value.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
const (
	missingIsFine  = "notBreaching"
	missingIsStale = "ignore" // the alarm stays as it is
	// The alarm becomes INSUFFICIENT_DATA when all values are missing. That it has been since it was made notifies nobody;
	// that it becomes so, because values have ended, does.
	missingIsUnknown = "missing"
)

const (
	minute = 60
	hour   = 60 * minute

	// The daily check comes once a day, and takes its time. CloudWatch looks back over at most a week, in periods of an
	// hour or more.
	// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
	checkHours = 26
	haltHours  = 24

	// One event that fails in all its tries, or as many that fail once. What is
	// retried with success, such as a sweep that ran out of time, wakes nobody.
	errorsAnHour = retries + 1

	atLeast = "GreaterThanOrEqualToThreshold"
)

// An alarm watches one metric of CloudWatch's, or of Warder's.
type alarm struct {
	id, name          string // in the template; in the subject of the mail
	namespace, metric string
	dimension, value  string // the value may be a reference
	statistic         string
	period, periods   int    // seconds, an hour when 0; all periods have to be beyond the threshold, 1 when 0
	comparison        string // atLeast when empty
	threshold         float64
	missing           string
	twice             bool // it notifies both topics
	description       string
	never             bool // it watches neverChecked of the function that is the value
}

// neverChecked is 1 in a period in which sweeps ran and the daily check did not. One that never ran has no value that
// could end, so that the alarm on its absence stays INSUFFICIENT_DATA, and says nothing.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
const neverChecked = "IF(sweeps > 0 AND FILL(checks, 0) < 1, 1, 0)"

// neverDays is in how many days in a row: on the first day, and wherever CloudWatch begins its days, the check may not
// have come yet when the first sweep has.
const neverDays = 3

// neverMetrics is what neverChecked is made of. Each sweep measures for how long Warder has been halted, with 0 too.
func (a alarm) neverMetrics() *[]any {
	of := func(id, namespace, name, statistic string, dimensions *[]any) any {
		return &awscloudwatch.CfnAlarm_MetricDataQueryProperty{
			Id: jsii.String(id), ReturnData: jsii.Bool(false), MetricStat: &awscloudwatch.CfnAlarm_MetricStatProperty{
				Metric: &awscloudwatch.CfnAlarm_MetricProperty{
					Namespace: jsii.String(namespace), MetricName: jsii.String(name), Dimensions: dimensions,
				},
				Period: jsii.Number(a.period), Stat: jsii.String(statistic),
			},
		}
	}
	return &[]any{
		&awscloudwatch.CfnAlarm_MetricDataQueryProperty{
			Id: jsii.String("never"), Expression: jsii.String(neverChecked), ReturnData: jsii.Bool(true),
		},
		of("sweeps", metric.Namespace, metric.HaltedHours.Name, "SampleCount", nil),
		of("checks", a.namespace, a.metric, a.statistic, a.dimensions()),
	}
}

// errorPattern matches the lines of the log that stand for an error of Lambda's metric of that name: what the function
// says of its own failures, and what Lambda says of a run that it had to end, in which the function says nothing.
// Lambda writes its own lines at the system log level INFO, which is the default.
// https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html#platform-report
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
const errorPattern = `{ ($.level = "ERROR" && ` +
	`($.msg = "invocation" || $.msg = "set up" || $.msg = "runtime")) || ` +
	`($.type = "platform.report" && ($.record.status = "timeout" || $.record.status = "failure" || ` +
	`$.record.errorType = "Runtime.*")) }`

// countErrors counts the errors of a function, with those of all functions: a filter costs nothing, and an alarm for
// each function would.
func (h *Hub) countErrors(c control.Control) {
	scope := h.Node().FindChild(jsii.String(pascal(c.ID))).(constructs.Construct)
	awslogs.NewCfnMetricFilter(scope, jsii.String("Errors"), &awslogs.CfnMetricFilterProps{
		LogGroupName:  scope.Node().FindChild(jsii.String("Logs")).(awslogs.LogGroup).LogGroupName(),
		FilterPattern: jsii.String(errorPattern),
		MetricTransformations: &[]any{&awslogs.CfnMetricFilter_MetricTransformationProperty{
			MetricNamespace: jsii.String(metric.Namespace), MetricName: jsii.String(metric.Errors.Name),
			MetricValue: jsii.String("1"), Unit: jsii.String(string(metric.Errors.Unit)),
		}},
	})
}

// alarms lists the alarms, the most urgent first. None rings before what it says can be true: one without values yet is
// INSUFFICIENT_DATA, which notifies nobody, and none notifies when it goes off, as that is what a new one does first.
func (h *Hub) alarms() []alarm {
	own := func(id, name string, m metric.Metric, threshold float64, description string, values ...any) alarm {
		return alarm{
			id: id, name: name, namespace: metric.Namespace, metric: m.Name, statistic: "Maximum", threshold: threshold,
			missing: missingIsStale, description: fmt.Sprintf(description, values...),
		}
	}
	breaker := own("BreakerAlarm", "breaker", metric.BreakerOpen, 1,
		"A control has stopped itself: more than %d changes in an hour were due. Its notice says which control and what is "+
			"pending, and so does the saved query warder/last actions. If that is right: make release CONTROL=... REASON=... "+
			"If it is not: make halt REASON=... and set the control to observe. See %s.",
		h.props.Settings.BlastRadius, handbook)
	breaker.period = minute // so that a release soon after is seen apart
	errors := own(
		"ErrorAlarm",
		"errors",
		metric.Errors,
		errorsAnHour,
		"Functions failed %d times or more within an hour: an error, a timeout, out of memory. Which and why: the saved "+
			"query "+
			"warder/failures. What failed in every try is kept in the queue Failed: make redrive, once the cause is fixed. "+
			"See %s.",
		errorsAnHour,
		handbook,
	)
	errors.statistic, errors.missing = "Sum", missingIsFine
	unreached := own("UnreachedAlarm", "unreached", metric.Unreached, 1,
		"A control is to change something, and nobody responsible can be notified before: it changes nothing. Its notice "+
			"says what waits. Name an address in notify or owners.default, or put the owners' addresses right: make doctor. "+
			"See %s.", handbook)
	unreached.missing = missingIsFine // a sweep that has nobody to notify says so once a day
	alarms := []alarm{
		notEmpty("FailedAlarm", "failed", h.Failed,
			"An event could not be handled in all its tries and is kept in the queue Failed, for 14 days. "+
				"Read why in the saved query warder/failures, fix the cause, then: make redrive. See "+handbook+"."),
		notEmpty("UndeliveredAlarm", "undelivered", h.Undelivered,
			"An event or a notice did not reach its function and is kept in the queue Undelivered, for 14 days. "+
				"Check that the function exists and can be invoked: make doctor. Then: make redrive. See "+handbook+"."),
		own("DeliveryAlarm", "delivery", metric.DeliveryFaults, 1,
			"AWS throttled functions, or could neither deliver nor keep an event: the daily check names them in its notice. "+
				"What was lost is found by the next sweep, or by nobody. Fix the cause: make doctor. See %s.", handbook),
		own("HeartbeatAlarm", "no-heartbeat", metric.SilentRegions, 1,
			"An event that the daily check put on the bus of a region has not arrived in the ledger: what happens there does "+
				"not reach Warder. The daily check names the region in its notice. Compare its bus, rules and role: make doctor. "+
				"See %s.", handbook),
		own("HaltAlarm", "halted", metric.HaltedHours, haltHours,
			"Warder has been halted for %d hours or more: it notifies, and changes nothing. "+
				"Who halted it and why: make doctor. To end it: make resume. See %s.", haltHours, handbook),
		breaker, errors, unreached,
		own("SweepAlarm", "no-sweep", metric.OverdueSweeps, 1,
			"A control has not completed a sweep in %d hours: what its events missed is not found, and pending changes are not "+
				"made. The daily check names it in its notice. Sweep now and read the answer: make sweep CONTROL=... "+
				"Read why in the saved query warder/failures. See %s.", checkHours, handbook),
	}
	for i := range alarms {
		alarms[i].twice = slices.Contains(
			[]string{"failed", "undelivered", "delivery", "no-heartbeat", "no-sweep", "unreached"},
			alarms[i].name,
		)
	}
	for _, c := range h.props.Controls {
		if !c.Tool || !watches(c) {
			continue
		}
		// It checks the others: nobody checks it but CloudWatch. Nobody can put values into a namespace of AWS's.
		alarms = append(alarms, alarm{
			id: pascal(c.ID) + "MissingAlarm", name: c.ID + "-missing", namespace: "AWS/Lambda", metric: "Invocations",
			dimension: "FunctionName", value: settings.FunctionName(c.ID), statistic: "Sum", periods: checkHours,
			comparison: "LessThanThreshold", threshold: 1, missing: missingIsUnknown, twice: true,
			description: fmt.Sprintf("%s has not run in %d hours: whether Warder is as it was deployed is not known. Find out "+
				"who disabled its rule or its function: make doctor. This alarm is on when its state is INSUFFICIENT_DATA. "+
				"See %s.", settings.FunctionName(c.ID), checkHours, h.runbook(c)),
		}, alarm{
			id: pascal(c.ID) + "NeverAlarm", name: c.ID + "-never", namespace: "AWS/Lambda", metric: "Invocations",
			dimension: "FunctionName", value: settings.FunctionName(c.ID), statistic: "Sum", period: 24 * hour,
			periods: neverDays, threshold: 1, missing: missingIsFine, twice: true, never: true,
			description: fmt.Sprintf("Sweeps have run for %d days, and %s has not: whether Warder is as it was deployed has "+
				"never been looked at. Find out what keeps its schedule or its function from running: make doctor. See %s.",
				neverDays, settings.FunctionName(c.ID), h.runbook(c)),
		})
	}
	return alarms
}

// addAlarms adds the alarms and returns their names.
func (h *Hub) addAlarms() (names []string) {
	for _, a := range h.alarms() {
		props := a.props(settings.Product + "-" + a.name)
		actions := []any{h.Topic.TopicArn()}
		if h.Mails != nil { // nobody has to fold alarms first
			actions = append(actions, h.Mails.TopicArn())
		}
		if a.twice {
			// It goes off as well when nothing can be published to the topic of notices: then events fail in all their tries,
			// and sweeps do not come to their end.
			actions = append(actions, h.Watch.TopicArn())
		}
		props.AlarmActions = &actions
		if a.missing == missingIsUnknown {
			props.InsufficientDataActions = &actions
		}
		awscloudwatch.NewCfnAlarm(h.Stack, jsii.String(a.id), props)
		names = append(names, *props.AlarmName)
	}
	return names
}

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
func notEmpty(id, name string, queue awssqs.Queue, description string) alarm {
	return alarm{
		id: id, name: name, namespace: "AWS/SQS", metric: "ApproximateNumberOfMessagesVisible",
		dimension: "QueueName", value: *queue.QueueName(), statistic: "Maximum", period: 5 * minute,
		comparison: "GreaterThanThreshold", missing: missingIsFine, description: description,
	}
}

// props returns the props of an alarm that notifies nobody.
func (a alarm) props(name string) *awscloudwatch.CfnAlarmProps {
	periods := jsii.Number(cmp.Or(a.periods, 1))
	props := &awscloudwatch.CfnAlarmProps{
		AlarmName:          jsii.String(name),
		AlarmDescription:   jsii.String(a.description),
		ComparisonOperator: jsii.String(cmp.Or(a.comparison, atLeast)),
		Threshold:          jsii.Number(a.threshold),
		EvaluationPeriods:  periods,
		DatapointsToAlarm:  periods,
		TreatMissingData:   jsii.String(a.missing),
	}
	if a.never {
		props.Metrics = a.neverMetrics()
		return props
	}
	props.Namespace, props.MetricName = jsii.String(a.namespace), jsii.String(a.metric)
	props.Statistic, props.Period = jsii.String(a.statistic), jsii.Number(cmp.Or(a.period, hour))
	if a.dimension != "" {
		props.Dimensions = a.dimensions()
	}
	return props
}

func (a alarm) dimensions() *[]any {
	return &[]any{&awscloudwatch.CfnAlarm_DimensionProperty{Name: jsii.String(a.dimension), Value: jsii.String(a.value)}}
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
	// Of a run that ran out of time or memory there is only what Lambda itself says: no level, no control but the log's
	// name.
	{"Failures", "failures", `fields @timestamp, @log, control, msg, subject, error, reason, event, request_id, ` +
		`record.status, record.errorType, record.requestId
| filter level = "ERROR" or (type = "platform.report" and record.status in ["error", "failure", "timeout"])
| sort @timestamp desc
| limit 100`},
	{"Measured", "what controls measured", `filter msg = "invocation"
| stats sum(Findings) as found, sum(Changes) as changed, sum(Notices) as notified, sum(Failures) as failed, ` +
		`sum(Skipped) as skipped, sum(SkippedRepeated) as repeated, sum(SkippedWaiting) as waiting, ` +
		`sum(SkippedExempt) as exempt, sum(SkippedUndone) as undone, sum(SkippedHeld) as held, sum(SkippedMoot) as moot, ` +
		`max(SecondsToChange) as slowest_change_in_seconds by control
| sort control asc`},
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
	Stat     string   `json:"stat,omitempty"`
	Period   int      `json:"period,omitempty"` // seconds
	Metrics  [][]any  `json:"metrics,omitempty"`
	Query    string   `json:"query,omitempty"`
	Alarms   []string `json:"alarms,omitempty"` // ARNs
	States   []string `json:"states,omitempty"` // of the alarms that are shown
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

// newBoard returns what the dashboard shows, from the top: the numbers that somebody asks for first, the alarms that
// are on, the changes, the open cases, the failures, and what each control did over the last day. It shows few metrics,
// as three dashboards of up to 50 are free in an account: what each control measured is read from the log.
// https://aws.amazon.com/cloudwatch/pricing/
func newBoard(region string, watched []control.Control, alarms []string) board {
	b := board{Start: fmt.Sprintf("-PT%dH", checkHours)}
	var sources []string
	for _, c := range watched {
		sources = append(sources, "SOURCE '"+settings.LogGroupName(c.ID)+"'")
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
	table := func(title, id string) widget {
		i := slices.IndexFunc(queries, func(q query) bool { return q.id == id })
		query := strings.Join(append(slices.Clone(sources), queries[i].text), " | ")
		return widget{Type: "log", Properties: widgetProperties{Title: title, Region: region, View: "table", Query: query}}
	}
	var arns []string
	for _, name := range alarms {
		arns = append(arns, "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:"+name)
	}
	number := func(label, stat string, m metric.Metric) []any {
		return []any{metric.Namespace, m.Name, map[string]any{"label": label, "stat": stat}}
	}
	kept := func(label, queue string) []any {
		return []any{"AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "${" + queue + "}",
			map[string]any{"label": label, "stat": "Maximum"}}
	}
	row(4, widget{Type: "metric", Properties: widgetProperties{
		Title: "In the last day", Region: region, View: "singleValue", Stat: "Maximum", Period: 24 * hour, Metrics: [][]any{
			number("Halted (hours)", "Maximum", metric.HaltedHours),
			number("Open cases", "Maximum", metric.OpenCases),
			number("Failed", "Sum", metric.Errors),
			kept("Queued: failed", "Failed"), kept("Queued: undelivered", "Undelivered"),
			number("Stopped controls", "Maximum", metric.BreakerOpen),
			number("Waiting: nobody can be notified", "Maximum", metric.Unreached),
			number("Overdue sweeps", "Maximum", metric.OverdueSweeps),
			number("Lost or throttled", "Maximum", metric.DeliveryFaults),
		},
	}})
	row(4, widget{Type: "alarm", Properties: widgetProperties{
		// One that waits for the daily check is on without data.
		Title: "Alarms that are on, or have no data", Alarms: arns, States: []string{"ALARM", "INSUFFICIENT_DATA"},
	}}, widget{Type: "text", Properties: widgetProperties{Markdown: "Each alarm says what to do about it. " +
		"Stop every change: `make halt REASON=...`, go on: `make resume`. " +
		"Undo: `make undo ID=... REASON=...`, with the id of " +
		"the change below. Why: `make explain KEY=...` or `USER=...`. What is kept in the queues: `make redrive`.\n\n" +
		links(region)}})
	row(8, table("Latest changes", "LastActions"))
	row(8, table("Open cases", "OpenCases"), table("Failures", "Failures"))
	row(8, table("What controls measured", "Measured"))
	return b
}

// links are addresses of the console that a person on call wants next.
// https://docs.aws.amazon.com/general/latest/gr/mgmt-console.html
func links(region string) string {
	host := "https://" + region + ".console.aws.amazon.com"
	switch {
	case strings.HasPrefix(region, "cn-"):
		host = "https://console.amazonaws.cn"
	case strings.HasPrefix(region, "us-gov-"):
		host = "https://console.amazonaws-us-gov.com"
	}
	var all []string
	for _, link := range [][2]string{
		{"Saved queries", "cloudwatch/home?region=" + region + "#logsV2:logs-insights"},
		{"All alarms", "cloudwatch/home?region=" + region + "#alarmsV2:?search=" + settings.Product},
		{"Queues", "sqs/v3/home?region=" + region + "#/queues"},
		{"Functions", "lambda/home?region=" + region + "#/functions"},
		{"Ledger", "dynamodbv2/home?region=" + region + "#table?name=" + settings.TableName},
		{"Stack", "cloudformation/home?region=" + region + "#/stacks"},
	} {
		all = append(all, fmt.Sprintf("[%s](%s/%s)", link[0], host, link[1]))
	}
	return strings.Join(all, " · ")
}
