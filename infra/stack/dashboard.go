package stack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/jsii-runtime-go"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/metric"
	"github.com/warder-aws/warder/pkg/settings"
)

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
func newQueries(stack awscdk.Stack, watched []control.Control) {
	var groups []any
	for _, c := range watched {
		groups = append(groups, settings.LogGroupName(c.ID))
	}
	for _, q := range queries {
		awslogs.NewCfnQueryDefinition(stack, jsii.String(q.id+"Query"), &awslogs.CfnQueryDefinitionProps{
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

// newDashboard adds the dashboard, with the alarms of the given names.
func newDashboard(h *Hub, watched []control.Control, alarms []string) {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false) // for a reader of the template
	if err := encoder.Encode(newBoard(*h.Region(), watched, alarms)); err != nil {
		panic(fmt.Sprintf("encode the dashboard: %v", err)) // strings and numbers
	}
	awscloudwatch.NewCfnDashboard(h.Stack, jsii.String("Dashboard"), &awscloudwatch.CfnDashboardProps{
		DashboardName: jsii.String(settings.Product),
		DashboardBody: awscdk.Fn_Sub(jsii.String(strings.TrimSpace(body.String())), &map[string]*string{
			"Failed": h.Failed.QueueName(), "Undelivered": h.Undelivered.QueueName(),
		}),
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
	each := func(m metric.Metric) [][]any {
		var lines [][]any
		for _, c := range controls {
			lines = append(lines, []any{metric.Namespace, m.Name, metric.Control, c.ID, map[string]any{"label": c.ID}})
		}
		return lines
	}
	table := func(title, text string) widget {
		query := strings.Join(append(sources, text), " | ")
		return widget{Type: "log", Properties: widgetProperties{Title: title, Region: region, View: "table", Query: query}}
	}
	find := func(id string) string {
		i := slices.IndexFunc(queries, func(q query) bool { return q.id == id })
		return queries[i].text
	}
	var arns []string
	for _, name := range alarms {
		arns = append(arns, "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:"+name)
	}

	kept := func(queue string) []any {
		return []any{
			"AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "${" + queue + "}",
			map[string]any{"label": queue},
		}
	}

	row(3, widget{Type: "text", Properties: widgetProperties{Markdown: "# Warder\n" +
		"Each alarm says what to do about it. Stop every change: `make halt REASON=...`, go on: `make resume`. " +
		"Undo: `make undo ID=... REASON=...`, with the id of the change below. " +
		"Why: `make explain KEY=...` or `USER=...`. " +
		"What is kept in the queues: `make redrive`. More queries: Logs Insights, saved, folder `warder`."}})
	row(7, widget{Type: "alarm", Properties: widgetProperties{Title: "Alarms", Alarms: arns}})
	row(8, table("Latest changes", find("LastActions")))
	row(8, table("Open cases", find("OpenCases")), table("Failures", find("Failures")))
	row(7,
		chart("Changes", "Sum", hour, each(metric.Changes)...),
		chart("Seconds from event to change (maximum)", "Maximum", hour, each(metric.SecondsToChange)...),
		chart("Notices", "Sum", hour, each(metric.Notices)...))
	row(7,
		chart("Findings", "Sum", hour, each(metric.Findings)...),
		chart("Open cases, at the end of a sweep", "Maximum", hour, each(metric.OpenCases)...),
		chart("Completed sweeps", "Sum", hour, each(metric.Sweeps)...))
	var reasons [][]any
	for _, m := range metric.All {
		if strings.HasPrefix(m.Name, metric.Skipped.Name) && m != metric.Skipped {
			reasons = append(reasons, []any{metric.Namespace, m.Name})
		}
	}
	row(7,
		chart("Skipped, by reason", "Sum", hour, reasons...),
		chart("Failures", "Sum", hour, each(metric.Failures)...),
		chart("Kept in the queues", "Maximum", 5*minute, kept("Failed"), kept("Undelivered")))
	row(6,
		chart("Skipped, by control", "Sum", hour, each(metric.Skipped)...),
		chart("Stopped by the blast radius", "Maximum", hour, each(metric.BreakerOpen)...),
		chart("Hours halted", "Maximum", hour, []any{metric.Namespace, metric.HaltedHours.Name}))
	return b
}
