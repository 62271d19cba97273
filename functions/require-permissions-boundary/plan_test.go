package requirepermissionsboundary

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
	"github.com/warder-aws/warder/pkg/test/scenario"
)

func atOnce(context.Context, time.Duration) {}

func TestScenarios(t *testing.T) { scenario.Run(t, Control) }

func FuzzEvents(f *testing.F) { scenario.Fuzz(f, Control) }

func TestNewPlanner_BadParameters(t *testing.T) {
	for name, c := range map[string]struct{ parameters, want string }{
		"a name in the place of an ARN": {
			`{"boundary":"developers","otherBoundaries":[],"exceptPaths":[]}`, `"developers" is not the ARN`,
		},
		"the ARN of a role": {
			`{"boundary":"arn:aws:iam::111122223333:role/developers","otherBoundaries":[],"exceptPaths":[]}`, "is not the ARN",
		},
		"another boundary without its ARN": {
			`{"boundary":"","otherBoundaries":["ops"],"exceptPaths":[]}`, `"ops" is not the ARN`,
		},
		"another boundary that is none": {`{"boundary":"","otherBoundaries":[""],"exceptPaths":[]}`, `"" is not the ARN`},
		"a path that is the beginning only": {
			`{"boundary":"","otherBoundaries":[],"exceptPaths":["/service"]}`, `"/service" is not a path`,
		},
		"the path of everybody": {`{"boundary":"","otherBoundaries":[],"exceptPaths":["/"]}`, `"/" is not a path`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newPlanner(nil, settings.Function{Parameters: json.RawMessage(c.parameters)}, atOnce)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

// waiting is a memory of what IAM did not show.
type waiting struct {
	remediation.Memory
	what map[string]bool
}

func (w waiting) Awaited(context.Context) (map[string]bool, error) { return w.what, nil }

// Whom IAM did not show when the event came is as fresh as then for the sweep that finds it; nobody else is.
func TestKeep_Awaited(t *testing.T) {
	const boundary = "arn:aws:iam::111122223333:policy/workload-boundary"
	api := fakeaws.New(fakeaws.State{
		Users:    map[string]*fakeaws.User{"Heidi": {}, "bob": {}},
		Policies: map[string]fakeaws.Document{boundary: `{"Version":"2012-10-17","Statement":[]}`},
	}).IAM()
	p := &planner{parameters: parameters{Boundary: boundary}, api: api, sleep: atOnce}
	memory := waiting{what: map[string]bool{user{name: "HEIDI"}.awaits(): true}}
	found, err := p.Keep(t.Context(), event.Event{Detail: &event.Sweep{}}, memory, time.Time{})
	if err != nil || len(found) != 2 {
		t.Fatalf("%d findings, %v", len(found), err)
	}
	for _, f := range found {
		if want := f.User == "Heidi"; f.Fresh != want {
			t.Errorf("fresh is %v for %s, want %v", f.Fresh, f.User, want)
		}
	}
}
