package control

import (
	"strings"
	"testing"
)

func TestAControlIsPartOfADrillByItsScenario(t *testing.T) {
	const text = `{"id": "c", "title": "T", "summary": "S.", "severity": "low", "mode": "observe", "rules": ` +
		`[{"source": ["aws.iam"]}], "permissions": [], "references": [{"title": "R"}]}`
	for _, scenario := range append(Scenarios, "") {
		data := text
		if scenario != "" {
			data = strings.Replace(text, `"permissions"`, `"drill": "`+string(scenario)+`", "permissions"`, 1)
		}
		c, err := Parse("c/control.json", []byte(data))
		if err != nil || c.Drill != scenario {
			t.Errorf("%q: scenario %q, %v", scenario, c.Drill, err)
		}
	}
	_, err := Parse("c/control.json", []byte(strings.Replace(text, `"permissions"`, `"drill": "fire", "permissions"`, 1)))
	if err == nil ||
		err.Error() != `c/control.json: drill: "fire" is not one of direct policy, old access key, outside sign-in` {
		t.Errorf("error %v", err)
	}
}
