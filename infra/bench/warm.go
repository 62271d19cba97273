package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Warm is the result of one Go benchmark: our own code, apart from waiting for AWS.
type Warm struct {
	Name        string  `json:"name"`    // as Decode/root-console-login/event.Decode
	Package     string  `json:"package"` // below the module
	Nanoseconds float64 `json:"ns_per_op"`
	Bytes       float64 `json:"bytes_per_op"`
	Allocations float64 `json:"allocs_per_op"`
	// TimeRatio and MemoryRatio compare with the benchmark of the same run that has the ratios 1 (see
	// package benchratio).
	TimeRatio   float64 `json:"time_ratio"`
	MemoryRatio float64 `json:"memory_ratio"`
}

// benchmarks runs the Go benchmarks that compare what they measure with something, each for so
// long, as "1s" or "10x". It needs the sources, and Go. Other benchmarks measure test doubles.
func (b bench) benchmarks(ctx context.Context, each string) ([]Warm, error) {
	b.progress("running the Go benchmarks ...")
	folders := map[string]bool{}
	for _, below := range []string{"pkg", "functions"} {
		files, _ := filepath.Glob(filepath.Join(string(b.root), below, "*/*_test.go")) // fails only for a bad pattern
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				return nil, fmt.Errorf("find benchmarks: %w", err)
			}
			if bytes.Contains(source, []byte("benchratio.Compare(")) || bytes.Contains(source, []byte("scenario.Bench(")) {
				folders[filepath.Dir(file)] = true
			}
		}
	}
	args := []string{"test", "-run", "^$", "-bench", ".", "-benchmem", "-benchtime", each}
	command := exec.CommandContext(ctx, "go", slices.AppendSeq(args, maps.Keys(folders))...)
	command.Dir = string(b.root)
	out, err := command.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("run benchmarks: %w:\n%s", err, out)
	}
	return parseBenchmarks(string(out)), nil
}

// parseBenchmarks reads what go test prints, and returns the benchmarks with a ratio.
// https://go.dev/design/14313-benchmark-format
func parseBenchmarks(out string) []Warm {
	var all []Warm
	folder := ""
	for line := range strings.Lines(out) {
		if pkg, ok := strings.CutPrefix(line, "pkg: "); ok {
			_, folder, _ = strings.Cut(strings.TrimSpace(pkg), "/warder/")
		}
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		values := map[string]float64{} // by unit
		for i := 2; i+1 < len(fields); i += 2 {
			values[fields[i+1]], _ = strconv.ParseFloat(fields[i], 64)
		}
		if values["x-time"] == 0 {
			continue
		}
		name := strings.TrimPrefix(fields[0], "Benchmark")
		if i := strings.LastIndexByte(name, '-'); i > 0 { // the number of processors
			name = name[:i]
		}
		all = append(all, Warm{
			Name: name, Package: folder, Nanoseconds: values["ns/op"], Bytes: values["B/op"],
			Allocations: values["allocs/op"], TimeRatio: values["x-time"], MemoryRatio: values["x-memory"],
		})
	}
	return all
}
