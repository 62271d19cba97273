package notice

import (
	"strings"
	"unicode"
)

// Agent is a user agent as a notice shows it: at most 120 of the 1,024 bytes that CloudTrail keeps.
func Agent(userAgent string) string { return Plain(userAgent, 120) }

// Plain returns text that somebody else worded, such as a user agent, as a notice may show it: on one
// line, so that it cannot pass for a line of the notice, without whole access key ids, and cut to at
// most limit bytes.
func Plain(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, text)
	return Truncate(Redact(text), limit)
}
