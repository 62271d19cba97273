package restrictconsolesignin

import (
	"testing"

	"github.com/warder-aws/warder/pkg/test/scenario"
)

func TestScenarios(t *testing.T) { scenario.Run(t, Control) }

func FuzzEvents(f *testing.F) { scenario.Fuzz(f, Control) }

func BenchmarkPlan(b *testing.B) { scenario.Bench(b, Control, "opened") }
