// Package doctor checks what Warder needs of an account and how it is there. It asks AWS and changes nothing:
// it has no operation that could. What it may not read is "not known", never "ok".
package doctor

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/warder-aws/warder/infra/warder/account"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/settings"
)

// Options are what an account is examined with.
type Options struct {
	Settings account.Settings
	// SettingsErr is why the settings could not be read; nothing but the credentials is checked then.
	SettingsErr error
	Controls    []control.Control // and tools
	Config      aws.Config        // of the hub's region
	Now         func() time.Time
}

// Examine makes every check that can be made, in the order in which somebody would put things right.
func Examine(ctx context.Context, o Options) []Line {
	d := &doctor{
		settings: o.Settings.Settings, source: o.Settings.Source, settingsErr: o.SettingsErr,
		controls: o.Controls, now: o.Now, account: newAccount(o.Config),
	}
	if o.Settings.Synth != "" {
		d.synth = func(stack string) (synth, error) {
			return readSynth(filepath.Join(o.Settings.Synth, stack+".template.json"), o.Settings.File)
		}
	}
	return d.examine(ctx)
}

// A doctor examines one account.
type doctor struct {
	settings    settings.Settings
	source      string // of the settings
	settingsErr error
	controls    []control.Control // and tools
	now         func() time.Time
	account     func(region string) clients
	// synth reads what was synthesized for a stack; nil if nothing is known of that.
	synth func(stack string) (synth, error)

	id           string // of the account
	partition    string
	hub          stack
	regionStacks []stack

	mu        sync.Mutex
	differing []string // controls and tools whose functions have other settings
	unread    error    // why a function could not be read, nil when all were

	reading     sync.Once
	contents    ledger.Contents
	contentsErr error
}

// check is one check, which adds its lines.
type check struct {
	name string
	run  func(context.Context, *lines)
}

// checksAtOnce is how many checks run together: few enough for the rates that AWS allows.
const checksAtOnce = 6

// together runs the checks, and returns their lines in the checks' order.
func together(ctx context.Context, checks []check) []Line {
	added := make([][]Line, len(checks))
	var group sync.WaitGroup
	turns := make(chan struct{}, checksAtOnce)
	for i, c := range checks {
		turns <- struct{}{}
		group.Go(func() {
			defer func() { <-turns }()
			l := &lines{check: c.name}
			c.run(ctx, l)
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
	found := together(ctx, []check{{"credentials", d.credentials}})
	if found[0].State != ok {
		return found // nothing else can be read
	}
	if d.settingsErr != nil {
		l := &lines{check: "settings"}
		l.add(unknown, "name the file that it is deployed with: --settings cdk.json", "%v", d.settingsErr)
		return append(found, l.added...)
	}
	var before, bootstraps []check
	for _, region := range d.regions() {
		before = append(before, check{"region " + region, func(ctx context.Context, l *lines) { d.region(ctx, l, region) }})
		bootstraps = append(bootstraps, check{"bootstrap " + region, func(ctx context.Context, l *lines) {
			d.bootstrap(ctx, l, region)
		}})
	}
	before = append(append(before, bootstraps...), check{"trail", d.trail}, check{"recorder", d.recorder})
	if len(d.configRules()) > 0 {
		before = append(before, check{"config rules", d.configured})
	}
	found = append(found, together(ctx, before)...)

	found = append(found, together(ctx, []check{{"stack " + settings.Product, func(ctx context.Context, l *lines) {
		d.hub = d.readStack(ctx, l, settings.Product, d.settings.HubRegion)
	}}})...)
	if !d.hub.deployed {
		return found
	}
	var stacks []check
	d.regionStacks = make([]stack, len(d.settings.Regions))
	for i, region := range d.settings.Regions {
		name := settings.Product + "-" + region
		stacks = append(stacks, check{"stack " + name, func(ctx context.Context, l *lines) {
			d.regionStacks[i] = d.regionStack(ctx, l, name, region)
		}})
	}
	found = append(found, together(ctx, stacks)...)
	own := together(ctx, d.functions())
	found = append(found, together(ctx, []check{{"settings", d.settingsOfFunctions}})...)
	return slices.Concat(found, own, together(ctx, d.rest()))
}

// functions are the checks of each control and tool.
func (d *doctor) functions() []check {
	var checks []check
	for _, c := range d.controls {
		if c.Tool && !d.settings.Notify.Slack.On() && names(c, control.Slack) {
			continue // there is nothing that it could post to: it is not deployed
		}
		if c.Tool {
			checks = append(checks, check{"tool " + c.ID, func(ctx context.Context, l *lines) { d.tool(ctx, l, c) }})
		} else {
			checks = append(checks, check{"control " + c.ID, func(ctx context.Context, l *lines) { d.control(ctx, l, c) }})
		}
	}
	return checks
}

// rest are the checks of what they share.
func (d *doctor) rest() []check {
	checks := []check{{"subscriptions", d.subscriptions}}
	if d.settings.Notify.Slack.On() {
		checks = append(checks, check{"slack", d.slack})
	}
	checks = append(checks, check{"halt", d.halt}, check{"blast radius", d.breakers}, check{"queues", d.queues},
		check{"sweeps", d.sweeps})
	return checks
}

// names reports whether c may do something with a resource of Warder's own.
func names(c control.Control, own string) bool {
	return slices.ContainsFunc(c.Permissions, func(p control.Permission) bool { return slices.Contains(p.Resources, own) })
}

// regions are the hub's and the others, the hub's first.
func (d *doctor) regions() []string {
	return append([]string{d.settings.HubRegion}, d.settings.Regions...)
}

func (d *doctor) in(region string) clients { return d.account(region) }

// partitions are the partitions by the region in which IAM's events arrive.
var partitions = map[string]string{"us-east-1": "aws", "us-gov-west-1": "aws-us-gov", "cn-north-1": "aws-cn"}

// credentials finds out whose the credentials are. Without that nothing else can be said.
func (d *doctor) credentials(ctx context.Context, l *lines) {
	hub := d.settings.HubRegion
	caller, err := d.in(hub).sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		do := "hubRegion %s is of the partition %s: credentials of another are not known there"
		l.problem(fmt.Sprintf(do, hub, partitions[hub]), "%v", account.Cause(err))
		return
	}
	who, err := arn.Parse(aws.ToString(caller.Arn))
	if err != nil {
		l.unread("sts:GetCallerIdentity", err)
		return
	}
	d.id, d.partition = aws.ToString(caller.Account), who.Partition
	if who.Partition != partitions[hub] {
		l.problem("set hubRegion in cdk.json to the region of the partition "+who.Partition+" where IAM's events arrive",
			"the account %s is in the partition %s, and hubRegion %s is in %s", d.id, who.Partition, hub, partitions[hub])
		return
	}
	l.ok("account %s, partition %s, as %s", d.id, d.partition, aws.ToString(caller.Arn))
}

// signIns are regions in which AWS records console sign-ins of IAM users who have one, two or more
// tabs open, whatever region they work in, beside the hub's.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-aws-console-sign-in-events.html
var signIns = []string{"ap-southeast-2", "eu-north-1", "us-east-2"}

// region checks that a region of the settings can be used.
func (d *doctor) region(ctx context.Context, l *lines, region string) {
	if region != d.settings.HubRegion {
		switch _, err := d.in(region).sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}); {
		case account.Coded(err, "InvalidClientTokenId", "UnrecognizedClientException", "RegionDisabledException"):
			l.problem("enable the region for the account, or remove it from regions in cdk.json", "not enabled for this account")
			return
		case err != nil:
			l.unread("sts:GetCallerIdentity", err)
			return
		}
		l.ok("enabled; its events are to go to %s", d.settings.HubRegion)
		return
	}
	l.ok("where IAM's events of this partition arrive")
	var missing []string
	for _, r := range signIns {
		if d.partition == "aws" && !slices.Contains(d.settings.Regions, r) {
			missing = append(missing, r)
		}
	}
	if len(missing) > 0 {
		l.remark("add them to regions in cdk.json", "console sign-ins are also recorded in %s, which are not among regions",
			strings.Join(missing, ", "))
	}
}

// bootstrapVersion is where the CDK notes that a region is bootstrapped, and neededVersion what the
// stack's synthesizer asks for.
// https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html
const (
	bootstrapVersion = "/cdk-bootstrap/hnb659fds/version"
	neededVersion    = 6
)

// bootstrap checks that the CDK can deploy to a region.
func (d *doctor) bootstrap(ctx context.Context, l *lines, region string) {
	if d.settings.AssetBucket != "" {
		l.ok("not needed: the functions' code comes from the bucket %s", d.settings.AssetBucket)
		return
	}
	do := fmt.Sprintf("node_modules/.bin/cdk bootstrap --app cdk.out aws://%s/%s", d.id, region)
	out, err := d.in(region).ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String(bootstrapVersion)})
	switch {
	case account.Coded(err, "ParameterNotFound"):
		l.problem(do, "the CDK has not bootstrapped %s: make deploy will fail", region)
		return
	case err != nil:
		l.unread("ssm:GetParameter", err)
		return
	}
	switch version, err := strconv.Atoi(aws.ToString(out.Parameter.Value)); {
	case err != nil || version < neededVersion:
		l.problem(do, "bootstrapped at version %s, and %d is needed", aws.ToString(out.Parameter.Value), neededVersion)
	default:
		l.ok("version %d", version)
	}
}
