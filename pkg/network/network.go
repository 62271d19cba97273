// Package network evaluates where a request came from: inside or outside the networks that the settings allow.
// Addresses are compared as values, never as text, so that 203.0.113.10 is not taken for 203.0.113.1.
//
// It has no opinion when no network is listed, nor of a request that has no address, and it changes
// nothing: what follows from a place is the caller's to decide.
package network

import (
	_ "embed"
	"net/netip"
	"slices"

	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
)

//go:embed ko.json
var korean []byte

func init() { i18n.Register("ko", korean) }

// Place is where a request came from, by the allowed networks.
type Place string

// The places.
const (
	// Unknown means nothing to evaluate: no network is listed, or the record's address is a service's name.
	Unknown Place = "unknown"
	Inside  Place = "inside"
	Outside Place = "outside"
	// Foreign means that the request came through a VPC endpoint that is not known to be the account's own. The address
	// is one inside that VPC then, and whoever made the VPC chose it: it may be one that is listed, and proves nothing.
	// https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html
	Foreign Place = "foreign"
)

// Allowed is the networks that requests may come from. Empty means that none are listed.
type Allowed []netip.Prefix

// Origin is where one request came from.
type Origin struct {
	Place   Place      // the assessment
	Address netip.Addr // the address of the request, not valid when it has none
	text    i18n.Message
}

// Describe describes the origin for a notice: "203.0.113.9, inside the allowed networks".
func (o Origin) Describe() i18n.Message { return o.text }

// Evaluate returns where the recorded request came from.
func (a Allowed) Evaluate(r *event.Record) Origin {
	address, ok := r.Address()
	switch {
	case !ok && r.SourceIP == "":
		return Origin{Unknown, address, i18n.T("an address that is not recorded")}
	case !ok:
		return Origin{Unknown, address, i18n.T("%s (not an address)", r.SourceIP)}
	}
	o := Origin{Unknown, address, i18n.Literal(address.String())}
	if r.VPCEndpoint != "" {
		switch r.VPCEndpointAccount {
		case r.RecipientAccount:
			o.text = i18n.T("%s through VPC endpoint %s", o.text, r.VPCEndpoint)
		case "":
			o.text = i18n.T("%s through VPC endpoint %s of an account that is not recorded", o.text, r.VPCEndpoint)
		default:
			o.text = i18n.T("%s through VPC endpoint %s of account %s", o.text, r.VPCEndpoint, r.VPCEndpointAccount)
		}
	}
	switch {
	case len(a) == 0:
	case r.VPCEndpoint != "" && r.VPCEndpointAccount != r.RecipientAccount:
		o.Place, o.text = Foreign, i18n.T("%s, where any address can be chosen", o.text)
	case a.Contains(address):
		o.Place, o.text = Inside, i18n.T("%s, inside the allowed networks", o.text)
	default:
		o.Place, o.text = Outside, i18n.T("%s, outside the allowed networks", o.text)
	}
	return o
}

// Contains reports whether the address lies in one of the networks. An IPv4 address is the same
// however it is written ("::ffff:203.0.113.9"); an address with a zone is in none.
func (a Allowed) Contains(address netip.Addr) bool {
	address = address.Unmap()
	return slices.ContainsFunc(a, func(network netip.Prefix) bool { return network.Contains(address) })
}
