package console

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/warder-aws/warder/pkg/i18n"
)

// The texts of the pages, and of the code.
var (
	inPages = regexp.MustCompile(`[{(]\s*t ("(?:[^"\\]|\\.)*")|\{\{if [^}]*\}\}\{\{t ("(?:[^"\\]|\\.)*")`)
	inCode  = regexp.MustCompile(`i18n\.T\(\s*("(?:[^"\\]|\\.)*"(?:\s*\+\s*"(?:[^"\\]|\\.)*")*)`)
	parts   = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	verbs   = regexp.MustCompile(`%[a-z]`)
)

// found are the English texts of the package.
func found(t *testing.T) map[string]bool {
	t.Helper()
	texts := map[string]bool{}
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(names, "pages.html") {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		pattern := inCode
		if name == "pages.html" {
			pattern = inPages
		}
		for _, match := range pattern.FindAllString(string(data), -1) {
			text := ""
			for _, part := range parts.FindAllString(match, -1) {
				word, err := strconv.Unquote(part)
				if err != nil {
					t.Fatal(err)
				}
				text += word
			}
			texts[text] = true
		}
	}
	for _, word := range []string{"ok", "problem", "not known", "remark", "event", "rule", "function", "change",
		"notice", "failed", "held", "passed", "skipped", "would change", "looked, nothing to do", "in force", "revoked",
		"over"} {
		texts[word] = true // of the doctor and of drills
	}
	return texts
}

func TestKorean_HasEveryTextOnce(t *testing.T) {
	var own map[string]string
	if err := json.Unmarshal(korean, &own); err != nil {
		t.Fatal(err)
	}
	texts := found(t)
	if len(texts) < 100 {
		t.Fatalf("%d texts: are they found?", len(texts))
	}
	for _, text := range slices.Sorted(maps.Keys(texts)) {
		if own[text] == "" && strings.Trim(verbs.ReplaceAllString(text, ""), " :;%s()…") != "" {
			t.Errorf("ko.json lacks %q", text)
		}
	}
	for text, word := range own {
		switch known := i18n.Catalogue("ko")[text]; {
		case !texts[text]:
			t.Errorf("ko.json: nobody says %q", text)
		case known != word:
			t.Errorf("ko.json: %q is %q, and in another package %q", text, word, known)
		case fmt.Sprint(verbs.FindAllString(text, -1)) != fmt.Sprint(verbs.FindAllString(word, -1)):
			t.Errorf("ko.json: %q has other verbs: %q", text, word)
		}
	}
}
