package endoutsidesession

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
	"github.com/warder-aws/warder/pkg/test/scenario"
)

var told = scenario.Control{
	Description: Description,
	Plan: func(a *fakeaws.Account, f settings.Function) (remediation.Planner, error) {
		p, err := newPlanner(a, f)
		return remediation.Pending(p), err
	},
	Kinds: func(a *fakeaws.Account) change.Registry { return change.ForSSM(a) },
	Reads: reflect.TypeFor[reads](),
}

func TestStories(t *testing.T) { scenario.Run(t, told) }

func FuzzEvents(f *testing.F) { scenario.Fuzz(f, told) }

func TestATagWithoutKeyOrValueIsRefused(t *testing.T) {
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
