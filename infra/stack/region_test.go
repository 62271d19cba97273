package stack

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// abroad are settings with other regions, one for each partition.
var abroad = map[string]func() (template, error){
	"aws": sync.OnceValues(func() (template, error) {
		return synthesize("abroad",
			`{"regions": ["eu-west-1", "us-east-1", "ap-northeast-2"], "allowedNetworks": ["203.0.113.0/24"], "controls": `+
				`{"alert-root-usage": {"mode": "off"}}}`)
	}),
	"aws-cn": sync.OnceValues(func() (template, error) {
		return synthesize("china", `{"hubRegion": "cn-north-1", "regions": ["cn-northwest-1"]}`)
	}),
	"aws-us-gov": sync.OnceValues(func() (template, error) {
		return synthesize("gov", `{"hubRegion": "us-gov-west-1", "regions": ["us-gov-east-1"]}`)
	}),
}

// regionsOf is the stacks of the other regions in abroad.
var regionsOf = map[string][]string{
	"aws": {"warder-ap-northeast-2", "warder-eu-west-1"}, "aws-cn": {"warder-cn-northwest-1"},
	"aws-us-gov": {"warder-us-gov-east-1"},
}

// stacks is every stack that the tests synthesize with settings of their own.
func stacks(t *testing.T) map[string]func() (template, error) {
	t.Helper()
	all := map[string]func() (template, error){"deployed": deployed, "custom": custom, "with a tool": withSecret,
		"elsewhere": toElsewhere, "with Config": withConfigRules, "for a StackSet": stackSet}
	for partition, hub := range abroad {
		all[partition] = hub
		for _, name := range regionsOf[partition] {
			all[partition+" "+name] = func() (template, error) { return load(t, hub).sibling(t, name), nil }
		}
	}
	return all
}

func TestRegion_ForwardsOnlyToTheHub(t *testing.T) {
	for partition, names := range regionsOf {
		hub := load(t, abroad[partition])
		bus := hub.one(t, "AWS::Events::EventBus", func(resource) bool { return true })
		if bus.get("Name") != "warder" || bus.get("Policy") != nil {
			t.Errorf("%s: bus %v, want warder without a policy", partition, bus.Properties)
		}
		for _, policy := range hub.all("AWS::Events::EventBusPolicy") {
			if policy.get("Statement.Effect") != "Deny" {
				t.Errorf("%s: others may put events on the bus: %v", partition, policy)
			}
		}
		region := map[string]string{"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}[partition]
		to := "arn:${AWS::Partition}:events:" + region + ":${AWS::AccountId}:event-bus/warder"
		for _, name := range names {
			tmpl := hub.sibling(t, name)
			role := tmpl.one(t, "AWS::IAM::Role", func(resource) bool { return true })
			var may []string
			for _, policy := range role.get("Policies").([]any) {
				for _, s := range statements(policy.(map[string]any)["PolicyDocument"]) {
					may = append(may, statementLines(s)...)
				}
			}
			if diff := cmp.Diff([]string{"allow events:PutEvents on " + to}, may); diff != "" {
				t.Errorf("%s: what the role may do (-want +got):\n%s", name, diff)
			}
			undelivered := tmpl.named(t, "AWS::SQS::Queue", "Undelivered")
			rules := tmpl.all("AWS::Events::Rule")
			if len(rules) < 2 {
				t.Errorf("%s: %d rules", name, len(rules))
			}
			for _, rule := range rules {
				if bus := rule.get("EventBusName"); bus != nil {
					t.Errorf("%s: %s is on bus %v, where nothing happens by itself", name, rule.id, bus)
				}
				if targets := rule.get("Targets").([]any); len(targets) != 1 || text(rule.get("Targets.0.Arn")) != to ||
					!rule.refers("Targets.0.RoleArn", role) || !rule.refers("Targets.0.DeadLetterConfig.Arn", undelivered) {
					t.Errorf("%s: %s has targets %v, want the hub's bus alone, with the role and the queue", name, rule.id, targets)
				}
			}
			for _, kind := range []string{"AWS::Lambda::Function", "AWS::DynamoDB::Table", "AWS::SNS::Topic"} {
				if found := tmpl.all(kind); len(found) > 0 {
					t.Errorf("%s has %v: all of that is in the hub", name, found)
				}
			}
		}
	}
}

func TestRegion_HubRulesOnTheBus(t *testing.T) {
	hub := load(t, abroad["aws"])
	regional := 0
	for _, c := range started(t) {
		var want, got []any
		for _, raw := range c.Rules {
			pattern := ofAccount(t, raw)
			if text(pattern["source"]) != "aws.iam" {
				want = append(want, pattern)
			}
		}
		for _, rule := range hub.rules(hub.function(t, c.ID)) {
			if rule.get("EventBusName") == nil || isHeartbeat(rule) {
				continue
			}
			regional++
			pattern := rule.get("EventPattern").(map[string]any)
			// What a drill makes up comes on the bus as well.
			pattern["source"] = slices.DeleteFunc(slices.Clone(pattern["source"].([]any)),
				func(s any) bool { return s == "warder.drill" })
			got = append(got, pattern)
			if off := rule.get("State") == "DISABLED"; off != (c.ID == "alert-root-usage") {
				t.Errorf("%s of %s is %v", rule.id, c.ID, rule.get("State"))
			}
		}
		if diff := cmp.Diff(sorted(want), sorted(got)); diff != "" {
			t.Errorf("%s: patterns on the bus (-control.json +template):\n%s", c.ID, diff)
		}
	}
	if regional == 0 {
		t.Error("no rule is on the bus")
	}
	for _, rule := range load(t, deployed).all("AWS::Events::Rule") {
		source := text(rule.get("EventPattern.source"))
		if rule.get("EventBusName") != nil && source != "warder.drill" && source != "warder.people" {
			t.Errorf("%s waits on the bus for %v, and there are no regions", rule.id, rule.get("EventPattern"))
		}
	}
}

func TestRegion_HubLearnsOfUndeliveredEvents(t *testing.T) {
	hub := load(t, abroad["aws"])
	region := hub.sibling(t, "warder-eu-west-1")
	alarm := region.one(t, "AWS::CloudWatch::Alarm", func(resource) bool { return true })
	undelivered := region.named(t, "AWS::SQS::Queue", "Undelivered")
	if alarm.get("MetricName") != "ApproximateNumberOfMessagesVisible" ||
		target(alarm.get("Dimensions.0.Value")) != undelivered.id ||
		alarm.get("Threshold") != float64(0) || alarm.get("ComparisonOperator") != "GreaterThanThreshold" {
		t.Errorf("alarm %v, want one on any message in %s", alarm.Properties, undelivered.id)
	}
	rule := region.one(t, "AWS::Events::Rule",
		func(r resource) bool { return text(r.get("EventPattern.detail-type")) == alarmChange })
	if !(resource{Properties: map[string]any{"alarm": rule.get("EventPattern.resources.0")}}).refers("alarm", alarm) ||
		text(rule.get("EventPattern.detail.state.value")) != "ALARM" {
		t.Errorf("pattern %v, want the alarm going off", rule.get("EventPattern"))
	}
	kept := hub.one(t, "AWS::Events::Rule",
		func(r resource) bool { return text(r.get("EventPattern.source")) == "aws.cloudwatch" })
	if !kept.refers("Targets.0.Arn", hub.named(t, "AWS::SQS::Queue", "Undelivered")) ||
		text(kept.get("EventBusName")) != "${Bus}" {
		t.Errorf("rule %v, want it to keep the regions' alarms", kept.Properties)
	}
}

func TestTemplates_NoPartition(t *testing.T) {
	for name, from := range stacks(t) {
		for _, line := range strings.Split(string(load(t, from).text), "\n") {
			if strings.Contains(strings.NewReplacer(elsewhere, "", elsewhereKey, "").Replace(line), "arn:aws") {
				t.Errorf("%s: %s", name, strings.TrimSpace(line))
			}
		}
	}
}

func TestForwarding(t *testing.T) {
	tests := []struct {
		name     string
		patterns []string
		want     []string
	}{
		{"nothing", nil, nil},
		{"one pattern is itself", []string{`{"source":["a"],"detail-type":["t"],"detail":{"x":[1]}}`},
			[]string{`{"detail":{"x":[1]},"detail-type":["t"],"source":["a"]}`}},
		{"the same pattern twice is one", []string{`{"source":["a"],"detail-type":["t"]}`,
			`{"detail-type":["t"],"source":["a"]}`}, []string{`{"detail-type":["t"],"source":["a"]}`}},
		{"sources of one pattern are apart", []string{`{"source":["b","a"],"detail-type":["t"]}`},
			[]string{`{"detail-type":["t"],"source":["a"]}`, `{"detail-type":["t"],"source":["b"]}`}},
		{"patterns that an event may match both are alternatives",
			[]string{`{"source":["a"],"detail-type":["t","u"],"detail":{"x":[1]}}`,
				`{"source":["a"],"detail-type":["u"],"detail":{"x":[2]}}`},
			[]string{`{"$or":[{"detail":{"x":[1]},"detail-type":["t","u"]},{"detail":{"x":[2]},"detail-type":["u"]}],` +
				`"source":["a"]}`}},
		{"calls of a service that differ in their names alone are one, and a source has no other service's",
			[]string{`{"source":["aws.a","aws.b"],"detail":{"eventSource":["a.amazonaws.com","b.amazonaws.com"],"eventName":["X","Y"]}}`,
				`{"source":["aws.a"],"detail":{"eventSource":["a.amazonaws.com"],"eventName":["Y","Z"]}}`,
				`{"source":["aws.a"],"detail":{"eventSource":["a.amazonaws.com"],"eventName":["X"],"errorCode":["E"]}}`},
			[]string{`{"$or":[{"detail":{"eventName":["X","Y","Z"],"eventSource":["a.amazonaws.com"]}},` +
				`{"detail":{"errorCode":["E"],"eventName":["X"],"eventSource":["a.amazonaws.com"]}}],"source":["aws.a"]}`,
				`{"detail":{"eventName":["X","Y"],"eventSource":["b.amazonaws.com"]},"source":["aws.b"]}`}},
		{"patterns of other detail-types are apart",
			[]string{`{"source":["a"],"detail-type":["t"]}`, `{"source":["a"],"detail-type":["u"]}`},
			[]string{`{"detail-type":["t"],"source":["a"]}`, `{"detail-type":["u"],"source":["a"]}`}},
		{"one that meets both brings them together",
			[]string{`{"source":["a"],"detail-type":["t"]}`, `{"source":["a"],"detail-type":["u"]}`,
				`{"source":["a"],"detail":{"x":[1]}}`},
			[]string{`{"$or":[{"detail-type":["u"]},{"detail-type":["t"]},{"detail":{"x":[1]}}],"source":["a"]}`}},
		{"one of any source is an alternative of each, and alone for the others",
			[]string{`{"source":["a"],"detail-type":["t"]}`, `{"source":["b"],"detail-type":["v"]}`,
				`{"source":[{"prefix":"a"}],"detail-type":["t","u"]}`},
			[]string{`{"$or":[{"detail-type":["t"]},{"detail-type":["t","u"]}],"source":["a"]}`,
				`{"detail-type":["v"],"source":["b"]}`, `{"detail-type":["t","u"],"source":[{"anything-but":["a"]}]}`}},
		{"one of any source alone is itself", []string{`{"source":[{"prefix":"a"}],"detail-type":["t"]}`},
			[]string{`{"detail-type":["t"],"source":[{"prefix":"a"}]}`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var all []pattern
			for _, raw := range tt.patterns {
				var p pattern
				if err := json.Unmarshal([]byte(raw), &p); err != nil {
					t.Fatal(err)
				}
				all = append(all, p)
			}
			var got []string
			for _, p := range forwarding(all) {
				got = append(got, p.text())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("forwarding (-want +got):\n%s", diff)
			}
		})
	}
}

func TestForwarding_ControlOff(t *testing.T) {
	off, on := load(t, abroad["aws"]), load(t, abroad["aws-cn"])
	root := func(tmpl template) bool { return strings.Contains(string(tmpl.text), `"Root"`) }
	if root(off.sibling(t, "warder-eu-west-1")) {
		t.Error("what root does is forwarded, and alert-root-usage is off")
	}
	if !root(on.sibling(t, "warder-cn-northwest-1")) {
		t.Error("what root does is not forwarded, and alert-root-usage is on")
	}
}
