// Package terminal is how the operator's command prints: colour on a terminal alone, tables, JSON. Whatever
// was worded by others, such as the name of an IAM user, cannot steer the terminal, and shows no whole access
// key id. It decides nothing.
package terminal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf16"

	"github.com/mattn/go-isatty"

	"github.com/warder-aws/warder/pkg/notice"
)

// maxLine is more than any line that Warder words, in bytes.
const maxLine = 4096

// Plain is text on one line that does nothing but to be seen.
func Plain(text string) string { return notice.Plain(text, maxLine) }

// Lines is Plain for each line of a text.
func Lines(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, line := range lines {
		lines[i] = Plain(line)
	}
	return strings.Join(lines, "\n")
}

// Short is text on one line, of so many characters at most.
func Short(text string, limit int) string {
	text = strings.Join(strings.Fields(Plain(text)), " ")
	if letters := []rune(text); len(letters) > limit {
		return string(letters[:limit-3]) + "..."
	}
	return text
}

// Count is a number of things in words.
func Count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// Is reports whether a stream is a terminal.
func Is(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && isatty.IsTerminal(file.Fd())
}

// A Style colours words, if it is on.
type Style bool

// For is on for a terminal whose user has nothing against colour (https://no-color.org).
func For(out io.Writer) Style {
	return Style(Is(out) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb")
}

// The colours, and bold.
const (
	Bold   = "1"
	Red    = "1;31"
	Green  = "32"
	Yellow = "33"
	Cyan   = "36"
)

// Paint colours text.
func (s Style) Paint(colour, text string) string {
	if !s {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// Table prints rows with their columns under each other, indented.
func Table(out io.Writer, indent string, rows [][]string) {
	var text bytes.Buffer
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = Plain(cell)
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	_ = w.Flush() // a buffer takes everything
	for line := range strings.Lines(text.String()) {
		fmt.Fprintln(out, strings.TrimRight(indent+line, " \n"))
	}
}

// JSON prints a value. What is not seen in its texts is escaped, and access key ids are shortened.
func JSON(out io.Writer, value any) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return err
	}
	var escaped strings.Builder
	for _, r := range notice.Redact(text.String()) {
		if r == '\n' || !unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			escaped.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&escaped, `\u%04x`, unit)
		}
	}
	_, err := io.WriteString(out, escaped.String())
	return err
}
