package stack

import (
	"slices"
	"strings"
	"sync"
	"testing"
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
			if _, static := r.get(property).(string); !static || importable[r.Type] != property {
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
