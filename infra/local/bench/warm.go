package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
	// with the ratios 1 (see package benchratio).
	TimeRatio   float64 `json:"time_ratio"`
	MemoryRatio float64 `json:"memory_ratio"`
}

// Benchmarks runs the Go benchmarks that compare what they measure with something, each for so
// long, as "1s" or "10x". The sources are needed, and Go.
func Benchmarks(ctx context.Context, each string) ([]Warm, error) {
	root, err := project.Find()
	if err != nil {
		return nil, err
	}
	folders, err := compared(root)
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, "go", append([]string{"test", "-run", "^$", "-bench", ".", "-benchmem", "-benchtime", each}, folders...)...)
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

// compared are the folders of the packages whose benchmarks compare what they measure with something;
// the others' measure no more than doubles.
func compared(root project.Root) ([]string, error) {
	var folders []string
	for _, pattern := range []string{"pkg/*/*_test.go", "functions/*/*_test.go"} {
		files, err := filepath.Glob(filepath.Join(string(root), pattern))
		if err != nil {
			return nil, fmt.Errorf("find benchmarks: %w", err)
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				return nil, fmt.Errorf("find benchmarks: %w", err)
			}
			if bytes.Contains(source, []byte("yardstick.Compare(")) || bytes.Contains(source, []byte("story.Bench(")) {
				folders = append(folders, filepath.Dir(file))
			}
		}
	}
	if len(folders) == 0 {
		return nil, fmt.Errorf("find benchmarks: none in %s", root)
	}
	return slices.Compact(folders), nil
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
