package stack

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsconfig"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/settings"
)

// withoutIAM is the regions in which AWS Config has no rules about IAM users: those that came after February 2022.
// https://docs.aws.amazon.com/config/latest/developerguide/access-keys-rotated.html
// https://docs.aws.amazon.com/config/latest/developerguide/iam-user-no-policies-check.html
// https://docs.aws.amazon.com/config/latest/developerguide/iam-user-unused-credentials-check.html
var withoutIAM = []string{
	"ap-east-2", "ap-south-2", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7",
	"ca-west-1", "eu-central-2", "eu-south-2", "il-central-1", "me-central-1", "mx-central-1",
}

// A configRule is a managed rule of AWS Config in the stack.
type configRule struct {
	control.ConfigRule
	values map[string]string // of the rule's parameters, as AWS Config wants them: text
	by     string            // the first control that uses it
}

// configRules lists the managed rules of the controls that are on, each once, sorted by name. The error names controls
// that share a rule and set its parameters differently, and rules of the settings that start no control.
func (p *HubProps) configRules() ([]configRule, error) {
	made := map[string]configRule{}
	known := map[string]bool{}
	var faults []error
	for _, c := range p.Controls {
		set := p.Settings.Controls[c.ID]
		for _, rule := range c.ConfigRules {
			known[rule.Name] = true
			if p.off(c) {
				continue
			}
			wanted := configRule{ConfigRule: rule, values: map[string]string{}, by: c.ID}
			for theirs, ours := range rule.Parameters {
				wanted.values[theirs] = plainText(settings.Least(set.Parameters[ours]))
			}
			first, shared := made[rule.Name]
			if !shared {
				made[rule.Name] = wanted
				continue
			}
			for _, name := range slices.Sorted(maps.Keys(wanted.values)) {
				if a, b := first.values[name], wanted.values[name]; a != b && p.Settings.CreateConfigRules {
					faults = append(faults, fmt.Errorf("the Config rule %s is for %s, with %s %s, and for %s, with %s: "+
						"set %s.%s and %s.%s alike in cdk.json, or createConfigRules to false", rule.Name, first.by, name, a,
						c.ID, b, first.by, first.Parameters[name], c.ID, rule.Parameters[name]))
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Settings.ConfigRules)) {
		if !known[name] {
			faults = append(faults, fmt.Errorf("configRules: no control listens to %q, only to %s",
				name, strings.Join(slices.Sorted(maps.Keys(known)), ", ")))
		}
	}
	if region := p.Settings.ConfigRegion; p.Settings.CreateConfigRules && slices.Contains(withoutIAM, region) {
		faults = append(faults, fmt.Errorf("configRegion: AWS Config has no rules about IAM users in %s: "+
			"choose one of the older regions, such as %s", region, p.Settings.HubRegion))
	}
	rules := slices.SortedFunc(maps.Values(made), func(a, b configRule) int { return strings.Compare(a.Name, b.Name) })
	return rules, errors.Join(faults...)
}

// plainText is the value of a parameter as text: 90 and "90" alike.
func plainText(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	return string(value)
}

// NewConfigRules adds a stack with the managed rules, in the region that the settings name. Periodic rules belong in
// one region: in each they would evaluate all users again. AWS Config refuses a rule where it has no recorder: in a
// stack of their own the rules fail by themselves, and after everything else is deployed. The id is also the stack's
// name. It is nil if the settings do not ask for rules.
// https://docs.aws.amazon.com/config/latest/developerguide/select-resources.html
// https://docs.aws.amazon.com/config/latest/APIReference/API_PutConfigRule.html (NoAvailableConfigurationRecorder)
func NewConfigRules(scope constructs.Construct, id string, hub *Hub) awscdk.Stack {
	props := hub.props
	if !props.Settings.CreateConfigRules {
		return nil
	}
	stack := newStack(scope, id, props.Settings, props.Settings.ConfigRegion,
		"Warder: the rules of AWS Config that start it. They need a recorder that records IAM")
	tag(stack, "config", props.Settings)
	rules, _ := props.configRules() // Validate has returned the error
	for _, rule := range rules {
		made := &awsconfig.CfnConfigRuleProps{
			ConfigRuleName: jsii.String(settings.Product + "-" + rule.Name),
			Description:    jsii.String("Warder: what it finds starts " + rule.by),
			Source: &awsconfig.CfnConfigRule_SourceProperty{
				Owner: jsii.String("AWS"), SourceIdentifier: jsii.String(rule.Identifier),
			},
		}
		if len(rule.values) > 0 {
			made.InputParameters = rule.values
		}
		if rule.Periodic {
			made.MaximumExecutionFrequency = jsii.String("TwentyFour_Hours")
		} else {
			made.Scope = &awsconfig.CfnConfigRule_ScopeProperty{ComplianceResourceTypes: jsii.Strings(rule.Resource)}
		}
		awsconfig.NewCfnConfigRule(stack, jsii.String("Config"+pascal(rule.Name)), made)
	}
	return stack
}
