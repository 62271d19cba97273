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

// handbook is what to do about alarms that are not of one control.
const handbook = "docs/operations.md"

// newOperations adds what a person on call looks at: alarms that tell the topic,
// a dashboard, and saved queries of the log. A control that is off has none of
// them; nor have the functions a metric of their own for it but those of
// pkg/metric.
func newOperations(hub Hub, props HubProps) {
	var watched []control.Control
	for _, c := range props.Controls {
		if c.Tool || props.Settings.Controls[c.ID].Mode != control.Off {
			watched = append(watched, c)
		}
	}
	if props.Settings.Notify.Topic == "" { // of one elsewhere, that is decided there
		hub.mayAlarm()
	}
	alarms := newAlarms(hub, watched, props.Settings)
	newDashboard(hub, watched, alarms)
	newQueries(hub.Stack, watched)
}

// mayAlarm lets CloudWatch tell the topic of this account's alarms, and use the
// topic's key for that.
// https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
func (h Hub) mayAlarm() {
	tell := func(resource *string, actions ...string) awsiam.PolicyStatement {
		return awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(jsii.String("cloudwatch.amazonaws.com"), nil)},
			Actions:    jsii.Strings(actions...),
			Resources:  &[]*string{resource},
			Conditions: &map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": h.Account()}},
		})
	}
	h.Topic.AddToResourcePolicy(tell(h.Topic.TopicArn(), "sns:Publish"))
	h.Key.AddToResourcePolicy(tell(jsii.String("*"), "kms:Decrypt", "kms:GenerateDataKey"), nil) // in a key policy: this key
}

// What CloudWatch makes of a period without a value.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
const (
	missingIsFine = "notBreaching"
	missingIsBad  = "breaching"
	// The alarm stays as it is, until something says otherwise.
	missingSaysNothing = "ignore"
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
	// retried with success, as a sweep that ran out of time, wakes nobody.
	errorsAnHour = retries + 1
)

// watch is what an alarm watches: a metric of CloudWatch's, or of Warder's.
type watch struct {
	namespace, name string
	dimension, of   string // of may be a reference
	statistic       string
	period          int // seconds
	periods         int // all of them have to be beyond the threshold
	comparison      string
	threshold       float64
	missing         string
	plus            string // another metric beside it, whose values are added
}

// newAlarms adds the alarms and returns their names, the most urgent first. They
// have names because that is what stands in the subject of the mail.
func newAlarms(hub Hub, watched []control.Control, s settings.Settings) []string {
	var names []string
	add := func(id, name, description string, w watch) {
		hub.newAlarm(id, name, description, w, true)
		names = append(names, settings.Product+"-"+name)
	}
	add("FailedAlarm", "failed", "An event could not be handled in all its tries and is kept in the queue Failed, for 14 days. "+
		"Read why in the saved query warder/failures, put the cause right, then: make redrive. See "+handbook+".", notEmpty(hub.Failed))
	add("UndeliveredAlarm", "undelivered", "An event or a notice did not reach its function and is kept in the queue Undelivered, for 14 days. "+
		"Look whether the function is there and may be started: make doctor. Then: make redrive. See "+handbook+".", notEmpty(hub.Undelivered))
	add("HaltAlarm", "halted", fmt.Sprintf("Warder has been halted for %d hours or more: it tells, and changes nothing. "+
		"Who halted it and why: make doctor. When that is over: make resume. See %s.", haltHours, handbook), watch{
		namespace: metric.Namespace, name: metric.HaltedHours.Name, statistic: "Maximum", period: hour, periods: 1,
		comparison: "GreaterThanOrEqualToThreshold", threshold: haltHours, missing: missingSaysNothing,
	})
	var sweeps []awscloudwatch.CfnAlarm
	for _, c := range watched {
		id, see := pascal(c.ID), "See "+runbook(c, s)+"."
		if !c.Tool && s.Controls[c.ID].Mode == control.Enforce {
			add(id+"BreakerAlarm", c.ID+"-breaker", fmt.Sprintf("%s has stopped itself: more than %d changes in an hour were due. "+
				"Read what waits, in its notice or in the saved query warder/last actions. If that is right: make release CONTROL=%s REASON=... If it is not: make halt REASON=... "+
				"and set the control to observe. %s", c.ID, s.BlastRadius, c.ID, see), watch{
				// By the minute, so that a release soon after is seen apart.
				namespace: metric.Namespace, name: metric.BreakerOpen.Name, dimension: metric.Control, of: c.ID, statistic: "Maximum",
				period: minute, periods: 1, comparison: "GreaterThanOrEqualToThreshold", threshold: 1, missing: missingSaysNothing,
			})
		}
		add(id+"ErrorAlarm", c.ID+"-errors", fmt.Sprintf("The function %s failed or was throttled %d times or more within an hour. "+
			"Read why in the saved query warder/failures. What could not be done at all is kept in the queue Failed: make redrive, once the cause is put right. %s",
			settings.FunctionName(c.ID), errorsAnHour, see), watch{
			namespace: "AWS/Lambda", name: "Errors", dimension: "FunctionName", of: settings.FunctionName(c.ID), statistic: "Sum",
			period: hour, periods: 1, comparison: "GreaterThanOrEqualToThreshold", threshold: errorsAnHour, missing: missingIsFine,
			plus: "Throttles",
		})
		if !c.Tool && c.Schedule != "" {
			sweeps = append(sweeps, hub.newAlarm(id+"SweepAlarm", c.ID+"-sweep", fmt.Sprintf("%s has not come to the end of a sweep in %d hours: what its events missed is not found, and what waits is not done. "+
				"Sweep now and read the answer: make sweep CONTROL=%s. Read why in the saved query warder/failures. %s", c.ID, sweepHours, c.ID, see), watch{
				namespace: metric.Namespace, name: metric.Sweeps.Name, dimension: metric.Control, of: c.ID, statistic: "Sum",
				period: hour, periods: sweepHours, comparison: "LessThanThreshold", threshold: 1, missing: missingIsBad,
			}, false))
		}
	}
	if len(sweeps) > 0 {
		hub.newSweepAlarm(sweeps)
		names = append(names, sweepsAlarm)
	}
	for _, sweep := range sweeps {
		names = append(names, *sweep.AlarmName())
	}
	return names
}

// runbook is where it is written what to do about a control or a tool.
func runbook(c control.Control, s settings.Settings) string {
	if s.Runbooks != "" {
		return s.Runbooks + c.ID
	}
	return "functions/" + c.ID + "/README.md"
}

// notEmpty watches a queue that is empty while all is well. SQS has no values of
// a queue that nobody has used for hours.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
func notEmpty(queue awssqs.Queue) watch {
	return watch{
		namespace: "AWS/SQS", name: "ApproximateNumberOfMessagesVisible", dimension: "QueueName", of: *queue.QueueName(), statistic: "Maximum",
		period: 5 * minute, periods: 1, comparison: "GreaterThanThreshold", threshold: 0, missing: missingIsFine,
	}
}

// newAlarm adds an alarm. It tells the topic when it goes on and off, if it tells
// by itself.
func (h Hub) newAlarm(id, name, description string, w watch, tells bool) awscloudwatch.CfnAlarm {
	props := &awscloudwatch.CfnAlarmProps{
		AlarmName:          jsii.String(settings.Product + "-" + name),
		AlarmDescription:   jsii.String(description),
		ComparisonOperator: jsii.String(w.comparison),
		Threshold:          jsii.Number(w.threshold),
		EvaluationPeriods:  jsii.Number(w.periods),
		DatapointsToAlarm:  jsii.Number(w.periods),
		TreatMissingData:   jsii.String(w.missing),
	}
	if tells {
		props.AlarmActions = &[]any{h.Topic.TopicArn()}
		props.OkActions = props.AlarmActions
	}
	dimensions := &[]any{}
	if w.dimension != "" {
		dimensions = &[]any{&awscloudwatch.CfnAlarm_DimensionProperty{Name: jsii.String(w.dimension), Value: jsii.String(w.of)}}
	}
	if w.plus == "" {
		props.Namespace, props.MetricName = jsii.String(w.namespace), jsii.String(w.name)
		props.Statistic, props.Period = jsii.String(w.statistic), jsii.Number(w.period)
		if w.dimension != "" {
			props.Dimensions = dimensions
		}
	} else {
		query := func(id, name string) *awscloudwatch.CfnAlarm_MetricDataQueryProperty {
			return &awscloudwatch.CfnAlarm_MetricDataQueryProperty{
				Id: jsii.String(id), ReturnData: jsii.Bool(false),
				MetricStat: &awscloudwatch.CfnAlarm_MetricStatProperty{
					Metric: &awscloudwatch.CfnAlarm_MetricProperty{Namespace: jsii.String(w.namespace), MetricName: jsii.String(name), Dimensions: dimensions},
					Period: jsii.Number(w.period), Stat: jsii.String(w.statistic),
				},
			}
		}
		props.Metrics = &[]any{
			&awscloudwatch.CfnAlarm_MetricDataQueryProperty{Id: jsii.String("sum"), Expression: jsii.String("FILL(a, 0) + FILL(b, 0)"), Label: jsii.String(w.name + " and " + w.plus), ReturnData: jsii.Bool(true)},
			query("a", w.name), query("b", w.plus),
		}
	}
	return awscloudwatch.NewCfnAlarm(h.Stack, jsii.String(id), props)
}

// sweepsAlarm is the alarm that tells of all sweeps.
const sweepsAlarm = settings.Product + "-no-sweep"

// newSweepAlarm adds the alarm that is on while one of the alarms of the sweeps
// is. It alone tells: what keeps one sweep from coming keeps most, and until the
// first sweep after the first deployment no control has one.
func (h Hub) newSweepAlarm(sweeps []awscloudwatch.CfnAlarm) {
	var rule []string
	for _, sweep := range sweeps {
		rule = append(rule, "ALARM("+*sweep.Ref()+")") // its name; a rule may name only alarms that are there
	}
	awscloudwatch.NewCfnCompositeAlarm(h.Stack, jsii.String("SweepAlarm"), &awscloudwatch.CfnCompositeAlarmProps{
		AlarmName: jsii.String(sweepsAlarm),
		AlarmDescription: jsii.String(fmt.Sprintf("A control has not come to the end of a sweep in %d hours; which one, say the alarms that end in -sweep, with what to do. "+
			"After the first deployment it is on until the first sweeps. Sweep now: make sweep CONTROL=... See %s.", sweepHours, handbook)),
		AlarmRule:    jsii.String(strings.Join(rule, " OR ")),
		AlarmActions: &[]any{h.Topic.TopicArn()},
		OkActions:    &[]any{h.Topic.TopicArn()},
	})
}
