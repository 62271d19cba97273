package main

import (
	"bytes"
	"cmp"
	"compress/flate"
	"context"
	"fmt"
	"os"
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
	InitRatio float64 `json:"init_ratio"` // against the floor
	RSSRatio  float64 `json:"rss_ratio"`
	Size
}

// A Size is how large the deployed function is, in bytes.
type Size struct {
	BinaryBytes int64 `json:"binary_bytes"`
	ZipBytes    int64 `json:"zip_bytes"` // what Lambda fetches: the binary, deflated
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
		if f.Size, err = b.sizeOf(s.Name); err != nil {
			return floor, nil, err
		}
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
	binary, err := root.Binary(floorName)
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
	resident, err := memoryKB(pid, "VmRSS")
	if err != nil {
		return started, err
	}
	result, err := h.Invoke(ctx, s.Name, event)
	if err != nil {
		return started, err
	}
	peak, err := memoryKB(pid, "VmHWM")
	if err != nil {
		return started, err
	}
	cpu, err := processorTime(pid)
	ms := func(d time.Duration) float64 { return d.Seconds() * 1000 }
	return Started{
		InitMS: ms(init), RSSKB: float64(resident), FirstMS: ms(result.Duration), CPUMS: ms(cpu), HighKB: float64(peak),
	}, err
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

// sizeOf measures the binary of a function that is deployed, as it is and deflated.
func (b bench) sizeOf(id string) (Size, error) {
	file, err := b.root.Deployed(id)
	if err != nil {
		return Size{}, err
	}
	binary, err := os.ReadFile(file)
	if err != nil {
		return Size{}, fmt.Errorf("measure binary: %w", err)
	}
	var zipped bytes.Buffer                                           // takes whatever is written
	deflated, _ := flate.NewWriter(&zipped, flate.DefaultCompression) // fails only for an unknown level
	_, _ = deflated.Write(binary)
	_ = deflated.Close()
	return Size{BinaryBytes: int64(len(binary)), ZipBytes: int64(zipped.Len())}, nil
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
		if err == nil {
			_, err = fmt.Sscan(string(data), &n)
		}
		if err != nil {
			return 0, fmt.Errorf("read the processor time of process %d: %w", pid, err)
		}
		sum += n
	}
	return sum, nil
}
