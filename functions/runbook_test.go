package functions

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/control"
)

// headings are those of every runbook: what the checklist that Warder follows says of each item, in
// its order and with its words, then what Warder adds.
var headings = []string{
	"Overview (개요)",
	"Rules (관련 법령)",
	"When it is a finding (판단 기준)",
	"Check it yourself (확인 방법)",
	"What Warder does and never does (조치 방법)",
	"Undo",
	"Exempt",
	"Try it",
}

// everyRunbook calls test for each control and tool with the sections of its runbook.
func everyRunbook(
	t *testing.T, test func(t *testing.T, c control.Control, order []string, sections map[string]string),
) {
	t.Helper()
	controls, err := Controls()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range controls {
		t.Run(c.ID, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join(c.ID, "README.md"))
			if err != nil {
				t.Fatalf("it has no runbook: %v", err)
			}
			order, sections := split(string(data))
			test(t, c, order, sections)
		})
	}
}

// split is the second-level headings of a Markdown text, in order, and the text under each.
func split(text string) (order []string, sections map[string]string) {
	sections = map[string]string{}
	heading, fenced := "", false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
		}
		if title, ok := strings.CutPrefix(line, "## "); ok && !fenced {
			heading = strings.TrimSpace(title)
			order = append(order, heading)
			continue
		}
		sections[heading] += line
	}
	return order, sections
}

func TestRunbooks_Headings(t *testing.T) {
	everyRunbook(t, func(t *testing.T, _ control.Control, order []string, sections map[string]string) {
		if diff := cmp.Diff(headings, order); diff != "" {
			t.Errorf("headings (-required +runbook):\n%s", diff)
		}
		if !strings.HasPrefix(sections[""], "# ") {
			t.Error("it does not begin with a title")
		}
		for _, heading := range order {
			if strings.TrimSpace(sections[heading]) == "" {
				t.Errorf("nothing stands under %q", heading)
			}
		}
	})
}

// rulesBegin and rulesEnd enclose what a runbook says of rules, which is written from control.json.
const rulesBegin, rulesEnd = "<!-- rules -->\n", "<!-- end rules -->\n"

func TestRunbooks_Rules(t *testing.T) {
	everyRunbook(t, func(t *testing.T, c control.Control, _ []string, _ map[string]string) {
		file := c.ID + "/README.md"
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		before, rest, opened := strings.Cut(string(data), rulesBegin)
		got, after, closed := strings.Cut(rest, rulesEnd)
		if !opened || !closed || !strings.HasSuffix(before, "## Rules (관련 법령)\n\n") {
			t.Fatalf("%s has no %s under its heading of rules", file, strings.TrimSpace(rulesBegin))
		}
		want := ruleList(c)
		if *update {
			if err := os.WriteFile(file, []byte(before+rulesBegin+want+rulesEnd+after), 0o644); err != nil {
				t.Fatal(err)
			}
			return
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the rules are stale, make golden writes them (-want +README.md):\n%s", diff)
		}
	})
}

// ruleList is what a runbook says of the rules that its control refers to, and then of pages to read.
func ruleList(c control.Control) string {
	var b, notes, pages strings.Builder
	table := "\n| rule | title | to the rule | mapping | checked |\n|---|---|---|---|---|\n"
	personal := false
	for _, r := range c.References {
		rule := r.Rule
		if rule.ID == "" {
			fmt.Fprintf(&pages, "- [%s](%s)\n", r.Title, r.URL)
			continue
		}
		item := rule.Item
		for _, version := range control.CISVersions {
			if number := rule.In(version); rule.Items != nil && number != "" {
				item += fmt.Sprintf(", %s (%s)", number, version)
			}
		}
		name := rule.Framework.Name + " " + strings.TrimPrefix(item, ", ")
		if r.URL != "" {
			name = "[" + name + "](" + r.URL + ")"
		}
		checked := rule.Checked
		if rule.Sure != "confirmed" {
			checked += ", " + rule.Sure
		}
		fmt.Fprintf(&b, "%s| %s | %s | %s | %s | %s |\n", table, name, rule.Title, r.How, r.Mapping, checked)
		table = ""
		if rule.Unless != "" {
			fmt.Fprintf(&notes, "- %s %s does not apply where %s does.\n", rule.Framework.Name, rule.Item, rule.Unless)
		}
		personal = personal || rule.Framework.ID == "safety-measures"
	}
	if personal {
		notes.WriteString("- 개인정보의 안전성 확보조치 기준 binds systems that process personal data; AWS is mapped as the way to them.\n")
	}
	for _, list := range []string{notes.String(), pages.String()} {
		if list != "" {
			b.WriteString("\n" + list)
		}
	}
	return b.String() + "\n"
}

func TestRunbooks_Parameters(t *testing.T) {
	everyRunbook(t, func(t *testing.T, c control.Control, _ []string, sections map[string]string) {
		listed := rows(sections["What Warder does and never does (조치 방법)"])
		for name, p := range c.Parameters {
			i := slices.IndexFunc(listed, func(row []string) bool { return row[0] == "`"+name+"`" })
			if i < 0 {
				t.Errorf("no table of \"What Warder does\" has a row for `%s`", name)
				continue
			}
			if got, want := strings.Trim(listed[i][1], "`"), shown(t, p.Default); got != want {
				t.Errorf("`%s`: the default is %q, the runbook says %q", name, want, got)
			}
		}
	})
}

// rows are the rows of every table in a Markdown text, each cell trimmed.
func rows(text string) [][]string {
	var all [][]string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|---") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		all = append(all, cells)
	}
	return all
}

// shown is a value as the documents write it: text bare, nothing as none, the rest as JSON.
func shown(t *testing.T, value any) string {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	switch text := string(data); text {
	case "null", `""`, "[]", "{}":
		return "none"
	default:
		return strings.ReplaceAll(strings.Trim(text, `"[]`), `","`, ", ")
	}
}
