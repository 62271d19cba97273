package stack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/jsii-runtime-go"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/quarantine"
	"github.com/warder-aws/warder/pkg/settings"
)

// Validate returns every fault that would otherwise surface as a panic of the CDK or as a refused deployment.
// [NewHub] panics with the same error.
func (p *HubProps) Validate() error {
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
		size := settings.EnvSize(p.functionSettings(c, longestReferences(len(p.Controls))).Env())
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
		"topic": p.Settings.Notify.Topic, "topicKey": p.Settings.Notify.TopicKey,
	} {
		if named, err := arn.Parse(address); err == nil && named.Region != p.Settings.HubRegion {
			faults = append(faults, fmt.Errorf("notify.%s is in %q: it has to be in the hub's region %s, "+
				"where the functions and the alarms are", name, named.Region, p.Settings.HubRegion))
		}
	}
	if _, err := p.configRules(); err != nil {
		faults = append(faults, err)
	}
	return errors.Join(faults...)
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

// references are the names of deployed resources that functions have in their settings.
type references struct {
	account, topic, reports, drillQueue, bus string
	roles                                    []string
	quarantine                               settings.Quarantine
}

// longestReferences returns the longest names that CloudFormation can choose, for so many functions.
func longestReferences(functions int) references {
	policy := "arn:aws-us-gov:iam::000000000000:policy" + change.QuarantinePath
	r := references{
		account:    longest("", 12),
		topic:      longest("arn:aws-us-gov:sns:us-gov-west-1:000000000000:", 256),       // CreateTopic, Name
		reports:    longest("", 63),                                                      // CreateBucket, Bucket
		drillQueue: longest("https://sqs.us-gov-west-1.amazonaws.com/000000000000/", 80), // CreateQueue, QueueName
		bus:        settings.Product,
		quarantine: settings.Quarantine{Key: policy + change.KeyQuarantine, Outside: policy + change.OutsideQuarantine},
	}
	for range functions {
		r.roles = append(r.roles, longest("", 64)) // CreateRole, RoleName
	}
	return r
}

func longest(prefix string, name int) string { return fmt.Sprintf("%s%0*d", prefix, name, 0) }

// functionSettings returns the settings of the function of c. It knows the roles of all functions, so that it
// does not take another function's change for somebody else's.
func (p *HubProps) functionSettings(c control.Control, r references) settings.Function {
	f := p.Settings.Function(c)
	f.Topic, f.Account, f.Roles, f.Quarantine = r.topic, r.account, r.roles, r.quarantine
	if uses(c, control.Reports) {
		f.Reports = r.reports
	}
	if uses(c, control.DrillQueue) {
		f.Drill, f.Drilled = r.drillQueue, p.drilled()
	}
	if uses(c, control.Bus) {
		f.Bus = r.bus
	}
	if uses(c, control.Slack) {
		f.Slack = p.Settings.Notify.Slack
	}
	return f
}
