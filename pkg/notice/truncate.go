package notice

import (
	"strings"
	"unicode/utf8"
)

// ellipsis ends a text that was cut. It is ASCII, because subject lines are.
const ellipsis = "..."

// Truncate returns s if it has at most limit bytes, and otherwise a beginning of it that ends with
// three dots and has at most limit bytes. It never splits a rune; bytes that are no UTF-8 become
// U+FFFD first. A limit below 1 gives the empty string.
func Truncate(s string, limit int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= limit {
		return s
	}
	if limit <= len(ellipsis) {
		return ellipsis[:max(limit, 0)]
	}
	cut := limit - len(ellipsis)
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + ellipsis
}
