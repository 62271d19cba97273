package console

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/browser"
	"github.com/warder-aws/warder/pkg/test/hostile"
)

// looks are all pages, in the windows.
func looks(windows ...browser.Window) []browser.Look {
	paths := map[string]string{
		"now": "now", "timeline": "timeline", "incident": "incident?id=cccccccccc", "incident-undo": "incident?id=eeeeeeeeee",
		"due": "due", "subject": "subject?kind=user&name=alice", "health": "health", "evidence": "evidence",
		"confirm": "confirm?act=undo&id=aaaaaaaaaa-1", "refused": "confirm?act=nothing", "result": "result",
	}
	var all []browser.Look
	for _, name := range slices.Sorted(maps.Keys(paths)) {
		all = append(all, browser.Look{Name: name, Path: paths[name], Windows: windows})
	}
	return all
}

// served is a console whose every page has something on it.
func served(t *testing.T, text string, l settings.Language) *client {
	t.Helper()
	a := example(text)
	c := unopened(t, a)
	c.s.Language = l
	c.s.drilled = &a.drill
	c.s.evidence = Evidence{Text: "made" + text, Month: "2026-10", Files: []File{{Name: "2026-10" + text + ".html"}}}
	c.s.job = &job{Title: "Undo", Back: "now", At: noon, done: make(chan struct{}),
		outcome: outcome{Lines: []string{"attached" + text}, Whole: true}}
	close(c.s.job.done)
	return c
}

// WARDER_PICTURES names a folder for pictures of the pages, for who wants to look as well.
func TestPagesInABrowser(t *testing.T) {
	phone := browser.Phone
	phone.Audit = true
	windows := []browser.Window{browser.Desktop, browser.Dark, phone,
		{Name: "390-dark", Width: 390, Height: 844, Dark: true}}
	for _, l := range []settings.Language{settings.English, settings.Korean} {
		pictures := os.Getenv("WARDER_PICTURES")
		if pictures != "" {
			pictures += "/" + string(l)
			if err := os.MkdirAll(pictures, 0o750); err != nil {
				t.Fatal(err)
			}
		}
		c := served(t, "", l)
		if l != settings.English {
			windows = []browser.Window{{Name: "1280", Width: 1280, Height: 900}, browser.Phone}
		}
		all := looks(windows...)
		keys := browser.Look{Name: "keys", Path: "now", Windows: []browser.Window{{Name: "keys", Width: 1280, Height: 900}},
			Keys: []browser.Key{{Press: "t", Page: "timeline"}, {Press: "/", Focus: "input[type=search]"}, {Press: "Tab"},
				{Press: "Tab"}, {Press: "Tab"}, {Press: "Tab"}, {Press: "Tab", Focus: "form.filter button"},
				{Press: "j", Focus: "tr:nth-child(1) a.row"}, {Press: "j", Focus: "tr:nth-child(2) a.row"},
				{Press: "k", Focus: "tr:nth-child(1) a.row"}, {Press: "Enter", Page: "incident"}}}
		act := browser.Look{Name: "act", Path: "confirm?act=halt", Windows: keys.Windows,
			Keys: []browser.Key{{Press: "Shift", Focus: "input[name=reason]"}, {Press: "x"}, {Press: "Enter", Page: "result"}}}
		all = append(all, act, keys)
		seen, err := browser.SeeServed(t.Context(), c.s.URL(), all, pictures)
		if err != nil {
			t.Fatal(err)
		}
		if want := (len(all)-2)*len(windows) + 2; len(seen) != want {
			t.Fatalf("%d looks, want %d", len(seen), want)
		}
		for _, s := range seen {
			s.Requests = slices.DeleteFunc(s.Requests, drawn)
			t.Run(fmt.Sprintf("%s %s at %s", l, s.Page, s.Width), func(t *testing.T) { inOrder(t, s, l) })
		}
		if last := seen[len(seen)-1]; !strings.Contains(last.Text, "aaaaaaaaaa-1") {
			t.Error("the keys did not lead to the first incident")
		}
		if done := c.s.Account.(*fakeAccount).asked; len(done) != 1 || done[0] != "halt true by kim: x" {
			t.Errorf("Enter did %q, want the halt that was shown", done)
		}
	}
}

// drawn reports whether a request is for what the browser itself draws in a field for a day: it reaches nothing.
func drawn(request string) bool { return strings.HasPrefix(request, "data:image/svg+xml;base64,") }

// inOrder checks what was seen of a page.
func inOrder(t *testing.T, s browser.Seen, l settings.Language) {
	t.Helper()
	for what, list := range map[string][]string{
		"on the console": s.Console, "requests": s.Requests, "dialogs": s.Dialogs, "cut off": s.Beyond,
		"links to nowhere": s.Anchors, "ids of two": s.Twice, "not accessible": s.Violations,
	} {
		if s.Page == "refused" && what == "on the console" {
			continue // the browser says there that the status is one of an error
		}
		if len(list) > 0 {
			t.Errorf("%s: %q", what, list)
		}
	}
	if s.Overflow > 0 || s.Scripts != 1 || s.Language != string(l) {
		t.Errorf("%d pixels too wide, %d scripts, language %q", s.Overflow, s.Scripts, s.Language)
	}
	for i, level := range s.Headings {
		if i == 0 && level != 1 || i > 0 && (level == 1 || level > s.Headings[i-1]+1) {
			t.Errorf("headings %v", s.Headings)
			break
		}
	}
	for _, image := range s.Images {
		if image.Name == "" || image.Description == "" || image.Width < 250 || image.Filled == 0 {
			t.Errorf("image %+v", image)
		}
	}
	if s.Page == "health" && len(s.Images) != 2 {
		t.Errorf("%d drawings of the drill, want 2", len(s.Images))
	}
}

// The pages are looked at twice: with words, and with a text that tries to be more behind every name. They are the same
// pages both times, but for what is to be read on them.
func TestInABrowserWhatOthersWordIsReadAndNothingElse(t *testing.T) {
	texts := hostile.Texts()
	see := func(text string) []browser.Seen {
		seen, err := browser.SeeServed(t.Context(), served(t, text, settings.English).s.URL(),
			looks(browser.Window{Name: "1280", Width: 1280, Height: 900}), "")
		if err != nil {
			t.Fatal(err)
		}
		for i := range seen {
			seen[i].Requests = slices.DeleteFunc(seen[i].Requests, drawn)
		}
		return seen
	}
	plain := see("word")
	all := ""
	for _, what := range slices.Sorted(maps.Keys(texts)) {
		if what != "long" {
			all += texts[what]
		}
	}
	all += `"'><script>forged()</script>`
	for what, text := range map[string]string{"all of them": all, "long": strings.Repeat("forged ", 1000) + "end"} {
		for i, s := range see(text) {
			if diff := cmp.Diff(plain[i].Elements, s.Elements); diff != "" {
				t.Errorf("%s on %s: other elements or attributes (-with words +with this):\n%s", what, s.Page, diff)
			}
			if len(plain[i].Addresses) != len(s.Addresses) {
				t.Errorf("%s on %s: other addresses: %q", what, s.Page, s.Addresses)
			}
			for _, address := range s.Addresses {
				if strings.Contains(address, "//") || strings.Contains(strings.ToLower(address), "script:") {
					t.Errorf("%s on %s: leads to %q", what, s.Page, address)
				}
			}
			if len(s.Requests)+len(s.Dialogs) > 0 || s.Page != "refused" && len(s.Console) > 0 || s.Overflow > 0 {
				t.Errorf("%s on %s: requests %q, dialogs %q, console %q, %d pixels too wide", what, s.Page, s.Requests, s.Dialogs,
					s.Console, s.Overflow)
			}
			if why := hostile.Steers(strings.NewReplacer("\n"+hostile.Word, "\n", "\t", " ").Replace(s.Text)); why != "" {
				t.Errorf("%s on %s: %s", what, s.Page, why)
			}
			if strings.Contains(s.Text, hostile.Key) {
				t.Errorf("%s on %s: shows an access key id", what, s.Page)
			}
		}
	}
}
