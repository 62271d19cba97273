package stack

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Events of people count on Warder's own bus alone, and nobody puts them there who is not listed.
func TestBus_PublishersOfPeople(t *testing.T) {
	const hr = "arn:aws:iam::123456789012:role/hr-export"
	for _, tc := range []struct {
		name, publishers string
		condition        map[string]any
	}{
		{"nobody", `[]`, map[string]any{}},
		{"one", `["` + hr + `"]`, map[string]any{"ArnNotEquals": map[string]any{"aws:PrincipalArn": []any{hr}}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tmpl, err := synthesize("people-"+tc.name, `{"controls": {"offboard-user": {"publishers": `+tc.publishers+`}}}`)
			if err != nil {
				t.Fatal(err)
			}
			tc.condition["ForAnyValue:StringEquals"] = map[string]any{"events:source": []any{"warder.people"}}
			policy := tmpl.one(t, "AWS::Events::EventBusPolicy", func(resource) bool { return true })
			statement := policy.get("Statement").(map[string]any)
			if statement["Effect"] != "Deny" || statement["Principal"] != "*" || statement["Action"] != "events:PutEvents" {
				t.Errorf("the policy says %v", statement)
			}
			if diff := cmp.Diff(tc.condition, statement["Condition"]); diff != "" {
				t.Errorf("condition (-want +got):\n%s", diff)
			}
			for _, rule := range tmpl.all("AWS::Events::Rule") {
				pattern, _ := json.Marshal(rule.get("EventPattern"))
				if strings.Contains(string(pattern), "warder.people") && rule.get("EventBusName") == nil {
					t.Errorf("%s listens on the default bus, where anybody may put events", rule.id)
				}
			}
		})
	}
}

func TestValidate_Publishers(t *testing.T) {
	for _, publisher := range []string{"*", "arn:aws:iam::123456789012:role/*", "arn:aws:iam::123456789012:root", "hr"} {
		_, err := synthesize("people-bad", `{"controls": {"offboard-user": {"publishers": ["`+publisher+`"]}}}`)
		if err == nil || !strings.Contains(err.Error(), "want the whole ARN") {
			t.Errorf("publisher %q: %v", publisher, err)
		}
	}
}
