package settings

import (
	"maps"
	"net/mail"
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
