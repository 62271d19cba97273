// Command proof fills the numbers of docs/proof.md: how many cases each test there has run, out of what
// go test has told (test2json) of the last make test.
//
// A row of the page says what is shown and how to run the tests that show it; the number in its last
// column is made here. A test tells how many cases it ran by the attribute "cases" (testing.T.Attr);
// of one that does not, the cases are its subtests that have none of their own.
//
// With -check nothing is written: a number that is not what the tests told is an error. With -figures
// the commands of the page's console blocks are run, and what they print is put under them.
//
// With -times nothing of that is done: it prints what the tests took, split by layer.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const (
	page   = "docs/proof.md"
	module = "github.com/warder-aws/warder"
)

func main() {
	check := flag.Bool("check", false, "fail if a number of the page is not what the tests told")
	figures := flag.Bool("figures", false, "run the commands of the page, and put what they print under them")
	told := flag.String("told", "dist/test.json", "what go test -json told")
	layered := flag.Bool("times", false, "print what the tests took by layer, and the slowest")
	flag.Parse()
	if *layered {
		if err := tabulate(*told, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "proof:", err)
			os.Exit(1)
		}
		return
	}
	if err := run(*told, *check, *figures); err != nil {
		fmt.Fprintln(os.Stderr, "proof:", err)
		os.Exit(1)
	}
}

func run(told string, check, figures bool) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	if figures {
		filled, err := play(string(text), shell)
		if err != nil {
			return err
		}
		return os.WriteFile(page, []byte(filled), 0o644)
	}
	file, err := os.Open(told)
	if err != nil {
		return fmt.Errorf("%w: make test writes it", err)
	}
	defer file.Close()
	tests, err := read(file)
	if err != nil {
		return fmt.Errorf("read %s: %w", told, err)
	}
	filled, sum, err := fill(string(text), tests)
	if err != nil {
		return err
	}
	switch {
	case check && filled != string(text):
		return fmt.Errorf("%s has other numbers than the tests told: make proof writes them\n%s", page, difference(string(text), filled))
	case !check:
		if err := os.WriteFile(page, []byte(filled), 0o644); err != nil {
			return err
		}
	}
	fmt.Printf("%d cases in %d tests\n", sum, len(tests))
	return nil
}

// difference are the lines of b that are not those of a.
func difference(a, b string) string {
	var lines []string
	was := strings.Split(a, "\n")
	for i, line := range strings.Split(b, "\n") {
		if i < len(was) && was[i] != line {
			lines = append(lines, "- "+was[i], "+ "+line)
		}
	}
	return strings.Join(lines, "\n")
}

// test is what became of a test.
type test struct {
	pkg, name string // name with its parents', by slashes
	outcome   string // pass, fail, skip
	cases     int    // that it says it ran; 0 if it says nothing
}

// read reads what go test -json told. Of a test that was run more than once the last time counts.
func read(from io.Reader) ([]test, error) {
	index := map[string]*test{}
	var order []string
	scanner := bufio.NewScanner(from)
	scanner.Buffer(nil, 1<<24)
	for scanner.Scan() {
		var e struct{ Action, Package, Test, Key, Value string }
		if err := json.Unmarshal(scanner.Bytes(), &e); err != nil {
			return nil, fmt.Errorf("%q: %w", scanner.Text(), err)
		}
		if e.Test == "" {
			continue
		}
		key := e.Package + " " + e.Test
		t := index[key]
		if t == nil || e.Action == "run" {
			if t == nil {
				order = append(order, key)
			}
			t = &test{pkg: e.Package, name: e.Test}
			index[key] = t
		}
		switch e.Action {
		case "pass", "fail", "skip":
			t.outcome = e.Action
		case "attr":
			if e.Key == "cases" {
				n, err := strconv.Atoi(e.Value)
				if err != nil {
					return nil, fmt.Errorf("%s: cases are %q: %w", key, e.Value, err)
				}
				t.cases = n
			}
		}
	}
	var tests []test
	for _, key := range order {
		tests = append(tests, *index[key])
	}
	return tests, scanner.Err()
}

// command is how a row of the page says that its tests are run.
var command = regexp.MustCompile("`go test ([^`]*?) -run '([^'`]+)'`")

// fill writes the cases into the last column of every row that has such a command.
func fill(text string, tests []test) (filled string, sum int, err error) {
	var faults []error
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		m := command.FindStringSubmatch(line)
		if m == nil || !strings.HasPrefix(line, "|") {
			continue
		}
		// A bar in a cell of a table stands behind a backslash.
		n, err := count(strings.Fields(m[1]), strings.ReplaceAll(m[2], `\|`, "|"), tests)
		if err != nil {
			faults = append(faults, fmt.Errorf("go test %s -run '%s': %w", m[1], m[2], err))
			continue
		}
		sum += n
		cells := strings.Split(strings.TrimSuffix(strings.TrimSpace(line), "|"), " | ")
		cells[len(cells)-1] = said(cells[len(cells)-1], n) + " |"
		lines[i] = strings.Join(cells, " | ")
	}
	return strings.Join(lines, "\n"), sum, errors.Join(faults...)
}

// said is how a cell says a number. Of tests whose number is not the same each time, because it depends
// on what many processes do together, the cell ends in a plus: it says how many there are at least, a
// tenth less than were counted and rounded down, and stays as it is while there are so many and not
// twice as many.
func said(cell string, n int) string {
	least, several := strings.CutSuffix(strings.TrimSpace(cell), "+")
	if !several {
		return grouped(n)
	}
	if was, err := strconv.Atoi(strings.ReplaceAll(least, ",", "")); err == nil && was > 0 && was <= n && n < 2*was {
		return grouped(was) + "+"
	}
	sure, unit := max(n-n/10, 1), 1
	for unit*10 <= sure {
		unit *= 10
	}
	return grouped(sure/unit*unit) + "+"
}

// grouped is a number with a comma at each thousand.
func grouped(n int) string {
	text := strconv.Itoa(n)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// count is the number of cases of the tests of some packages that a -run names.
func count(packages []string, named string, tests []test) (int, error) {
	var parts []*regexp.Regexp
	for part := range strings.SplitSeq(named, "/") {
		// As go test does: spaces of a name are underscores.
		r, err := regexp.Compile(strings.ReplaceAll(part, " ", "_"))
		if err != nil {
			return 0, err
		}
		parts = append(parts, r)
	}
	var found []test
	for _, t := range tests {
		names := strings.Split(t.name, "/")
		if !slices.ContainsFunc(packages, func(p string) bool { return within(p, t.pkg) }) || len(names) < len(parts) {
			continue
		}
		if matches(parts, names) {
			found = append(found, t)
		}
	}
	sum := 0
	for _, t := range found {
		switch {
		case t.outcome != "pass":
			return 0, fmt.Errorf("%s of %s: %s", t.name, t.pkg, t.outcome)
		case t.cases > 0:
			sum += t.cases
		case !slices.ContainsFunc(found, func(sub test) bool { return sub.pkg == t.pkg && strings.HasPrefix(sub.name, t.name+"/") }) && !counted(t, found):
			sum++
		}
	}
	if sum == 0 {
		return 0, errors.New("no such test was run")
	}
	return sum, nil
}

// counted reports whether a test above t says itself how many cases it ran.
func counted(t test, found []test) bool {
	return slices.ContainsFunc(found, func(above test) bool {
		return above.cases > 0 && above.pkg == t.pkg && strings.HasPrefix(t.name, above.name+"/")
	})
}

func matches(parts []*regexp.Regexp, names []string) bool {
	for i, part := range parts {
		if !part.MatchString(names[i]) {
			return false
		}
	}
	return true
}

// within reports whether a package pattern of go test means the package.
func within(pattern, pkg string) bool {
	full := path.Join(module, pattern)
	if folder, all := strings.CutSuffix(full, "/..."); all {
		return pkg == folder || strings.HasPrefix(pkg, folder+"/")
	}
	return pkg == full
}

// block is a console block: a command, and what it prints.
var block = regexp.MustCompile("(?ms)^```console\n\\$ ([^\n]+)\n.*?^```$")

// play puts under the command of every console block what it prints.
func play(text string, shell func(string) ([]byte, error)) (string, error) {
	var faults []error
	filled := block.ReplaceAllStringFunc(text, func(found string) string {
		line := block.FindStringSubmatch(found)[1]
		out, err := shell(line)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w\n%s", line, err, out))
			return found
		}
		return "```console\n$ " + line + "\n" + string(bytes.TrimRight(out, "\n")) + "\n```"
	})
	return filled, errors.Join(faults...)
}

// shell runs a line, and says on standard error that it does. What make was given that has started this
// is not for the line.
func shell(line string) ([]byte, error) {
	fmt.Fprintln(os.Stderr, "$", line)
	c := exec.Command("bash", "-c", line)
	c.Env = slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains([]string{"ARGS", "MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS"}, name)
	})
	c.Stderr = os.Stderr
	return c.Output()
}
