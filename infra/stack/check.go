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

// Check finds what would otherwise surface as a panic of the CDK, or as a
// function that AWS refuses.
func (p HubProps) Check() error {
	var faults []error
	for _, c := range p.Controls {
		bootstrap := filepath.Join(p.Binaries, c.ID, "bootstrap")
		if _, err := os.Stat(bootstrap); err != nil {
			faults = append(faults, fmt.Errorf("find binary of %q: %w (make build builds it)", c.ID, err))
		}
		if size := settings.EnvSize(p.environment(c).Env()); size > settings.MaxEnv {
			faults = append(faults, fmt.Errorf("environment of %q: up to %d bytes, and Lambda takes %d: shorten owners, allowedNetworks or its parameters in cdk.json",
				c.ID, size, settings.MaxEnv))
		}
	}
	if size := len(quarantine.OutsideDocument(p.Settings.AllowedNetworks)); size > quarantine.MaxDocument {
		faults = append(faults, fmt.Errorf("policy %s: %d characters, and IAM takes %d: list fewer or wider allowedNetworks in cdk.json",
			change.OutsideQuarantine, size, quarantine.MaxDocument))
	}
	for name, address := range map[string]string{"topic": p.Settings.Notify.Topic, "topicKey": p.Settings.Notify.TopicKey} {
		if named, err := arn.Parse(address); err == nil && named.Region != p.Settings.HubRegion {
			// SNS takes a message in the topic's own region alone, and an alarm notifies topics of its own.
			faults = append(faults, fmt.Errorf("notify.%s is in %q: it has to be in the hub's region %s, where the functions and the alarms are", name, named.Region, p.Settings.HubRegion))
		}
	}
	if _, err := p.configRules(); err != nil {
		faults = append(faults, err)
	}
	faults = append(faults, p.checkPatterns()...)
	return errors.Join(faults...)
}

// checkPatterns finds patterns that account, names of Config rules or a region's
// alternatives have made too long for EventBridge.
func (p HubProps) checkPatterns() []error {
	var faults []error
	check := func(what string, q pattern) {
		if size := utf8.RuneCountInString(q.of(jsii.String(longest("", 12))).text()); size > control.MaxPattern {
			faults = append(faults, fmt.Errorf("%s has a pattern of %d characters, and EventBridge takes %d: name fewer configRules in cdk.json", what, size, control.MaxPattern))
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

// environment is what the function of c is told, with the longest names that
// CloudFormation can give in place of those it has yet to choose.
func (p HubProps) environment(c control.Control) settings.Function {
	f := p.Settings.Function(c)
	f.Topic = longest("arn:aws-us-gov:sns:us-gov-west-1:000000000000:", 256) // CreateTopic, Name
	f.Account = longest("", 12)
	for range p.Controls {
		f.Roles = append(f.Roles, longest("", 64)) // CreateRole, RoleName
	}
	if names(c, control.Reports) {
		f.Reports = longest("", 63) // CreateBucket, Bucket
	}
	if names(c, control.DrillQueue) {
		f.Drill = longest("https://sqs.us-gov-west-1.amazonaws.com/000000000000/", 80) // CreateQueue, QueueName
		f.Drilled = p.drilled()
	}
	if names(c, control.Bus) {
		f.Bus = settings.Product
	}
	if names(c, control.Slack) {
		f.Slack = p.Settings.Notify.Slack
	}
	f.Quarantine = settings.Quarantine{Key: quarantineARN(change.KeyQuarantine), Outside: quarantineARN(change.OutsideQuarantine)}
	return f
}

// quarantineARN is the ARN of a quarantine policy in the partition with the
// longest name.
func quarantineARN(name string) string {
	return "arn:aws-us-gov:iam::000000000000:policy" + change.QuarantinePath + name
}

func longest(prefix string, name int) string {
	return fmt.Sprintf("%s%0*d", prefix, name, 0)
}
