package notice

import (
	"strings"

	"github.com/warder-aws/warder/pkg/lazyregexp"
)

// keyID matches an access key id and the other unique ids of the same form
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-prefixes),
// whatever stands before and behind it: people put the ids into names, such as backup_AKIA....
var keyID = lazyregexp.New(`(?:AKIA|ASIA)[A-Z0-9]{8,}([A-Z0-9]{4})`)

// Redact returns text without whole access key ids: only their last four characters stay. AWS puts
// key ids into its error messages, so every error goes through here before it is logged or sent.
func Redact(text string) string {
	if !strings.Contains(text, "AKIA") && !strings.Contains(text, "ASIA") { // as most texts
		return text
	}
	return keyID().ReplaceAllString(text, "…$1")
}
