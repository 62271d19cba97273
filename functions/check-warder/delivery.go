package checkwarder

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/deployment"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/metric"
	"github.com/warder-aws/warder/pkg/settings"
)

const (
	// sweepEvery is how often a sweep has to come to its end: once a day, and it takes its time. What a check looks back
	// on is as long, so that one that comes late leaves out nothing.
	sweepEvery = 26 * time.Hour
	// throttledAnHour is how often a function may be started in vain within an hour: an event that is tried again later
	// with success is nothing to report.
	throttledAnHour = 3
	// mostMetrics is how many metrics CloudWatch returns at once.
	// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
	mostMetrics = 500
)

// A fault is what a metric of AWS counts of a resource when an event or a notice may be lost, or is late.
type fault struct {
	namespace, metric string
	dimensions        []string // their names; the first is that of the resource
	severity          control.Severity
	statistic         string // of an hour
	atLeast           float64
	text              func(name string, times int) i18n.Message
}

// faults are those of each type of resource. CloudWatch has no values where nothing happened.
// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html
// https://docs.aws.amazon.com/scheduler/latest/UserGuide/monitoring-cloudwatch.html
// https://docs.aws.amazon.com/sns/latest/dg/sns-monitoring-using-cloudwatch.html
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
var faults = map[string][]fault{
	"AWS::Lambda::Function": {
		{"AWS/Lambda", "DestinationDeliveryFailures", []string{"FunctionName"}, critical, "Sum", 1,
			func(name string, times int) i18n.Message {
				return i18n.T("What the function %s could not handle was not kept either, %d times within an hour: these events "+
					"are lost.", name, times)
			}},
		{"AWS/Lambda", "Throttles", []string{"FunctionName"}, high, "Sum", throttledAnHour,
			func(name string, times int) i18n.Message {
				return i18n.T("The function %s was throttled %d times within an hour: what it is for came late, or not at all.",
					name, times)
			}},
	},
	"AWS::Events::Rule": {
		{"AWS/Events", "InvocationsFailedToBeSentToDlq", []string{"RuleName", "EventBusName"}, critical, "Sum", 1,
			func(name string, times int) i18n.Message {
				return i18n.T("Events of the rule %s were neither delivered nor kept, %d times within an hour: they are lost.",
					name, times)
			}},
	},
	deployment.ScheduleGroupType: {
		{"AWS/Scheduler", "InvocationsFailedToBeSentToDeadLetterCount", []string{"ScheduleGroup"}, critical, "Sum", 1,
			func(name string, times int) i18n.Message {
				return i18n.T("What schedules of the group %s were to start was neither started nor kept, %d times within an "+
					"hour: these sweeps are lost.", name, times)
			}},
	},
	"AWS::SNS::Topic": {
		{"AWS/SNS", "NumberOfNotificationsFailedToRedriveToDlq", []string{"TopicName"}, critical, "Sum", 1,
			func(name string, times int) i18n.Message {
				return i18n.T("Messages of the topic %s were neither delivered nor kept, %d times within an hour: they are lost.",
					name, times)
			}},
	},
	// Of a queue that feeds a function. Messages that were handed over more than three times do not count: of them the
	// function says itself what is wrong.
	"AWS::SQS::Queue": {
		{"AWS/SQS", "ApproximateAgeOfOldestMessage", []string{"QueueName"}, high, "Maximum", oldest.Seconds(),
			func(name string, seconds int) i18n.Message {
				return i18n.T("Messages have been in the queue %s for %d minutes, and nobody has taken them: notices are late. "+
					"The function that it feeds does not run.", name, seconds/60)
			}},
	},
}

// oldest is how old a message of a queue that feeds a function may be that nobody has taken.
const oldest = 30 * time.Minute

// measuredAs is the name by which CloudWatch knows a resource, and its bus if it is a rule; empty if nothing is
// measured.
func (c *checker) measuredAs(r deployment.Resource) (name, bus string) {
	switch r.Type {
	case "AWS::Events::Rule":
		bus, name = c.stack.Rule(r)
		return name, bus
	case "AWS::SNS::Topic":
		return r.Name[strings.LastIndex(r.Name, ":")+1:], ""
	case "AWS::SQS::Queue":
		name = r.Name[strings.LastIndex(r.Name, "/")+1:]
		for _, m := range c.stack.Of("AWS::Lambda::EventSourceMapping") {
			if strings.HasSuffix(m.Text("EventSourceArn"), ":"+name) {
				return name, ""
			}
		}
		return "", ""
	}
	return r.Name, ""
}

// delivery checks that AWS has lost no event of the stack since the last check.
func (c *checker) delivery(ctx context.Context) {
	type asked struct {
		fault
		name string
	}
	var all []asked
	var queries []types.MetricDataQuery
	for _, r := range c.stack.Resources {
		name, bus := c.measuredAs(r)
		if name == "" {
			continue
		}
		for _, f := range faults[r.Type] {
			dimensions := []types.Dimension{{Name: &f.dimensions[0], Value: &name}}
			if bus != "" {
				dimensions = append(dimensions, types.Dimension{Name: &f.dimensions[1], Value: &bus})
			}
			queries = append(queries, types.MetricDataQuery{
				Id: aws.String("m" + strconv.Itoa(len(all))), MetricStat: &types.MetricStat{
					Metric: &types.Metric{Namespace: &f.namespace, MetricName: &f.metric, Dimensions: dimensions},
					Period: aws.Int32(int32(time.Hour / time.Second)), Stat: &f.statistic,
				},
			})
			all = append(all, asked{f, name})
		}
	}
	lost := 0
	end := c.Now().Truncate(time.Minute)
	for some := range slices.Chunk(queries, mostMetrics) {
		pages := cloudwatch.NewGetMetricDataPaginator(c.alarms, &cloudwatch.GetMetricDataInput{
			MetricDataQueries: some, StartTime: aws.Time(end.Add(-sweepEvery)), EndTime: &end,
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx, func(o *cloudwatch.Options) { o.Region = c.region })
			if err != nil {
				c.unread(high, c.stack.Name, i18n.T("metrics of stack"), err)
				return
			}
			for _, result := range page.MetricDataResults {
				i, err := strconv.Atoi(strings.TrimPrefix(aws.ToString(result.Id), "m"))
				if err != nil || i < 0 || i >= len(all) || len(result.Values) == 0 {
					continue
				}
				if most := slices.Max(result.Values); most >= all[i].atLeast {
					lost++
					c.differs(all[i].severity, all[i].name, all[i].text(all[i].name, int(most)))
				}
			}
		}
	}
	c.measured(metric.DeliveryFaults, lost)
}

// standing measures what the controls are at: their last sweeps, the cases that were open then, and which of them are
// stopped by their blast radius. A sweep is overdue when it could have come to its end since its rule was deployed.
func (c *checker) standing(ctx context.Context) {
	controls, err := c.controls()
	if err != nil {
		return // said by complete
	}
	stopped, open, overdue := 0, 0, 0
	for _, control := range controls {
		if control.Tool {
			continue
		}
		breaker, err := c.Ledger.Breaker(ctx, control.ID)
		if err != nil {
			c.unread(high, settings.TableName, i18n.T("table"), err)
			return
		}
		if !breaker.Tripped.IsZero() {
			stopped++
		}
		if control.Schedule == "" {
			continue
		}
		last, _, err := c.Ledger.LastSweep(ctx, control.ID)
		if err != nil {
			c.unread(high, settings.TableName, i18n.T("table"), err)
			return
		}
		open += last.Open
		since, scheduled := c.scheduled(control.ID)
		if last.At.After(since) {
			since = last.At
		}
		if scheduled && c.Now().Sub(since) > sweepEvery {
			overdue++
			c.differs(critical, settings.FunctionName(control.ID), i18n.T("The control %s has not completed a sweep since %s: "+
				"what its events missed is not found, and pending changes are not made. Sweep now and read the answer: "+
				"make sweep CONTROL=%[1]s", control.ID, i18n.Minute(since)))
		}
	}
	c.measured(metric.BreakerOpen, stopped)
	c.measured(metric.OpenCases, open)
	c.measured(metric.OverdueSweeps, overdue)
}

// measured adds to a metric what was found in a stack. 0 is measured as well: it ends an alarm, once a day. What could
// not be read leaves the alarm as it is.
func (c *checker) measured(m metric.Metric, n int) {
	has, _ := c.state.Value(m)
	c.state.Set(m, has+float64(n))
}

// scheduled says since when a control's schedule is as it is; ok is false without one that is enabled.
func (c *checker) scheduled(id string) (since time.Time, ok bool) {
	for _, r := range c.stack.Of(deployment.ScheduleType) {
		if r.Text("State") != "DISABLED" && r.Starts() == settings.FunctionName(id) {
			return r.Changed, true
		}
	}
	return time.Time{}, false
}
