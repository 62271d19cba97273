package alertinstanceconnect

import (
	"net/netip"
	"testing"

	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
	"github.com/warder-aws/warder/pkg/test/scenario"
)

func TestScenarios(t *testing.T) { scenario.Run(t, Control) }

func FuzzEvents(f *testing.F) { scenario.Fuzz(f, Control) }

// The fingerprint is that of ssh-keygen -l.
func TestFingerprint(t *testing.T) {
	const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGEga2V5IG9mIG5vYm9keSBmb3IgdGhlIHNhbXBsZXMu"
	const hash = "SHA256:LW2hE11gSha6gyC/jxZtvMqjFTt6yEMy239VAI0qbPA"
	for key, want := range map[string]string{
		key: hash, key + " comment": hash,
		"": "", "ssh-ed25519": "", "ssh-ed25519 %%%": "",
	} {
		if got := fingerprint(key); got != want {
			t.Errorf("fingerprint(%q) = %q, want %q", key, got, want)
		}
	}
}

func TestNewPlanner_PolicyMissing(t *testing.T) {
	f := settings.Function{AllowedNetworks: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}}
	if _, err := newPlanner(fakeaws.New(fakeaws.State{}).IAM(), f); err == nil {
		t.Error("no error")
	}
}
