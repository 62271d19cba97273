package slack

import (
	"encoding/json"
	"testing"

	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/yardstick"
)

// A notice as Slack gets it, measured by what it takes to encode the notice.
func BenchmarkRender(b *testing.B) {
	m := sample(notice.Changed, "high")
	yardstick.Compare(b,
		yardstick.Side{Name: "json.Marshal", Do: func() error { _, err := json.Marshal(m); return err }},
		yardstick.Side{Name: "Render", Do: func() error { _, err := json.Marshal(Render(m, settings.English)); return err }},
	)
}
