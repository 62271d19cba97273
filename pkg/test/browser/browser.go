// Package browser looks at HTML files in a real browser, for the tests: Chromium without a window, as
// the npm packages of the lock file bring it. It reaches no network, and neither do the pages.
package browser

import (
	"bytes"
	"context"

	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/warder-aws/warder/infra/local/project"
)

// Look is a page to look at: a file, or what a server on 127.0.0.1 has under a path, see [SeeServed].
type Look struct {
	File    string   `json:"file"`
	Name    string   `json:"name,omitempty"` // of the page; empty: that of the file
	Path    string   `json:"path,omitempty"`
	Keys    []Key    `json:"keys,omitempty"` // that are pressed first, in order
	Windows []Window `json:"windows"`
}

// Key is a key that is pressed, and what it leads to, which is waited for.
type Key struct {
	Press string `json:"press"`
	Page  string `json:"page,omitempty"`  // the end of the path of another page
	Focus string `json:"focus,omitempty"` // CSS selector of what has the focus then
}

// Window is how a page is looked at.
type Window struct {
	Name   string `json:"name"`
	Width  int    `json:"width"`  // in CSS pixels
	Height int    `json:"height"` // likewise
	Dark   bool   `json:"dark"`
	Print  bool   `json:"print"`
	// Audit has the rules of axe checked, which takes longer than all else.
	Audit bool `json:"audit"`
}

// The windows that pages are looked at in.
var (
	Desktop = Window{Name: "1280", Width: 1280, Height: 900, Audit: true}
	Dark    = Window{Name: "1280-dark", Width: 1280, Height: 900, Dark: true, Audit: true}
	Phone   = Window{Name: "390", Width: 390, Height: 844}
	Paper   = Window{Name: "print", Width: 720, Height: 1000, Print: true} // about A4 without its margins
)

// Seen is what was seen of one page in one window.
type Seen struct {
	Page, Width, Language, Title, Text string
	Console, Requests, Dialogs         []string // none should be
	Scripts                            int
	Overflow                           int      // by how much the page is wider than the window, in CSS pixels
	Height                             int      // of the whole page, in CSS pixels
	Pages                              int      // of A4 that it is printed on; 0 for a window that does not print
	Beyond                             []string // elements that are cut off at the right
	Headings                           []int    // their levels, in order
	Images                             []Image
	Anchors                            []string       // that lead nowhere
	Twice                              []string       // ids that more than one element has
	Elements                           map[string]int // how many there are of each, named with its attributes
	Addresses                          []string       // that elements lead to or load, elsewhere
	Violations                         []string       // of the rules of axe, see https://dequeuniversity.com/rules/axe
}

// Image is a drawing on the page.
type Image struct {
	Name, Description string
	Width, Height     float64
	Filled            int // shapes that can be seen
}

// See looks at each page in each of its windows. pictures names a folder for a picture of each; without
// one, none is taken.
func See(ctx context.Context, looks []Look, pictures string) ([]Seen, error) {
	return SeeServed(ctx, "", looks, pictures)
}

// SeeServed looks at pages of a server on 127.0.0.1, which may load what is its own. enter is the address to open
// first: the page that it leads to is beside those of the looks.
func SeeServed(ctx context.Context, enter string, looks []Look, pictures string) ([]Seen, error) {
	root, err := project.Find()
	if err != nil {
		return nil, err
	}
	job, err := json.Marshal(map[string]any{"enter": enter, "looks": looks, "pictures": pictures})
	if err != nil {
		return nil, fmt.Errorf("encode pages: %w", err)
	}
	cmd := exec.CommandContext(ctx, "node", filepath.Join(string(root), "pkg/test/browser/look.mjs"))
	cmd.Stdin = bytes.NewReader(job)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("look at pages: %w", err), errors.New(strings.TrimSpace(stderr.String())))
	}
	var seen []Seen
	if err := json.Unmarshal(out, &seen); err != nil {
		return nil, fmt.Errorf("read what the browser saw: %w", err)
	}
	return seen, nil
}
