package drill

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/settings"
)

// Whatever comes into the queue that a drill watches: a violation is seen only if the event is that of the
// drill's own user and policy, or one that the drill made itself.
func FuzzArrived(f *testing.F) {
	files, err := filepath.Glob("../../events/*.json")
	if err != nil || len(files) == 0 {
		f.Fatalf("no events (%v)", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data), "1795000000000")
	}
	f.Add(
		`{"id":"e","source":"warder.drill","detail-type":"Config Rules Compliance Change","detail":{"resourceId":"x",`+
			`"newEvaluationResult":{"complianceType":"NON_COMPLIANT"}}}`,
		"never",
	)
	f.Fuzz(func(t *testing.T, body, stamp string) {
		now := time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)
		const user, policy = "warder-drill-abcdefghij", "arn:aws:iam::111122223333:policy/warder/drill"
		watched := func(scenario control.Scenario, key string) *scene {
			return &scene{Drilled: settings.Drilled{Scenario: scenario}, called: now, key: key}
		}
		p := &play{
			driller: &driller{policy: policy, now: func() time.Time { return now }},
			drill:   ledger.Drill{ID: "abcdefghij", User: user},
			scenes: []*scene{
				watched(control.DirectPolicy, ""), watched(control.OldKey, "warder.drill:mine"),
				watched(control.OutsideSignIn, "warder.drill:mine-too"),
			},
		}
		p.arrived(sqstypes.Message{Body: aws.String(body), Attributes: map[string]string{"SentTimestamp": stamp}})
		e, err := event.Decode([]byte(body))
		for _, sc := range p.scenes {
			if sc.arrived.IsZero() {
				continue
			}
			if err != nil {
				t.Fatalf("no event is taken for %s", sc.Scenario)
			}
			call, ok := e.Detail.(*event.APICall)
			switch {
			case sc.Scenario == control.DirectPolicy && ok && !call.Failed():
				if name, _ := call.User(); name != user {
					t.Fatalf("an event about %q is taken for the drill's", name)
				}
			case sc.Scenario != control.DirectPolicy && e.Drill() && e.Key() == sc.key:
			default:
				t.Fatalf("%s of %s is taken for %s", e.DetailType, e.Source, sc.Scenario)
			}
		}
	})
}
