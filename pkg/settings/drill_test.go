package settings

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/control"
)

func TestADrillIsOfEveryControlThatIsPartOfOneInTheOrderOfTheScenarios(t *testing.T) {
	s := Settings{Controls: map[string]Control{"a": {Mode: control.Off}, "b": {Mode: control.Enforce}, "c": {}, "d": {Mode: control.Observe}}}
	got := s.Drilled([]control.Control{
		{ID: "a", Drill: control.OutsideSignIn}, {ID: "b", Drill: control.OldKey, Rules: []json.RawMessage{[]byte(`{"source":["aws.config"],"detail":{"configRuleName":["keys"]}}`)}},
		{ID: "c"}, {ID: "d", Drill: control.DirectPolicy},
	})
	want := []Drilled{{"d", control.DirectPolicy, "", false}, {"b", control.OldKey, "keys", false}, {"a", control.OutsideSignIn, "", true}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
