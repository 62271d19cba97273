package stack

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWatch_NeedsNothingOfTheFirstWay(t *testing.T) {
	tmpl := load(t, custom)
	topic := tmpl.named(t, "AWS::SNS::Topic", "Watch")
	if key := topic.get("KmsMasterKeyId"); key != nil {
		t.Errorf("the second topic rests under the key %v: disabled, it would silence both", key)
	}
	rules := tmpl.where("AWS::Events::Rule", func(r resource) bool {
		return r.refers("Targets.0.Arn", topic) && r.get("EventBusName") == nil
	})
	if len(rules) != 2 {
		t.Fatalf("%d rules publish to the second topic, want 2", len(rules))
	}
	for _, r := range rules {
		if r.get("State") != "ENABLED" || r.get("Targets.0.InputTransformer.InputTemplate") == nil {
			t.Errorf("%s: state %v, targets %v", r.id, r.get("State"), r.get("Targets"))
		}
		if many := r.get("Targets.1"); many != nil {
			t.Errorf("%s has a second target: %v", r.id, many)
		}
	}
	policy := text(tmpl.named(t, "AWS::SNS::TopicPolicy", "WatchPolicy").get("PolicyDocument"))
	for _, service := range []string{"events.amazonaws.com", "cloudwatch.amazonaws.com"} {
		if !strings.Contains(policy, service) {
			t.Errorf("%s may not publish to the second topic: %s", service, policy)
		}
	}
}

func TestWatch_Subscriptions(t *testing.T) {
	tmpl := load(t, custom)
	topic := tmpl.named(t, "AWS::SNS::Topic", "Watch")
	var got []string
	for _, s := range tmpl.where("AWS::SNS::Subscription", func(r resource) bool { return r.refers("TopicArn", topic) }) {
		got = append(got, s.get("Endpoint").(string))
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"on-call@example.com", "security@example.com"}, got); diff != "" {
		t.Errorf("subscribed to the second topic (-want +got):\n%s", diff)
	}
}

// What tells that nothing can be published to the topic of notices does not go there alone.
func TestWatch_AlarmsOfADeadTopic(t *testing.T) {
	tmpl := load(t, deployed)
	topic := tmpl.named(t, "AWS::SNS::Topic", "Watch")
	var got []string
	for _, alarm := range tmpl.where("AWS::CloudWatch::Alarm", func(r resource) bool {
		return r.refers("AlarmActions.1", topic)
	}) {
		got = append(got, alarm.get("AlarmName").(string))
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{
		"warder-check-warder-missing", "warder-check-warder-never", "warder-delivery", "warder-failed",
		"warder-no-heartbeat", "warder-no-sweep", "warder-undelivered", "warder-unreached",
	}, got); diff != "" {
		t.Errorf("alarms that notify both topics (-want +got):\n%s", diff)
	}
}

// Each way reports what would switch off the other: what is deployed is named so that both patterns match it.
func TestWatch_EachWayReportsTheOther(t *testing.T) {
	var patterns []struct {
		Source []string
		Detail struct {
			EventName []any
			Or        []struct{ EventName []any } `json:"$or"`
		}
	}
	if err := json.Unmarshal(silencing, &patterns); err != nil {
		t.Fatal(err)
	}
	var calls []string
	add := func(names []any) {
		for _, name := range names {
			if filter, ok := name.(map[string]any); ok {
				name = filter["prefix"]
			}
			calls = append(calls, name.(string))
		}
	}
	for _, p := range patterns {
		add(p.Detail.EventName)
		for _, or := range p.Detail.Or {
			add(or.EventName)
		}
	}
	for _, call := range []string{
		"DisableRule", "DeleteRule", "PutRule", "RemoveTargets", "PutTargets", // a rule
		"DeleteFunction", "UpdateFunction", "PutFunctionConcurrency", "RemovePermission", // a function
		"DeleteEventSourceMapping", "UpdateEventSourceMapping", // what takes notices out of the queues of Slack and mail
		"DeleteTopic", "SetTopicAttributes", "PutDataProtectionPolicy", "Unsubscribe", "SetSubscriptionAttributes",
		"DeleteAlarms", "DisableAlarmActions", "PurgeQueue", "SetQueueAttributes", "DeleteQueue", "DeleteLogGroup",
		"DeleteTable", "PutResourcePolicy", "DeleteStack", "UpdateStack", "ExecuteChangeSet",
	} {
		if !slices.Contains(calls, call) {
			t.Errorf("the second way does not report %s", call)
		}
	}
	key := load(t, deployed).named(t, "AWS::KMS::Key", "TopicKey")
	if found := text(load(t, deployed).named(t, "AWS::Events::Rule", "Watch2").get("EventPattern")); !strings.Contains(
		found, "DisableKey") || !strings.Contains(found, key.id) {
		t.Errorf("the second way does not report that the key %s is disabled: %s", key.id, found)
	}
}

// Whichever keys there are, both ways know them: without one of them nothing is sealed, or nothing is published.
func TestWatch_EveryKey(t *testing.T) {
	for name, from := range map[string]func() (template, error){
		"the topic of the stack": deployed, "a topic elsewhere": toElsewhere, "one without a key": toElsewhereWithoutKey,
	} {
		tmpl := load(t, from)
		var rules []string
		for _, r := range tmpl.where("AWS::Events::Rule", func(r resource) bool { return strings.HasPrefix(r.id, "Watch") }) {
			rules = append(rules, text(r.get("EventPattern")))
		}
		watcher := tmpl.one(t, "AWS::Lambda::Function", func(r resource) bool {
			return r.get("FunctionName") == "warder-alert-warder-change"
		})
		_, watched, _ := strings.Cut(text(watcher.get("Environment")), "keys")
		for _, key := range tmpl.all("AWS::KMS::Key") {
			if !strings.Contains(strings.Join(rules, "\n"), key.id) || !strings.Contains(watched, key.id) {
				t.Errorf("%s: nobody is notified when %s is disabled", name, key.id)
			}
		}
	}
}

// In another region the rules that forward what starts a control are one way, and Watch1 and Watch2 the other: each
// matches what is done to the other's. On the hub's bus rules of their own send it to the second topic.
func TestWatch_OtherRegions(t *testing.T) {
	for partition, names := range regionsOf {
		hub := load(t, abroad[partition])
		topic := hub.named(t, "AWS::SNS::Topic", "Watch")
		bus := hub.one(t, "AWS::Events::EventBus", func(resource) bool { return true })
		there := map[string]bool{}
		for _, r := range hub.where("AWS::Events::Rule", func(r resource) bool { return r.refers("Targets.0.Arn", topic) }) {
			if r.refers("EventBusName", bus) {
				there[text(r.get("EventPattern"))] = true
			}
		}
		for _, name := range names {
			watching := hub.sibling(t, name).where("AWS::Events::Rule", func(r resource) bool {
				return strings.HasPrefix(r.id, "Watch")
			})
			if len(watching) != len(there) || len(there) != 2 {
				t.Errorf("%s: %d rules forward, %d on the bus lead to the second topic, want 2", name, len(watching), len(there))
			}
			for _, r := range watching {
				if !there[text(r.get("EventPattern"))] || !strings.HasPrefix(text(r.get("State")), "ENABLED") {
					t.Errorf("%s: %s is %v, and forwards what no rule on the hub's bus takes: %v", name, r.id, r.get("State"),
						r.get("EventPattern"))
				}
			}
		}
	}
}
