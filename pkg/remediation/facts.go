package remediation

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/event"
	"github.com/warder-aws/warder/pkg/i18n"
)

// Quiet is how long what somebody does again is not notified again: people try twice, and clients reconnect.
const Quiet = 15 * time.Minute

// Facts are facts by their names and values in turn, without those that have no value.
func Facts(pairs ...i18n.Message) []Fact {
	var facts []Fact
	for pair := range slices.Chunk(pairs, 2) {
		if !pair[1].Empty() {
			facts = append(facts, Fact{Name: pair[0], Value: pair[1]})
		}
	}
	return facts
}

// LongLivedKey is the access key that somebody called with, as a fact names it; empty if it was a session's.
func LongLivedKey(who event.Identity) i18n.Message {
	if !strings.HasPrefix(who.AccessKeyID, "AKIA") {
		return i18n.Message{}
	}
	return i18n.Literal(change.KeyHint(who.AccessKeyID))
}

// OnceKey is the key of a [Once] for findings with the same parts. It is a whole SHA-256: who chooses the parts of two
// calls must not find two with one key, of which the second would not be notified.
func OnceKey(parts ...any) string {
	text, err := json.Marshal(parts)
	if err != nil {
		panic(err) // strings and what was decoded from JSON
	}
	return fmt.Sprintf("%x", sha256.Sum256(text))
}

// Actor is who made a call, at the beginning of a sentence.
func Actor(c *event.APICall) i18n.Message {
	if c.Identity.Kind() == event.Root {
		return i18n.T("The root user")
	}
	return c.Identity.Describe()
}

// CallFacts are who made a call, from where, through what, and which.
func CallFacts(c *event.APICall) []Fact {
	by := c.Identity.Kind().Describe()
	if c.Identity.Kind() != event.Root {
		by = i18n.T("%s (%s)", c.Identity.Describe(), by)
	}
	if key := LongLivedKey(c.Identity); !key.Empty() {
		by = i18n.T("%s, access key %s", by, key)
	}
	from, call := "", i18n.Literal(c.Name)
	if address, ok := c.Address(); ok {
		from = address.String()
	}
	if !c.Time.IsZero() {
		call = i18n.Join(", ", call, i18n.Moment(c.Time))
	}
	return Facts(i18n.T("By"), by, i18n.T("From"), i18n.Literal(from),
		i18n.T("Through"), i18n.Literal(c.Identity.Through()), i18n.T("Call"), call)
}
