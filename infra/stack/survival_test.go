package stack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/warder-aws/warder/pkg/settings"
)

// importable are the types with names of their own that CloudFormation takes over when a template has them already
// deployed: those that hold data.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-automatically.html
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resource-import-supported-resources.html
var importable = map[string]string{
	"AWS::DynamoDB::Table": "TableName", "AWS::Logs::LogGroup": "LogGroupName",
}

// nameOf is the property with the name that a resource is given, empty if CloudFormation chooses one.
func nameOf(r resource) string {
	kind := r.Type[strings.LastIndex(r.Type, ":")+1:]
	for _, property := range []string{kind + "Name", "Name", "ManagedPolicyName", "ConfigRuleName", "AlarmName"} {
		if r.get(property) != nil {
			return property
		}
	}
	return ""
}

// What stays when a deployment fails or is removed is in the way of the next one only if its name is fixed. Then the
// next one takes it over: the name is no function, and the type is one that can be imported.
func TestSurvival_WhatStaysIsTakenOver(t *testing.T) {
	taken := map[string]bool{}
	for name, from := range stacks(t) {
		for _, r := range load(t, from).Resources {
			property := nameOf(r)
			if !strings.HasPrefix(r.DeletionPolicy, "Retain") || property == "" {
				continue
			}
			_, static := r.get(property).(string)
			if name == "for a StackSet" { // which imports nothing
				if static {
					t.Errorf("%s: %s (%s) stays, and its name is always %v", name, r.id, r.Type, r.get(property))
				}
				continue
			}
			if !static || importable[r.Type] != property {
				t.Errorf("%s: %s (%s) stays under the name %v, and cannot be taken over", name, r.id, r.Type, r.get(property))
			}
			taken[r.Type] = true
		}
	}
	if len(taken) != len(importable) {
		t.Errorf("only %v are taken over", taken)
	}
}

// What has a fixed name and is not kept is gone when the stack is: nothing of it is in the way.
func TestSurvival_OnlyDataStays(t *testing.T) {
	keep := []string{"AWS::DynamoDB::Table", "AWS::Logs::LogGroup", "AWS::KMS::Key", "AWS::S3::Bucket"}
	for name, from := range stacks(t) {
		for _, r := range load(t, from).Resources {
			if r.DeletionPolicy != "" && r.DeletionPolicy != "Delete" && !slices.Contains(keep, r.Type) {
				t.Errorf("%s: %s (%s) stays when the stack is deleted", name, r.id, r.Type)
			}
		}
	}
}

const oldKey = "arn:aws:kms:us-east-1:111122223333:key/0b5a2f3e-aaaa-bbbb-cccc-1234567890ab"

var overLedger = sync.OnceValues(func() (template, error) {
	return synthesize("over-ledger", `{"ledgerKey": "`+oldKey+`"}`)
})

// The ledger that stayed opens with its old key alone: every function that opens it may use that one, and knows it. The
// topic has a key of its own again.
func TestSurvival_LedgerOfAnOldKey(t *testing.T) {
	tmpl := load(t, overLedger)
	key := tmpl.one(t, "AWS::KMS::Key", func(resource) bool { return true })
	topic := tmpl.named(t, "AWS::SNS::Topic", "Notices")
	if !topic.refers("KmsMasterKeyId", key) {
		t.Errorf("the topic is encrypted with %v, want the stack's own key", topic.get("KmsMasterKeyId"))
	}
	usual := load(t, deployed)
	for _, c := range controls(t) {
		uses := func(tmpl template, arn string) bool {
			for _, policy := range roleOf(t, tmpl, c.ID).get("Policies").([]any) {
				for _, s := range statements(policy.(map[string]any)["PolicyDocument"]) {
					for _, line := range statementLines(s) {
						if strings.Contains(line, "kms:Decrypt on "+arn) && strings.Contains(line, "warder:purpose") {
							return true
						}
					}
				}
			}
			return false
		}
		if want := uses(usual, "${TopicKey.Arn}"); uses(tmpl, oldKey) != want {
			t.Errorf("%s may open the ledger with its old key: %v, want %v", c.ID, !want, want)
		}
		if got := tmpl.settings(t, c.ID).LedgerKey; got != oldKey {
			t.Errorf("%s opens the ledger with %s", c.ID, got)
		}
	}
	for want, document := range map[string]string{
		"ledgerKey is in \"eu-west-1\"": `{"ledgerKey": "` + strings.Replace(oldKey, "us-east-1", "eu-west-1", 1) + `"}`,
		"is not an ARN of kms":          `{"ledgerKey": "alias/warder"}`,
	} {
		props, err := properties(t.TempDir(), document)
		if err == nil {
			err = props.Validate()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", document, err, want)
		}
	}
}

// roleOf is the role of the function of a control.
func roleOf(t *testing.T, tmpl template, id string) resource {
	t.Helper()
	return tmpl.Resources[target(tmpl.function(t, id).get("Role"))]
}

// One template is for all accounts of an organization: the parameters say where the controls act that the settings
// enforce, by default nowhere. What the settings do not enforce, nothing enforces.
func TestStackSet_ModeAndWave(t *testing.T) {
	hub := load(t, stackSet)
	var whole struct {
		Parameters map[string]struct {
			Default       string
			AllowedValues []string
		}
		Mappings map[string]map[string]map[string]string
	}
	if err := json.Unmarshal(hub.text, &whole); err != nil {
		t.Fatal(err)
	}
	mode, wave := whole.Parameters[ModeParameter], whole.Parameters[WaveParameter]
	if mode.Default != "observe" || wave.Default != "4" {
		t.Errorf("by default %q in wave %q, want nothing changed and the last wave", mode.Default, wave.Default)
	}
	if len(hub.text) > 1<<20 {
		// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
		t.Errorf("the template has %d bytes, TemplateURL takes 1 MB", len(hub.text))
	}
	const find = `{"Fn::FindInMap":["Modes",{"Ref":"Mode"},{"Ref":"Wave"}]}`
	for id, want := range map[string]string{
		"detach-direct-policy": `"{\"mode\":\"",` + find, "alert-root-usage": `\"mode\":\"off\"`,
		"alert-policy-change": `\"mode\":\"observe\"`, "undo": `\"mode\":\"enforce\"`,
		"report": `\"detach-direct-policy\":\"",` + find,
	} {
		var document bytes.Buffer
		encoder := json.NewEncoder(&document)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(hub.function(t, id).get("Environment.Variables." + settings.Variable)); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(document.String(), want) {
			t.Errorf("settings of %s: %s, want %s", id, document.String(), want)
		}
	}
	acts := map[string]string{"observe": "0000", "wave-1": "1000", "wave-2": "1100", "wave-3": "1110", "settings": "1111"}
	for _, m := range mode.AllowedValues {
		got := ""
		for _, w := range wave.AllowedValues {
			got += map[string]string{"observe": "0", "enforce": "1"}[whole.Mappings["Modes"][m][w]]
		}
		if got != acts[m] {
			t.Errorf("%s acts in the waves %s, want %s", m, got, acts[m])
		}
	}
	if len(mode.AllowedValues) != len(acts) {
		t.Errorf("modes %v", mode.AllowedValues)
	}
}

// The template of the other regions names none of them: one StackSet is for all.
func TestStackSet_EveryRegion(t *testing.T) {
	hub := load(t, stackSet)
	regions := hub.sibling(t, "warder-regions")
	for _, region := range []string{"eu-west-1", "ap-northeast-2"} {
		if strings.Contains(string(regions.text), region) {
			t.Errorf("it names %s", region)
		}
	}
	alarm := regions.one(t, "AWS::CloudWatch::Alarm", func(resource) bool { return true })
	if name := text(alarm.get("AlarmName")); name != "warder-${AWS::Region}-undelivered" {
		t.Errorf("alarm %s", name)
	}
	if table := hub.one(t, "AWS::DynamoDB::Table", func(resource) bool { return true }); !strings.HasPrefix(
		text(table.get("TableName")), "warder-") || !strings.Contains(fmt.Sprint(table.get("TableName")), "AWS::StackId") {
		t.Errorf("table %v", table.get("TableName"))
	}
}

// Another region, added or taken out, leaves what holds data as it is: the same resources, with the same properties.
func TestSurvival_RegionAddedOrRemoved(t *testing.T) {
	without, with := load(t, deployed), load(t, abroad["aws"])
	compared := 0
	for _, kind := range slices.Sorted(maps.Keys(importable)) {
		for _, r := range without.all(kind) {
			if other, there := with.Resources[r.id]; !there || fmt.Sprint(other.Properties) != fmt.Sprint(r.Properties) {
				t.Errorf("%s (%s) is another with regions:\n%v\n%v", r.id, kind, r.Properties, other.Properties)
			}
			compared++
		}
	}
	if compared < 2 {
		t.Errorf("%d resources compared", compared)
	}
}
