package network

import (
	"net/netip"
	"testing"

	"github.com/warder-aws/warder/pkg/event"
)

func list(t testing.TB, networks ...string) Allowed {
	t.Helper()
	var allowed Allowed
	for _, text := range networks {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			t.Fatal(err)
		}
		allowed = append(allowed, network)
	}
	return allowed
}

func TestJudge(t *testing.T) {
	office := list(t, "203.0.113.0/24", "198.51.100.10/32", "2001:db8::/32")
	own := "111122223333"
	for name, c := range map[string]struct {
		allowed Allowed
		record  event.Record
		place   Place
		words   string
	}{
		"an address of a listed network is inside": {
			office, event.Record{SourceIP: "203.0.113.24"}, Inside, "203.0.113.24, inside the allowed networks",
		},
		"the first and the last address belong to the network": {
			office, event.Record{SourceIP: "203.0.113.255"}, Inside, "203.0.113.255, inside the allowed networks",
		},
		"the next address does not": {
			office, event.Record{SourceIP: "203.0.114.0"}, Outside, "203.0.114.0, outside the allowed networks",
		},
		"an address that begins like one that is listed is outside": {
			office, event.Record{SourceIP: "198.51.100.1"}, Outside, "198.51.100.1, outside the allowed networks",
		},
		"an address that goes on like one that is listed is outside": {
			office, event.Record{SourceIP: "198.51.100.100"}, Outside, "198.51.100.100, outside the allowed networks",
		},
		"an address with the digits of a listed one is outside": {
			office, event.Record{SourceIP: "203.0.11.31"}, Outside, "203.0.11.31, outside the allowed networks",
		},
		"an address whose dots would match any character is outside": {
			office, event.Record{SourceIP: "20.30.113.24"}, Outside, "20.30.113.24, outside the allowed networks",
		},
		"an IPv6 address is compared in whatever form it is written": {
			office, event.Record{SourceIP: "2001:0DB8:0:0:0:0:0:1"}, Inside, "2001:db8::1, inside the allowed networks",
		},
		"an IPv6 address of the next network is outside": {
			office, event.Record{SourceIP: "2001:db9::1"}, Outside, "2001:db9::1, outside the allowed networks",
		},
		"an IPv4 address written as IPv6 is the IPv4 address": {
			office, event.Record{SourceIP: "::ffff:203.0.113.24"}, Inside, "203.0.113.24, inside the allowed networks",
		},
		"an IPv6 address that ends in a listed IPv4 address is outside": {
			office, event.Record{SourceIP: "64:ff9b::203.0.113.24"}, Outside, "64:ff9b::cb00:7118, outside the allowed networks",
		},
		"without a list there is no opinion": {
			nil, event.Record{SourceIP: "203.0.113.24"}, Unknown, "203.0.113.24",
		},
		"a service is no address": {
			office, event.Record{SourceIP: "cloudformation.amazonaws.com"}, Unknown, "cloudformation.amazonaws.com (not an " +
				"address)",
		},
		"AWS Internal is no address": {
			office, event.Record{SourceIP: "AWS Internal"}, Unknown, "AWS Internal (not an address)",
		},
		"what only contains an address is none": {
			office, event.Record{SourceIP: "203.0.113.24, 198.51.100.7"}, Unknown, "203.0.113.24, 198.51.100.7 (not an address)",
		},
		"an address with a zone is none": {
			office, event.Record{SourceIP: "2001:db8::1%eth0"}, Unknown, "2001:db8::1%eth0 (not an address)",
		},
		"nothing is no address": {
			office, event.Record{}, Unknown, "an address that is not recorded",
		},
		"an address of the account's own VPC is judged by the list": {
			list(t, "10.20.0.0/16"), event.Record{SourceIP: "10.20.3.4", VPCEndpoint: "vpce-0a1b", VPCEndpointAccount: own,
				RecipientAccount: own},
			Inside, "10.20.3.4 through VPC endpoint vpce-0a1b, inside the allowed networks",
		},
		"one that is not listed is outside": {
			office, event.Record{SourceIP: "10.20.3.4", VPCEndpoint: "vpce-0a1b", VPCEndpointAccount: own,
				RecipientAccount: own},
			Outside, "10.20.3.4 through VPC endpoint vpce-0a1b, outside the allowed networks",
		},
		"a listed address in another account's VPC proves nothing": {
			office, event.Record{SourceIP: "203.0.113.24", VPCEndpoint: "vpce-0a1b", VPCEndpointAccount: "444455556666",
				RecipientAccount: own},
			Foreign, "203.0.113.24 through VPC endpoint vpce-0a1b of account 444455556666, where any address can be chosen",
		},
		"a listed address in nobody knows whose VPC proves nothing": {
			office, event.Record{SourceIP: "203.0.113.24", VPCEndpoint: "vpce-0a1b", RecipientAccount: own},
			Foreign, "203.0.113.24 through VPC endpoint vpce-0a1b of an account that is not recorded, where any address " +
				"can be chosen",
		},
		"without a list another account's VPC is named and not judged": {
			nil, event.Record{SourceIP: "10.20.3.4", VPCEndpoint: "vpce-0a1b", VPCEndpointAccount: "444455556666",
				RecipientAccount: own},
			Unknown, "10.20.3.4 through VPC endpoint vpce-0a1b of account 444455556666",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.allowed.Evaluate(&c.record); got.Place != c.place || got.Describe().String() != c.words {
				t.Errorf("Judge(%q) = %s, %q, want %s, %q", c.record.SourceIP, got.Place, got.Describe(), c.place, c.words)
			}
		})
	}
}

// FuzzJudge compares the assessment with one that is reached bit by bit.
func FuzzJudge(f *testing.F) {
	for _, address := range []string{
		"203.0.113.1", "203.0.113.10", "203.0.11.31", "::ffff:203.0.113.1", "2001:db8::1", "fe80::1%eth0", "AWS Internal", "",
		"203.0.113.1, 198.51.100.7", "203.0.113.01", "0xcb007101", "3405803777",
	} {
		f.Add(address, "203.0.113.1/32", "", "")
		f.Add(address, "2001:db8::/32", "vpce-0a1b", "111122223333")
	}
	f.Fuzz(func(t *testing.T, address, network, endpoint, account string) {
		prefix, err := netip.ParsePrefix(network)
		if err != nil {
			return
		}
		origin := Allowed{prefix}.Evaluate(&event.Record{
			SourceIP: address, VPCEndpoint: endpoint, VPCEndpointAccount: account, RecipientAccount: "111122223333",
		})
		want := Outside
		parsed, err := netip.ParseAddr(address)
		switch {
		case err != nil || parsed.Zone() != "":
			want = Unknown
		case endpoint != "" && account != "111122223333":
			want = Foreign
		case within(parsed.Unmap().AsSlice(), prefix):
			want = Inside
		}
		if origin.Place != want {
			t.Errorf("%q in %s, endpoint %q of %q: %s, want %s", address, prefix, endpoint, account, origin.Place, want)
		}
	})
}

// within reports whether the address has the network's length and its leading bits.
func within(address []byte, network netip.Prefix) bool {
	base := network.Addr().AsSlice()
	if len(address) != len(base) {
		return false
	}
	for bit := range network.Bits() {
		mask := byte(0x80) >> (bit % 8)
		if (address[bit/8]^base[bit/8])&mask != 0 {
			return false
		}
	}
	return true
}
