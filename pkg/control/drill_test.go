package control

import (
	"strings"
	"testing"
)

func TestWhatADrillMakesUpForAControl(t *testing.T) {
	const (
		iam    = `{"source":["aws.iam"]}`
		config = `{"source":["aws.config"],"detail":{"configRuleName":[{"prefix":"securityhub-"},"access-keys-rotated","warder-access-keys-rotated"]}}`
		signIn = `{"source":["aws.signin"],"detail":{"eventName":["ConsoleLogin"]}}`
	)
	for _, tc := range []struct {
		name, drill, rules, pattern, rule string
	}{
		{"no part in any", "", iam + "," + config + "," + signIn, "", ""},
		{"a call that is made", "direct policy", iam + "," + config, "", ""},
		{"what AWS Config would say", "old access key", iam + "," + config, config, "access-keys-rotated"},
		{"a sign-in", "outside sign-in", config + "," + signIn, signIn, ""},
		{"a sign-in, for which it has no rule", "outside sign-in", iam, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			text := `{"id": "c", "title": "T", "summary": "S.", "severity": "low", "mode": "observe", "rules": [` + tc.rules + `], "permissions": [], "references": [{"title": "R"}]}`
			if tc.drill != "" {
				text = strings.Replace(text, `"permissions"`, `"drill": "`+tc.drill+`", "permissions"`, 1)
			}
			c, err := Parse("c/control.json", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if pattern, rule := c.Drilled(); string(pattern) != tc.pattern || rule != tc.rule || string(c.Drill) != tc.drill {
				t.Errorf("scenario %q, pattern %s, rule %q", c.Drill, pattern, rule)
			}
		})
	}
	_, err := Parse("c/control.json", []byte(`{"id": "c", "title": "T", "summary": "S.", "severity": "low", "mode": "observe", "rules": [`+iam+`], "permissions": [], "drill": "fire", "references": [{"title": "R"}]}`))
	if err == nil || err.Error() != `c/control.json: drill: "fire" is not one of direct policy, old access key, outside sign-in` {
		t.Errorf("error %v", err)
	}
}
