package alertexternalaccess

import (
	"testing"

	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
	"github.com/warder-aws/warder/pkg/test/scenario"
)

var told = scenario.Control{
	Description: Description,
	Plan:        func(_ *fakeaws.Account, f settings.Function) (remediation.Planner, error) { return newPlanner(f) },
}

func TestStories(t *testing.T) { scenario.Run(t, told) }

func FuzzEvents(f *testing.F) { scenario.Fuzz(f, told) }
