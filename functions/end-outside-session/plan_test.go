package endoutsidesession

import (
	"encoding/json"
	"testing"

	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/scenario"
)

func TestScenarios(t *testing.T) { scenario.Run(t, Control) }

func FuzzEvents(f *testing.F) { scenario.Fuzz(f, Control) }

func TestNewPlanner_BadTag(t *testing.T) {
	for _, tag := range []string{"warder:closed", "=yes", "warder:closed=", "="} {
		parameters, err := json.Marshal(map[string]string{"closedTag": tag})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := newPlanner(nil, settings.Function{Parameters: parameters}); err == nil {
			t.Errorf("%q is taken for a tag", tag)
		}
	}
}
