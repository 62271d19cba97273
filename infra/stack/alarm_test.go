package stack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/metric"
)

// alarms is what the alarms of a template are called, each with what it watches.
func alarms(t *testing.T, tmpl template) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, alarm := range tmpl.all("AWS::CloudWatch::Alarm") {
		of := ""
		if alarm.get("Dimensions") != nil {
			of = fmt.Sprintf("%v=%v", alarm.get("Dimensions.0.Name"), text(alarm.get("Dimensions.0.Value")))
		}
		watched := fmt.Sprintf("%v(%v/%v{%s}) by %vs", alarm.get("Statistic"), alarm.get("Namespace"),
			alarm.get("MetricName"), of, alarm.get("Period"))
		if alarm.get("Metrics") != nil {
			watched = fmt.Sprintf("%v by %vs", alarm.get("Metrics.0.Expression"), alarm.get("Metrics.1.MetricStat.Period"))
		}
		signs := map[any]string{"GreaterThanOrEqualToThreshold": ">=", "GreaterThanThreshold": ">", "LessThanThreshold": "<"}
		all[alarm.get("AlarmName").(string)] = fmt.Sprintf("%s %s %v, %v of %v, missing: %v", watched,
			signs[alarm.get("ComparisonOperator")],
			alarm.get("Threshold"), alarm.get("DatapointsToAlarm"), alarm.get("EvaluationPeriods"),
			alarm.get("TreatMissingData"))
	}
	return all
}

func TestAlarms_Watched(t *testing.T) {
	want := map[string]string{
		"warder-failed": "Maximum(AWS/SQS/ApproximateNumberOfMessagesVisible{QueueName=${Failed.QueueName}}) by 300s " +
			"> 0, 1 of 1, missing: notBreaching",
		"warder-undelivered": "Maximum(AWS/SQS/ApproximateNumberOfMessagesVisible{QueueName=${Undelivered.QueueName}}) by " +
			"300s > 0, 1 of 1, missing: notBreaching",
		"warder-halted":       "Maximum(Warder/HaltedHours{}) by 3600s >= 24, 1 of 1, missing: ignore",
		"warder-unreached":    "Maximum(Warder/Unreached{}) by 3600s >= 1, 1 of 1, missing: notBreaching",
		"warder-breaker":      "Maximum(Warder/BreakerOpen{}) by 60s >= 1, 1 of 1, missing: ignore",
		"warder-no-sweep":     "Maximum(Warder/OverdueSweeps{}) by 3600s >= 1, 1 of 1, missing: ignore",
		"warder-no-heartbeat": "Maximum(Warder/SilentRegions{}) by 3600s >= 1, 1 of 1, missing: ignore",
		"warder-delivery":     "Maximum(Warder/DeliveryFaults{}) by 3600s >= 1, 1 of 1, missing: ignore",
		"warder-errors":       "Sum(Warder/Errors{}) by 3600s >= 3, 1 of 1, missing: notBreaching",
		// Nobody else checks that it runs.
		"warder-check-warder-missing": "Sum(AWS/Lambda/Invocations{FunctionName=warder-check-warder}) by 3600s < 1, " +
			"26 of 26, missing: missing",
		"warder-check-warder-never": "IF(sweeps > 0 AND FILL(checks, 0) < 1, 1, 0) by 86400s >= 1, 3 of 3, missing: " +
			"notBreaching",
	}
	if diff := cmp.Diff(want, alarms(t, load(t, custom))); diff != "" {
		t.Errorf("alarms (-want +got):\n%s", diff)
	}
}

// CloudWatch looks back over a week at most, over a day with periods of less than an hour, and takes
// periods of whole minutes.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
func TestAlarms_PeriodsWithinCloudWatchLimits(t *testing.T) {
	for _, alarm := range load(t, custom).all("AWS::CloudWatch::Alarm") {
		period, single := alarm.get("Period").(float64)
		if !single {
			period = alarm.get("Metrics.1.MetricStat.Period").(float64)
		}
		span, most := period*alarm.get("EvaluationPeriods").(float64), 604800.0
		if period < 3600 {
			most = 86400
		}
		if span > most || int(period)%60 != 0 {
			t.Errorf("%s looks back over %v seconds in periods of %v", alarm.id, span, period)
		}
	}
}

func TestAlarms_NotifyTheTopic(t *testing.T) {
	tmpl := load(t, custom)
	topic := tmpl.named(t, "AWS::SNS::Topic", "Notices")
	for _, alarm := range tmpl.all("AWS::CloudWatch::Alarm") {
		if !alarm.refers("AlarmActions.0", topic) || alarm.get("OKActions") != nil {
			t.Errorf("%s notifies %v, and %v when it goes off, want the topic alone", alarm.id, alarm.get("AlarmActions"),
				alarm.get("OKActions"))
		}
	}
}

// Errors of every function that is watched are counted, as one metric.
func TestErrors_OfEveryFunction(t *testing.T) {
	tmpl := load(t, custom)
	var got []string
	for _, filter := range tmpl.all("AWS::Logs::MetricFilter") {
		group := tmpl.one(t, "AWS::Logs::LogGroup", func(r resource) bool { return filter.refers("LogGroupName", r) })
		got = append(got, group.get("LogGroupName").(string))
		to := fmt.Sprintf("%v/%v %v %v", filter.get("MetricTransformations.0.MetricNamespace"),
			filter.get("MetricTransformations.0.MetricName"), filter.get("MetricTransformations.0.MetricValue"),
			filter.get("MetricTransformations.0.DefaultValue"))
		// A default value would be billed in every hour with a line.
		if to != "Warder/Errors 1 <nil>" || filter.get("FilterPattern") != errorPattern {
			t.Errorf("%s makes %s of %v", filter.id, to, filter.get("FilterPattern"))
		}
	}
	var want []string
	for _, c := range customControls(t) {
		if c.ID != "alert-root-usage" { // off
			want = append(want, "/aws/lambda/warder-"+c.ID)
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counted (-want +got):\n%s", diff)
	}
	// What Lambda says of timeouts has to reach the log.
	for _, f := range tmpl.all("AWS::Lambda::Function") {
		if f.get("LoggingConfig.SystemLogLevel") != "INFO" || f.get("LoggingConfig.LogFormat") != "JSON" {
			t.Errorf("%s logs %v", f.id, f.get("LoggingConfig"))
		}
	}
}

func TestAlarms_DescriptionsNameCommandAndRunbook(t *testing.T) {
	targets := makeTargets(t)
	queriesByName := map[string]bool{}
	for _, q := range queries {
		queriesByName["warder/"+q.name] = true
	}
	for name, from := range map[string]func() (template, error){"deployed": deployed, "custom": custom} {
		tmpl := load(t, from)
		for _, alarm := range tmpl.all("AWS::CloudWatch::Alarm") {
			description := alarm.get("AlarmDescription").(string)
			// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
			if len(description) > 1024 {
				t.Errorf("%s: the description has %d characters, CloudWatch takes 1024", alarm.id, len(description))
			}
			commands := regexp.MustCompile(`make ([a-z]+)`).FindAllStringSubmatch(description, -1)
			if len(commands) == 0 {
				t.Errorf("%s names no command: %s", alarm.id, description)
			}
			for _, command := range commands {
				if !targets[command[1]] {
					t.Errorf("%s names make %s, which the Makefile does not have", alarm.id, command[1])
				}
			}
			for _, q := range regexp.MustCompile(`saved query (warder/[a-z' ]+?)[.,]`).FindAllStringSubmatch(description, -1) {
				if !queriesByName[q[1]] {
					t.Errorf("%s names the query %q, which is not saved", alarm.id, q[1])
				}
			}
			see := regexp.MustCompile(`See (\S+)\.$`).FindStringSubmatch(description)
			if see == nil {
				t.Errorf("%s says not where to read more: %s", alarm.id, description)
				continue
			}
			if name == "deployed" && strings.HasPrefix(see[1], "functions/") {
				if _, err := os.Stat("../../" + see[1]); err != nil {
					t.Errorf("%s: %v", alarm.id, err)
				}
			}
		}
	}
}

// makeTargets is the targets of the Makefile that people use.
func makeTargets(t *testing.T) map[string]bool {
	t.Helper()
	data, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	targets := map[string]bool{}
	for _, target := range regexp.MustCompile(`(?m)^([a-z]+):.*## `).FindAllStringSubmatch(string(data), -1) {
		targets[target[1]] = true
	}
	return targets
}

// A metric that does not exist is an alarm that never goes off, and a widget that stays empty.
func TestMetrics_OnlyEmittedOnesAreUsed(t *testing.T) {
	emitted := map[string]string{ // to their dimension
		// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
		"AWS/Lambda/Invocations": "FunctionName",
		// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
		"AWS/SQS/ApproximateNumberOfMessagesVisible": "QueueName",
	}
	for _, m := range metric.Watched { // pkg/remediation, check-warder and the filters emit them: their tests say so
		emitted[metric.Namespace+"/"+m.Name] = ""
	}
	used := map[string]bool{}
	check := func(where, name, dimension string) {
		used[name] = true
		if want, ok := emitted[name]; !ok || want != dimension {
			t.Errorf("%s: %s by %q is not emitted", where, name, dimension)
		}
	}
	for name, watched := range alarms(t, load(t, custom)) {
		for _, m := range regexp.MustCompile(`\((\S+)\{(?:(\w+)=[^}]*\}?)?\}\)`).FindAllStringSubmatch(watched, -1) {
			check(name, m[1], m[2])
		}
	}
	for _, w := range boardOf(t, load(t, custom)).Widgets {
		for _, line := range w.Properties.Metrics {
			var parts []string
			for _, part := range line {
				if word, ok := part.(string); ok {
					parts = append(parts, word)
				}
			}
			dimension := ""
			if len(parts) > 2 {
				dimension = parts[2]
			}
			check(w.Properties.Title, parts[0]+"/"+parts[1], dimension)
		}
	}
	for _, m := range metric.Watched {
		if !used[metric.Namespace+"/"+m.Name] {
			t.Errorf("%s is paid for, and neither watched nor shown", m.Name)
		}
	}
}

// shown is the body of a dashboard as CloudWatch reads it.
type shown struct {
	Start   string
	Widgets []struct {
		Type                string
		X, Y, Width, Height int
		Properties          struct {
			Title, Region, View, Stat, Query, Markdown string
			Period                                     int
			Metrics                                    [][]any
			Alarms, States                             []string
		}
	}
}

// bodyOf is the JSON of the dashboard, with references as ${Name}.
func bodyOf(t *testing.T, tmpl template) string {
	t.Helper()
	sub := tmpl.named(t, "AWS::CloudWatch::Dashboard",
		"Dashboard").get("DashboardBody").(map[string]any)["Fn::Sub"].([]any)
	for name := range sub[1].(map[string]any) {
		if !strings.Contains(sub[0].(string), "${"+name+"}") {
			t.Errorf("the dashboard does not use %s", name)
		}
	}
	return sub[0].(string)
}

func boardOf(t *testing.T, tmpl template) shown {
	t.Helper()
	var b shown
	if err := json.Unmarshal([]byte(bodyOf(t, tmpl)), &b); err != nil {
		t.Fatal(err)
	}
	return b
}

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
func TestDashboard_Valid(t *testing.T) {
	for _, from := range []func() (template, error){deployed, custom} {
		b := boardOf(t, load(t, from))
		if !regexp.MustCompile(`^-P(T\d+H|\d+D)$`).MatchString(b.Start) || len(b.Widgets) == 0 || len(b.Widgets) > 500 {
			t.Errorf("start %q, %d widgets", b.Start, len(b.Widgets))
		}
		taken := map[[2]int]string{}
		for _, w := range b.Widgets {
			p := w.Properties
			if w.Width < 1 || w.Height < 1 || w.Height > 1000 || w.X < 0 || w.X+w.Width > 24 {
				t.Errorf("%s %q is %d wide from %d, %d high", w.Type, p.Title, w.Width, w.X, w.Height)
			}
			for x := w.X; x < w.X+w.Width; x++ {
				for y := w.Y; y < w.Y+w.Height; y++ {
					if other, ok := taken[[2]int{x, y}]; ok {
						t.Errorf("%q and %q overlap", p.Title, other)
					}
					taken[[2]int{x, y}] = p.Title
				}
			}
			ok := false
			switch w.Type {
			case "text":
				ok = p.Markdown != ""
			case "alarm":
				ok = p.Title != "" && len(p.Alarms) > 0 && len(p.Alarms) <= 100
			case "metric":
				ok = p.Title != "" && p.Region == "us-east-1" && p.View == "singleValue" && p.Stat == "Maximum" &&
					p.Period%60 == 0 && len(p.Metrics) > 0
			case "log":
				// A query reads 50 log groups at most.
				// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_AnalyzeLogData_LogInsights.html
				sources := strings.Count(p.Query, "SOURCE '")
				ok = p.Title != "" && p.Region == "us-east-1" && p.View == "table" && sources > 0 && sources <= 50
			}
			if !ok {
				t.Errorf("widget %+v", w)
			}
		}
	}
}

func TestDashboard_EveryAlarm(t *testing.T) {
	tmpl := load(t, custom)
	var want []string
	for _, alarm := range tmpl.all("AWS::CloudWatch::Alarm") {
		name := alarm.get("AlarmName").(string)
		want = append(want, "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:"+name)
	}
	var got []string
	for _, w := range boardOf(t, tmpl).Widgets {
		got = append(got, w.Properties.Alarms...)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("alarms (-template +dashboard):\n%s", diff)
	}
}

// The golden file is for people: what the dashboard shows, to be read and reviewed.
func TestDashboard_Golden(t *testing.T) {
	var got bytes.Buffer
	if err := json.Indent(&got, []byte(bodyOf(t, load(t, deployed))), "", "  "); err != nil {
		t.Fatal(err)
	}
	got.WriteByte('\n')
	compareGolden(t, "dashboard.golden.json", got.String())
}

func TestQueries_LogsOfWatchedFunctions(t *testing.T) {
	tmpl := load(t, custom)
	var want []any
	for _, c := range customControls(t) {
		if c.ID != "alert-root-usage" { // off
			want = append(want, "/aws/lambda/warder-"+c.ID)
		}
	}
	saved := map[string]string{}
	for _, q := range tmpl.all("AWS::Logs::QueryDefinition") {
		saved[q.get("Name").(string)] = q.get("QueryString").(string)
		if diff := cmp.Diff(want, q.get("LogGroupNames")); diff != "" {
			t.Errorf("log groups of %s (-want +got):\n%s", q.id, diff)
		}
	}
	for _, name := range []string{"last actions", "one user's history", "what observe would have done", "failures",
		"open cases", "one event from end to end"} {
		if saved["warder/"+name] == "" {
			t.Errorf("no saved query %q", name)
		}
	}
}

// What watches Warder costs what these cost a month, and the hours of the custom metrics: infra/bench plays them.
// https://aws.amazon.com/cloudwatch/pricing/ (us-east-1, November 2026)
func TestWatched_Cost(t *testing.T) {
	for _, from := range []func() (template, error){deployed, custom} {
		tmpl := load(t, from)
		if n := len(tmpl.all("AWS::CloudWatch::Alarm")); n > 11 {
			t.Errorf("%d alarms, each $0.10", n)
		}
		if n := len(tmpl.all("AWS::CloudWatch::CompositeAlarm")); n > 0 {
			t.Errorf("%d alarms of alarms, each $0.50", n)
		}
		metrics := 0
		for _, w := range boardOf(t, tmpl).Widgets {
			metrics += len(w.Properties.Metrics)
		}
		if n := len(tmpl.all("AWS::CloudWatch::Dashboard")); n > 3 || metrics > 50 {
			t.Errorf("%d dashboards of %d metrics: three of up to 50 are free, another is $3.00", n, metrics)
		}
		for _, filter := range tmpl.all("AWS::Logs::MetricFilter") {
			if filter.get("MetricTransformations.0.Dimensions") != nil {
				t.Errorf("%s makes a metric of each value of %v", filter.id, filter.get("MetricTransformations.0.Dimensions"))
			}
		}
	}
}
