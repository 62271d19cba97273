package functions

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// proof is the table of docs/proof.md: number, promise, what is shown, command.
func proof(t *testing.T) [][]string {
	t.Helper()
	page, err := os.ReadFile("../docs/proof.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "<!-- proof -->\n")
	table, _, closed := strings.Cut(rest, "<!-- end proof -->\n")
	if !closed {
		t.Fatal("docs/proof.md has no <!-- proof -->")
	}
	var rows [][]string
	for _, line := range strings.Split(strings.TrimSpace(table), "\n")[2:] {
		const bar = "\x00" // \| is a bar in a cell
		cells := strings.Split(strings.Trim(strings.ReplaceAll(line, `\|`, bar), "|"), "|")
		if len(cells) != 4 {
			t.Fatalf("docs/proof.md: %d cells, want 4: %s", len(cells), line)
		}
		for i, cell := range cells {
			cells[i] = strings.TrimSpace(strings.ReplaceAll(cell, bar, "|"))
		}
		rows = append(rows, cells)
	}
	return rows
}

func TestReadme_PromisesAreProved(t *testing.T) {
	_, _, table, _ := part(t, "promises")
	promised := map[string]string{} // number → title
	for i, row := range rows(table)[1:] {
		if row[0] != strconv.Itoa(i+1) {
			t.Errorf("promise %d has the number %s", i+1, row[0])
		}
		title, _, _ := strings.Cut(strings.TrimPrefix(row[1], "**"), "**")
		promised[row[0]] = strings.TrimSuffix(title, ".")
	}
	if len(promised) != 13 {
		t.Errorf("README.md has %d promises, want 13", len(promised))
	}
	proved := map[string]bool{}
	for _, row := range proof(t) {
		number, title := row[0], row[1]
		proved[number] = true
		if number != "" && promised[number] != title {
			t.Errorf("docs/proof.md: promise %s is %q, README.md says %q", number, title, promised[number])
		}
	}
	for number, title := range promised {
		if !proved[number] {
			t.Errorf("docs/proof.md has no test of promise %s, %s", number, title)
		}
	}
}

var goTest = regexp.MustCompile("^`go test (.+) -run '(.+)'`$")

func TestProof_CommandsNameTests(t *testing.T) {
	read := map[string]names{} // folder → what it has
	for _, row := range proof(t) {
		command := goTest.FindStringSubmatch(row[3])
		if command == nil {
			t.Errorf("%s is not `go test PACKAGES -run 'TESTS'`", row[3])
			continue
		}
		var all names
		for _, pattern := range strings.Fields(command[1]) {
			var found names
			for _, folder := range packages(t, pattern) {
				if _, done := read[folder]; !done {
					read[folder] = namesIn(t, folder)
				}
				found = found.and(read[folder])
			}
			if !slices.ContainsFunc(alternatives(command[2]), func(path string) bool { return found.test(path) }) {
				t.Errorf("%s: %s has none of these tests", row[3], pattern)
			}
			all = all.and(found)
		}
		all = all.and(namesIn(t, "../pkg/test/scenario")) // names the subtests of TestStories
		for _, path := range alternatives(command[2]) {
			if !all.test(path) || !all.subtests(path) {
				t.Errorf("%s: no test is named %s", row[3], path)
			}
		}
	}
}

func TestAlternatives(t *testing.T) {
	got := alternatives(`TestA/(b|c d)/.*|TestE|TestF$`)
	if want := []string{"TestA/b/.*", "TestA/c d/.*", "TestE", "TestF$"}; !slices.Equal(got, want) {
		t.Errorf("alternatives = %q, want %q", got, want)
	}
	n := names{tests: []string{"TestA"}, texts: []string{"with faults"}}
	for path, want := range map[string]bool{
		"TestA": true, "TestA/.*/with faults": true, "TestB": false, "TestA/with fates": false,
	} {
		if got := n.test(path) && n.subtests(path); got != want {
			t.Errorf("%s is found: %t", path, got)
		}
	}
}

// packages are the folders with tests that a package pattern means.
func packages(t *testing.T, pattern string) []string {
	t.Helper()
	root, below := strings.CutSuffix(pattern, "/...")
	root = filepath.Join("..", root)
	var folders []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if path != root && (!below || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if files, _ := filepath.Glob(filepath.Join(path, "*_test.go")); len(files) > 0 {
			folders = append(folders, path)
		}
		return nil
	})
	if err != nil || len(folders) == 0 {
		t.Errorf("%s has no tests: %v", pattern, err)
	}
	return folders
}

// alternatives are the paths of tests that a -run expression allows: one for each way through its bars.
func alternatives(expression string) []string {
	depth, from := 0, 0
	var all []string
	for i, c := range expression + "|" {
		switch {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == '|' && depth == 0:
			all = append(all, expression[from:i])
			from = i + 1
		}
	}
	if len(all) > 1 {
		var each []string
		for _, one := range all {
			each = append(each, alternatives(one)...)
		}
		return each
	}
	before, rest, grouped := strings.Cut(expression, "(")
	if !grouped {
		return all
	}
	inside, after, _ := strings.Cut(rest, ")")
	all = nil
	for _, one := range strings.Split(inside, "|") {
		all = append(all, alternatives(before+one+after)...)
	}
	return all
}

// names are the tests of packages, and the texts that their subtests can be named with: literals in their
// source, and the names of files in testdata.
type names struct{ tests, texts []string }

func (n names) and(m names) names {
	return names{tests: slices.Concat(n.tests, m.tests), texts: slices.Concat(n.texts, m.texts)}
}

func (n names) test(path string) bool {
	name, _, _ := strings.Cut(path, "/")
	return slices.ContainsFunc(n.tests, regexp.MustCompile(name).MatchString)
}

func (n names) subtests(path string) bool {
	for _, name := range strings.Split(path, "/")[1:] {
		if !slices.ContainsFunc(n.texts, regexp.MustCompile(name).MatchString) {
			return false
		}
	}
	return true
}

func namesIn(t *testing.T, folder string) names {
	t.Helper()
	var n names
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatal(fmt.Errorf("no sources in %s: %w", folder, err))
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.FuncDecl:
				if strings.HasSuffix(file, "_test.go") && strings.HasPrefix(node.Name.Name, "Test") {
					n.tests = append(n.tests, node.Name.Name)
				}
			case *ast.BasicLit:
				if text, err := strconv.Unquote(node.Value); err == nil && node.Kind == token.STRING {
					n.texts = append(n.texts, text)
				}
			}
			return true
		})
	}
	data, err := filepath.Glob(filepath.Join(folder, "testdata", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range data {
		n.texts = append(n.texts, strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)))
	}
	return n
}
