package stack

import (
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	withConfigRules = sync.OnceValues(func() (template, error) {
		return synthesize("config", `{"createConfigRules": true, "regions": ["eu-west-1"], "controls": {
			"deactivate-stale-access-key": {"maxAgeDays": 60}, "rotate-access-key": {"maxAgeDays": 60},
			"deactivate-unused-access-key": {"mode": "off"}
		}}`)
	})
	withConfigRulesAbroad = sync.OnceValues(func() (template, error) {
		return synthesize("config-abroad",
			`{"createConfigRules": true, "regions": ["eu-west-1", "ap-northeast-2"], "configRegion": "eu-west-1"}`)
	})
	withNamedRules = sync.OnceValues(func() (template, error) {
		return synthesize("config-named",
			`{"regions": ["eu-west-1"], "configRules": {"access-keys-rotated": ["acme-key-age", "access-keys-rotated"]}}`)
	})
)

// made is the Config rules of a template by name.
func made(tmpl template) map[string]map[string]any {
	rules := map[string]map[string]any{}
	for _, rule := range tmpl.all("AWS::Config::ConfigRule") {
		rules[rule.get("ConfigRuleName").(string)] = map[string]any{
			"source": rule.get("Source"), "input": rule.get("InputParameters"), "every": rule.get("MaximumExecutionFrequency"),
			"scope": rule.get("Scope"),
		}
	}
	return rules
}

func managed(identifier string) map[string]any {
	return map[string]any{"Owner": "AWS", "SourceIdentifier": identifier}
}

func TestConfigRules_MatchTheControls(t *testing.T) {
	hub := load(t, withConfigRules)
	want := map[string]map[string]any{
		"warder-access-keys-rotated": {
			"source": managed("ACCESS_KEYS_ROTATED"), "input": map[string]any{"maxAccessKeyAge": "60"},
			"every": "TwentyFour_Hours", "scope": nil,
		},
		"warder-iam-user-no-policies-check": {
			"source": managed("IAM_USER_NO_POLICIES_CHECK"), "input": nil, "every": nil,
			"scope": map[string]any{"ComplianceResourceTypes": []any{"AWS::IAM::User"}},
		},
	}
	rules := hub.sibling(t, "warder-config")
	if diff := cmp.Diff(want, made(rules)); diff != "" {
		t.Errorf("Config rules (-want +got):\n%s", diff)
	}
	if region := rules.region(t); region != "us-east-1" {
		t.Errorf("they are in %s, want the hub's region", region)
	}
	if got := len(made(hub)) + len(made(hub.sibling(t, "warder-eu-west-1"))); got != 0 {
		t.Errorf("%d Config rules beside: without a recorder nothing of that stack would be deployed", got)
	}
	if got := made(load(t, deployed)); len(got) != 0 {
		t.Errorf("Config rules that nobody asked for: %v", got)
	}
}

func TestConfigRules_OneRegion(t *testing.T) {
	hub := load(t, withConfigRulesAbroad)
	want := map[string]map[string]any{
		"warder-access-keys-rotated": {
			"source": managed("ACCESS_KEYS_ROTATED"), "input": map[string]any{"maxAccessKeyAge": "90"},
			"every": "TwentyFour_Hours", "scope": nil,
		},
		"warder-iam-user-no-policies-check": {
			"source": managed("IAM_USER_NO_POLICIES_CHECK"), "input": nil, "every": nil,
			"scope": map[string]any{"ComplianceResourceTypes": []any{"AWS::IAM::User"}},
		},
		"warder-iam-user-unused-credentials-check": {
			"source": managed("IAM_USER_UNUSED_CREDENTIALS_CHECK"), "input": map[string]any{"maxCredentialUsageAge": "90"},
			"every": "TwentyFour_Hours", "scope": nil,
		},
	}
	rules := hub.sibling(t, "warder-config")
	if diff := cmp.Diff(want, made(rules)); diff != "" || rules.region(t) != "eu-west-1" {
		t.Errorf("Config rules in %s (-want +got):\n%s", rules.region(t), diff)
	}
}

func TestConfigRules_OwnNames(t *testing.T) {
	hub := load(t, withNamedRules)
	listens := func(pattern any) []any {
		names, _ := resource{Properties: map[string]any{"pattern": pattern}}.get("pattern.detail.configRuleName").([]any)
		return names
	}
	want := []any{"access-keys-rotated", "warder-access-keys-rotated",
		map[string]any{"prefix": "securityhub-access-keys-rotated-"}, "acme-key-age"}
	for _, id := range []string{"deactivate-stale-access-key", "rotate-access-key"} {
		rules := 0
		for _, rule := range hub.rules(hub.function(t, id)) {
			if rule.get("EventPattern") == nil {
				continue
			}
			rules++
			if diff := cmp.Diff(want, listens(rule.get("EventPattern"))); diff != "" {
				t.Errorf("%s of %s listens to (-want +got):\n%s", rule.id, id, diff)
			}
		}
		if rules != 2 {
			t.Errorf("%d rules of %s, want one on each bus", rules, id)
		}
	}
	for _, rule := range hub.rules(hub.function(t, "deactivate-unused-access-key")) {
		if strings.Contains(text(rule.get("EventPattern")), "acme-key-age") {
			t.Errorf("%s listens to a rule that is not its", rule.id)
		}
	}
	if !strings.Contains(string(hub.sibling(t, "warder-eu-west-1").text), `"acme-key-age"`) {
		t.Error("the rule's events are not forwarded from another region")
	}
}

func TestConfigRules_BadSettings(t *testing.T) {
	var names []string // of 101 characters each
	for _, letter := range "abcdefghijklmnopqrst" {
		names = append(names, strings.Repeat("x", 100)+string(letter))
	}
	tests := []struct{ name, settings, want string }{
		{"two controls that want a rule to be different",
			`{"createConfigRules": true, "controls": {"deactivate-stale-access-key": {"maxAgeDays": 30}}}`,
			"the Config rule access-keys-rotated is for deactivate-stale-access-key, with maxAccessKeyAge 30, and for " +
				"rotate-access-key, with 90: set deactivate-stale-access-key.maxAgeDays and rotate-access-key.maxAgeDays alike " +
				"in cdk.json, or createConfigRules to false"},
		{"the same, one of them off",
			`{"createConfigRules": true, "controls": {"deactivate-stale-access-key": {"maxAgeDays": 30}, ` +
				`"rotate-access-key": {"mode": "off"}}}`, ""},
		{"the same, without the rule", `{"controls": {"deactivate-stale-access-key": {"maxAgeDays": 30}}}`, ""},
		{"a region that has no such rules",
			`{"createConfigRules": true, "regions": ["eu-central-2"], "configRegion": "eu-central-2"}`,
			"configRegion: AWS Config has no rules about IAM users in eu-central-2: choose one of the older regions, such as " +
				"us-east-1"},
		{"a rule that nobody listens to", `{"configRules": {"key-rotation": ["acme"]}}`,
			`configRules: no control listens to "key-rotation", only to access-keys-rotated, iam-user-no-policies-check, ` +
				`iam-user-unused-credentials-check`},
		{"more names than a pattern holds", `{"configRules": {"access-keys-rotated": ["` + strings.Join(names, `", "`) +
			`"]}}`,
			"rule 1 of deactivate-stale-access-key has a pattern of"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			props, err := properties(t.TempDir(), tt.settings)
			if err == nil {
				err = props.Validate()
			}
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("%v, want no error", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("%v, want %q in it", err, tt.want)
			}
		})
	}
}
