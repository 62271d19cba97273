package scenario

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/test/benchratio"
)

// Bench measures the planner with the first event of the named scenario, over the account in memory, by what
// it takes to read the event's JSON.
func Bench(b *testing.B, c handler.Control, name string) {
	b.Helper()
	h := newHarness(b, c)
	s := h.read(b, filepath.Join("testdata", name+".txtar"))
	w := h.start(b, s)
	e, err := event.Decode(s.events[0].data)
	if err != nil {
		b.Fatal(err)
	}
	benchratio.Compare(b,
		benchratio.Side{Name: "json.Unmarshal", Do: func() error { var v any; return json.Unmarshal(s.events[0].data, &v) }},
		benchratio.Side{Name: "Plan of " + strings.ReplaceAll(name, "-", " "), Do: func() error {
			w.calls = w.calls[:0]
			_, err := remediation.Inspect(context.Background(), w.runner.Planner, e, w.runner.Memory(), e.Time)
			return err
		}},
	)
}
