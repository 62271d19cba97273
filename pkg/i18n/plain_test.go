package i18n

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestPlainTextSteersNothing(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"names stay", "alice+ci@example.com, 한글 é 🔑", "alice+ci@example.com, 한글 é 🔑"},
		{"lines are one line", "a\r\nb\u2028c\u2029d\ve\u0085f", "a  b c d e f"},
		{"what steers a terminal is not passed on", "\x1b[31mred\x1b[0m \u009b2J \x7f \x00", " [31mred [0m  2J    "},
		{"text is not turned around", "\u202etxt.exe\u2066\u200f", "\uFFFDtxt.exe\uFFFD\uFFFD"},
		{"what is not seen is marked", "al\u200bice\u00ad\ufeff", "al\uFFFDice\uFFFD\uFFFD"},
		{"bytes that are no text", "a\xffb\xed\xa0\x80", "a\uFFFDb\uFFFD\uFFFD\uFFFD"},
		{"nothing", "", ""},
	} {
		if got := Plain(tc.in); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
	if got := Paragraph("a\u202e\nb\rc\n"); got != "a\uFFFD\nb c\n" {
		t.Errorf("a paragraph: %q", got)
	}
}

func FuzzPlain(f *testing.F) {
	for _, seed := range []string{"alice", "a\r\nb", "\x1b[2J", "\u202ea", "\xff", "\u2028", "🔑"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		plain := Plain(text)
		for _, r := range plain {
			if !unicode.IsPrint(r) && unicode.IsOneOf([]*unicode.RangeTable{unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp}, r) {
				t.Fatalf("%q is left of %q", r, text)
			}
		}
		if !utf8.ValidString(plain) || Plain(plain) != plain {
			t.Fatalf("Plain(%q) = %q, and of that %q", text, plain, Plain(plain))
		}
		if strings.Count(Paragraph(text), "\n") != strings.Count(text, "\n") || Plain(Paragraph(text)) != plain {
			t.Fatalf("Paragraph(%q) = %q", text, Paragraph(text))
		}
	})
}
