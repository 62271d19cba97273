package settings

import (
	"maps"
	"net/mail"
	"net/netip"
	"slices"
	"strings"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/strictjson"
)

// Reach is who can receive a notice, as far as the settings say. That somebody is subscribed is not known here: an
// address may not have been confirmed.
type Reach struct {
	// All says that somebody gets every notice: an address, a Slack channel, a chat, or the subscribers of a topic
	// elsewhere.
	All bool `json:"all,omitempty"`
	// Mail says that owners get mail through Amazon SES, whatever their addresses are.
	Mail bool `json:"mail,omitempty"`
}

// Mail is what the function needs that sends mail.
type Mail struct {
	Sender string   `json:"sender,omitempty"` // email address
	Set    string   `json:"set,omitempty"`    // name of the configuration set
	Fixed  []string `json:"fixed,omitempty"`  // addresses that get every notice through SNS, and no other mail
	All    string   `json:"all,omitempty"`    // ARN of the topic of those addresses
	Owners string   `json:"owners,omitempty"` // ARN of the topic of owners, where they get no mail through SES
}

// Mails reports whether anybody gets mail from Warder, through SES or SNS.
func (s Settings) Mails() bool {
	return s.Notify.SES.On() || s.Notify.Topic == "" && len(s.Notify.Emails)+len(s.Owners.Addresses()) > 0
}

// MailedOwners are the addresses of the settings that get the mail of owners through SNS.
func (s Settings) MailedOwners() []string {
	if s.Notify.SES.On() || s.Notify.Topic != "" {
		return nil
	}
	return slices.DeleteFunc(s.Owners.Addresses(), func(owner string) bool {
		return slices.ContainsFunc(s.Notify.Emails, func(fixed string) bool { return Address(fixed) == Address(owner) })
	})
}

// Reach is who can receive a notice.
func (s Settings) Reach() Reach {
	n := s.Notify
	return Reach{
		All:  len(n.Emails) > 0 || n.Slack.On() || n.Chat || n.Topic != "",
		Mail: n.SES.On(),
	}
}

// Reaches reports whether one of the addresses can receive a notice, or somebody gets all of them anyway. back reports
// whether mail to an address, in lower case, came back. Without Amazon SES only addresses of the settings receive any.
func (f Function) Reaches(back func(address string) bool, addresses ...string) bool {
	return f.Reach.All || slices.ContainsFunc(addresses, func(address string) bool {
		address = Address(address)
		known := func(own string) bool { return Address(own) == address }
		return address != "" && !back(address) && (f.Reach.Mail || slices.ContainsFunc(f.Owners.Addresses(), known))
	})
}

// Address is the email address that a text is, in lower case, by which addresses are compared; empty if it is none.
// Mail servers may tell local parts apart by case, and none does (RFC 5321, section 2.4).
func Address(text string) string {
	parsed, err := mail.ParseAddress(strings.TrimSpace(text))
	if err != nil || len(parsed.Address) > maxAddress || strings.ContainsAny(parsed.Address, "\"\\ \t\r\n<>,;") {
		return ""
	}
	return strings.ToLower(parsed.Address)
}

// maxAddress is the length of an email address (RFC 5321, section 4.5.3.1.3, without the angle brackets).
const maxAddress = 254

// checkNeeds faults controls that would change something although what they need is not set, or cannot be right.
func (s Settings) checkNeeds(root *strictjson.Node, controls []control.Control) {
	for _, c := range controls {
		if c.Tool || s.Controls[c.ID].Mode != control.Enforce {
			continue
		}
		for _, name := range c.Needs {
			mode := root.Field("controls").Field(c.ID).Field("mode")
			if name != control.AllowedNetworks {
				value := s.Controls[c.ID].Parameters[name]
				mode.Refuse(strictjson.String, slices.Contains([]string{`""`, "[]", "{}"}, string(value)),
					"%s is not set: set it, or leave the mode at observe", name)
				continue
			}
			mode.Refuse(strictjson.String, len(s.AllowedNetworks) == 0,
				"allowedNetworks is empty, so everybody would be kept out: list them, or leave the mode at observe")
			for i, item := range root.Field(control.AllowedNetworks).Items() {
				if i < len(s.AllowedNetworks) {
					checkSeen(item, s.AllowedNetworks[i], c.ID)
				}
			}
		}
	}
}

// unseen are networks from which nothing reaches AWS with the address that it has there.
// https://www.iana.org/assignments/iana-ipv4-special-registry/iana-ipv4-special-registry.xhtml
// https://www.iana.org/assignments/iana-ipv6-special-registry/iana-ipv6-special-registry.xhtml
var unseen = []string{
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
	"224.0.0.0/3", "::/8", "fc00::/7", "fe80::/10", "ff00::/8",
}

// The widest networks that an allocation to anybody has. Wider ones allow whole parts of the world.
const widest4, widest6 = 8, 16

// checkSeen faults a network that matches nothing, or too much.
func checkSeen(n *strictjson.Node, network netip.Prefix, id string) {
	widest := widest6
	if network.Addr().Is4() {
		widest = widest4
	}
	switch {
	case !network.IsValid():
	case network.Bits() < widest:
		n.Faultf("%q is too wide for %s: list the networks that people come from, none wider than /%d", network, id, widest)
	case slices.ContainsFunc(unseen, func(of string) bool { return netip.MustParsePrefix(of).Overlaps(network) }):
		n.Faultf("%q can never match in %s: AWS sees the public address that people come from, as of a NAT gateway or VPN",
			network, id)
	}
}

// checkReach faults controls that would change something although nobody can be notified of it before.
func (s Settings) checkReach(controls *strictjson.Node) {
	if reach := s.Reach(); reach.All || reach.Mail || len(s.Owners.Addresses()) > 0 {
		return
	}
	for _, id := range slices.Sorted(maps.Keys(s.Controls)) {
		if s.Controls[id].Mode == control.Enforce {
			controls.Field(id).Field("mode").Refuse(strictjson.String, true, "nobody would be notified before something is "+
				"changed: set notify.emails, notify.ses.sender, notify.slack or owners.default, or leave the mode at observe")
		}
	}
}
