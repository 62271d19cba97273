package quarantineoutsidelogin

import (
	"net/netip"
	"reflect"
	"testing"

	"github.com/warder-aws/warder/pkg/account"
	"github.com/warder-aws/warder/pkg/remedy"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/story"
)

var told = story.Control{
	Description: Description,
	Plan: func(a *account.Account, f settings.Function) (remedy.Planner, error) {
		p, err := newPlanner(a, f)
		return remedy.Waiting(p), err
	},
	Reads: reflect.TypeFor[reads](),
}

func TestStories(t *testing.T) { story.Run(t, told) }

func FuzzEvents(f *testing.F) { story.Fuzz(f, told) }

func TestItDoesNotStartWithoutThePolicyThatItNeeds(t *testing.T) {
	f := settings.Function{AllowedNetworks: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}, Quarantine: settings.Quarantine{Key: "arn:aws:iam::111122223333:policy/warder/warder-key-quarantine"}}
	if _, err := newPlanner(account.New(account.State{}), f); err == nil {
		t.Error("no error")
	}
	f.AllowedNetworks = nil
	if _, err := newPlanner(account.New(account.State{}), f); err != nil {
		t.Error(err)
	}
}
