package alertsharingchange

import (
	"testing"

	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/scenario"
)

func TestScenarios(t *testing.T) { scenario.Run(t, Control) }

func FuzzEvents(f *testing.F) { scenario.Fuzz(f, Control) }

func TestPlanner_AgreesWithTheTable(t *testing.T) {
	for _, fault := range scenario.TableFaults(newPlanner(settings.Function{})) {
		t.Error(fault)
	}
}
