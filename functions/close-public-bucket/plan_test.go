package closepublicbucket

import (
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
	Plan: func(a *account.Account, _ settings.Function) (remedy.Planner, error) {
		return remedy.Waiting(&planner{api: a}), nil
	},
	Kinds: func(a *account.Account) change.Registry { return change.ForS3(a) },
	Reads: reflect.TypeFor[reads](),
}

func TestStories(t *testing.T) { story.Run(t, told) }

func FuzzEvents(f *testing.F) { story.Fuzz(f, told) }

func BenchmarkPlan(b *testing.B) { story.Bench(b, told, "made-public") }
