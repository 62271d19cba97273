package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"

	"github.com/warder-aws/warder/infra/local/emulator"
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

// What cannot be measured here.
const (
	secondsPerCall = 0.05 // of an AWS call, in Lambda
	secondsCold    = 0.15 // of a function's start
	unitsPerWrite  = 6    // an item of up to 3 KB, and its copy in the index
	unitsPerRead   = 1    // an item of up to 4 KB, consistent
	emails         = 2    // that a notice is sent to: its owner and one address of notify
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

// used is what handling something took.
type used struct {
	invocations, reads, writes, publishes, calls, logBytes float64
	metrics                                                map[string]float64 // invocations by metric and function
}

// meter is told of each invocation.
type meter struct {
	mu  sync.Mutex
	now used
}

func (m *meter) done(r lambdahost.Result) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now.invocations++
	m.now.logBytes += float64(len(r.Log))
	for line := range strings.Lines(string(r.Log)) {
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
					of = r.Function
				}
				for _, metric := range directive.Metrics {
					m.now.metrics[metric.Name+" "+of]++
				}
			}
		}
	}
}

// take returns what was used since the last time.
func (m *meter) take(ctx context.Context, address string) (used, error) {
	calls, err := emulator.At(address).TakeCalls(ctx)
	if err != nil {
		return used{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	u := m.now
	m.now = used{metrics: map[string]float64{}}
	for _, call := range calls {
		if call.By != "" { // a service's, which is in its own price
			continue
		}
		u.calls++
		switch call.Action {
		case "dynamodb:BatchGetItem": // a hold, rounds, a breaker and a case
			u.reads += 4
		case "dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan":
			u.reads++
		case "dynamodb:PutItem", "dynamodb:UpdateItem":
			u.writes++
		case "sns:Publish":
			u.publishes++
		}
	}
	return u, nil
}

// An item is a line of the estimate.
type item struct {
	What     string  `json:"what"`
	Quantity float64 `json:"quantity"`
	Unit     string  `json:"unit"`
	Price    float64 `json:"price"` // of one
	USD      float64 `json:"usd"`
}

// cost plays a month on a local account and prices what it took.
func cost(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("cost", flag.ContinueOnError)
	machine := flags.Bool("json", false, "print JSON")
	if rest, err := parseFlags(flags, args, stderr); err != nil || len(rest) > 0 {
		fmt.Fprint(stderr, usage)
		return errUsage
	}
	m := &meter{now: used{metrics: map[string]float64{}}}
	a, err := emulator.Start(ctx, emulator.Options{Mode: "enforce", Done: m.done, Stderr: stderr})
	if err != nil {
		return err
	}
	defer a.Close()
	root, err := project.Find()
	if err != nil {
		return err
	}
	total := used{metrics: map[string]float64{}}
	for _, entry := range month {
		event, err := readEvent(filepath.Join(string(root), "events", entry.event))
		if err != nil {
			return err
		}
		if _, err := a.Send(ctx, event.JSON); err != nil {
			return fmt.Errorf("send %s: %w", entry.event, err)
		}
		u, err := m.take(ctx, a.URL)
		if err != nil {
			return err
		}
		total.add(u, float64(entry.times))
	}
	templates, err := root.Templates(project.Deployed)
	if err != nil {
		return err
	}
	var standing [][]byte
	for _, template := range templates {
		body, err := os.ReadFile(template.Path)
		if err != nil {
			return fmt.Errorf("read template: %w", err)
		}
		standing = append(standing, body)
	}
	items, err := stands(standing)
	if err != nil {
		return err
	}
	items = append(items, total.items()...)
	sum := 0.0
	for _, i := range items {
		sum += i.USD
	}
	if *machine {
		return json.NewEncoder(stdout).Encode(map[string]any{"priced": priced, "items": items, "usd": math.Round(sum*100) / 100})
	}
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "quantity\tUSD each\tUSD a month\t  what\n")
	for _, i := range items {
		fmt.Fprintf(table, "%.6g\t%.7g\t%.2f\t  %s (%s)\n", i.Quantity, i.Price, i.USD, i.What, i.Unit)
	}
	fmt.Fprintf(table, "\t\t%.2f\t  in all; list prices of us-east-1, %s, no free tier\n", sum, priced)
	return table.Flush()
}

func (u *used) add(v used, times float64) {
	u.invocations += v.invocations * times
	u.reads += v.reads * times
	u.writes += v.writes * times
	u.publishes += v.publishes * times
	u.calls += v.calls * times
	u.logBytes += v.logBytes * times
	for name, n := range v.metrics {
		u.metrics[name] += n * times
	}
}

// items prices what a month took.
func (u used) items() []item {
	const gb = 1 << 30
	memory := 256.0 / 1024 // GB of a function
	hours := 0.0
	for _, n := range u.metrics {
		hours += min(n, hoursPerMonth) // every value in an hour of its own: never more than this
	}
	return []item{
		priceOf("custom metrics", hours/hoursPerMonth, fmt.Sprintf("months, of %d metrics with a value in %.0f hours", len(u.metrics), hours), perMetric),
		priceOf("logs", u.logBytes/gb, "GB", perLogGB),
		priceOf("Lambda, time", memory*(u.invocations*secondsCold+u.calls*secondsPerCall), fmt.Sprintf("GB-seconds: %.0f calls of %v s, and starts of %v s", u.calls, secondsPerCall, secondsCold), perGBSecond),
		priceOf("Lambda, requests", u.invocations, "invocations", perInvocation),
		priceOf("DynamoDB, writes", u.writes*unitsPerWrite, fmt.Sprintf("units: %.0f writes of %d", u.writes, unitsPerWrite), perWrite),
		priceOf("DynamoDB, reads", u.reads*unitsPerRead, "units", perRead),
		priceOf("emails", u.publishes*emails, fmt.Sprintf("of %.0f notices", u.publishes), perEmail),
		priceOf("SNS, requests", u.publishes, "notices", perPublish),
		priceOf("KMS, requests", u.publishes*2, "", perKeyCall),
	}
}

func priceOf(what string, quantity float64, unit string, price float64) item {
	return item{what, quantity, unit, price, quantity * price}
}

// stands is what the stacks cost while nothing happens.
func stands(templates [][]byte) ([]item, error) {
	alarmed, composites, keys, dashboards := 0, 0, 0, 0
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
			return nil, fmt.Errorf("read template: %w", err)
		}
		for _, r := range t.Resources {
			switch r.Type {
			case "AWS::CloudWatch::Alarm":
				stats := 0
				for _, m := range r.Properties.Metrics {
					if m.MetricStat != nil {
						stats++
					}
				}
				alarmed += max(stats, 1)
			case "AWS::CloudWatch::CompositeAlarm":
				composites++
			case "AWS::KMS::Key":
				keys++
			case "AWS::CloudWatch::Dashboard":
				dashboards++
			}
		}
	}
	items := []item{
		priceOf("KMS keys", float64(keys), "months", perKey),
		priceOf("alarms", float64(alarmed), "metrics that are watched", perAlarmMetric),
		priceOf("alarms of alarms", float64(composites), "months", perComposite),
		priceOf("dashboards", float64(dashboards), "months", perDashboard),
	}
	return slices.DeleteFunc(items, func(i item) bool { return i.Quantity == 0 }), nil
}
