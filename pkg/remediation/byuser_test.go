package remediation_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// planner is a planner that finds what a function says.
type planner func(event.Event) ([]remediation.Finding, error)

func (p planner) Plan(_ context.Context, e event.Event, _ time.Time) ([]remediation.Finding, error) {
	return p(e)
}

// A user has the values of its tag; a tag that it gave itself counts for nothing.
func TestByUser_TagOfItsOwn(t *testing.T) {
	const machine, others = "graceDays 30, because of tag type=machine", "graceDays 7, as for all others"
	for _, tc := range []struct {
		name, by string
		tags     map[string]string
		days     string // of grace, as the notice says
	}{
		{"nobody remembers who set it", "", map[string]string{"type": "machine"}, machine},
		{"set by somebody else", byKim, map[string]string{"Type": "machine"}, machine},
		{"set by itself", byAlice, map[string]string{"type": "machine"}, others},
		{"set with a session of its own", byAlicesToken, map[string]string{"Type": "machine"}, others},
		{"another value", byKim, map[string]string{"type": "Machine"}, others},
		{"no tag", "", nil, others},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, a, box := newRunner(t, finding(detach()))
			a.Alter(fakeaws.State{Users: map[string]*fakeaws.User{"alice": {
				ID: "AIDAALICE00000000001", Attached: []string{readOnly}, Tags: tc.tags,
			}}})
			r.Settings.Marks = []string{"type"}
			r.Settings.Parameters = json.RawMessage(
				`{"graceDays":[{"tag":{"type":"machine"},"value":30},{"value":7}]}`)
			var variants remediation.ByUser
			for _, parameters := range r.Settings.Choices() {
				with := r.Settings
				with.Parameters = parameters
				variants = append(variants, remediation.Variant{Settings: with, Planner: planner(
					func(e event.Event) ([]remediation.Finding, error) {
						if e.Record() != nil {
							return nil, nil
						}
						f := detach()
						f.Fresh = false
						return []remediation.Finding{f}, nil
					})})
			}
			r.Planner = variants
			if tc.by != "" {
				key := "type"
				for key = range tc.tags {
				}
				if report, err := run(r, "a", tagged(1, key, tc.tags[key], tc.by)); err != nil {
					t.Fatalf("%+v, %v", report, err)
				}
			}
			if _, err := run(r, "a", sweep); err != nil {
				t.Fatal(err)
			}
			if len(box.got) != 1 || len(a.State().Users["alice"].Attached) != 1 {
				t.Fatalf("%d notices, alice has %v", len(box.got), a.State().Users["alice"].Attached)
			}
			var said []string
			for _, f := range box.got[0].Facts {
				if f.Name == "Settings" {
					said = append(said, f.Value)
				}
			}
			if got := strings.Join(said, " "); got != tc.days {
				t.Errorf("the notice says %q, want %q", got, tc.days)
			}
			days := map[string]int{"30": 30, "7": 7}[strings.Trim(tc.days[10:12], ", ")]
			if due, want := box.got[0].Due, r.Now().AddDate(0, 0, days); due.Sub(want).Abs() > time.Hour {
				t.Errorf("due on %s, want %s", due, want)
			}
		})
	}
}
