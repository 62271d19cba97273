package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/warder-aws/warder/functions"
	"github.com/warder-aws/warder/infra/local/project"
)

// What is measured is what there is: every function, on this machine, whatever the figures are.
func TestSpeed_EveryFunctionAgainstTheFloor(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "dist")
	var out, progress bytes.Buffer
	args := []string{"-runs", "1", "-users", "20,40", "-warm", "1x", "-events", "1", "-out", folder}
	if err := speed(t.Context(), args, &out, &progress); err != nil {
		t.Fatalf("%v\n%s", err, progress.String())
	}
	data, err := os.ReadFile(filepath.Join(folder, "bench.json"))
	if err != nil {
		t.Fatal(err)
	}
	// The names are those that others read.
	var figures struct {
		Floor     map[string]float64
		Functions map[string]struct {
			Init      float64 `json:"init_ms"`
			InitRatio float64 `json:"init_ratio"`
			RSSRatio  float64 `json:"rss_ratio"`
			Binary    int64   `json:"binary_bytes"`
			Zip       int64   `json:"zip_bytes"`
		}
		Warm []struct {
			Name, Package string
			Nanoseconds   float64 `json:"ns_per_op"`
			Allocations   float64 `json:"allocs_per_op"`
			TimeRatio     float64 `json:"time_ratio"`
		}
		Sweep []map[string]any
		Burst []struct {
			Function  string
			PerSecond float64 `json:"per_second_per_core"`
			Ratio     float64
		}
		Queue []struct{ Events, Done int }
		Fits  []map[string]any
	}
	if err := json.Unmarshal(data, &figures); err != nil {
		t.Fatal(err)
	}
	if figures.Floor["init_ms"] <= 0 || figures.Floor["rss_kb"] <= 0 {
		t.Errorf("the floor: %v", figures.Floor)
	}
	all, err := functions.Controls()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		f, measured := figures.Functions[c.ID]
		if !measured || f.Init <= 0 || f.InitRatio <= 0 || f.RSSRatio <= 1 || f.Zip <= 0 || f.Binary <= f.Zip {
			t.Errorf("%s: %+v", c.ID, f)
		}
		if !strings.Contains(out.String(), c.ID) {
			t.Errorf("the table does not name %s", c.ID)
		}
	}
	warm := false
	if len(figures.Functions) != len(all) {
		t.Errorf("%d functions were measured, there are %d", len(figures.Functions), len(all))
	}
	for _, w := range figures.Warm {
		if w.Name == "" || strings.Count(w.Package, "/") != 1 || w.Nanoseconds <= 0 {
			t.Errorf("of a benchmark: %+v", w)
		}
		warm = warm || w.Name == "Run/change" && w.TimeRatio > 0 && w.Allocations > 0
	}
	if !warm {
		t.Errorf("no event that is acted on among the benchmarks: %+v", figures.Warm)
	}
	for _, s := range figures.Sweep {
		for _, name := range []string{"users", "calls", "seconds"} {
			if value, ok := s[name].(float64); !ok || value <= 0 {
				t.Errorf("%s of a sweep is %v", name, s[name])
			}
		}
		// A small sweep whose garbage was collected before it was seen grew by nothing; TestWatchHeap sees growth.
		if value, ok := s["rss_kb"].(float64); !ok || value < 0 {
			t.Errorf("rss_kb of a sweep is %v", s["rss_kb"])
		}
	}
	if len(figures.Sweep) == 0 {
		t.Error("no sweep was measured")
	}
	for _, b := range figures.Burst {
		if b.PerSecond <= 0 || b.Ratio <= 0 {
			t.Errorf("of a burst: %+v", b)
		}
	}
	for _, q := range figures.Queue {
		if q.Done != q.Events || q.Done == 0 {
			t.Errorf("of events that came at once: %+v", q)
		}
	}
	if len(figures.Burst) < 3 || figures.Burst[0].Function != "floor" || len(figures.Queue) == 0 {
		t.Errorf("no burst was measured: %+v, %+v", figures.Burst, figures.Queue)
	}
	if len(figures.Fits) == 0 || figures.Fits[0]["power"] == nil {
		t.Errorf("no growth was fitted: %v", figures.Fits)
	}
}

func TestSpeed_BadArguments(t *testing.T) {
	t.Parallel()
	for arg, want := range map[string]string{
		"-runs=0":     "-runs 0: want at least 1",
		"-events=-1":  "-events -1: want at least 1",
		"-users=5001": `-users "5001": want numbers from 1 to 5000`,
		"-users=a":    `-users "a"`,
		"more":        `unknown argument "more"`,
	} {
		var out, faults bytes.Buffer
		err := speed(t.Context(), []string{arg}, &out, &faults)
		if !errors.Is(err, errUsage) || !strings.Contains(faults.String(), want) || out.Len() > 0 {
			t.Errorf("%s: %v, printed %q", arg, err, faults.String())
		}
	}
}

// beforeMain is how many allocations a package of Warder's may make before main, in every cold start: a
// table of text, an error or two. A regular expression takes about a hundred, and up to five thousand.
const beforeMain = 50

// What a cold start is made of is counted, not timed: the time is the machine's.
func TestColdStart_LittleBeforeMain(t *testing.T) {
	t.Parallel()
	root, err := project.Find()
	if err != nil {
		t.Fatal(err)
	}
	all, err := functions.Controls()
	if err != nil {
		t.Fatal(err)
	}
	more := map[string]int{ // and why
		"functions/alert-policy-change": 250, // the table of all calls that it alerts on
		"functions/alert-warder-change": 250, // the same
	}
	for _, c := range all {
		binary, err := root.Binary(c.ID, project.Apart)
		if err != nil {
			t.Fatal(err)
		}
		command := exec.CommandContext(t.Context(), binary)
		command.Env = []string{"GODEBUG=inittrace=1"} // https://pkg.go.dev/runtime#hdr-Environment_Variables
		trace, err := command.CombinedOutput()
		if err == nil {
			t.Fatalf("%s started, with nothing in its environment:\n%s", c.ID, trace)
		}
		packages := 0
		for line := range strings.Lines(string(trace)) {
			// init NAME @12 ms, 15 ms clock, 5357088 bytes, 5741 allocs
			words := strings.Fields(line)
			if len(words) < 10 || words[0] != "init" {
				continue
			}
			allocations, err := strconv.Atoi(words[len(words)-2])
			if err != nil {
				t.Fatalf("%s: %q: %v", c.ID, line, err)
			}
			packages++
			name, own := strings.CutPrefix(words[1], "github.com/warder-aws/warder/")
			if limit := max(beforeMain, more[name]); own && allocations > limit {
				t.Errorf("%s: package %s makes %d allocations before main, %d are enough", c.ID, name, allocations, limit)
			}
			if strings.HasSuffix(name, "/aws-sdk-go-v2/config") {
				t.Errorf("%s: %s is linked: see pkg/handler/environment.go for what that costs", c.ID, name)
			}
		}
		if packages < 50 {
			t.Errorf("%s: %d packages before main: the trace is not whole", c.ID, packages)
		}
	}
}
