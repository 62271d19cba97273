package endoutsidesession

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/warder-aws/warder/pkg/account"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/remedy"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/story"
)

var told = story.Control{
	Description: Description,
	Plan: func(a *account.Account, f settings.Function) (remedy.Planner, error) {
		p, err := newPlanner(a, f)
		return remedy.Waiting(p), err
	},
	Kinds: func(a *account.Account) change.Registry { return change.ForSSM(a) },
	Reads: reflect.TypeFor[reads](),
}

func TestStories(t *testing.T) { story.Run(t, told) }

func FuzzEvents(f *testing.F) { story.Fuzz(f, told) }

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
