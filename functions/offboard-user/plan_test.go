package offboarduser

import (
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/owner"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
	"github.com/warder-aws/warder/pkg/test/scenario"
)

func TestScenarios(t *testing.T) { scenario.Run(t, Control) }

func FuzzEvents(f *testing.F) { scenario.Fuzz(f, Control) }

// Whoever leaves may have renamed the user that the settings name: the ledger knows the names since.
func TestPlan_RenamedBefore(t *testing.T) {
	now := time.Date(2026, 11, 17, 9, 0, 5, 0, time.UTC)
	l := ledger.New(&ledger.Memory{})
	for from, to := range map[string]string{"kim": "k-1", "k-1": "temp"} {
		if err := l.Rename(t.Context(), from, ledger.Renaming{To: to, At: now.Add(-time.Hour)}, now); err != nil {
			t.Fatal(err)
		}
	}
	a := fakeaws.New(fakeaws.State{ID: "111122223333", Users: map[string]*fakeaws.User{"temp": {}, "kimberly": {}}})
	p := &planner{
		parameters: parameters{Publishers: []string{"x"}, Users: map[string]string{"kim@example.com": "kim"}},
		api:        a.IAM(), ledger: l, book: owner.Book{}, account: "111122223333", most: 10,
		policy: "arn:aws:iam::111122223333:policy/warder/warder-key-quarantine",
	}
	found, err := p.Plan(t.Context(), event.Event{Account: "111122223333", Detail: &event.PersonLeft{
		ID: "1", Email: "kim@example.com", LeftAt: now,
	}}, now)
	if err != nil || len(found) != 1 || found[0].User != "temp" || len(found[0].Changes) != 1 {
		t.Errorf("found %+v, %v; want the quarantine of temp", found, err)
	}
}
