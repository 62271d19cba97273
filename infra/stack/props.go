// Package stack holds the constructs that deploy Warder. [NewHub] adds the stack with every control and tool,
// [NewRegion] a stack that forwards the events of one more region to it. Any CDK app in Go can import them.
//
// The package knows no control by name, never calls AWS and never reads credentials.
package stack

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/warder-aws/warder/functions"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/operation"
	"github.com/warder-aws/warder/pkg/quarantine"
	"github.com/warder-aws/warder/pkg/settings"
)

// DefaultBinaries is the folder into which `make build` puts the functions' binaries for Lambda.
const DefaultBinaries = "bin/arm64"

// HubProps configures [NewHub]. The zero value deploys every control, and each observes.
type HubProps struct {
	// Settings are Warder's settings: what cdk.json has in its context under "warder". [settings.Parse] reads
	// and validates them, [FromContext] takes them from the app's context.
	// Default: the settings of an empty object. Every control observes, the hub is in us-east-1.
	Settings settings.Settings

	// Controls describe the controls and tools to deploy. What the settings have no use for is left out, such as the tool
	// that posts to Slack when they name no token. Default: everything in package functions.
	Controls []control.Control

	// Binaries is the folder that holds one folder for each control and tool, named for its id, with its executable
	// `bootstrap` for linux/arm64. A relative path is relative to the working directory. Default: [DefaultBinaries].
	Binaries string
}

// RegionProps configures [NewRegion].
type RegionProps struct {
	// Hub receives the events. The region's stack is deployed after it. Required.
	Hub *Hub

	// Region is the region's code, such as eu-west-1. It must be one of the settings' regions, because the hub
	// has rules for what other regions send only if there are any. Required, unless the settings name a bucket of the
	// functions' code: one template without a region is for all, as a StackSet wants it.
	Region string
}

// FromContext returns the props with the settings that the app's context has under "warder": in cdk.json, or
// in CDK_CONTEXT_JSON. Without any, the settings are the defaults. The error lists every fault in them.
func FromContext(scope constructs.Construct) (*HubProps, error) {
	context, err := json.Marshal(scope.Node().TryGetContext(jsii.String(settings.Product)))
	if err != nil {
		return nil, fmt.Errorf("read cdk.json: %w", err)
	}
	if string(context) == "null" {
		return new(HubProps).withDefaults()
	}
	return FromDocument("cdk.json: "+settings.Product, context)
}

// FromDocument returns the props with settings that are a JSON object. The error lists every fault in them, with the
// name of the file.
func FromDocument(file string, document []byte) (*HubProps, error) {
	controls, err := functions.Controls()
	if err != nil {
		return nil, err
	}
	s, err := settings.ParseFile(file, document, controls)
	if err != nil {
		return nil, err
	}
	return (&HubProps{Settings: s, Controls: controls}).withDefaults()
}

// withDefaults returns a copy in which every prop has a value. It leaves out controls without a use.
func (p *HubProps) withDefaults() (*HubProps, error) {
	var filled HubProps
	if p != nil {
		filled = *p
	}
	filled.Binaries = cmp.Or(filled.Binaries, DefaultBinaries)
	var err error
	if filled.Controls == nil {
		if filled.Controls, err = functions.Controls(); err != nil {
			return nil, err
		}
	}
	if filled.Settings.HubRegion == "" {
		if filled.Settings, err = settings.Parse([]byte("{}"), filled.Controls); err != nil {
			return nil, err
		}
	}
	filled.Controls = slices.DeleteFunc(slices.Clone(filled.Controls), func(c control.Control) bool {
		n := filled.Settings.Notify
		return uses(c, control.Slack) && !n.Slack.On() || uses(c, control.Mail) && !filled.Settings.Mails()
	})
	return &filled, nil
}

// anyUses reports whether a control or tool uses one of Warder's own resources.
func (p *HubProps) anyUses(own ...string) bool {
	return slices.ContainsFunc(p.Controls, func(c control.Control) bool { return uses(c, own...) })
}

// uses reports whether c has a permission for one of Warder's own resources.
func uses(c control.Control, own ...string) bool {
	return slices.ContainsFunc(c.Permissions, func(p control.Permission) bool {
		return slices.ContainsFunc(own, func(name string) bool { return slices.Contains(p.Resources, name) })
	})
}

// watches reports whether c looks at Warder's own stack, or leaves to others what is reported about it, and has to know
// what belongs to it.
func watches(c control.Control) bool {
	return slices.ContainsFunc(operation.All(), func(o operation.Operation) bool { return o.Control == c.ID }) ||
		slices.ContainsFunc(c.Permissions, func(p control.Permission) bool {
			return slices.Contains(p.Actions, "cloudformation:DescribeStacks")
		})
}

// looksAtMail reports whether c looks at how mail is sent.
func looksAtMail(c control.Control) bool {
	return slices.ContainsFunc(c.Permissions, func(p control.Permission) bool {
		return slices.Contains(p.Actions, "ses:GetAccount")
	})
}

// off reports whether the settings switch the control off.
func (p *HubProps) off(c control.Control) bool { return p.Settings.Controls[c.ID].Mode == control.Off }

// NewApp returns an app whose templates depend on the sources alone: they have no record of the CDK's version
// and no construct tree. With a nil folder, it synthesizes into the one that the CDK's command line names.
func NewApp(folder *string) awscdk.App {
	return awscdk.NewApp(&awscdk.AppProps{
		AnalyticsReporting: jsii.Bool(false),
		TreeMetadata:       jsii.Bool(false),
		Outdir:             folder,
	})
}

// NewStacks adds the hub, a stack for each other region of the settings, or one for all of them if it is for StackSets,
// and one of Config rules if they ask for them, under their usual names. The Config rules come last: a deployment ends
// with the first stack that fails.
func NewStacks(scope constructs.Construct, props *HubProps) *Hub {
	hub := NewHub(scope, settings.Product, props)
	before := []awscdk.Stack{hub.Stack}
	if regions := hub.props.Settings.Regions; hub.org != nil && len(regions) > 0 {
		before = append(before, NewRegion(scope, settings.RegionsStack, &RegionProps{Hub: hub}).Stack)
	} else {
		for _, region := range regions {
			before = append(before,
				NewRegion(scope, settings.Product+"-"+region, &RegionProps{Hub: hub, Region: region}).Stack)
		}
	}
	if rules := NewConfigRules(scope, settings.ConfigStack, hub); rules != nil {
		for _, stack := range before {
			rules.AddStackDependency(stack, jsii.String("it may fail for want of a recorder"))
		}
	}
	return hub
}

// Validate returns every fault that would otherwise surface as a panic of the CDK or as a refused deployment.
// [NewHub] panics with the same error.
func (p *HubProps) Validate() error { return p.validate(settings.Product) }

// validate is Validate for a stack of that name.
func (p *HubProps) validate(stack string) error {
	p, err := p.withDefaults()
	if err != nil {
		return err
	}
	faults := p.validatePatterns()
	for _, c := range p.Controls {
		bootstrap := filepath.Join(p.Binaries, c.ID, "bootstrap")
		if _, err := os.Stat(bootstrap); err != nil {
			faults = append(faults, fmt.Errorf("find binary of %q: %w (make build builds it)", c.ID, err))
		}
		size := settings.EnvSize(p.functionSettings(c, p.longestNames(stack)).Env())
		if size > settings.MaxEnv {
			faults = append(faults, fmt.Errorf("environment of %q: up to %d bytes, Lambda takes %d: "+
				"shorten owners, allowedNetworks or its parameters in cdk.json", c.ID, size, settings.MaxEnv))
		}
	}
	size := len(quarantine.OutsideDocument(p.Settings.AllowedNetworks))
	if size > quarantine.MaxDocument {
		faults = append(faults, fmt.Errorf("policy %s: %d characters, IAM takes %d: "+
			"list fewer or wider allowedNetworks in cdk.json", change.OutsideQuarantine, size, quarantine.MaxDocument))
	}
	// SNS accepts a message only in the topic's own region, and an alarm notifies only topics of its own.
	for name, address := range map[string]string{
		"notify.topic": p.Settings.Notify.Topic, "notify.topicKey": p.Settings.Notify.TopicKey,
		"ledgerKey": p.Settings.LedgerKey,
	} {
		if named, err := arn.Parse(address); err == nil && named.Region != p.Settings.HubRegion {
			faults = append(faults, fmt.Errorf("%s is in %q: it has to be in the hub's region %s, "+
				"where the functions and the alarms are", name, named.Region, p.Settings.HubRegion))
		}
	}
	if _, err := p.configRules(); err != nil {
		faults = append(faults, err)
	}
	publishers, _ := p.publishers()
	for _, publisher := range publishers {
		named, err := arn.Parse(publisher)
		principal := strings.HasPrefix(named.Resource, "role/") || strings.HasPrefix(named.Resource, "user/")
		if err != nil || named.Service != "iam" || !principal || strings.ContainsAny(publisher, "*?") {
			faults = append(faults, fmt.Errorf("publisher %q: want the whole ARN of a role or a user", publisher))
		}
	}
	return errors.Join(faults...)
}

// publishers are who may put the events of people on the bus; own says that a control is for such events.
func (p *HubProps) publishers() (publishers []string, own bool) {
	for _, c := range p.Controls {
		for _, q := range patterns(c, p.Settings) {
			if !q.own() {
				continue
			}
			own = true
			var set struct {
				Publishers []string `json:"publishers"`
			}
			if json.Unmarshal(p.Settings.Function(c).Parameters, &set) == nil && !p.off(c) {
				publishers = append(publishers, set.Publishers...)
			}
		}
	}
	return publishers, own
}

// validatePatterns finds patterns that are too long for EventBridge, because of the account, the names of
// Config rules or a region's alternatives.
func (p *HubProps) validatePatterns() (faults []error) {
	check := func(what string, q pattern) {
		if size := utf8.RuneCountInString(q.of(jsii.String(longest("", 12))).text()); size > control.MaxPattern {
			faults = append(faults, fmt.Errorf("%s has a pattern of %d characters, EventBridge takes %d: "+
				"name fewer configRules in cdk.json", what, size, control.MaxPattern))
		}
	}
	for _, c := range p.Controls {
		for i, q := range patterns(c, p.Settings) {
			check(fmt.Sprintf("rule %d of %s", i+1, c.ID), q)
			if drilled := q.drilled(c.Drill.Source(), false); drilled != nil {
				check(fmt.Sprintf("rule %d of %s, on the bus", i+1, c.ID), drilled)
			}
		}
	}
	if len(p.Settings.Regions) > 0 {
		for i, q := range p.forwarded() {
			check(fmt.Sprintf("rule %d of a region", i+1), q)
		}
	}
	return faults
}

// longestNames returns the longest names of resources that CloudFormation can choose in a stack of that name.
func (p *HubProps) longestNames(stack string) settings.Function {
	policy := "arn:aws-us-gov:iam::000000000000:policy" + change.QuarantinePath
	// STACK-ID-SUFFIX, where no topic of the stack has a longer id; a name of a stack has at most 128 characters
	// (CreateStack, StackName).
	length := len(stack)
	if p.Settings.AssetBucket != "" {
		length = 128
	}
	topic := longest("arn:aws-us-gov:sns:us-gov-west-1:000000000000:", length+len("-OwnerMails00000000-000000000000"))
	return settings.Function{
		Account:   longest("", 12),
		Table:     longest(settings.TableName+"-", 12),
		LedgerKey: "arn:aws-us-gov:kms:us-gov-west-1:000000000000:key/00000000-0000-0000-0000-000000000000",
		Topic:     longest("arn:aws-us-gov:sns:us-gov-west-1:000000000000:", 256),       // CreateTopic, Name
		Reports:   longest("", 63),                                                      // CreateBucket, Bucket
		Drill:     longest("https://sqs.us-gov-west-1.amazonaws.com/000000000000/", 80), // CreateQueue, QueueName
		Queue:     longest("https://sqs.us-gov-west-1.amazonaws.com/000000000000/", 80),
		Mail: settings.Mail{
			Set:    longest("", 64), // CreateConfigurationSet, ConfigurationSetName
			All:    topic,
			Owners: topic,
		},
		Bus:        settings.Product,
		Quarantine: settings.Quarantine{Key: policy + change.KeyQuarantine, Outside: policy + change.OutsideQuarantine},
		Roles:      p.roles(),
		Own: settings.Own{
			Stack:  longest("", 128), // CreateStack, StackName
			Topics: []string{topic},
			Mails:  []string{topic, topic},
			Keys:   []string{longest("arn:aws-us-gov:kms:us-gov-west-1:000000000000:key/", 36)},
		},
	}
}

// roles are the names of the roles of all controls, in their order.
func (p *HubProps) roles() []string {
	var names []string
	for _, c := range p.Controls {
		names = append(names, settings.FunctionName(c.ID))
	}
	return names
}

func longest(prefix string, name int) string { return fmt.Sprintf("%s%0*d", prefix, name, 0) }

// functionSettings returns the settings of the function of c, with the names of the deployed resources that it uses. It
// knows the roles of all functions that can change something, so that it does not take another function's change for
// somebody else's; and those of the others if it watches Warder.
func (p *HubProps) functionSettings(c control.Control, names settings.Function) settings.Function {
	f := p.Settings.Function(c)
	f.Topic, f.Account, f.Roles, f.Quarantine = names.Topic, names.Account, names.Roles, names.Quarantine
	f.LedgerKey = names.LedgerKey
	f.Table = names.Table
	if watches(c) {
		f.Own = names.Own
	} else {
		f.Roles = nil
		for i, other := range p.Controls {
			if len(other.Permissions) > 0 {
				f.Roles = append(f.Roles, names.Roles[i])
			}
		}
	}
	if uses(c, control.Reports) {
		f.Reports = names.Reports
	}
	if uses(c, control.DrillQueue) {
		f.Drill, f.Drilled = names.Drill, p.drilled()
	}
	if uses(c, control.Bus) {
		f.Bus = names.Bus
	}
	if uses(c, control.Slack) {
		f.Slack = p.Settings.Notify.Slack
	}
	if uses(c, control.Queue) {
		f.Queue = names.Queue
	}
	if looksAtMail(c) && p.Settings.Notify.SES.On() {
		f.Mail.Sender, f.Mail.Set = p.Settings.Notify.SES.Sender, names.Mail.Set
	}
	if uses(c, control.Mail) {
		f.Mail = names.Mail
		f.Mail.Sender, f.Mail.Fixed = p.Settings.Notify.SES.Sender, p.Settings.Notify.Emails
	}
	return f
}
