package stack

import (
	"fmt"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/metric"
	"github.com/warder-aws/warder/pkg/settings"
)

// handbook says what to do about alarms that are not about one control.
const handbook = "docs/operations.md"

// addOperations adds what a person on call looks at: alarms that notify the topic,
// a dashboard, and saved queries of the log. A control that is off has none of
// them. The only custom metrics are those of pkg/metric.
func (h *Hub) addOperations() {
	var watched []control.Control
	for _, c := range h.props.Controls {
		if c.Tool || !h.props.off(c) {
			watched = append(watched, c)
		}
	}
	if h.props.Settings.Notify.Topic == "" { // a topic elsewhere has its own policy
		h.mayAlarm()
	}
	alarms := h.addAlarms(watched)
	newDashboard(h, watched, alarms)
	newQueries(h.Stack, watched)
}

// mayAlarm allows CloudWatch to notify the topic of this account's alarms, and to use the
// topic's key for that.
// https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
func (h *Hub) mayAlarm() {
	may := func(resource *string, actions ...string) awsiam.PolicyStatement {
		return allowService("cloudwatch", resource, "StringEquals", "aws:SourceAccount", h.Account(), actions...)
	}
	h.Topic.AddToResourcePolicy(may(h.Topic.TopicArn(), "sns:Publish"))
	// In a key policy, * is this key.
	h.Key.AddToResourcePolicy(may(jsii.String("*"), "kms:Decrypt", "kms:GenerateDataKey"), nil)
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
	period           int // seconds
	periods          int // all of them have to be beyond the threshold
	comparison       string
	threshold        float64
	missing          string
	plus             string // another metric beside it, whose values are added
}

// addAlarms adds the alarms and returns their names, the most urgent first. They
// have names because the name is in the subject of the mail.
func (h *Hub) addAlarms(watched []control.Control) []string {
	var names []string
	add := func(id, name, description string, w watch) {
		h.newAlarm(id, name, description, w, true)
		names = append(names, settings.Product+"-"+name)
	}
	add("FailedAlarm", "failed",
		"An event could not be handled in all its tries and is kept in the queue Failed, for 14 days. "+
			"Read why in the saved query warder/failures, fix the cause, then: make redrive. See "+handbook+".",
		notEmpty(h.Failed))
	add("UndeliveredAlarm", "undelivered",
		"An event or a notice did not reach its function and is kept in the queue Undelivered, for 14 days. "+
			"Check that the function exists and can be invoked: make doctor. Then: make redrive. See "+handbook+".",
		notEmpty(h.Undelivered))
	add("HaltAlarm", "halted",
		fmt.Sprintf("Warder has been halted for %d hours or more: it notifies, and changes nothing. "+
			"Who halted it and why: make doctor. To end it: make resume. See %s.", haltHours, handbook),
		watch{
			namespace: metric.Namespace, name: metric.HaltedHours.Name, statistic: "Maximum", period: hour, periods: 1,
			comparison: atLeast, threshold: haltHours, missing: missingIsStale,
		})
	var sweeps []awscloudwatch.CfnAlarm
	for _, c := range watched {
		id, see := pascal(c.ID), "See "+h.runbook(c)+"."
		if !c.Tool && h.props.Settings.Controls[c.ID].Mode == control.Enforce {
			add(id+"BreakerAlarm", c.ID+"-breaker", fmt.Sprintf(
				"%s has stopped itself: more than %d changes in an hour were due. "+
					"Read what is pending, in its notice or in the saved query warder/last actions. "+
					"If that is right: make release CONTROL=%s REASON=... If it is not: make halt REASON=... "+
					"and set the control to observe. %s", c.ID, h.props.Settings.BlastRadius, c.ID, see),
				watch{
					// By the minute, so that a release soon after is seen apart.
					namespace: metric.Namespace, name: metric.BreakerOpen.Name,
					dimension: metric.Control, value: c.ID, statistic: "Maximum", period: minute, periods: 1,
					comparison: atLeast, threshold: 1, missing: missingIsStale,
				})
		}
		add(id+"ErrorAlarm", c.ID+"-errors", fmt.Sprintf(
			"The function %s failed or was throttled %d times or more within an hour. "+
				"Read why in the saved query warder/failures. What failed in every try is kept in the queue Failed: "+
				"make redrive, once the cause is fixed. %s", settings.FunctionName(c.ID), errorsAnHour, see),
			watch{
				namespace: "AWS/Lambda", name: "Errors", plus: "Throttles",
				dimension: "FunctionName", value: settings.FunctionName(c.ID), statistic: "Sum", period: hour, periods: 1,
				comparison: atLeast, threshold: errorsAnHour, missing: missingIsFine,
			})
		if !c.Tool && c.Schedule != "" {
			sweeps = append(sweeps, h.newAlarm(id+"SweepAlarm", c.ID+"-sweep", fmt.Sprintf(
				"%s has not completed a sweep in %d hours: "+
					"what its events missed is not found, and pending changes are not made. "+
					"Sweep now and read the answer: make sweep CONTROL=%s. Read why in the saved query warder/failures. %s",
				c.ID, sweepHours, c.ID, see),
				watch{
					namespace: metric.Namespace, name: metric.Sweeps.Name,
					dimension: metric.Control, value: c.ID, statistic: "Sum", period: hour, periods: sweepHours,
					comparison: "LessThanThreshold", threshold: 1, missing: missingIsBad,
				}, false))
		}
	}
	if len(sweeps) > 0 {
		h.newSweepAlarm(sweeps)
		names = append(names, sweepsAlarm)
	}
	for _, sweep := range sweeps {
		names = append(names, *sweep.AlarmName())
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
func notEmpty(queue awssqs.Queue) watch {
	return watch{
		namespace: "AWS/SQS", name: "ApproximateNumberOfMessagesVisible",
		dimension: "QueueName", value: *queue.QueueName(), statistic: "Maximum", period: 5 * minute, periods: 1,
		comparison: "GreaterThanThreshold", threshold: 0, missing: missingIsFine,
	}
}

// alarm returns the props of an alarm that notifies nobody.
func (w watch) alarm(name, description string) *awscloudwatch.CfnAlarmProps {
	props := &awscloudwatch.CfnAlarmProps{
		AlarmName:          jsii.String(name),
		AlarmDescription:   jsii.String(description),
		ComparisonOperator: jsii.String(w.comparison),
		Threshold:          jsii.Number(w.threshold),
		EvaluationPeriods:  jsii.Number(w.periods),
		DatapointsToAlarm:  jsii.Number(w.periods),
		TreatMissingData:   jsii.String(w.missing),
	}
	var dimensions []any
	if w.dimension != "" {
		dimensions = []any{&awscloudwatch.CfnAlarm_DimensionProperty{
			Name: jsii.String(w.dimension), Value: jsii.String(w.value),
		}}
	}
	if w.plus == "" {
		props.Namespace, props.MetricName = jsii.String(w.namespace), jsii.String(w.name)
		props.Statistic, props.Period = jsii.String(w.statistic), jsii.Number(w.period)
		if w.dimension != "" {
			props.Dimensions = &dimensions
		}
		return props
	}
	query := func(id, name string) *awscloudwatch.CfnAlarm_MetricDataQueryProperty {
		return &awscloudwatch.CfnAlarm_MetricDataQueryProperty{
			Id: jsii.String(id), ReturnData: jsii.Bool(false),
			MetricStat: &awscloudwatch.CfnAlarm_MetricStatProperty{
				Metric: &awscloudwatch.CfnAlarm_MetricProperty{
					Namespace: jsii.String(w.namespace), MetricName: jsii.String(name), Dimensions: &dimensions,
				},
				Period: jsii.Number(w.period), Stat: jsii.String(w.statistic),
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

// newAlarm adds an alarm. If it notifies, the topic gets a message when it goes on and off.
func (h *Hub) newAlarm(id, name, description string, w watch, notifies bool) awscloudwatch.CfnAlarm {
	props := w.alarm(settings.Product+"-"+name, description)
	if notifies {
		props.AlarmActions = &[]any{h.Topic.TopicArn()}
		props.OkActions = props.AlarmActions
	}
	return awscloudwatch.NewCfnAlarm(h.Stack, jsii.String(id), props)
}

// sweepsAlarm is the alarm about all sweeps.
const sweepsAlarm = settings.Product + "-no-sweep"

// newSweepAlarm adds the alarm that is on while one of the alarms of the sweeps
// is. Only this one notifies: what prevents one sweep prevents most, and until the
// first sweep after the first deployment no control has one.
func (h *Hub) newSweepAlarm(sweeps []awscloudwatch.CfnAlarm) {
	var rule []string
	for _, sweep := range sweeps {
		rule = append(rule, "ALARM("+*sweep.Ref()+")") // its name; a rule may name only alarms that exist
	}
	awscloudwatch.NewCfnCompositeAlarm(h.Stack, jsii.String("SweepAlarm"), &awscloudwatch.CfnCompositeAlarmProps{
		AlarmName: jsii.String(sweepsAlarm),
		AlarmDescription: jsii.String(fmt.Sprintf("A control has not completed a sweep in %d hours; "+
			"the alarms that end in -sweep say which one, and what to do. After the first deployment it is on until "+
			"the first sweeps. Sweep now: make sweep CONTROL=... See %s.", sweepHours, handbook)),
		AlarmRule:    jsii.String(strings.Join(rule, " OR ")),
		AlarmActions: &[]any{h.Topic.TopicArn()},
		OkActions:    &[]any{h.Topic.TopicArn()},
	})
}
