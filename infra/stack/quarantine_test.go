package stack

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/drill"
	"github.com/warder-aws/warder/pkg/quarantine"
	"github.com/warder-aws/warder/pkg/settings"
)

// quarantined is the quarantine policy of a name, and the group that carries it.
func quarantined(t *testing.T, tmpl template, name string) (policy, group resource) {
	t.Helper()
	policy = tmpl.one(t, "AWS::IAM::ManagedPolicy", func(r resource) bool { return r.get("ManagedPolicyName") == name })
	group = tmpl.one(t, "AWS::IAM::Group", func(r resource) bool { return r.get("GroupName") == name })
	return policy, group
}

func TestQuarantine_Policies(t *testing.T) {
	tmpl := load(t, custom)
	for name, document := range map[string]string{
		change.KeyQuarantine:     quarantine.KeyDocument(),
		change.MFALock:           quarantine.MFADocument(),
		change.OutsideQuarantine: quarantine.OutsideDocument([]netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}),
	} {
		policy, group := quarantined(t, tmpl, name)
		var want any
		if err := json.Unmarshal([]byte(document), &want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, policy.get("PolicyDocument")); diff != "" {
			t.Errorf("document of %s (-want +got):\n%s", name, diff)
		}
		if policy.get("Path") != "/warder/" || group.get("Path") != "/warder/" {
			t.Errorf("paths of %s: policy %v, group %v, want /warder/", name, policy.get("Path"), group.get("Path"))
		}
		if got := group.get("ManagedPolicyArns").([]any); len(got) != 1 || target(got[0]) != policy.id {
			t.Errorf("group %s carries %v, want its policy alone", name, got)
		}
		for _, property := range []string{"Users", "Groups", "Roles"} {
			if policy.get(property) != nil {
				t.Errorf("%s is deployed with %s under it: %v", name, property, policy.get(property))
			}
		}
		if group.get("Policies") != nil {
			t.Errorf("group %s has inline policies", name)
		}
	}
}

// Who is under a quarantine stays there when the networks are taken out of the settings: the policies are always there.
func TestQuarantine_NoAllowedNetworks(t *testing.T) {
	tmpl := load(t, deployed) // cdk.json lists none
	denying := tmpl.where("AWS::IAM::ManagedPolicy",
		func(r resource) bool { return r.get("ManagedPolicyName") != drill.Policy })
	if n, m := len(denying), len(tmpl.all("AWS::IAM::Group")); n != 3 || m != 3 {
		t.Errorf("%d policies and %d groups, want those of the quarantines and of the MFA lock", n, m)
	}
	policy, _ := quarantined(t, tmpl, change.OutsideQuarantine)
	var want any
	if err := json.Unmarshal([]byte(quarantine.KeyDocument()), &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, policy.get("PolicyDocument")); diff != "" {
		t.Errorf("without networks everything is outside (-want +got):\n%s", diff)
	}
	for _, c := range controls(t) {
		got := tmpl.settings(t, c.ID).Quarantine
		if want := (settings.Quarantine{Key: "arn:${KeyQuarantine}", Outside: "arn:${OutsideQuarantine}"}); got != want {
			t.Errorf("%s has the quarantine %v, want %v", c.ID, got, want)
		}
	}
}

func TestQuarantine_FunctionsKnowBoth(t *testing.T) {
	tmpl := load(t, custom)
	for _, c := range controls(t) {
		got := tmpl.settings(t, c.ID).Quarantine
		if want := (settings.Quarantine{Key: "arn:${KeyQuarantine}", Outside: "arn:${OutsideQuarantine}"}); got != want {
			t.Errorf("%s has the quarantine %v, want %v", c.ID, got, want)
		}
	}
}

func TestValidate_TooManyNetworks(t *testing.T) {
	all := controls(t)[:1]
	s, err := settings.Parse([]byte("{}"), all)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		s.AllowedNetworks = append(s.AllowedNetworks,
			netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 0, byte(i + 1), 0xaa, 0xaa, 0xaa, 0xaa}), 80))
	}
	props := &HubProps{Settings: s, Controls: []control.Control{all[0]}, Binaries: t.TempDir()}
	if err := writeBinaries(props); err != nil {
		t.Fatal(err)
	}
	if err := props.Validate(); err == nil || !strings.Contains(err.Error(), "policy warder-outside-quarantine: ") {
		t.Errorf("check: %v, want the policy named", err)
	}
}
