package event_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/test/benchratio"
)

// To understand an event, measured by what it takes to read its JSON at all.
func BenchmarkDecode(b *testing.B) {
	for _, name := range []string{"direct-policy-attached", "root-console-login", "access-keys-rotated-noncompliant"} {
		b.Run(name, func(b *testing.B) {
			data, err := os.ReadFile("../../events/" + name + ".json")
			if err != nil {
				b.Fatal(err)
			}
			benchratio.Compare(b,
				benchratio.Side{Name: "json.Unmarshal", Do: func() error {
					var value any
					return json.Unmarshal(data, &value)
				}},
				benchratio.Side{Name: "event.Decode", Do: func() error {
					_, err := event.Decode(data)
					return err
				}},
			)
		})
	}
}
