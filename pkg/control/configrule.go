package control

import (
	"github.com/warder-aws/warder/pkg/lazyregexp"
	"github.com/warder-aws/warder/pkg/strictjson"
)

// ConfigRule is a managed rule of AWS Config that finds what a control puts right.
// https://docs.aws.amazon.com/config/latest/developerguide/managed-rules-by-aws-config.html
type ConfigRule struct {
	Name       string            // as in AWS's list, "access-keys-rotated"; the control's patterns name it
	Identifier string            // "ACCESS_KEYS_ROTATED"
	Parameters map[string]string // the rule's parameter → the control's that it must agree with
	Periodic   bool              // it runs by the clock, and not when the configuration changes
	Resource   string            // type of resource it is about, "AWS::IAM::User"
}

var identifier = lazyregexp.New(`^[A-Z][A-Z0-9_]*$`)

func parseConfigRules(n *strictjson.Node, parameters map[string]Parameter) []ConfigRule {
	var rules []ConfigRule
	for _, item := range n.Items() {
		item.Fields("name", "identifier", "parameters", "periodic", "resource")
		rule := ConfigRule{
			Name:       item.Required("name").Text(),
			Identifier: item.Required("identifier").Text(),
			Parameters: item.Field("parameters").Map(),
			Periodic:   item.Field("periodic").Bool(),
			Resource:   item.Required("resource").Text(),
		}
		if name := item.Field("name"); name.Is(strictjson.String) && !kebab().MatchString(rule.Name) {
			name.Faultf("%q is not kebab-case, as managed rules are", rule.Name)
		}
		if id := item.Field("identifier"); id.Is(strictjson.String) && !identifier().MatchString(rule.Identifier) {
			id.Faultf("%q is not the identifier of a managed rule, as in ACCESS_KEYS_ROTATED", rule.Identifier)
		}
		for name, ours := range rule.Parameters {
			if _, declared := parameters[ours]; !declared {
				item.Field("parameters").Field(name).Faultf("the control has no parameter %q", ours)
			}
		}
		rules = append(rules, rule)
	}
	return rules
}
