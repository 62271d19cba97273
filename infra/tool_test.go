package main

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/control"
)

// withTool is a stack with a tool, ask-ledger, that names everything of Warder's
// own that a tool may name.
var withTool = sync.OnceValues(func() (template, error) {
	tool, err := control.Parse("ask-ledger/control.json", []byte(`{
		"id": "ask-ledger", "title": "T", "summary": "S.", "severity": "low", "tool": true, "references": [{"title": "R"}],
		"permissions": [
			{"actions": ["dynamodb:Query"], "resources": ["${Ledger}/index/subject"]},
			{"actions": ["dynamodb:GetItem"], "resources": ["${Ledger}"]},
			{"actions": ["sns:Publish"], "resources": ["${Topic}"]},
			{
				"actions": ["kms:GenerateDataKey"], "resources": ["${TopicKey}"],
				"conditions": {"StringEquals": {"kms:ViaService": "sns.${AWS::Region}.amazonaws.com"}}
			}
		]
	}`))
	if err != nil {
		return template{}, err
	}
	return synthesize("tool", "{}", tool)
})

func TestAToolReachesExactlyTheResourcesOfWarderThatItNames(t *testing.T) {
	tmpl := load(t, withTool)
	want := []string{
		"allow dynamodb:GetItem on ${Ledger.Arn}",
		"allow dynamodb:Query on ${Ledger.Arn}/index/subject",
		"allow kms:GenerateDataKey on ${TopicKey.Arn} if kms:ViaService StringEquals sns.${AWS::Region}.amazonaws.com",
		"allow logs:CreateLogStream on ${AskLedgerLogs.Arn}",
		"allow logs:PutLogEvents on ${AskLedgerLogs.Arn}",
		"allow sns:Publish on ${Notices}",
	}
	if diff := cmp.Diff(want, granted(tmpl, tmpl.function(t, "ask-ledger"))); diff != "" {
		t.Errorf("grants of the tool (-want +got):\n%s", diff)
	}
	for _, name := range control.Own {
		if strings.Contains(string(tmpl.text), name) {
			t.Errorf("the template has %s, which CloudFormation does not fill in", name)
		}
	}
}

func TestNothingStartsATool(t *testing.T) {
	tmpl := load(t, withTool)
	function := tmpl.function(t, "ask-ledger")
	for id, r := range tmpl.Resources {
		if text, err := json.Marshal(r.Properties); err != nil || strings.Contains(string(text), `"`+function.id+`"`) {
			t.Errorf("%s (%s) refers to the tool's function, %v", id, r.Type, err)
		}
	}
}

func TestEveryFunctionKnowsTheRoleOfATool(t *testing.T) {
	tmpl := load(t, withTool)
	for _, function := range tmpl.all("AWS::Lambda::Function") {
		if roles := text(function.get("Environment.Variables.WARDER_ROLES")); !strings.Contains(roles, "${AskLedgerRole}") {
			t.Errorf("%s takes what the tool does for somebody else's: it knows %s", function.id, roles)
		}
	}
}
