package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/warder-aws/warder/infra/local/emulator"
	"github.com/warder-aws/warder/infra/local/endpoint"
	"github.com/warder-aws/warder/infra/local/lambdahost"
	"github.com/warder-aws/warder/infra/local/project"
)

// List prices in US dollars, us-east-1, without any free tier, as of [priced].
const (
	priced = "2026-11-21"

	perAlarmMetric = 0.10             // and month; https://aws.amazon.com/cloudwatch/pricing/
	perComposite   = 0.50             // and month: an alarm of alarms
	perMetric      = 0.30             // and month of 730 hours, for the hours with values
	perDashboard   = 3.00             // and month
	perLogGB       = 0.50             // taken in
	perKey         = 1.00             // and month; https://aws.amazon.com/kms/pricing/
	perKeyCall     = 0.03 / 10_000    //
	perInvocation  = 0.20 / 1_000_000 // https://aws.amazon.com/lambda/pricing/
	perGBSecond    = 0.0000133334     // arm64
	perRead        = 0.125 / 1_000_000
	perWrite       = 0.625 / 1_000_000 // https://aws.amazon.com/dynamodb/pricing/on-demand/
	perPublish     = 0.50 / 1_000_000  // https://aws.amazon.com/sns/pricing/
	perEmail       = 2.00 / 100_000
)

// Assumptions: a local account cannot measure these.
const (
	secondsPerCall = 0.05 // of an AWS call, in Lambda
	secondsCold    = 0.15 // of a function's start
	memoryGB       = 0.25 // of a function
	unitsPerWrite  = 6    // an item of up to 3 KB, and its copy in the index
	unitsPerRead   = 1    // an item of up to 4 KB, consistent
	emails         = 2    // for a notice: its owner and one address of notify
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

// consumption counts what AWS bills by use.
type consumption struct {
	invocations, reads, writes, publishes, calls, logBytes float64
	metrics                                                map[string]float64 // invocations by metric and function
}

// recorder records the invocations on a local account.
type recorder struct {
	mu   sync.Mutex
	used consumption
}

func newRecorder() *recorder { return &recorder{used: consumption{metrics: map[string]float64{}}} }

// done records one invocation: its log, and the metrics in it.
func (r *recorder) done(result lambdahost.Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.used.invocations++
	r.used.logBytes += float64(len(result.Log))
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
				of := ""
				if len(dimensions) > 0 {
					of = result.Function
				}
				for _, metric := range directive.Metrics {
					r.used.metrics[metric.Name+" "+of]++
				}
			}
		}
	}
}

// take returns the consumption since the last time, with the calls of the functions.
func (r *recorder) take(calls []endpoint.Call) consumption {
	r.mu.Lock()
	defer r.mu.Unlock()
	u := r.used
	r.used = consumption{metrics: map[string]float64{}}
	for _, call := range calls {
		if call.By != "" { // a service's, which is in its own price
			continue
		}
		u.calls++
		switch call.Action {
		case "dynamodb:BatchGetItem": // a hold, the recent changes, a breaker and a case
			u.reads += 4
		case "dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan":
			u.reads++
		case "dynamodb:PutItem", "dynamodb:UpdateItem":
			u.writes++
		case "sns:Publish":
			u.publishes++
		}
	}
	return u
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
	flags := newFlags("cost", stderr)
	machine := flags.Bool("json", false, "")
	if flags.Parse(args) != nil {
		return errUsage
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "bench: unknown argument %q\n", flags.Arg(0))
		return errUsage
	}
	root, err := project.Find()
	if err != nil {
		return err
	}
	used, err := playMonth(ctx, root, stderr)
	if err != nil {
		return err
	}
	items, err := fixedItems(root)
	if err != nil {
		return err
	}
	items = append(items, used.items()...)
	sum := 0.0
	for _, i := range items {
		sum += i.USD
	}
	if *machine {
		estimate := map[string]any{"priced": priced, "items": items, "usd": math.Round(sum*100) / 100}
		return json.NewEncoder(stdout).Encode(estimate)
	}
	title := fmt.Sprintf("%.2f USD a month; list prices of us-east-1, %s, no free tier", sum, priced)
	return printTable(stdout, title, "quantity\tUSD each\tUSD a month\t  what", items, func(i item) string {
		return fmt.Sprintf("%.6g\t%.7g\t%.2f\t  %s (%s)", i.Quantity, i.Price, i.USD, i.What, i.Unit)
	})
}

// playMonth delivers each event of the month once, and returns the consumption of all.
func playMonth(ctx context.Context, root project.Root, stderr io.Writer) (*consumption, error) {
	r, total := newRecorder(), &consumption{metrics: map[string]float64{}}
	account, err := emulator.Start(ctx, emulator.Options{Mode: "enforce", Done: r.done, Stderr: stderr})
	if err != nil {
		return nil, err
	}
	defer account.Close()
	for _, entry := range month {
		event, err := os.ReadFile(filepath.Join(string(root), "events", entry.event))
		if err != nil {
			return nil, fmt.Errorf("read event: %w", err)
		}
		if _, err := account.Send(ctx, event); err != nil {
			return nil, fmt.Errorf("send %s: %w", entry.event, err)
		}
		calls, err := account.TakeCalls(ctx)
		if err != nil {
			return nil, err
		}
		total.add(r.take(calls), float64(entry.times))
	}
	return total, nil
}

func (c *consumption) add(d consumption, times float64) {
	c.invocations += d.invocations * times
	c.reads += d.reads * times
	c.writes += d.writes * times
	c.publishes += d.publishes * times
	c.calls += d.calls * times
	c.logBytes += d.logBytes * times
	for name, n := range d.metrics {
		c.metrics[name] += n * times
	}
}

// items prices the consumption of a month.
func (c *consumption) items() []item {
	hours := 0.0
	for _, n := range c.metrics {
		hours += min(n, hoursPerMonth) // every value in an hour of its own: never more than this
	}
	seconds := c.invocations*secondsCold + c.calls*secondsPerCall
	return []item{
		priceOf("custom metrics", hours/hoursPerMonth,
			fmt.Sprintf("months, of %d metrics with a value in %.0f hours", len(c.metrics), hours), perMetric),
		priceOf("logs", c.logBytes/(1<<30), "GB", perLogGB),
		priceOf("Lambda, time", memoryGB*seconds,
			fmt.Sprintf("GB-seconds: %.0f calls of %v s, and starts of %v s", c.calls, secondsPerCall, secondsCold),
			perGBSecond),
		priceOf("Lambda, requests", c.invocations, "invocations", perInvocation),
		priceOf("DynamoDB, writes", c.writes*unitsPerWrite,
			fmt.Sprintf("units: %.0f writes of %d", c.writes, unitsPerWrite), perWrite),
		priceOf("DynamoDB, reads", c.reads*unitsPerRead, "units", perRead),
		priceOf("emails", c.publishes*emails, fmt.Sprintf("of %.0f notices", c.publishes), perEmail),
		priceOf("SNS, requests", c.publishes, "notices", perPublish),
		priceOf("KMS, requests", c.publishes*2, "", perKeyCall),
	}
}

func priceOf(what string, quantity float64, unit string, price float64) item {
	return item{what, quantity, unit, price, quantity * price}
}

// fixedItems prices the deployed stacks while nothing happens.
func fixedItems(root project.Root) ([]item, error) {
	templates, err := root.Templates(project.Deployed)
	if err != nil {
		return nil, err
	}
	var bodies [][]byte
	for _, template := range templates {
		body, err := os.ReadFile(template.Path)
		if err != nil {
			return nil, fmt.Errorf("read template: %w", err)
		}
		bodies = append(bodies, body)
	}
	return priceTemplates(bodies)
}

func priceTemplates(templates [][]byte) ([]item, error) {
	count := map[string]int{} // by type
	alarmMetrics := 0
	for _, template := range templates {
		var t struct {
			Resources map[string]struct {
				Type       string
				Properties struct {
					Metrics []struct{ MetricStat json.RawMessage } // of an alarm with metric math
				}
			}
		}
		if err := json.Unmarshal(template, &t); err != nil {
			return nil, fmt.Errorf("decode template: %w", err)
		}
		for _, r := range t.Resources {
			count[r.Type]++
			if r.Type == "AWS::CloudWatch::Alarm" {
				stats := 0
				for _, m := range r.Properties.Metrics {
					if m.MetricStat != nil {
						stats++
					}
				}
				alarmMetrics += max(stats, 1)
			}
		}
	}
	items := []item{
		priceOf("KMS keys", float64(count["AWS::KMS::Key"]), "months", perKey),
		priceOf("alarms", float64(alarmMetrics), "watched metrics", perAlarmMetric),
		priceOf("alarms of alarms", float64(count["AWS::CloudWatch::CompositeAlarm"]), "months", perComposite),
		priceOf("dashboards", float64(count["AWS::CloudWatch::Dashboard"]), "months", perDashboard),
	}
	return slices.DeleteFunc(items, func(i item) bool { return i.Quantity == 0 }), nil
}
