package closepublicbucket

import (
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
	Plan: func(a *fakeaws.Account, _ settings.Function) (remediation.Planner, error) {
		return remediation.Pending(&planner{api: a}), nil
	},
	Kinds: func(a *fakeaws.Account) change.Registry { return change.ForS3(a) },
	Reads: reflect.TypeFor[reads](),
}

func TestStories(t *testing.T) { scenario.Run(t, told) }

func FuzzEvents(f *testing.F) { scenario.Fuzz(f, told) }

func BenchmarkPlan(b *testing.B) { scenario.Bench(b, told, "made-public") }
