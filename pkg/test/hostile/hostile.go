// Package hostile has, for tests, texts that try to be more than the name or the tag that they stand for,
// and says what of them came through. It forges nothing by itself.
package hostile

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Quoted are texts that try to be more than the name or the tag that they are put into, by what they
// try. IAM and CloudTrail let few of them into a name; an event may hold anything.
//
// Whatever they forge holds the word [Word], so that what came of them can be distinguished from what Warder
// says itself. The texts are as they stand between the quotes of a JSON string.
var Quoted = map[string]string{
	"markup": `<script>forged()</script><img src=x onerror=forged()>&lt;b&gt;forged`,
	"lines": `\r\nforged: by a line\nforged: by another\u2028forged: by a separator` +
		`\u2029forged\u0085forged\u000bforged`,
	"direction": `\u202eforged\u202c\u2066forged\u2069\u200f\u061c\u200b\ufeff`,
	"terminal":  `\u001b[2J\u001b]0;forged\u0007\u009b31mforged\u0000\u007f\b`,
	"mentions": `<!channel><!everyone><@U0FORGED1><!subteam^S0FORGED1><#C0FORGED1>` +
		`<https://forged.example|https://example.com>@everyone`,
	"marks":        "`*_~[forged](https://forged.example)|:skull:```forged",
	"JSON":         `\"}],\"forged\":{\"a\":\"\\u0022\\`,
	"verbs":        `%s%d%!v(MISSING)%[3]*.[2]*[1]f{{.}}${forged}$(forged)`,
	"access key":   `_AKIAIOSFODNN7FORGED`,
	"long":         strings.Repeat("forged", 10_000/len("forged")),
	"bytes":        "\xff\xfeforged\xed\xa0\x80\xc0\xaf",
	"half a rune":  `\ud800forged\udfff`,
	"right script": `مزورة-forged-가짜`,
}

// Word is the word by which what a hostile text made is known.
const Word = "forged"

// Key is the access key id among the texts: of it four characters may be shown.
const Key = "AKIAIOSFODNN7FORGED"

// Texts are the [Quoted] texts as who decodes the JSON reads them, by what they try.
func Texts() map[string]string {
	texts := map[string]string{}
	for what, text := range Quoted {
		decoded := ""
		if err := json.Unmarshal([]byte(`"`+text+`"`), &decoded); err != nil {
			panic(err) // they are texts of JSON
		}
		texts[what] = decoded
	}
	return texts
}

// Steers says how a text is more than its words for whoever looks at it on a terminal or in a mail:
// by characters that steer, by a line of its own, by bytes that are no text. It is empty if the text
// does nothing.
func Steers(text string) string {
	switch {
	case !utf8.ValidString(text):
		return "is not UTF-8"
	case strings.ContainsFunc(text, func(r rune) bool {
		return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) || r == '\u2028' || r == '\u2029'
	}):
		return "has characters that steer"
	case strings.HasPrefix(text, Word) || strings.Contains(text, "\n"+Word):
		return "has a line that was forged"
	}
	return ""
}
