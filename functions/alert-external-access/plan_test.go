package alertexternalaccess

import (
	"testing"

	"github.com/warder-aws/warder/pkg/account"
	"github.com/warder-aws/warder/pkg/remedy"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/story"
)

func TestStories(t *testing.T) {
	story.Run(t, story.Control{
		Description: Description,
		Plan:        func(_ *account.Account, f settings.Function) (remedy.Planner, error) { return newPlanner(f) },
	})
}
