package quarantineoutsidelogin

import (
	"net/netip"
	"testing"

	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
	"github.com/warder-aws/warder/pkg/test/scenario"
)

func TestScenarios(t *testing.T) { scenario.Run(t, Control) }

func FuzzEvents(f *testing.F) { scenario.Fuzz(f, Control) }

func TestNewPlanner_PolicyMissing(t *testing.T) {
	f := settings.Function{
		AllowedNetworks: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")},
		Quarantine:      settings.Quarantine{Key: "arn:aws:iam::111122223333:policy/warder/warder-key-quarantine"},
	}
	if _, err := newPlanner(fakeaws.New(fakeaws.State{}).IAM(), f); err == nil {
		t.Error("no error")
	}
	f.AllowedNetworks = nil
	if _, err := newPlanner(fakeaws.New(fakeaws.State{}).IAM(), f); err != nil {
		t.Error(err)
	}
}
