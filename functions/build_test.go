package functions_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// copied copies what the functions are built from into a new folder, with tests: the Makefile,
// go.mod, pkg and functions. It returns the folder and the files in it.
func copied(t *testing.T) (folder string, files []string) {
	t.Helper()
	folder = t.TempDir()
	source := os.DirFS("..")
	for _, pattern := range []string{"Makefile", "go.mod", "go.sum", "pkg", "functions"} {
		if err := fs.WalkDir(source, pattern, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			data, err := fs.ReadFile(source, path)
			if err != nil {
				return err
			}
			to := filepath.Join(folder, path)
			if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
				return err
			}
			files = append(files, path)
			return os.WriteFile(to, data, 0o644)
		}); err != nil {
			t.Fatal(err)
		}
	}
	return folder, files
}

// program runs a command in a folder, as if no make had called it, and returns what it prints.
func program(t *testing.T, folder string, args ...string) string {
	t.Helper()
	c := exec.Command(args[0], args[1:]...)
	c.Dir = folder
	c.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "MAKE") || strings.HasPrefix(v, "MFLAGS=")
	})
	var errs bytes.Buffer
	c.Stderr = &errs
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, errs.String())
	}
	return string(out)
}

// everyFunction are the functions that are built, sorted.
func everyFunction(t *testing.T) []string {
	t.Helper()
	mains, err := filepath.Glob("*/bootstrap/main.go")
	if err != nil || len(mains) == 0 {
		t.Fatalf("no function: %v", err)
	}
	var ids []string
	for _, main := range mains {
		ids = append(ids, strings.SplitN(filepath.ToSlash(main), "/", 2)[0])
	}
	return ids
}

// built makes the outputs of make build in the folder look new, and the files old.
func built(t *testing.T, folder string, files, ids []string) {
	t.Helper()
	old, now := time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
	for _, file := range files {
		if err := os.Chtimes(filepath.Join(folder, file), old, old); err != nil {
			t.Fatal(err)
		}
	}
	for _, machine := range []string{"arm64", "native"} {
		outputs := []string{"compiled"}
		for _, id := range ids {
			outputs = append(outputs, id+"/bootstrap")
		}
		for _, output := range outputs {
			path := filepath.Join(folder, "bin", machine, output)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, nil, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(path, now, now); err != nil {
				t.Fatal(err)
			}
		}
	}
}

var building = regexp.MustCompile(`echo "building functions/(\S+) for Lambda`)

// A function is built again when something changes that it is made of, and else not.
func TestBuild_OnlyWhatChanged(t *testing.T) {
	folder, files := copied(t)
	ids := everyFunction(t)
	built(t, folder, files, ids)
	for _, test := range []struct {
		change string
		want   []string
	}{
		{"nothing", nil},
		{"functions/undo/control.go", []string{"undo"}},
		{"functions/undo/bootstrap/main.go", []string{"undo"}},
		{"functions/detach-direct-policy/plan.go", []string{"detach-direct-policy"}},
		// the evidence describes every control, the daily check knows them
		{"functions/detach-direct-policy/control.json", []string{"check-warder", "detach-direct-policy", "report"}},
		{"functions/detach-direct-policy/plan_test.go", nil},
		{"functions/detach-direct-policy/README.md", nil},
		{"functions/functions.go", ids},
		{"pkg/ledger/ledger.go", ids},
		{"pkg/ledger/ledger_test.go", nil},
		{"go.mod", ids},
	} {
		args := []string{"make", "--dry-run", "build"}
		if test.change != "nothing" {
			if !slices.Contains(files, test.change) {
				t.Fatalf("there is no %s", test.change)
			}
			args = append(args, "--what-if="+test.change)
		}
		var got []string
		for _, m := range building.FindAllStringSubmatch(program(t, folder, args...), -1) {
			got = append(got, m[1])
		}
		slices.Sort(got)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s changed, and builds (-want +got):\n%s", test.change, diff)
		}
	}
}

// What the go command reads for a function, make looks at: no change is left out. What make looks at
// of other functions, the go command reads too.
func TestBuild_EveryFile(t *testing.T) {
	folder, files := copied(t)
	ids := everyFunction(t)
	built(t, folder, files, ids)
	needs := map[string][]string{} // by function: what make looks at
	for line := range strings.Lines(program(t, folder, "make", "--dry-run", "--print-data-base", "build")) {
		target, rest, found := strings.Cut(strings.TrimSpace(line), ":")
		id, isBootstrap := strings.CutSuffix(strings.TrimPrefix(target, "bin/arm64/"), "/bootstrap")
		if found && isBootstrap && slices.Contains(ids, id) && !strings.HasPrefix(rest, "=") {
			before, _, _ := strings.Cut(rest, "|")
			needs[id] = append(needs[id], strings.Fields(before)...)
		}
	}
	cases := 0
	for _, id := range ids {
		if slices.ContainsFunc(needs[id], func(file string) bool { return strings.HasSuffix(file, "_test.go") }) {
			t.Errorf("%s is built again for a test", id)
		}
		read := map[string]bool{}
		decoder := json.NewDecoder(strings.NewReader(listed(t, id)))
		for decoder.More() {
			var p struct {
				Dir                 string
				Module              *struct{ Main bool }
				GoFiles, EmbedFiles []string
			}
			if err := decoder.Decode(&p); err != nil {
				t.Fatal(err)
			}
			if p.Module == nil || !p.Module.Main {
				continue
			}
			for _, file := range append(p.GoFiles, p.EmbedFiles...) {
				path := relative(t, filepath.Join(p.Dir, file))
				read[path] = true
				cases++
				if !slices.Contains(needs[id], path) {
					t.Errorf("%s is made of %s, and make does not look at it", id, path)
				}
			}
		}
		for _, file := range needs[id] {
			parts := strings.Split(file, "/")
			if other := len(parts) > 2 && parts[0] == "functions" && parts[1] != id; other && !read[file] {
				t.Errorf("%s is built again for %s, of which it has nothing", id, file)
			}
		}
	}
	if cases == 0 {
		t.Error("nothing was looked at")
	}
}

// listed are the packages that a function is made of, as go list lists them.
func listed(t *testing.T, id string) string {
	t.Helper()
	return program(t, ".", "go", "list", "-deps", "-tags", "lambda.norpc", "-json=Dir,Module,GoFiles,EmbedFiles",
		"./"+id+"/bootstrap")
}

// relative is a path from the project's folder.
func relative(t *testing.T, path string) string {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	from, err := filepath.Rel(root, path)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.ToSlash(from)
}

// The same sources give the same bytes wherever they lie, so that a deployment replaces only what
// changed; and other sources give others.
func TestBuild_Reproducible(t *testing.T) {
	const binary = "bin/arm64/undo/bootstrap"
	build := func(change func(folder string)) []byte {
		t.Helper()
		folder, _ := copied(t)
		change(folder)
		// What it is linked from is compiled as it is linked; the step before is for many at a time.
		program(t, folder, "make", binary, "--old-file=bin/arm64/compiled")
		data, err := os.ReadFile(filepath.Join(folder, binary))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(folder)) {
			t.Errorf("the binary has the name of the folder in it")
		}
		return data
	}
	nothing := func(string) {}
	first, again := build(nothing), build(nothing)
	if !bytes.Equal(first, again) {
		t.Errorf("the same sources gave %d and %d bytes that differ", len(first), len(again))
	}
	other := build(func(folder string) {
		file := filepath.Join(folder, "functions/undo/control.go")
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		changed := append(data, "\nfunc init() { println(\"changed\") }\n"...)
		if err := os.WriteFile(file, changed, 0o644); err != nil {
			t.Fatal(err)
		}
	})
	if bytes.Equal(first, other) {
		t.Error("other sources gave the same bytes")
	}
}
