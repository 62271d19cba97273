package closepublicbucket

import (
	"reflect"
	"testing"

	"github.com/warder-aws/warder/pkg/account"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/remedy"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/story"
)

var told = story.Control{
	Description: Description,
	PlanWithLedger: func(a *account.Account, l *ledger.Ledger, _ settings.Function) (remedy.Planner, error) {
		return remedy.Waiting(&planner{api: a}, l, "close-public-bucket"), nil
	},
	Kinds: func(a *account.Account) change.Registry { return change.ForS3(a) },
	Reads: reflect.TypeFor[reads](),
}

func TestStories(t *testing.T) { story.Run(t, told) }

func FuzzEvents(f *testing.F) { story.Fuzz(f, told) }
