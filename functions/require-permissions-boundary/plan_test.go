package requirepermissionsboundary

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/settings"
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
