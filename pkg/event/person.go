package event

import (
	"net/mail"
	"slices"
	"strings"
	"time"
)

// People is the source of events of a personnel system or an identity provider. They are put on Warder's own bus; who
// may is for the policy of the bus to say.
const People = "warder.people"

// PersonLeft is a personnel system saying that somebody is not with the company any more. Its form is Warder's own:
//
//	{"version": "1", "id": "…", "email": "…", "leftAt": "2026-11-17T09:00:00Z",
//	 "name": "…", "manager": "…", "userNames": ["…"]}
//
// The first four are required, and nothing else is known. What is not in that form has a Fault and nothing else:
// somebody left, and a person has to look.
type PersonLeft struct {
	Fault     string // the path of the field that is wrong, "detail" for one that is not known; empty if nothing is
	ID        string // of the leaving: the same in every event about it
	Email     string // in lower case
	Name      string
	LeftAt    time.Time // in UTC
	Manager   string    // an email address in lower case, empty if the event names none
	UserNames []string  // names of IAM users that the sender knows to be the person's
}

func (*PersonLeft) detail() {}

const (
	maxPersonText = 256 // bytes of each text
	maxUserNames  = 20
)

// personLeft never fails: see PersonLeft.
func personLeft(detail Fields, e Event) (Detail, time.Time, error) {
	p, fault := readPersonLeft(detail)
	if fault != "" {
		p = &PersonLeft{Fault: fault}
	}
	return p, e.Time, nil
}

func readPersonLeft(detail Fields) (p *PersonLeft, fault string) {
	p = &PersonLeft{}
	texts := map[string]*string{"version": new(string), "id": &p.ID, "email": &p.Email, "name": &p.Name,
		"manager": &p.Manager, "leftAt": new(string)}
	for key, value := range detail {
		into, known := texts[key]
		text, isText := value.(string)
		switch {
		case key == "userNames":
			list, isList := value.([]any)
			if !isList || len(list) > maxUserNames {
				return p, "detail.userNames"
			}
			for _, item := range list {
				name, ok := item.(string)
				if !ok || name == "" || len(name) > maxPersonText {
					return p, "detail.userNames"
				}
				p.UserNames = append(p.UserNames, name)
			}
		case !known:
			return p, "detail" // the name of what is not known is the sender's, and is not repeated
		case !isText || text == "" || len(text) > maxPersonText:
			return p, "detail." + key
		default:
			*into = text
		}
	}
	for _, key := range []string{"version", "id", "email", "leftAt"} {
		if *texts[key] == "" {
			return p, "detail." + key
		}
	}
	if *texts["version"] != "1" {
		return p, "detail.version"
	}
	for _, key := range []string{"email", "manager"} {
		if *texts[key] == "" {
			continue
		}
		if *texts[key] = address(*texts[key]); *texts[key] == "" {
			return p, "detail." + key
		}
	}
	at, err := time.Parse(time.RFC3339, *texts["leftAt"])
	if err != nil {
		return p, "detail.leftAt"
	}
	p.LeftAt = at.UTC()
	slices.Sort(p.UserNames)
	return p, ""
}

// address is the email address that a text is, without a name, in lower case; empty if it is none.
func address(text string) string {
	parsed, err := mail.ParseAddress(text)
	if err != nil || strings.ContainsAny(text, "\"\\ \t\r\n<>,;") {
		return ""
	}
	return strings.ToLower(parsed.Address)
}
