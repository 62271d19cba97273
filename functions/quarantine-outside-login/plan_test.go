package quarantineoutsidelogin

import (
	"net/netip"
	"reflect"
	"testing"

	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
	"github.com/warder-aws/warder/pkg/test/scenario"
)

var told = scenario.Control{
	Description: Description,
	Plan: func(a *fakeaws.Account, f settings.Function) (remediation.Planner, error) {
		p, err := newPlanner(a, f)
		return remediation.Pending(p), err
	},
	Reads: reflect.TypeFor[reads](),
}

func TestStories(t *testing.T) { scenario.Run(t, told) }

func FuzzEvents(f *testing.F) { scenario.Fuzz(f, told) }

func TestItDoesNotStartWithoutThePolicyThatItNeeds(t *testing.T) {
	f := settings.Function{AllowedNetworks: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}, Quarantine: settings.Quarantine{Key: "arn:aws:iam::111122223333:policy/warder/warder-key-quarantine"}}
	if _, err := newPlanner(fakeaws.New(fakeaws.State{}), f); err == nil {
		t.Error("no error")
	}
	f.AllowedNetworks = nil
	if _, err := newPlanner(fakeaws.New(fakeaws.State{}), f); err != nil {
		t.Error(err)
	}
}
