package functions

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/calls"
)

// paths are the ways through a control, in the order of docs/calls.md, and what they are.
var paths = []struct{ name, means string }{
	{"nothing", "the event means nothing"},
	{"again", "the event was handled before"},
	{"skip", "what was found is rightly left alone: it is exempt, on hold, waits, or was told of lately"},
	{"tell", "somebody is told, and nothing is to be changed"},
	{"observe", "what would be changed is told, in observe"},
	{"act", "one thing is changed, read back and told"},
	{"undo", "a person has it put back"},
	{"undo, refused", "a person asks for it, and is told why not"},
	{"sweep, nothing", "a sweep finds everything in order"},
	{"sweep, skip", "what a sweep finds is rightly left alone"},
	{"sweep, tell", "a sweep has somebody told"},
	{"sweep, observe", "what a sweep would change is told, in observe"},
	{"sweep, act", "a sweep changes something"},
}

const callsPage = "../docs/calls.md"

// The stories of each control check its calls; this is how they stand on one page.
func TestDocsHaveTheCallsOfEachControl(t *testing.T) {
	controls, err := Controls()
	if err != nil {
		t.Fatal(err)
	}
	all, order := map[string]calls.Paths{}, []string{}
	for _, c := range controls {
		if c.Tool {
			continue
		}
		made, err := calls.Read(c.ID)
		if err != nil {
			t.Fatal(err)
		}
		all[c.ID], order = made, append(order, c.ID)
	}
	want, made := page(t, order, all)
	for reason := range calls.Reasons {
		if made[reason] == 0 {
			t.Errorf("calls.Reasons gives a reason for %q, which is called on no path", reason)
		}
	}
	if *update {
		if err := os.WriteFile(callsPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(callsPage)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("%s is stale, make golden writes it (-want +got):\n%s", callsPage, diff)
	}
}

// page is docs/calls.md, and how often each call is in it.
func page(t *testing.T, order []string, all map[string]calls.Paths) (text string, made map[string]int) {
	t.Helper()
	var out strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&out, format+"\n", args...) }
	line("# Calls to AWS")
	line("")
	line("<!-- Written by go test ./functions -update, from functions/*/testdata/calls.json, which the stories write and check. -->")
	line("")
	line("Every call that a control makes to AWS, the ledger's included, by what becomes of an event. The number is that of the")
	line("story that takes the fewest on that path; where there is more to look at, to change or to tell, there are more, and the")
	line("largest number of any story stands behind it. A story that makes another call than before fails, and so does a call")
	line("without a [reason](#reasons), and a reason without a call.")
	line("")
	line("    go test ./functions/...")
	line("")
	line("| path | what it is |")
	line("|---|---|")
	names := []string{}
	for _, p := range paths {
		names = append(names, p.name)
		line("| %s | %s |", p.name, p.means)
	}
	line("")
	line("| control | %s |", strings.Join(names, " | "))
	line("|---|%s", strings.Repeat("---|", len(names)))
	made = map[string]int{}
	for _, id := range order {
		cells := []string{}
		for path, p := range all[id] {
			if !slices.Contains(names, path) {
				t.Errorf("%s has the path %q, which is none", id, path)
			}
			for _, call := range p.Made {
				made[call]++
			}
		}
		for _, name := range names {
			p, ok := all[id][name]
			switch {
			case !ok:
				cells = append(cells, "")
			case p.Calls == p.Most:
				cells = append(cells, strconv.Itoa(p.Calls))
			default:
				cells = append(cells, fmt.Sprintf("%d (%d)", p.Calls, p.Most))
			}
		}
		line("| [%s](#%s) | %s |", id, id, strings.Join(cells, " | "))
	}
	line("")
	line("## Reasons")
	line("")
	line("A call is named by what it is for, and its operation: of the ledger by what is read or written there.")
	line("")
	line("| call | why | on how many paths of all controls |")
	line("|---|---|---|")
	for _, call := range slices.Sorted(maps.Keys(made)) {
		line("| `%s` | %s | %d |", call, calls.Reasons[call], on(all, call))
	}
	for _, id := range order {
		line("")
		line("## %s", id)
		line("")
		line("| path | story | calls, in their order |")
		line("|---|---|---|")
		for _, name := range names {
			if p, ok := all[id][name]; ok {
				line("| %s | %s | %s |", name, p.Story, inOrder(p.Made))
			}
		}
	}
	return out.String(), made
}

// on is on how many paths the call is made.
func on(all map[string]calls.Paths, call string) (n int) {
	for _, of := range all {
		for _, p := range of {
			if slices.Contains(p.Made, call) {
				n++
			}
		}
	}
	return n
}

// inOrder lists calls, those that are made again at once as one.
func inOrder(made []string) string {
	var words []string
	for i := 0; i < len(made); {
		n := 1
		for i+n < len(made) && made[i+n] == made[i] {
			n++
		}
		word := "`" + made[i] + "`"
		if n > 1 {
			word += fmt.Sprintf(" ×%d", n)
		}
		words, i = append(words, word), i+n
	}
	return strings.Join(words, ", ")
}
