package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// layers are the parts that the packages are of, each with what begins their paths in the module. The
// first that fits counts.
var layers = []struct{ name, begin string }{
	{"packages", "pkg/"},
	{"functions and their stories", "functions"},
	{"local account", "infra/local "},
	{"parts of the local account", "infra/local/"},
	{"templates", "infra "},
	{"commands", "infra/"},
}

// times is what the tests of a layer took.
type times struct {
	packages, tests int // with tests; tests with their subtests
	seconds         float64
	slowest         []timed // tests that are no subtests
}

type timed struct {
	name    string
	seconds float64
}

// split reads what go test -json told and sorts it into layers. It returns how long all of it took, too,
// which is less than the sum: packages are tested beside each other.
func split(from io.Reader) (byLayer []times, wall time.Duration, err error) {
	byLayer = make([]times, len(layers))
	seen := map[string]bool{}
	var first, last time.Time
	scanner := bufio.NewScanner(from)
	scanner.Buffer(nil, 1<<24)
	for scanner.Scan() {
		var e struct {
			Time                  time.Time
			Action, Package, Test string
			Elapsed               float64 // in seconds
		}
		if err := json.Unmarshal(scanner.Bytes(), &e); err != nil {
			return nil, 0, fmt.Errorf("%q: %w", scanner.Text(), err)
		}
		if first.IsZero() {
			first = e.Time
		}
		if e.Time.After(last) {
			last = e.Time
		}
		if e.Action != "pass" && e.Action != "fail" {
			continue
		}
		at := slices.IndexFunc(layers, func(l struct{ name, begin string }) bool {
			return strings.HasPrefix(strings.TrimPrefix(e.Package, module+"/")+" ", l.begin)
		})
		if at < 0 {
			return nil, 0, fmt.Errorf("package %s is in no layer", e.Package)
		}
		l := &byLayer[at]
		if e.Test == "" {
			l.seconds += e.Elapsed
			continue
		}
		l.tests++
		if !seen[e.Package] {
			seen[e.Package] = true
			l.packages++
		}
		if !strings.Contains(e.Test, "/") {
			l.slowest = append(l.slowest, timed{strings.TrimPrefix(e.Package, module+"/") + " " + e.Test, e.Elapsed})
		}
	}
	for i := range byLayer {
		slices.SortStableFunc(byLayer[i].slowest, func(a, b timed) int { return cmp.Compare(b.seconds, a.seconds) })
	}
	return byLayer, last.Sub(first), scanner.Err()
}

// tabulate prints what the tests took by layer, and the slowest tests of those that took long.
func tabulate(told string, out io.Writer) error {
	file, err := os.Open(told)
	if err != nil {
		return fmt.Errorf("%w: make test writes it", err)
	}
	defer file.Close()
	byLayer, wall, err := split(file)
	if err != nil {
		return fmt.Errorf("read %s: %w", told, err)
	}
	var all times
	for _, l := range byLayer {
		all.packages, all.tests, all.seconds = all.packages+l.packages, all.tests+l.tests, all.seconds+l.seconds
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name string, l times) {
		fmt.Fprintf(table, "%s\t%8d\t%6d\t%7.1f\t%4.0f%%\n", name, l.packages, l.tests, l.seconds, 100*l.seconds/max(all.seconds, 0.001))
	}
	fmt.Fprintln(table, "layer\tpackages\t tests\tseconds\tshare")
	for i, l := range byLayer {
		line(layers[i].name, l)
	}
	line("all", all)
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "%.1f s from the first to the last, packages beside each other. The slowest tests:\n", wall.Seconds())
	for _, l := range byLayer {
		for _, t := range l.slowest[:min(3, len(l.slowest))] {
			if t.seconds >= 1 {
				fmt.Fprintf(out, "%7.1f s  %s\n", t.seconds, t.name)
			}
		}
	}
	return nil
}
