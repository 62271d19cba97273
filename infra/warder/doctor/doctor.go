// Package doctor checks what Warder needs of an account and how it is there. It asks AWS and changes nothing:
// it has no operation that could. What it may not read is "not known", never "ok".
package doctor

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/warder-aws/warder/infra/warder/account"
	"github.com/warder-aws/warder/infra/warder/readonly"
	"github.com/warder-aws/warder/infra/warder/terminal"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/settings"
)

// State is what a line comes to.
type State string

// The states.
const (
	ok      State = "ok"
	problem State = "problem"   // something does not work, or will not
	unknown State = "not known" // it could not be read
	remark  State = "remark"    // it works; somebody may want to know
)

// A Line is one thing that was checked.
type Line struct {
	Check string `json:"check"` // what was checked, the same words each time
	State State  `json:"state"`
	Text  string `json:"text"`         // how it is
	Do    string `json:"do,omitempty"` // what to do about it
}

// lines collects the lines of one check.
type lines struct {
	check string
	added []Line
}

func (l *lines) add(state State, do, format string, args ...any) {
	text := terminal.Plain(fmt.Sprintf(format, args...))
	l.added = append(l.added, Line{Check: l.check, State: state, Text: text, Do: terminal.Plain(do)})
}

func (l *lines) ok(format string, args ...any)          { l.add(ok, "", format, args...) }
func (l *lines) problem(do, format string, args ...any) { l.add(problem, do, format, args...) }
func (l *lines) remark(do, format string, args ...any)  { l.add(remark, do, format, args...) }

// unread adds that what an operation answers is not known.
func (l *lines) unread(err error) {
	operation := readonly.Operation(err)
	if code := account.Denial(err); code != "" {
		l.add(unknown, "use credentials that may call "+operation, "these credentials may not call %s (%s)", operation, code)
		return
	}
	l.add(unknown, "run it again; if it stays so, check the network and the service's health", "%s",
		strings.TrimPrefix(fmt.Sprintf("%s: %v", operation, account.Cause(err)), ": "))
}

// missing adds that something is not there if err says so. Any other error it returns.
func (l *lines) missing(err error, do, format string, args ...any) error {
	if !account.Missing(err) {
		return err
	}
	l.problem(do, format, args...)
	return nil
}

// InOrder reports whether no line is a problem or not known.
func InOrder(lines []Line) bool {
	return !slices.ContainsFunc(lines, func(l Line) bool { return l.State == problem || l.State == unknown })
}

// Print prints lines for people: each problem with what to do below it.
func Print(out io.Writer, lines []Line, style terminal.Style) {
	colours := map[State]string{ok: terminal.Green, problem: terminal.Red, unknown: terminal.Yellow, remark: terminal.Cyan}
	width, count := 0, map[State]int{}
	for _, line := range lines {
		width = max(width, len(line.Check))
		count[line.State]++
	}
	for _, line := range lines {
		state := style.Paint(colours[line.State], fmt.Sprintf("%-9s", line.State))
		fmt.Fprintf(out, "%s  %-*s  %s\n", state, width, line.Check, line.Text)
		if line.Do != "" {
			fmt.Fprintf(out, "%9s  %-*s  -> %s\n", "", width, "", line.Do)
		}
	}
	fmt.Fprintf(out, "\n%d ok, %s, %s, %d not known\n", count[ok], terminal.Count(count[problem], "problem"),
		terminal.Count(count[remark], "remark"), count[unknown])
}

// operations are all that the doctor calls: others are refused before they are sent.
var operations = []string{
	"cloudformation:DescribeStacks", "cloudformation:GetTemplate", "cloudformation:ListStackResources",
	"cloudformation:ListStacks",
	"cloudtrail:DescribeTrails", "cloudtrail:GetEventSelectors", "cloudtrail:GetTrailStatus",
	"config:DescribeConfigRules", "config:DescribeConfigurationRecorderStatus", "config:DescribeConfigurationRecorders",
	"dynamodb:GetItem", "dynamodb:Scan",
	"events:DescribeEventBus", "events:DescribeRule", "events:ListTargetsByRule",
	"iam:GetRole", "lambda:GetFunctionConfiguration", "scheduler:GetSchedule", "secretsmanager:DescribeSecret",
	"ses:GetAccount", "ses:GetConfigurationSetEventDestinations", "ses:GetEmailIdentity",
	"sns:ListSubscriptionsByTopic", "sqs:GetQueueAttributes", "ssm:DescribeParameters", "ssm:GetParameter",
	"sts:GetCallerIdentity",
}

// Options are what an account is examined with.
type Options struct {
	Settings    account.Settings
	SettingsErr error             // why they could not be read; nothing but the credentials is checked then
	Controls    []control.Control // and tools
	Config      aws.Config
	Now         func() time.Time
}

// A doctor examines one account.
type doctor struct {
	Options
	store    ledger.Store
	contents func() (ledger.Contents, error)   // of the ledger, read once
	synth    func(stack string) (synth, error) // what was synthesized; nil if nothing is known of that

	id        string // of the account
	partition string
	stacks    []*stack // the hub's first

	inForce settings.Settings // that the hub was deployed with, as far as is known; else those of the options
	there   bool              // whether that is known

	mu        sync.Mutex
	differing []string // controls and tools whose functions have other settings
	unread    error    // why a function could not be read, nil when all were
}

// Examine makes every check that can be made, in the order in which somebody would put things right.
func Examine(ctx context.Context, o Options) []Line { return newDoctor(o).examine(ctx) }

func newDoctor(o Options) *doctor {
	o.Config = readonly.New(o.Config, operations).Config(o.Config, func(string) {})
	o.Config.Region = o.Settings.HubRegion
	d := &doctor{
		Options: o, inForce: o.Settings.Settings,
		store: ledger.Dynamo{API: dynamodb.NewFromConfig(o.Config), Name: settings.TableName},
	}
	if o.Settings.Synth != "" {
		d.synth = func(stack string) (synth, error) {
			return readSynth(filepath.Join(o.Settings.Synth, stack+".template.json"), o.Settings.File)
		}
	}
	return d
}

// in is the configuration for a region.
func (d *doctor) in(region string) aws.Config {
	cfg := d.Config.Copy()
	cfg.Region = region
	return cfg
}

// check is one check. It adds its lines, or returns why it could not read.
type check struct {
	name string
	run  func(context.Context, *lines) error
}

// of makes the check of one of several things of a sort.
func of[T any](run func(context.Context, *lines, T) error, thing T) func(context.Context, *lines) error {
	return func(ctx context.Context, l *lines) error { return run(ctx, l, thing) }
}

// together runs the checks, and returns their lines in the checks' order. How much is read at once is for the gate.
func together(ctx context.Context, checks ...check) []Line {
	added := make([][]Line, len(checks))
	var group sync.WaitGroup
	for i, c := range checks {
		group.Go(func() {
			l := &lines{check: c.name}
			if err := c.run(ctx, l); err != nil {
				l.unread(err)
			}
			if !InOrder(l.added) { // what is not in order in one respect is not called ok for another
				l.added = slices.DeleteFunc(l.added, func(line Line) bool { return line.State == ok })
			}
			added[i] = l.added
		})
	}
	group.Wait()
	return slices.Concat(added...)
}

func (d *doctor) examine(ctx context.Context) []Line {
	found := together(ctx, check{"credentials", d.credentials})
	if found[0].State != ok {
		return found // nothing else can be read
	}
	if d.SettingsErr != nil {
		return append(found, Line{"settings", unknown, terminal.Plain(d.SettingsErr.Error()),
			"name the file that it is deployed with: --settings cdk.json"})
	}
	d.contents = sync.OnceValues(func() (ledger.Contents, error) { return ledger.New(d.store).Contents(ctx) })
	var before, bootstraps []check
	for _, region := range append([]string{d.Settings.HubRegion}, d.Settings.Regions...) {
		before = append(before, check{"region " + region, of(d.region, region)})
		bootstraps = append(bootstraps, check{"bootstrap " + region, of(d.bootstrap, region)})
	}
	before = append(append(before, bootstraps...), check{"trail", d.trail}, check{"recorder", d.recorder},
		check{"config rules", d.configured})
	found = append(found, together(ctx, before...)...)

	d.stacks = []*stack{{name: settings.Product, region: d.Settings.HubRegion}}
	hub := d.stacks[0]
	found = append(found, together(ctx, check{"stack " + hub.name, of(d.checkStack, hub)})...)
	if !hub.deployed {
		return found
	}
	d.deployedSettings(hub)
	for _, id := range hub.of("AWS::DynamoDB::Table") {
		if name := hub.physical[id]; name != settings.TableName && name != "" { // where a StackSet deployed it
			d.store = ledger.Dynamo{API: dynamodb.NewFromConfig(d.Config), Name: name}
		}
	}
	var regions, functions []check
	for _, region := range d.Settings.Regions {
		s := &stack{name: settings.Product + "-" + region, region: region}
		d.stacks = append(d.stacks, s)
		regions = append(regions, check{"stack " + s.name, of(d.checkStack, s)})
	}
	found = append(found, together(ctx, regions...)...)
	for _, c := range d.Controls {
		switch {
		case !c.Tool:
			functions = append(functions, check{"control " + c.ID, of(d.function, c)})
		// Without Slack what posts there is not deployed, and without SES what mails.
		case (d.Settings.Notify.Slack.On() || !names(c, control.Slack)) && (d.Settings.Mails() || !names(c,
			control.Mail)):
			functions = append(functions, check{"tool " + c.ID, of(d.function, c)})
		}
	}
	own := together(ctx, functions...)
	found = append(append(found, together(ctx, check{"settings", d.settingsOfFunctions})...), own...)
	rest := []check{
		{
			"subscriptions",
			d.subscriptions,
		}, {"mail", d.mail}, {"slack", d.slack}, {"halt", d.halt}, {"blast radius", d.breakers},
		{"queues", d.queues}, {"sweeps", d.sweeps},
	}
	return append(found, together(ctx, rest...)...)
}

// names reports whether a tool uses one of Warder's own resources.
func names(c control.Control, own string) bool {
	return slices.ContainsFunc(c.Permissions,
		func(p control.Permission) bool { return slices.Contains(p.Resources, own) })
}
