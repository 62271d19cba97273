package alertexternalaccess

import (
	"testing"

	"github.com/warder-aws/warder/pkg/account"
	"github.com/warder-aws/warder/pkg/remedy"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/story"
)

var told = story.Control{
	Description: Description,
	Plan:        func(_ *account.Account, f settings.Function) (remedy.Planner, error) { return newPlanner(f) },
}

func TestStories(t *testing.T) { story.Run(t, told) }

func FuzzEvents(f *testing.F) { story.Fuzz(f, told) }
