package change

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"

	"github.com/warder-aws/warder/pkg/i18n"
)

// SignInPolicy is AWS Sign-In's resource policy, which says where people may sign in to the console from. The subject
// is the number of the account, and the value a [SignIn]. Package signin reads and makes such changes.
// https://docs.aws.amazon.com/signin/latest/userguide/console-access-control.html
const SignInPolicy = "sign-in policy"

// SignIn is the policy as a value.
type SignIn struct {
	InForce bool          `json:"inForce"` // or else it does nothing
	Places  []SignInPlace `json:"places,omitempty"`
}

// Text is the policy as a value: one text for the same policy, empty for one that was never made.
func (s SignIn) Text() string {
	if !s.InForce && len(s.Places) == 0 {
		return ""
	}
	s.Places = slices.Clone(s.Places)
	for i, p := range s.Places {
		if network, ok := p.Network(); ok { // AWS may write one address as such
			s.Places[i].SourceIP = network.String()
		}
	}
	slices.SortFunc(s.Places, func(a, b SignInPlace) int { return cmp.Compare(a.text(), b.text()) })
	s.Places = slices.Compact(s.Places)
	return text(s)
}

// ParseSignIn is the inverse of Text.
func ParseSignIn(value string) (s SignIn, err error) {
	if value == "" {
		return s, nil
	}
	return s, json.Unmarshal([]byte(value), &s)
}

// Lacks are the places of s that o has not.
func (s SignIn) Lacks(o SignIn) (places []SignInPlace) {
	for _, p := range s.Places {
		if !slices.Contains(o.Places, p) {
			places = append(places, p)
		}
	}
	return places
}

// text is a value as JSON, sorted by its keys.
func text(value any) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err) // texts and a bool
	}
	return strings.TrimSpace(out.String())
}

// SignInPlace is a statement of the policy: where people may sign in from, and who may from anywhere. It has what
// PutResourcePermissionStatement takes.
// https://docs.aws.amazon.com/signin/latest/APIReference/API_PutResourcePermissionStatement.html
type SignInPlace struct {
	SourceIP    string `json:"sourceIp,omitempty"` // an address or a CIDR block
	SourceVPC   string `json:"sourceVpc,omitempty"`
	VPCSourceIP string `json:"vpcSourceIp,omitempty"`
	Region      string `json:"requestedRegion,omitempty"`
	Excluded    string `json:"excludedPrincipal,omitempty"` // an ARN
	// Other is the statement's conditions as JSON, where it cannot be told which call has made them: of a VPC endpoint
	// they do not say whether it is that of the sign-in or that of the console. All else is empty then.
	Other string `json:"other,omitempty"`
}

func (p SignInPlace) text() string { return text(p) }

// Network is the network of addresses that a statement lets in; false if it is about anything else.
func (p SignInPlace) Network() (netip.Prefix, bool) {
	if p != (SignInPlace{SourceIP: p.SourceIP, Excluded: p.Excluded}) {
		return netip.Prefix{}, false
	}
	return ParseNetwork(p.SourceIP)
}

// ParseNetwork reads an address or a CIDR block, as conditions have it.
func ParseNetwork(text string) (netip.Prefix, bool) {
	if address, err := netip.ParseAddr(text); err == nil && address.Zone() == "" {
		return netip.PrefixFrom(address, address.BitLen()), true
	}
	network, err := netip.ParsePrefix(text)
	return network.Masked(), err == nil
}

// Describe names the place for people.
func (p SignInPlace) Describe() i18n.Message {
	switch {
	case p.SourceIP != "":
		return i18n.Literal(p.SourceIP)
	case p.SourceVPC != "" && p.VPCSourceIP != "":
		return i18n.T("%s in %s", p.VPCSourceIP, p.SourceVPC)
	case p.SourceVPC != "":
		return i18n.Literal(p.SourceVPC)
	case p.Other != "":
		return i18n.T("a VPC endpoint, or a place of a form that is not known")
	case p.Region != "":
		return i18n.Literal(p.Region)
	}
	return i18n.T("nowhere in particular")
}

// SignInPolicies describes the changes of [SignInPolicy].
type SignInPolicies struct{ reversible }

// Name implements [Kind].
func (SignInPolicies) Name() string { return SignInPolicy }

// Widens implements [Kind]. The policy gives nobody a right: it denies sign-in to everybody from elsewhere, and whoever
// it lets in needs credentials and permissions as before. But it must be in force, must let in networks and nothing
// else, and must leave somebody who can sign in when the networks have changed.
func (SignInPolicies) Widens(c Change, _ []Change) bool {
	after, err := ParseSignIn(c.After)
	return err != nil || !after.InForce || len(after.Places) == 0 ||
		slices.ContainsFunc(after.Places, func(p SignInPlace) bool {
			network, ok := p.Network()
			return !ok || network.Bits() == 0 || p.Excluded == ""
		})
}

// Between implements [Gradual]: some statements are put, and some are taken out.
func (SignInPolicies) Between(c Change, present string) bool {
	before, err := ParseSignIn(c.Before)
	after, fault := ParseSignIn(c.After)
	now, wrong := ParseSignIn(present)
	if err != nil || fault != nil || wrong != nil || now.InForce != before.InForce && now.InForce != after.InForce {
		return false
	}
	both := SignIn{Places: slices.Concat(before.Places, after.Places)}
	kept := SignIn{Places: slices.DeleteFunc(slices.Clone(before.Places), func(p SignInPlace) bool {
		return !slices.Contains(after.Places, p)
	})}
	return len(now.Lacks(both)) == 0 && len(kept.Lacks(now)) == 0
}

// Describe implements [Kind].
func (SignInPolicies) Describe(c Change, done bool) i18n.Message {
	after, err := ParseSignIn(c.After)
	if err != nil || !after.InForce {
		return pick(done, i18n.T("let people sign in to the console from anywhere"),
			i18n.T("let people sign in to the console from anywhere"))
	}
	return pick(done, i18n.T("restricted console sign-in to %s", after.Describe()),
		i18n.T("restrict console sign-in to %s", after.Describe()))
}

// Describe lists the places for people.
func (s SignIn) Describe() i18n.Message {
	all := make([]i18n.Message, 0, len(s.Places))
	for _, p := range s.Places {
		all = append(all, p.Describe())
	}
	return i18n.Join(", ", slices.CompactFunc(all, func(a, b i18n.Message) bool { return a.String() == b.String() })...)
}

// UnknownPlace says that a statement cannot be put back.
func UnknownPlace() i18n.Message {
	return i18n.T("AWS does not say which call has made one of the statements: put it back by hand, the ledger has its " +
		"conditions")
}

// KeptOut says whom the policy would keep out although a statement lets them in.
func KeptOut(who string) i18n.Message {
	return i18n.T("the policy that AWS makes of the statements keeps out %s, whom a statement lets in", who)
}
