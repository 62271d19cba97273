package stack

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/drill"
	"github.com/warder-aws/warder/pkg/settings"
)

// What a drill makes up starts the controls that are part of drills, by the patterns of the source that
// it plays, and no others.
func TestDrill_EventsStartItsControls(t *testing.T) {
	for name, from := range map[string]func() (template, error){"without regions": deployed,
		"with regions": abroad["aws"]} {
		tmpl := load(t, from)
		for _, c := range controls(t) {
			var want, got []any
			for _, raw := range c.Rules {
				if pattern := ofAccount(t, raw); c.Drill.Source() != "" && text(pattern["source"]) == c.Drill.Source() {
					delete(pattern, "source")
					want = append(want, pattern)
				}
			}
			for _, rule := range tmpl.rules(tmpl.function(t, c.ID)) {
				pattern, _ := rule.get("EventPattern").(map[string]any)
				sources, _ := pattern["source"].([]any)
				for _, source := range sources {
					if source == "warder.drill" {
						if text(rule.get("EventBusName")) != "${Bus}" {
							t.Errorf("%s: %s waits for drills on %v", name, rule.id, rule.get("EventBusName"))
						}
						made := maps.Clone(pattern)
						delete(made, "source")
						got = append(got, made)
					}
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: %s (-want +got):\n%s", name, c.ID, diff)
			}
		}
	}
}

func TestDrill_KnowsItsControls(t *testing.T) {
	for name, from := range map[string]func() (template, error){"deployed": deployed, "custom": custom} {
		got := load(t, from).settings(t, "drill").Drilled
		want := []settings.Drilled{
			{Control: "detach-direct-policy", Scenario: control.DirectPolicy},
			{Control: "deactivate-stale-access-key", Scenario: control.OldKey, Rule: "access-keys-rotated"},
			{Control: "quarantine-outside-login", Scenario: control.OutsideSignIn},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	s := settings.Settings{Controls: map[string]settings.Control{"detach-direct-policy": {Mode: control.Off}}}
	if all := (&HubProps{Settings: s, Controls: controls(t)}).drilled(); len(all) != 3 || !all[0].Off || all[1].Off {
		t.Errorf("with a control that is off: %+v", all)
	}
}

// Every scenario has a control: one that loses its part is missed by a drill, and nothing would say so.
func TestDrill_EveryScenarioHasAControl(t *testing.T) {
	seen := map[control.Scenario]bool{}
	for _, c := range controls(t) {
		seen[c.Drill] = true
	}
	for _, scenario := range control.Scenarios {
		if !seen[scenario] {
			t.Errorf("no control is part of a drill by the scenario %q", scenario)
		}
	}
}

func TestDrill_PolicyGrantsNothing(t *testing.T) {
	tmpl := load(t, deployed)
	policy := tmpl.one(t, "AWS::IAM::ManagedPolicy",
		func(r resource) bool { return r.get("ManagedPolicyName") == drill.Policy })
	if policy.get("Path") != drill.Path || drill.PolicyARN("aws",
		"111122223333") != "arn:aws:iam::111122223333:policy/warder-drill/warder-drill" ||
		!drill.IsPolicy(drill.PolicyARN("aws-us-gov", "111122223333")) {
		t.Errorf("its path is %v", policy.get("Path"))
	}
	for _, s := range statements(policy.get("PolicyDocument")) {
		if diff := cmp.Diff([]string{"allow sts:GetCallerIdentity on *"}, statementLines(s)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	for _, property := range []string{"Users", "Groups", "Roles"} {
		if policy.get(property) != nil {
			t.Errorf("it is deployed with %s under it", property)
		}
	}
}
