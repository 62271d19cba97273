package remediation_test

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/handler"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/scenario"
)

//go:embed testdata/control.json
var description []byte

// scripted finds what its parameter says, as far as it is still so: what the runner promises must
// hold whatever a planner finds.
type scripted struct {
	kinds change.Registry
	plan  []scriptedFinding
}

type scriptedFinding struct {
	Due     time.Time       `json:"due"`
	Changes []change.Change `json:"changes"`
}

func newScripted(setup handler.Setup) (remediation.Planner, error) {
	p, err := settings.Parameters[struct {
		Plan string `json:"plan"`
	}](setup.Settings)
	if err != nil {
		return nil, err
	}
	s := &scripted{kinds: setup.Kinds}
	return s, json.Unmarshal([]byte(p.Plan), &s.plan)
}

// Plan finds the changes that are still to be made. What an API call is about is fresh.
func (s *scripted) Plan(ctx context.Context, e event.Event, _ time.Time) ([]remediation.Finding, error) {
	_, fresh := e.Detail.(*event.APICall)
	var findings []remediation.Finding
	for _, f := range s.plan {
		finding := remediation.Finding{User: f.Changes[0].Subject, Text: i18n.T("Found."),
			Handling: remediation.Handling{Due: f.Due, Fresh: fresh}}
		for i, c := range f.Changes {
			kind, err := s.kinds.Kind(c)
			if err != nil {
				return nil, err
			}
			present, err := kind.Read(ctx, c)
			if err != nil && !change.NotFound(err) {
				return nil, fmt.Errorf("read: %w", err)
			}
			if c.Kind == change.InlineUserPolicy && c.Before == "*" {
				c.Before = present
			}
			if present == c.Before && present != c.After {
				finding.Changes = append(finding.Changes, c)
			} else if i == len(f.Changes)-1 {
				finding.Changes = nil // the last one is what the others are for
			}
		}
		if len(finding.Changes) > 0 {
			findings = append(findings, finding)
		}
	}
	return findings, nil
}

func init() {
	i18n.Register("ko", []byte(`{"Scripted finding": "각본의 결과", "Found.": "발견되었습니다."}`))
}

func TestScenarios(t *testing.T) {
	scenario.Run(
		t,
		handler.Control{Description: description, New: newScripted, ReadAPI: reflect.TypeFor[iam.GetUserAPIClient]()},
	)
}
