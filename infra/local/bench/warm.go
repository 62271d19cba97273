package bench

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/perf/benchfmt"

	"github.com/warder-aws/warder/infra/local/project"
)

// Warm is what one of the Go benchmarks took: our own code, apart from waiting for AWS.
type Warm struct {
	Name        string  `json:"name"`    // as Decode/root-console-login/event.Decode
	Package     string  `json:"package"` // below the module
	Nanoseconds float64 `json:"ns_per_op"`
	Bytes       float64 `json:"bytes_per_op"`
	Allocations float64 `json:"allocs_per_op"`
	// TimeRatio and MemoryRatio are against what it was compared with in the same run, which is the one
	// with the ratios 1 (see package yardstick).
	TimeRatio   float64 `json:"time_ratio"`
	MemoryRatio float64 `json:"memory_ratio"`
}

// Benchmarks runs the Go benchmarks of pkg that compare what they measure with something, each for so
// long, as "1s" or "10x". The sources are needed, and Go.
func Benchmarks(ctx context.Context, each string) ([]Warm, error) {
	root, err := project.Find()
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(string(root), "pkg/*/bench_test.go"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("run benchmarks: no bench_test.go in pkg")
	}
	command := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", ".", "-benchmem", "-benchtime", each)
	for _, file := range files { // others have benchmarks that measure no more than themselves
		command.Args = append(command.Args, "./pkg/"+filepath.Base(filepath.Dir(file)))
	}
	command.Dir = string(root)
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("run benchmarks: %w:\n%s", err, out.String())
	}
	var all []Warm
	reader := benchfmt.NewReader(&out, "benchmarks")
	for reader.Scan() {
		// What is no result is what go test says beside them.
		result, ok := reader.Result().(*benchfmt.Result)
		if !ok {
			continue
		}
		if w := warm(result); w.TimeRatio > 0 {
			all = append(all, w)
		}
	}
	if err := reader.Err(); err != nil {
		return nil, fmt.Errorf("read benchmarks: %w", err)
	}
	return all, nil
}

func warm(r *benchfmt.Result) Warm {
	value := func(unit string) float64 {
		v, _ := r.Value(unit)
		return v
	}
	name := string(r.Name.Full())
	if i := strings.LastIndexByte(name, '-'); i > 0 { // the number of processors
		name = name[:i]
	}
	_, folder, _ := strings.Cut(r.GetConfig("pkg"), "/warder/")
	return Warm{
		Name: name, Package: folder, Nanoseconds: value("sec/op") * 1e9, Bytes: value("B/op"), Allocations: value("allocs/op"),
		TimeRatio: value("x-time"), MemoryRatio: value("x-memory"),
	}
}
