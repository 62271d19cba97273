package slack

import (
	"encoding/json"
	"testing"

	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/benchratio"
)

// A notice as Slack gets it, measured by what it takes to encode the notice.
func BenchmarkRender(b *testing.B) {
	m := sample(notice.Changed, "high")
	benchratio.Compare(b,
		benchratio.Side{Name: "json.Marshal", Do: func() error { _, err := json.Marshal(m); return err }},
		benchratio.Side{Name: "Render", Do: func() error { _, err := json.Marshal(Render(m, settings.English)); return err }},
	)
}
