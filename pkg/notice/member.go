package notice

import "github.com/warder-aws/warder/pkg/lazyregexp"

// member is what the id of a member of a Slack workspace looks like
// (https://docs.slack.dev/reference/objects/user-object).
var member = lazyregexp.New(`^[UW][A-Z0-9]{2,}$`)

// Member reports whether id is that of a member of a Slack workspace, as in U024BE7LH. Nothing else is
// mentioned: no group, no channel, not everybody.
func Member(id string) bool { return len(id) <= 64 && member().MatchString(id) }
