package main

import (
	"bytes"
	"cmp"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/warder-aws/warder/functions"
	"github.com/warder-aws/warder/infra/local/lambdahost"
	"github.com/warder-aws/warder/infra/local/project"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// floorName is the name of the smallest possible function. The others are measured against it.
const floorName = "floor"

// Started has the medians of one function's cold starts. The first event is one on which the function acts,
// or decides not to. The time that AWS takes to answer is moto's.
type Started struct {
	InitMS  float64 `json:"init_ms"`  // from the start of the process to its first request for an event
	RSSKB   float64 `json:"rss_kb"`   // resident then
	FirstMS float64 `json:"first_ms"` // from the first event to its answer
	CPUMS   float64 `json:"cpu_ms"`   // processor time from the start of the process to the first answer
	HighKB  float64 `json:"high_kb"`  // the peak until then
}

// A Function has the figures of one function.
type Function struct {
	Started
	InitRatio   float64 `json:"init_ratio"` // against the floor
	RSSRatio    float64 `json:"rss_ratio"`
	BinaryBytes int     `json:"binary_bytes"` // of what is deployed
	ZipBytes    int     `json:"zip_bytes"`    // what Lambda fetches: the binary, deflated
}

// subject is a function that is started again and again.
type subject struct {
	lambdahost.Function
	event []byte // the sweep's when empty
	each  []Started
}

// coldStarts starts every function and the floor so many times, in turns, and measures until the
// first event is handled.
func (b bench) coldStarts(ctx context.Context, runs int) (floor Started, all map[string]Function, err error) {
	now := time.Now()
	users := crowd(10, now).Users
	for _, name := range []string{"alice", "bob", "ci-deploy", "dave"} { // the users in the samples
		users[name] = &fakeaws.User{
			Created: now.AddDate(-1, 0, 0), Attached: []string{"arn:aws:iam::aws:policy/AdministratorAccess"},
		}
	}
	a, err := b.open(ctx, users)
	if err != nil {
		return floor, nil, err
	}
	defer a.Close()
	subjects, err := b.subjects(a)
	if err != nil {
		return floor, nil, err
	}
	for run := range runs {
		for _, s := range subjects {
			started, err := s.start(ctx, run)
			if err != nil {
				return floor, nil, fmt.Errorf("start %s: %w", s.Name, err)
			}
			s.each = append(s.each, started)
		}
		b.progress("start %d of %d of %d functions", run+1, runs, len(subjects))
	}
	floor, all = medians(subjects[0].each), map[string]Function{}
	for _, s := range subjects[1:] {
		f := Function{Started: medians(s.each)}
		f.InitRatio, f.RSSRatio = f.InitMS/floor.InitMS, f.RSSKB/floor.RSSKB
		file, err := b.root.Deployed(s.Name)
		if err != nil {
			return floor, nil, err
		}
		binary, err := os.ReadFile(file)
		if err != nil {
			return floor, nil, fmt.Errorf("measure binary: %w", err)
		}
		var zipped bytes.Buffer                                           // takes whatever is written
		deflated, _ := flate.NewWriter(&zipped, flate.DefaultCompression) // fails only for an unknown level
		_, _ = deflated.Write(binary)
		_ = deflated.Close()
		f.BinaryBytes, f.ZipBytes = len(binary), zipped.Len()
		all[s.Name] = f
	}
	return floor, all, nil
}

// requests are requests to tools that they accept; they refuse {} at once.
var requests = map[string]string{
	"explain":       `{"user": "alice"}`,
	"undo":          `{"user": "alice", "since": "2026-01-01T00:00:00Z", "by": "bench", "reason": "to measure it"}`,
	"post-to-slack": `{"Records": []}`,
}

// subjects returns the floor and all functions, in that order, each with its event.
func (b bench) subjects(a *meteredAccount) ([]*subject, error) {
	controls, err := functions.Controls()
	if err != nil {
		return nil, err
	}
	events, err := b.firstEvents()
	if err != nil {
		return nil, err
	}
	floor, err := floorFunction(b.root)
	if err != nil {
		return nil, err
	}
	all := []*subject{{Function: floor, event: events["detach-direct-policy"]}}
	for _, c := range controls {
		// In observe a finding stays as it is, for the next run.
		f, err := a.function(c.ID, func(f *settings.Function) {
			f.Mode = control.Observe
			if c.ID == "delete-root-access-key" { // moto has no sessions of member accounts' root users
				f.Parameters = bytes.Replace(f.Parameters, []byte(`["444455556666"]`), []byte("[]"), 1)
			}
		})
		if err != nil {
			return nil, err
		}
		f.Name = c.ID
		event := events[c.ID]
		if c.Tool {
			event = []byte(cmp.Or(requests[c.ID], "{}"))
		}
		all = append(all, &subject{Function: f, event: event})
	}
	return all, nil
}

func floorFunction(root project.Root) (lambdahost.Function, error) {
	binary, err := root.Binary(floorName, project.Apart)
	return lambdahost.Function{Name: floorName, Binary: binary, Timeout: time.Minute, Env: map[string]string{
		"AWS_LAMBDA_FUNCTION_NAME": floorName, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
	}}, err
}

// firstEvents returns for each function the first sample in events/ that starts it.
func (b bench) firstEvents() (map[string][]byte, error) {
	routes, err := b.event("routes.golden")
	if err != nil {
		return nil, err
	}
	events := map[string][]byte{}
	for line := range strings.Lines(string(routes)) {
		file, started, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if filepath.Base(file) == "daily-sweep.json" {
			continue // each control has a sweep of its own
		}
		data, err := b.event(file)
		if err != nil {
			return nil, err
		}
		for id := range strings.SplitSeq(started, ",") {
			if events[id] == nil {
				events[id] = data
			}
		}
	}
	return events, nil
}

// eventID matches the beginning of the ids of events, with and without hyphens.
var eventID = regexp.MustCompile(`"[0-9a-f]{8}(-|[0-9a-f]{24}-)`)

// start starts the function once, in a process of its own. Each run has an event of its own, because a
// function handles an event once.
func (s *subject) start(ctx context.Context, run int) (started Started, err error) {
	event := eventID.ReplaceAll(s.event, fmt.Appendf(nil, `"%08x$1`, run))
	if len(event) == 0 {
		event = sweepEvent(s.Name, time.Now())
	}
	h := newHost(s.Function)
	defer h.Close()
	init, err := h.Warm(ctx, s.Name)
	if err != nil {
		return started, err
	}
	pid := h.Processes()[0]
	resident, err1 := memoryKB(pid, "VmRSS")
	result, err2 := h.Invoke(ctx, s.Name, event)
	peak, err3 := memoryKB(pid, "VmHWM")
	cpu, err4 := processorTime(pid)
	ms := func(d time.Duration) float64 { return d.Seconds() * 1000 }
	return Started{
		InitMS: ms(init), RSSKB: float64(resident), FirstMS: ms(result.Duration), CPUMS: ms(cpu), HighKB: float64(peak),
	}, errors.Join(err1, err2, err3, err4)
}

// medians returns the medians of each of the values.
func medians(each []Started) Started {
	median := func(value func(Started) float64) float64 {
		var values []float64
		for _, s := range each {
			values = append(values, value(s))
		}
		slices.Sort(values)
		return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
	}
	return Started{
		InitMS:  median(func(s Started) float64 { return s.InitMS }),
		RSSKB:   median(func(s Started) float64 { return s.RSSKB }),
		FirstMS: median(func(s Started) float64 { return s.FirstMS }),
		CPUMS:   median(func(s Started) float64 { return s.CPUMS }),
		HighKB:  median(func(s Started) float64 { return s.HighKB }),
	}
}

// memoryKB returns a field of a process's memory: VmHWM for its peak, VmRSS for what is resident now.
// https://docs.kernel.org/filesystems/proc.html
func memoryKB(pid int, field string) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("read the memory of process %d: %w", pid, err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			return strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
		}
	}
	return 0, fmt.Errorf("read the memory of process %d: no %s", pid, field)
}

// processorTime returns how long the process has run on a processor: the sum of its threads.
// https://docs.kernel.org/scheduler/sched-stats.html: the first field, in nanoseconds
func processorTime(pid int) (sum time.Duration, err error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(files) == 0 {
		return 0, fmt.Errorf("read the processor time of process %d: no threads (%w)", pid, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if os.IsNotExist(err) { // the thread has ended
			continue
		}
		var n time.Duration
		if _, scanned := fmt.Sscan(string(data), &n); err != nil || scanned != nil {
			return 0, fmt.Errorf("read the processor time of process %d: %w", pid, errors.Join(err, scanned))
		}
		sum += n
	}
	return sum, nil
}

// Warm is the result of one Go benchmark: our own code, apart from waiting for AWS.
type Warm struct {
	Name        string  `json:"name"`    // as Decode/root-console-login/event.Decode
	Package     string  `json:"package"` // below the module
	Nanoseconds float64 `json:"ns_per_op"`
	Bytes       float64 `json:"bytes_per_op"`
	Allocations float64 `json:"allocs_per_op"`
	// TimeRatio and MemoryRatio compare with the benchmark of the same run that has the ratios 1 (see package benchratio).
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
