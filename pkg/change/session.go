package change

import (
	"strings"

	"github.com/warder-aws/warder/pkg/i18n"
)

// Session ends somebody's session of Session Manager: the values are [Connected] and absent; see [SessionTarget].
const Session = "session"

// Connected is the value of a session that is not over, whether or not somebody is at it just now.
const Connected = "connected"

// SessionTarget names a session: its id is known in its region only.
func SessionTarget(region, id string) string { return region + "/" + id }

// Sessions describes the kind [Session].
type Sessions struct{}

// Name implements [Kind].
func (Sessions) Name() string { return Session }

// Widens implements [Kind]: a session can only be ended.
func (Sessions) Widens(c Change, _ []Change) bool { return c.After != "" }

// Final implements [Kind].
func (Sessions) Final() i18n.Message {
	return i18n.T("an ended session cannot be resumed; its user can start a new one")
}

// Describe implements [Kind].
func (Sessions) Describe(c Change, done bool) i18n.Message {
	region, id, _ := strings.Cut(c.Target, "/")
	return pick(done, i18n.T("ended session %s of %s in %s", id, c.Subject, region),
		i18n.T("end session %s of %s in %s", id, c.Subject, region))
}
