// Package exemption reads the tag by which a person exempts an IAM user from Warder for a time:
//
//	warder:exempt = <control id or all> until <YYYY-MM-DD> by <who> for <reason>
//
// It is read strictly: what is not exactly so, has no end, or ends more than [MaxDays] away is no
// exemption, and the caller reports it. The package never sets or removes the tag.
package exemption

import (
	_ "embed"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/lazyregexp"
)

//go:embed ko.json
var korean []byte

func init() { i18n.Register("ko", korean) }

// Tag is the key of the tag. IAM compares tag keys without regard to case
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html).
const Tag = "warder:exempt"

// IsTag reports whether a tag of the key, in lower case, is an exemption: [Tag], or Tag and a name of one's choice
// after a colon or a slash, so that one can be exempt from several controls.
func IsTag(key string) bool {
	rest, ok := strings.CutPrefix(key, Tag)
	return ok && (rest == "" || rest[0] == ':' || rest[0] == '/')
}

// Values are the values of the exemptions among tags whose keys are in lower case, in the order of the keys.
func Values(tags map[string]string) (values []string) {
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		if IsTag(key) {
			values = append(values, tags[key])
		}
	}
	return values
}

// MaxDays is how far away the end may be, in days.
const MaxDays = 180

// All is the control id that stands for every control.
const All = "all"

// Grammar is the form of the tag's value, for messages.
const Grammar = "<control id or all> until <YYYY-MM-DD> by <who> for <reason>"

// Exemption is one that is in the right form. It may be over.
type Exemption struct {
	Control    string    // the id of the control, or All
	Until      time.Time // the last day, which counts whole, in UTC
	By, Reason string    // By is who approved it, Reason why
}

// value is the form. Who is one word, such as an email address; IAM lets a tag's value have letters,
// digits, spaces and _ . : / = + - @ and at most 256 characters. Spaces are those of Unicode, so that
// nobody is exempt by, or for, what nobody sees.
var value = lazyregexp.New(
	`^([a-z][a-z0-9-]*) until ([0-9]{4}-[0-9]{2}-[0-9]{2}) by ([^\s\pZ\pC]+) for ([^\s\pZ\pC].*)$`,
)

// Parse reads the value of the tag as it is on the day of now. The error is a [i18n.Fault]: what is wrong with it.
func Parse(text string, now time.Time) (Exemption, error) {
	fault := func(m i18n.Message) (Exemption, error) { return Exemption{}, i18n.Fault{Text: m} }
	parts := value().FindStringSubmatch(text)
	if parts == nil {
		return fault(i18n.T("the tag %s does not have the form %q", Tag, Grammar))
	}
	until, err := time.Parse(time.DateOnly, parts[2])
	if err != nil {
		return fault(i18n.T("the tag %s names the day %s, which does not exist", Tag, parts[2]))
	}
	if last := today(now).AddDate(0, 0, MaxDays); TooFar(until, now) {
		return fault(i18n.T("the tag %s ends on %s: at most %d days are allowed, until %s",
			Tag, i18n.Date(until), MaxDays, i18n.Date(last)))
	}
	return Exemption{Control: parts[1], Until: until, By: parts[3], Reason: strings.TrimSpace(parts[4])}, nil
}

// TooFar reports whether the day is more than [MaxDays] away.
func TooFar(until, now time.Time) bool { return until.After(today(now).AddDate(0, 0, MaxDays)) }

// Covers reports whether the exemption is for the control and not over.
func (e Exemption) Covers(control string, now time.Time) bool {
	return (e.Control == All || e.Control == control) && !today(now).After(e.Until)
}

// DaysLeft is how many days the exemption has after the day of now; negative when it is over.
func (e Exemption) DaysLeft(now time.Time) int {
	return int(e.Until.Sub(today(now)) / (24 * time.Hour))
}

// Describe describes the exemption for people.
func (e Exemption) Describe() i18n.Message {
	return i18n.T("exempt from %s until %s by %s: %s", e.Control, i18n.Date(e.Until), e.By, e.Reason)
}

func today(now time.Time) time.Time { return now.UTC().Truncate(24 * time.Hour) }
