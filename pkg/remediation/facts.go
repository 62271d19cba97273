package remediation

import (
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
