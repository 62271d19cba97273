package i18n

import (
	"strings"
	"unicode"
)

// Plain is text that somebody else worded, such as the name of a user, as it may stand in a line for
// people: on one line, so that it cannot pass for a line of its own, and without what steers a
// terminal or turns the text around it. Whatever breaks a line, and other control characters, is a
// space; formatting characters, which are not seen, and bytes that are no UTF-8 are U+FFFD.
//
// https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters
func Plain(text string) string {
	if strings.IndexFunc(text, unseen) < 0 { // so is a byte that is no UTF-8
		return text
	}
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Cf, r):
			return unicode.ReplacementChar
		case unseen(r) && r != unicode.ReplacementChar:
			return ' '
		}
		return r
	}, text)
}

// Paragraph is Plain for each of the lines of a text that has some.
func Paragraph(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = Plain(lines[i])
	}
	return strings.Join(lines, "\n")
}

// unseen reports whether a character does something instead of being seen.
func unseen(r rune) bool {
	if ' ' <= r && r <= '~' {
		return false
	}
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' ||
		r == unicode.ReplacementChar
}
