package report

import (
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/warder-aws/warder/pkg/notice"
)

// The page is a tree of nodes, and the library that renders them escapes every text and attribute: nothing that
// somebody else worded can become markup.

type attr struct{ key, value string }

func class(names string) attr { return attr{"class", names} }

// el makes an element of attributes, texts and other nodes. A part of another type is a fault of the program.
func el(tag string, parts ...any) *html.Node {
	n := &html.Node{Type: html.ElementNode, Data: tag, DataAtom: atom.Lookup([]byte(tag))}
	add(n, parts...)
	return n
}

func add(n *html.Node, parts ...any) {
	for _, part := range parts {
		switch part := part.(type) {
		case nil:
		case attr:
			n.Attr = append(n.Attr, html.Attribute{Key: part.key, Val: clean(part.value)})
		case string:
			if part != "" {
				n.AppendChild(&html.Node{Type: html.TextNode, Data: clean(part)})
			}
		case *html.Node:
			if part != nil {
				n.AppendChild(part)
			}
		case []*html.Node:
			for _, child := range part {
				n.AppendChild(child)
			}
		default:
			panic(fmt.Sprintf("a node of a page cannot hold a %T", part))
		}
	}
}

// lines are parts one under the other; empty ones are left out.
func lines(parts ...any) []*html.Node {
	var nodes []*html.Node
	for _, part := range parts {
		if line := el("div", part); line.FirstChild != nil {
			nodes = append(nodes, line)
		}
	}
	return nodes
}

// foreign is text that somebody else worded: its direction is its own.
func foreign(text string) *html.Node { return el("bdi", text) }

// clean makes text harmless to look at: no whole access key id, and what steers the direction or the terminal instead
// of being seen is named.
func clean(text string) string {
	text = notice.Redact(strings.ToValidUTF8(text, "\uFFFD"))
	if !strings.ContainsFunc(text, hidden) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			b.WriteRune(' ')
		case hidden(r):
			fmt.Fprintf(&b, "⟨U+%04X⟩", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// hidden reports whether a character steers instead of being seen: controls, and the formatting characters by which
// text can pass for another.
// https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters
func hidden(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) && r != '\u00AD' || r == '\u2028' || r == '\u2029'
}
