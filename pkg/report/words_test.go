package report

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// formats are all that the package says, as it is written.
func formats(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var sources []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		source, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, source)
	}
	var all []string
	for _, source := range sources {
		ast.Inspect(source, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			method, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || method.Sel.Name != "say" {
				return true
			}
			literal, ok := call.Args[0].(*ast.BasicLit)
			if !ok {
				t.Errorf("%s is told what is no literal", method.Sel.Name)
				return true
			}
			text, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(all, text) {
				all = append(all, text)
			}
			return true
		})
	}
	return all
}

var verb = regexp.MustCompile(`%(\[[0-9]+\])?[0-9]*[a-z]`)

func TestTheCatalogueHasEverythingAndNothingElse(t *testing.T) {
	var catalogue map[string]string
	if err := json.Unmarshal(korean, &catalogue); err != nil {
		t.Fatal(err)
	}
	said := formats(t)
	for _, format := range said {
		other, ok := catalogue[format]
		switch verbs, others := verb.FindAllString(format, -1), verb.FindAllString(other, -1); {
		case !ok:
			t.Errorf("ko.json lacks %q", format)
		case len(verbs) != len(others):
			t.Errorf("%q has %d verbs, %q has %d", format, len(verbs), other, len(others))
		case !strings.Contains(other, "[") && !slices.Equal(verbs, others):
			t.Errorf("%q has the verbs %v, %q has %v", format, verbs, other, others)
		}
	}
	for format := range catalogue {
		if !slices.Contains(said, format) {
			t.Errorf("ko.json has %q, which is never said", format)
		}
	}
}
