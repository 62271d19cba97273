package slack

import (
	"strings"
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/settings"
)

// Whatever comes over the topic as an alarm, it is one that Slack takes, and mentions nobody.
func FuzzAlarm(f *testing.F) {
	f.Add([]byte(alarm))
	f.Add([]byte(`{"AlarmName":"<!channel>","NewStateValue":"ALARM",` +
		`"AlarmDescription":"\n\u202e<https://evil.example|x>","StateChangeTime":"<@U0EVIL>"}`))
	f.Add([]byte(`{"AlarmName":"x","NewStateValue":":fire:","NewStateReason":"AKIAIOSFODNN7EXAMPLE","Region":"` +
		"\\u0000" + `"}`))
	f.Fuzz(func(t *testing.T, message []byte) {
		a, ok := ParseAlarm(message, "111122223333", "us-east-1")
		if !ok {
			check(t, RenderUnverified(string(message), len(message), time.Hour, settings.Korean))
			return
		}
		if !strings.HasPrefix(a.Name, "warder-") || a.ARN.AccountID != "111122223333" {
			t.Fatalf("taken for an alarm: %+v", a)
		}
		check(t, RenderAlarm(a, settings.English))
		check(t, RenderAlarm(a, settings.Korean))
	})
}
