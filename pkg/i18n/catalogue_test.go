package i18n_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// shared is the package whose words every package may use: all that tell anything import it.
const shared = "pkg/notice"

// folder is one package that has words to tell.
type folder struct {
	formats  map[string]token.Position // of the calls of i18n.T
	literals map[string]bool           // every string constant, for words that are looked up at run time
	entries  map[string]string         // of its ko.json
}

// folders reads the code and the catalogues of functions and packages.
func folders(t *testing.T) map[string]folder {
	t.Helper()
	root := os.DirFS("../..")
	found := map[string]folder{}
	for _, pattern := range []string{"functions/*", "pkg/*"} {
		names, err := fs.Glob(root, pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			files, err := fs.Glob(root, name+"/*.go")
			if err != nil {
				t.Fatal(err)
			}
			files = slices.DeleteFunc(files, func(f string) bool { return strings.HasSuffix(f, "_test.go") })
			if len(files) == 0 {
				continue
			}
			f := folder{map[string]token.Position{}, map[string]bool{}, map[string]string{}}
			f.parse(t, files)
			data, err := fs.ReadFile(root, name+"/ko.json")
			if err == nil {
				err = json.Unmarshal(data, &f.entries)
			}
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s/ko.json: %v", name, err)
			}
			// The title of a control is notified with what it finds.
			var described struct {
				Title string
				Tool  bool
			}
			if data, err := fs.ReadFile(root, name+"/control.json"); err == nil &&
				json.Unmarshal(data, &described) == nil && !described.Tool {
				f.formats[described.Title] = token.Position{Filename: name + "/control.json"}
			}
			found[name] = f
		}
	}
	if len(found) < 20 {
		t.Fatalf("%d folders: is this the repository?", len(found))
	}
	return found
}

// parse adds the formats of the files, which are those of one package.
func (f folder) parse(t *testing.T, files []string) {
	set := token.NewFileSet()
	var parsed []*ast.File
	constants := map[string]ast.Expr{}
	for _, file := range files {
		p, err := parser.ParseFile(set, filepath.Join("../..", file), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, p)
		ast.Inspect(p, func(n ast.Node) bool {
			if d, ok := n.(*ast.GenDecl); ok && d.Tok == token.CONST {
				for _, spec := range d.Specs {
					if v := spec.(*ast.ValueSpec); len(v.Values) == len(v.Names) {
						for i, name := range v.Names {
							constants[name.Name] = v.Values[i]
						}
					}
				}
			}
			return true
		})
	}
	// A package that does not import say may have another method of that name.
	speaks := slices.ContainsFunc(parsed, func(p *ast.File) bool {
		return slices.ContainsFunc(p.Imports,
			func(i *ast.ImportSpec) bool { return strings.HasSuffix(i.Path.Value, `/pkg/i18n"`) })
	})
	for _, p := range parsed {
		ast.Inspect(p, func(n ast.Node) bool {
			if literal, ok := n.(*ast.BasicLit); ok {
				if text, ok := constant(literal, nil); ok {
					f.literals[text] = true
				}
			}
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 {
				return true
			}
			text, ok := constant(call.Args[0], constants)
			parameter, named := call.Args[0].(*ast.Ident)
			switch f := isF(call.Fun, p.Name.Name); {
			case !f && (!ok || !speaks || !isMethodT(call.Fun)), f && named && parameter.Name == "format":
				return true
			case !ok:
				t.Errorf("%s: the format is no constant: the catalogues cannot be checked", set.Position(call.Pos()))
			}
			f.formats[text] = set.Position(call.Pos())
			return true
		})
	}
}

// isMethodT reports whether the expression is a method called T: one that is given a format hands it to
// i18n.T.
func isMethodT(e ast.Expr) bool {
	s, ok := e.(*ast.SelectorExpr)
	return ok && s.Sel.Name == "T"
}

// isF reports whether the expression is i18n.T.
func isF(e ast.Expr, in string) bool {
	switch e := e.(type) {
	case *ast.SelectorExpr:
		name, ok := e.X.(*ast.Ident)
		return ok && name.Name == "i18n" && e.Sel.Name == "T"
	case *ast.Ident:
		return in == "i18n" && e.Name == "T"
	}
	return false
}

// constant is the value of an expression of string constants.
func constant(e ast.Expr, names map[string]ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil && e.Kind == token.STRING
	case *ast.ParenExpr:
		return constant(e.X, names)
	case *ast.BinaryExpr:
		left, ok := constant(e.X, names)
		right, too := constant(e.Y, names)
		return left + right, ok && too && e.Op == token.ADD
	case *ast.Ident:
		if value, ok := names[e.Name]; ok {
			return constant(value, names)
		}
	}
	return "", false
}

var verb = regexp.MustCompile(`%(?:%|[-+# 0]*[0-9]*(?:\.[0-9]+)?(?:\[([0-9]+)\])?([a-zA-Z]))`)

// verbs returns the letter of the verb for each argument of the format.
func verbs(format string) map[int]string {
	found := map[int]string{}
	next := 1
	for _, m := range verb.FindAllStringSubmatch(format, -1) {
		if m[2] == "" {
			continue
		}
		if n, err := strconv.Atoi(m[1]); err == nil {
			next = n
		}
		found[next] = m[2]
		next++
	}
	return found
}

// name matches what is called the same in every language.
var name = regexp.MustCompile(`\bWarder\b|\b[A-Z]{2,}\b`)

// wordless reports whether a format has no words of a language.
func wordless(format string) bool {
	return strings.IndexFunc(name.ReplaceAllString(verb.ReplaceAllString(format, ""), ""), unicode.IsLetter) < 0
}

// particle finds a particle right after something that is filled in: which one it has to be depends
// on how that ends.
var particle = regexp.MustCompile(`%(?:\[[0-9]+\])?[sqvd]["”]*(?:을|를|이|가|은|는|와|과|로|으로)(?:[^가-힣]|$)`)

func TestEveryFormatIsInTheCatalogue(t *testing.T) {
	found := folders(t)
	for _, name := range slices.Sorted(maps.Keys(found)) {
		f := found[name]
		var missing []string
		for _, format := range slices.Sorted(maps.Keys(f.formats)) {
			_, own := f.entries[format]
			_, common := found[shared].entries[format]
			switch {
			case !own && !common && !wordless(format):
				missing = append(missing, fmt.Sprintf("  %q: \"\",", format))
			}
		}
		if len(missing) > 0 {
			t.Errorf("%s/ko.json lacks:\n%s", name, strings.Join(missing, "\n"))
		}
	}
}

func TestEveryEntryIsUsedAndRight(t *testing.T) {
	found := folders(t)
	everywhere := map[string]bool{}
	for _, f := range found {
		for format := range f.formats {
			everywhere[format] = true
		}
		maps.Copy(everywhere, f.literals)
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		f := found[name]
		for _, english := range slices.Sorted(maps.Keys(f.entries)) {
			korean := f.entries[english]
			fault := func(format string, args ...any) {
				t.Errorf("%s/ko.json: %q: %q: %s", name, english, korean, fmt.Sprintf(format, args...))
			}
			_, own := f.formats[english]
			if !own && !f.literals[english] && (name != shared || !everywhere[english]) {
				fault("nobody says this")
			}
			if want, got := verbs(english), verbs(korean); !maps.Equal(want, got) {
				fault("its verbs are %v, those of the English are %v", got, want)
			}
			if strings.IndexFunc(korean, func(r rune) bool { return unicode.Is(unicode.Hangul, r) }) < 0 &&
				(korean == "" || !wordless(korean)) {
				fault("it is not Korean")
			}
			if particle.MatchString(korean) {
				fault("a particle after what is filled in does not fit every word: put it another way")
			}
			if strings.HasSuffix(english, ".") != strings.HasSuffix(korean, ".") {
				fault("one ends with a full stop and the other does not")
			}
			if korean != strings.TrimSpace(korean) || strings.Contains(korean, "  ") {
				fault("it has white space that is not needed")
			}
		}
	}
}

// A function knows its own words and those of the packages, and a package may be in any function.
func TestNoTwoCataloguesOfAFunctionDisagree(t *testing.T) {
	found := folders(t)
	packages := map[string]string{}
	for name, f := range found {
		for english, korean := range f.entries {
			if other, ok := packages[english]; ok && other != korean && strings.HasPrefix(name, "pkg/") {
				t.Errorf("%s/ko.json: %q is %q, and in another package %q", name, english, korean, other)
			}
			if strings.HasPrefix(name, "pkg/") {
				packages[english] = korean
			}
		}
	}
	for name, f := range found {
		for english, korean := range f.entries {
			if other, ok := packages[english]; ok && other != korean {
				t.Errorf("%s/ko.json: %q is %q, and in a package %q", name, english, korean, other)
			}
		}
	}
}

// register matches how a package registers its catalogue itself, and how a control or tool has it as a part
// of its value, which package handler registers.
var register = regexp.MustCompile(`Register\((?:"ko"|string\(settings\.Korean\)), korean\)|\bKorean: +korean,|` +
	`handler\.NewControl\[[\w.]+\]\(files, `)

var embed = regexp.MustCompile(`(?m)^\s*//go:embed (?:control\.json )?ko\.json$`)

// A function that does not embed its catalogue, or a package that does not hand it over, would tell in
// English, and no other test of it would notice.
func TestEveryCatalogueIsHandedOver(t *testing.T) {
	for name, f := range folders(t) {
		if len(f.entries) == 0 {
			continue
		}
		files, err := filepath.Glob(path.Join("../..", name, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		embedded, registered := false, false
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			embedded = embedded || embed.Match(text)
			registered = registered || register.Match(text)
		}
		if !embedded || !registered {
			t.Errorf("%s: ko.json is embedded: %v, handed over: %v", name, embedded, registered)
		}
	}
}
