package notice

import (
	"encoding/json"
	"testing"

	"github.com/warder-aws/warder/pkg/test/benchratio"
)

// A notice as it is published, one body for each protocol, measured by what it takes to encode it once.
func BenchmarkBodies(b *testing.B) {
	full := sample()
	for range maxItems {
		full.Facts, full.Changes = append(full.Facts, full.Facts[0]), append(full.Changes, full.Changes[0])
	}
	for _, bb := range []struct {
		name string
		m    Message
	}{{"of one change", sample()}, {"of as many as it lists", full}} {
		b.Run(bb.name, func(b *testing.B) {
			benchratio.Compare(b,
				benchratio.Side{Name: "json.Marshal", Do: func() error { _, err := json.Marshal(bb.m); return err }},
				benchratio.Side{Name: "Bodies", Do: func() error { _, err := bb.m.Bodies(); return err }},
			)
		})
	}
}
