package functions

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/settings"
)

var update = flag.Bool("update", false, "write the generated tables into README.md")

const readme = "../README.md"

// part is what stands in README.md between <!-- name --> and <!-- end name -->.
func part(t *testing.T, name string) (text, before, inside, after string) {
	t.Helper()
	data, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- "+name+" -->\n", "<!-- end "+name+" -->\n"
	before, rest, opened := strings.Cut(string(data), begin)
	inside, after, closed := strings.Cut(rest, end)
	if !opened || !closed {
		t.Fatalf("%s has no %s", readme, strings.TrimSpace(begin))
	}
	return string(data), before + begin, inside, end + after
}

func TestReadme_Controls(t *testing.T) {
	controls, err := Controls()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("| control | what it does | fires on | mode | severity |\n|---|---|---|---|---|\n")
	tools := "\n| tool | what it does |\n|---|---|\n"
	for _, c := range controls {
		if c.Tool {
			tools += fmt.Sprintf("| [%s](functions/%[1]s/README.md) | %s |\n", c.ID, c.Summary)
			continue
		}
		fmt.Fprintf(&b, "| [%s](functions/%[1]s/README.md) | %s | %s | %s | %s |\n", c.ID, c.Summary, fires(t, c), c.Mode,
			c.Severity)
	}
	want := b.String() + tools
	_, before, got, after := part(t, "controls")
	if *update {
		if err := os.WriteFile(readme, []byte(before+want+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the table of controls is stale, make golden writes it (-want +README.md):\n%s", diff)
	}
}

// few is how many event names a cell of the table has room for.
const few = 4

// fires describes what starts a control: the events of its rules by name, or by service where they are
// too many, and its sweep.
func fires(t *testing.T, c control.Control) string {
	t.Helper()
	var events, calls, services []string
	many := false
	for _, raw := range c.Rules {
		var rule struct {
			Source     []any `json:"source"`
			DetailType []any `json:"detail-type"`
			Detail     struct {
				EventName      []any `json:"eventName"`
				ConfigRuleName []any `json:"configRuleName"`
				UserIdentity   struct {
					Type []any `json:"type"`
				} `json:"userIdentity"`
			} `json:"detail"`
		}
		if err := json.Unmarshal(raw, &rule); err != nil {
			t.Fatalf("%s: %v", c.ID, err)
		}
		kinds, _ := texts(rule.DetailType)
		switch configured, _ := texts(rule.Detail.ConfigRuleName); {
		case len(configured) > 0:
			for _, name := range configured {
				// A rule that Warder would deploy itself is the same rule.
				if base := strings.TrimPrefix(name, settings.Product+"-"); base == name || !slices.Contains(configured, base) {
					events = append(events, "Config `"+name+"`")
				}
			}
		case slices.ContainsFunc(kinds, func(kind string) bool { return strings.HasSuffix(kind, "via CloudTrail") }):
			names, plain := texts(rule.Detail.EventName)
			many = many || !plain || len(names) == 0 || len(names) > few
			for _, name := range names {
				calls = append(calls, "`"+name+"`")
			}
			sources, plain := texts(rule.Source)
			if !plain {
				sources = []string{"every service"}
			}
			as := ""
			if by, _ := texts(rule.Detail.UserIdentity.Type); len(by) > 0 {
				as = " by " + strings.Join(by, ", ")
			}
			for _, source := range sources {
				services = append(services, strings.TrimPrefix(source, "aws.")+as)
			}
		default:
			events = append(events, kinds...)
		}
	}
	if many {
		calls = []string{"calls of " + strings.Join(slices.Compact(services), ", ")}
	}
	events = append(calls, events...)
	switch {
	case c.Schedule == "rate(1 day)":
		events = append(events, "every day")
	case c.Schedule != "":
		events = append(events, "`"+c.Schedule+"`")
	}
	var once []string
	for _, event := range events {
		if !slices.Contains(once, event) {
			once = append(once, event)
		}
	}
	return strings.Join(once, ", ")
}

// texts are the plain strings of a pattern's list; plain is false when it has anything else.
func texts(list []any) (all []string, plain bool) {
	plain = true
	for _, item := range list {
		text, ok := item.(string)
		if plain = plain && ok; ok {
			all = append(all, text)
		}
	}
	return all, plain
}

func TestReadme_Demo(t *testing.T) {
	data, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	scripts, err := filepath.Glob("*/demo/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	played := map[string]bool{}
	for _, script := range scripts {
		text, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		title, _, _ := strings.Cut(string(text), "\n")
		played[strings.TrimPrefix(title, "# ")] = true
	}
	_, shown, _ := strings.Cut(string(data), "$ make demo\n")
	shown, _, _ = strings.Cut(shown, "$ make test\n")
	steps := regexp.MustCompile(`(?m)^(?:\d+\.| ?\d+  PASS +\d+ ms ) (.+)$`).FindAllStringSubmatch(shown, -1)
	if len(steps) == 0 {
		t.Fatalf("%s shows no step of the demo", readme)
	}
	for _, step := range steps {
		if !played[step[1]] {
			t.Errorf("the demo has no step %q", step[1])
		}
	}
}

func TestReadme_Dependencies(t *testing.T) {
	_, _, table, _ := part(t, "dependencies")
	var listed []string
	for _, row := range rows(table)[1:] {
		listed = append(listed, strings.Trim(row[0], "`"))
	}
	want := map[string]bool{} // import path, or package → false until it is found in the list
	err := filepath.WalkDir("..", func(file string, d fs.DirEntry, err error) error {
		name := filepath.Base(file)
		switch {
		case err != nil:
			return err
		case d.IsDir() && (name == "node_modules" || name == "cdk.out" || name != ".." && strings.HasPrefix(name, ".")):
			return fs.SkipDir
		case path.Ext(name) != ".go":
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, i := range parsed.Imports {
			imported, err := strconv.Unquote(i.Path.Value)
			first, _, _ := strings.Cut(imported, "/")
			if err == nil && strings.Contains(first, ".") && !strings.HasPrefix(imported, "github.com/warder-aws/warder/") {
				want[imported] = false
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	requirements, err1 := os.ReadFile("../requirements.in")
	checkov, err2 := os.ReadFile("../requirements-checkov.in")
	npm, err3 := os.ReadFile("../package.json")
	var pkg struct{ DevDependencies map[string]string }
	if err := errors.Join(err1, err2, err3, json.Unmarshal(npm, &pkg)); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(requirements) + string(checkov)) {
		if name, _, ok := strings.Cut(line, "=="); ok && !strings.HasPrefix(line, "#") {
			name, _, _ = strings.Cut(name, "[") // without its extras
			want[name] = false
		}
	}
	for name := range pkg.DevDependencies {
		want[name] = false
	}
	for _, name := range listed {
		used := false
		for dependency := range want {
			if dependency == name || strings.HasPrefix(dependency, name+"/") {
				want[dependency], used = true, true
			}
		}
		if !used {
			t.Errorf("README.md lists %s, which nothing uses", name)
		}
	}
	for dependency, found := range want {
		if !found {
			t.Errorf("README.md does not say what %s is for", dependency)
		}
	}
}

func TestDocs_Links(t *testing.T) {
	runbooks, err := filepath.Glob("*/README.md")
	if err != nil {
		t.Fatal(err)
	}
	link := regexp.MustCompile(`\]\(([^)#:]+)\)`)
	for _, file := range append(runbooks, readme, "../SECURITY.md") {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(data), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), m[1])); err != nil {
				t.Errorf("%s links to %s: %v", file, m[1], err)
			}
		}
	}
}
