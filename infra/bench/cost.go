package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/warder-aws/warder/infra/local/emulator"
	"github.com/warder-aws/warder/infra/local/lambdahost"
	"github.com/warder-aws/warder/infra/local/project"
)

// priced is when the prices were read: list prices in US dollars, us-east-1, without a free tier but that of
// dashboards.
const priced = "2026-11-21"

// Assumptions: a local account cannot measure these.
const (
	secondsPerCall = 0.05 // of an AWS call, in Lambda
	secondsCold    = 0.15 // of a function's start
	memoryGB       = 0.25 // of a function
	unitsPerWrite  = 6    // an item of up to 3 KB, and its copy in the index
	emails         = 2    // for a notice: its owner and one address of notify
	metricsAsked   = 200  // by the daily check, in a call: three of each function and one of each rule
	hoursPerMonth  = 730
)

// month is what happens to an account of a hundred IAM users in a month.
var month = []struct {
	event string // of events/
	times int
}{
	{"iam-console-login-mfa.json", 1000},
	{"iam-console-login-failed.json", 100},
	{"session-started-inside-network.json", 200},
	{"ssh-key-sent.json", 100},
	{"policy-created.json", 200},
	{"user-added-to-group.json", 50},
	{"access-key-created.json", 40},
	{"user-created.json", 20},
	{"direct-policy-attached.json", 20},
	{"access-keys-rotated-noncompliant.json", 20},
	{"root-console-login.json", 4},
	{"daily-sweep.json", 30},
}

// consumption counts what AWS bills by use. Each thing counts as often as what happens now does in the month.
type consumption struct {
	mu                                                     sync.Mutex
	times                                                  float64
	invocations, logBytes, reads, writes, calls, publishes float64
	metricReads                                            float64
	metrics                                                map[string]float64 // values, by the metric's name
}

func newConsumption() *consumption { return &consumption{metrics: map[string]float64{}} }

// invoked counts one invocation: its log, and the metrics in it.
func (c *consumption) invoked(result lambdahost.Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.invocations += c.times
	c.logBytes += c.times * float64(len(result.Log))
	for line := range strings.Lines(string(result.Log)) {
		var l struct {
			AWS struct {
				CloudWatchMetrics []struct {
					Dimensions [][]string
					Metrics    []struct{ Name string }
				}
			} `json:"_aws"`
		}
		if json.Unmarshal([]byte(line), &l) != nil {
			continue
		}
		for _, directive := range l.AWS.CloudWatchMetrics {
			for _, dimensions := range directive.Dimensions {
				of := "" // each value of a dimension is a metric of its own; every function has others
				if len(dimensions) > 0 {
					of = " of " + result.Function
				}
				for _, metric := range directive.Metrics {
					c.metrics[metric.Name+of] += c.times
				}
			}
		}
	}
}

// called counts a call of a function.
func (c *consumption) called(action string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls += c.times
	switch action {
	case "dynamodb:BatchGetItem": // a hold, the recent changes, a breaker and a case
		c.reads += 4 * c.times
	case "dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan":
		c.reads += c.times
	case "dynamodb:PutItem", "dynamodb:UpdateItem":
		c.writes += c.times
	case "sns:Publish":
		c.publishes += c.times
	case "cloudwatch:GetMetricData":
		c.metricReads += metricsAsked * c.times
	}
}

// An item is a line of the estimate.
type item struct {
	What     string  `json:"what"`
	Quantity float64 `json:"quantity"`
	Unit     string  `json:"unit"`
	Price    float64 `json:"price"` // of one
	USD      float64 `json:"usd"`
}

// cost is the command that plays a month on a local account and prices it.
func cost(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("cost", flag.ContinueOnError)
	machine := flags.Bool("json", false, "")
	if err := parse(flags, args, stderr, func() error { return nil }); err != nil {
		return err
	}
	root, err := project.Find()
	if err != nil {
		return err
	}
	used, err := playMonth(ctx, bench{root: root}, stderr)
	if err != nil {
		return err
	}
	deployed, err := root.Templates(project.Deployed)
	if err != nil {
		return err
	}
	var templates [][]byte
	for _, t := range deployed {
		template, err := os.ReadFile(t.Path)
		if err != nil {
			return fmt.Errorf("read template: %w", err)
		}
		templates = append(templates, template)
	}
	items, err := priceTemplates(templates)
	if err != nil {
		return err
	}
	items = append(items, used.price()...)
	sum := 0.0
	for _, i := range items {
		sum += i.USD
	}
	if *machine {
		estimate := map[string]any{"priced": priced, "items": items, "usd": math.Round(sum*100) / 100}
		return json.NewEncoder(stdout).Encode(estimate)
	}
	title := fmt.Sprintf("%.2f USD a month; list prices of us-east-1, %s, no free tier but of dashboards", sum, priced)
	return printTable(stdout, title, "quantity\tUSD each\tUSD a month\t  what", items, func(i item) string {
		return fmt.Sprintf("%.6g\t%.7g\t%.2f\t  %s (%s)", i.Quantity, i.Price, i.USD, i.What, i.Unit)
	})
}

// playMonth delivers each event of the month once, and returns the consumption of all.
func playMonth(ctx context.Context, b bench, stderr io.Writer) (*consumption, error) {
	used := newConsumption()
	account, err := emulator.Start(ctx, emulator.Options{Mode: "enforce", Done: used.invoked, Stderr: stderr})
	if err != nil {
		return nil, err
	}
	defer account.Close()
	for _, entry := range month {
		event, err := b.event(entry.event)
		if err != nil {
			return nil, err
		}
		used.times = float64(entry.times)
		if _, err := account.Send(ctx, event); err != nil {
			return nil, fmt.Errorf("send %s: %w", entry.event, err)
		}
		calls, err := account.TakeCalls(ctx)
		if err != nil {
			return nil, err
		}
		for _, call := range calls {
			if call.By == "" { // else a service's, which is in its own price
				used.called(call.Action)
			}
		}
	}
	return used, nil
}

// pollsPerQueue is how often Lambda asks an empty queue in a month that feeds a function: by five connections, each of
// which waits for 20 seconds.
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
const pollsPerQueue = 5 * hoursPerMonth * 3600 / 20

// price prices the consumption of a month.
func (c *consumption) price() []item {
	hours := 0.0
	for _, n := range c.metrics {
		hours += min(n, hoursPerMonth) // every value in an hour of its own: never more than this
	}
	inMetrics := fmt.Sprintf("months, of %d metrics with a value in %.0f hours", len(c.metrics), hours)
	inTime := fmt.Sprintf("GB-seconds: %.0f calls of %v s, and starts of %v s", c.calls, secondsPerCall, secondsCold)
	inWrites := fmt.Sprintf("units: %.0f writes of %d", c.writes, unitsPerWrite)
	seconds := c.invocations*secondsCold + c.calls*secondsPerCall
	return price(
		// https://aws.amazon.com/cloudwatch/pricing/: a metric for the hours with values, a log when it is taken in
		item{What: "custom metrics", Quantity: hours / hoursPerMonth, Unit: inMetrics, Price: 0.30},
		item{What: "metrics read", Quantity: c.metricReads, Unit: "by the daily check", Price: 0.01 / 1000},
		item{What: "logs", Quantity: c.logBytes / (1 << 30), Unit: "GB", Price: 0.50},
		// https://aws.amazon.com/lambda/pricing/: arm64
		item{What: "Lambda, time", Quantity: memoryGB * seconds, Unit: inTime, Price: 0.0000133334},
		item{What: "Lambda, requests", Quantity: c.invocations, Unit: "invocations", Price: 0.20 / 1_000_000},
		// https://aws.amazon.com/dynamodb/pricing/on-demand/: a read is of an item of up to 4 KB, consistent
		item{What: "DynamoDB, writes", Quantity: c.writes * unitsPerWrite, Unit: inWrites, Price: 0.625 / 1_000_000},
		item{What: "DynamoDB, reads", Quantity: c.reads, Unit: "units", Price: 0.125 / 1_000_000},
		// https://aws.amazon.com/sns/pricing/
		item{What: "emails", Quantity: c.publishes * emails, Unit: fmt.Sprintf("of %.0f notices", c.publishes),
			Price: 2.00 / 100_000},
		item{What: "SNS, requests", Quantity: c.publishes, Unit: "notices", Price: 0.50 / 1_000_000},
		item{What: "KMS, requests", Quantity: c.publishes * 2, Price: 0.03 / 10_000}, // https://aws.amazon.com/kms/pricing/
	)
}

func price(items ...item) []item {
	for i := range items {
		items[i].USD = items[i].Quantity * items[i].Price
	}
	return items
}

// freeBoard is how many metrics a dashboard may have that costs nothing; an account has three of these. No other free
// tier is counted: this one has no end, and who has more dashboards than that pays for those that have more metrics.
// https://aws.amazon.com/cloudwatch/pricing/
const freeBoard = 50

// priceTemplates prices the deployed stacks while nothing happens. An alarm is paid for each metric it watches.
func priceTemplates(templates [][]byte) ([]item, error) {
	count := map[string]float64{} // by type
	for _, template := range templates {
		var t struct {
			Resources map[string]struct {
				Type       string
				Properties struct {
					Metrics       []struct{ MetricStat json.RawMessage } // of an alarm with metric math
					DashboardBody json.RawMessage
				}
			}
		}
		if err := json.Unmarshal(template, &t); err != nil {
			return nil, fmt.Errorf("decode template: %w", err)
		}
		for _, r := range t.Resources {
			watched := 0.0
			for _, m := range r.Properties.Metrics {
				if m.MetricStat != nil {
					watched++
				}
			}
			if body := r.Properties.DashboardBody; body != nil {
				shown, err := metricsOf(body)
				if err != nil {
					return nil, err
				}
				if shown <= freeBoard {
					r.Type += " of few metrics"
				}
			}
			count[r.Type] += cmp.Or(watched, 1)
		}
	}
	free := fmt.Sprintf("of up to %d metrics; three are free in an account", freeBoard)
	items := price(
		item{What: "KMS keys", Quantity: count["AWS::KMS::Key"], Unit: "months", Price: 1.00},
		item{What: "alarms", Quantity: count["AWS::CloudWatch::Alarm"], Unit: "watched metrics", Price: 0.10},
		item{What: "alarms of alarms", Quantity: count["AWS::CloudWatch::CompositeAlarm"], Unit: "months", Price: 0.50},
		// https://aws.amazon.com/sqs/pricing/: a million requests a month are free in an account, and are not counted here
		item{What: "SQS, requests", Quantity: count["AWS::Lambda::EventSourceMapping"] * pollsPerQueue,
			Unit: "of empty queues that feed functions", Price: 0.40 / 1_000_000},
		item{What: "dashboards", Quantity: count["AWS::CloudWatch::Dashboard"], Unit: "months", Price: 3.00},
		item{What: "dashboards", Quantity: count["AWS::CloudWatch::Dashboard of few metrics"], Unit: free},
	)
	return slices.DeleteFunc(items, func(i item) bool { return i.Quantity == 0 }), nil
}

// metricsOf counts the metrics of a dashboard: its body is a text, or the first argument of Fn::Sub.
func metricsOf(body json.RawMessage) (n int, err error) {
	var sub struct {
		Sub []json.RawMessage `json:"Fn::Sub"`
	}
	if json.Unmarshal(body, &sub) == nil && len(sub.Sub) > 0 {
		body = sub.Sub[0]
	}
	var text string
	var board struct {
		Widgets []struct {
			Properties struct{ Metrics []json.RawMessage }
		}
	}
	if err = json.Unmarshal(body, &text); err == nil {
		err = json.Unmarshal([]byte(text), &board)
	}
	for _, w := range board.Widgets {
		n += len(w.Properties.Metrics)
	}
	if err != nil {
		return 0, fmt.Errorf("decode dashboard: %w", err)
	}
	return n, nil
}
