package notice

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/warder-aws/warder/pkg/i18n"
)

// maxInFull is how many notices a mail has in full; of the others it has a line.
const maxInFull = 20

// Mail is one mail of plain text with all notices in it, the first of which is the most urgent. One notice is the mail;
// of several there is a list first.
func Mail(all []Message) (subject, body string) {
	first := all[0].plain()
	language := first.Language
	line := first.Headline()
	if len(all) == 1 {
		return line, first.email()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", i18n.T("%d notices, the most urgent first:", len(all)).In(language))
	for i, m := range all {
		m = m.plain()
		fmt.Fprintf(&b, "%3d. %s\n", i+1, m.Headline())
		if i >= maxInFull && ID(m.Finding) {
			fmt.Fprintf(&b, "     make explain ID=%s\n", m.Finding)
		}
	}
	for i, m := range all[:min(len(all), maxInFull)] {
		fmt.Fprintf(&b, "\n%s %d %s\n\n%s", strings.Repeat("-", 8), i+1, strings.Repeat("-", 60), m.Email())
	}
	return withMore(line, i18n.T("%s, and %d more", "", len(all)-1).In(language)), b.String()
}

// Line is the subject of a mail with all notices in it, as SNS takes it; in English and ASCII, or in their language.
func Line(all []Message, unicode bool) string {
	if unicode {
		subject, _ := Mail(all)
		return subject
	}
	line := all[0].Line()
	if len(all) == 1 {
		return line
	}
	return withMore(line, fmt.Sprintf(", and %d more", len(all)-1))
}

// withMore is the line with how many more there are behind it, which is not cut.
func withMore(line, more string) string {
	return cutRunes(line, maxSubject-utf8.RuneCountInString(more)) + more
}
