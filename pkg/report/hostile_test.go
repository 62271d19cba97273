package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/browser"
	"github.com/warder-aws/warder/pkg/test/hostile"
)

// together is a report with all that the reports list.
func together(texts []string) Report {
	all := reported(texts[0])
	for _, text := range texts[1:] {
		r := reported(text)
		all.Controls, all.Findings, all.Changes = append(all.Controls, r.Controls...), append(all.Findings,
			r.Findings...), append(all.Changes, r.Changes...)
		all.Alerts, all.Exemptions = append(all.Alerts, r.Alerts...), append(all.Exemptions, r.Exemptions...)
		all.Coverage, all.Incidents = append(all.Coverage, r.Coverage...), append(all.Incidents, r.Incidents...)
	}
	return all
}

// The page is looked at twice in a browser: with words, and with texts that try to be more in their place,
// in every field that it shows. It is the same page both times, but for what is to be read on it.
func TestInABrowserWhatOthersWordIsReadAndNothingElse(t *testing.T) {
	tried := append(slices.Clone(hostileTexts), slices.Sorted(maps.Values(hostile.Texts()))...)
	words := make([]string, len(tried))
	for i, text := range tried {
		words[i] = fmt.Sprintf("word%d", i)
		tried[i] = text + words[i] // each is its own, as the words are
	}
	folder := t.TempDir()
	windows := []browser.Window{{Name: "1280", Width: 1280, Height: 900}}
	seen, err := browser.See(t.Context(), []browser.Look{
		{File: write(t, folder, "words", together(words), settings.English), Windows: windows},
		{File: write(t, folder, "tried", together(tried), settings.English), Windows: windows},
	}, "")
	if err != nil {
		t.Fatal(err)
	}
	read, attacked := seen[0], seen[1]
	if diff := cmp.Diff(read.Elements, attacked.Elements); diff != "" {
		t.Errorf("other elements or attributes (-with words +with hostile texts):\n%s", diff)
	}
	if diff := cmp.Diff(read.Addresses, attacked.Addresses); diff != "" {
		t.Errorf("other addresses (-with words +with hostile texts):\n%s", diff)
	}
	for what, list := range map[string][]string{"on the console": attacked.Console, "requests": attacked.Requests,
		"dialogs": attacked.Dialogs} {
		if len(list) > 0 {
			t.Errorf("%s: %q", what, list)
		}
	}
	if attacked.Scripts > 0 || strings.ContainsFunc(attacked.Text,
		func(r rune) bool { return r != '\n' && r != '\t' && hidden(r) }) {
		t.Errorf("%d scripts, or characters that are not seen", attacked.Scripts)
	}
	for _, text := range []string{"<script>alert(1)</script>", "<!channel>", "<img src=x onerror=forged()>&lt;b&gt;"} {
		if !strings.Contains(attacked.Text, text) {
			t.Errorf("%s is not to be read", text)
		}
	}
}
