package main

import (
	"bytes"
	"cmp"
	"compress/flate"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/warder-aws/warder/functions"
	"github.com/warder-aws/warder/infra/local/lambdahost"
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
func coldStarts(ctx context.Context, runs int, progress progressFunc) (Started, map[string]Function, error) {
	fail := func(err error) (Started, map[string]Function, error) { return Started{}, nil, err }
	now := time.Now()
	users := crowd(10, now).Users
	for _, name := range []string{"alice", "bob", "ci-deploy", "dave"} { // the users in the samples
		users[name] = &fakeaws.User{
			Created: now.AddDate(-1, 0, 0), Attached: []string{"arn:aws:iam::aws:policy/AdministratorAccess"},
		}
	}
	a, err := openAccount(ctx, users)
	if err != nil {
		return fail(err)
	}
	defer a.close()
	subjects, err := a.subjects()
	if err != nil {
		return fail(err)
	}
	for run := range runs {
		for _, s := range subjects {
			started, err := s.start(ctx, run)
			if err != nil {
				return fail(err)
			}
			s.each = append(s.each, started)
		}
		progress("start %d of %d of %d functions", run+1, runs, len(subjects))
	}
	floor, all := medians(subjects[0].each), map[string]Function{}
	for _, s := range subjects[1:] {
		f := Function{Started: medians(s.each)}
		f.InitRatio, f.RSSRatio = f.InitMS/floor.InitMS, f.RSSKB/floor.RSSKB
		binary, err := a.root.Deployed(s.Name)
		if err != nil {
			return fail(err)
		}
		if f.Size, err = sizeOf(binary); err != nil {
			return fail(err)
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
func (a *meteredAccount) subjects() ([]*subject, error) {
	controls, err := functions.Controls()
	if err != nil {
		return nil, err
	}
	binary, err := a.root.Binary(floorName)
	if err != nil {
		return nil, err
	}
	events, err := a.samples()
	if err != nil {
		return nil, err
	}
	all := []*subject{{event: events["detach-direct-policy"], Function: floorFunction(binary)}}
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

func floorFunction(binary string) lambdahost.Function {
	return lambdahost.Function{Name: floorName, Binary: binary, Timeout: time.Minute, Env: map[string]string{
		"AWS_LAMBDA_FUNCTION_NAME": floorName, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
	}}
}

// samples returns for each function the first sample in events/ that starts it.
func (a *meteredAccount) samples() (map[string][]byte, error) {
	routes, err := os.ReadFile(filepath.Join(string(a.root), "events/routes.golden"))
	if err != nil {
		return nil, fmt.Errorf("read routes: %w", err)
	}
	events := map[string][]byte{}
	for line := range strings.Lines(string(routes)) {
		file, started, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if filepath.Base(file) == "daily-sweep.json" {
			continue // each control has a sweep of its own
		}
		data, err := os.ReadFile(filepath.Join(string(a.root), file))
		if err != nil {
			return nil, fmt.Errorf("read event: %w", err)
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
		return Started{}, fmt.Errorf("start %s: %w", s.Name, err)
	}
	pid := h.Processes()[0]
	resident, err := memoryKB(pid, "VmRSS")
	if err != nil {
		return Started{}, err
	}
	result, err := h.Invoke(ctx, s.Name, event)
	if err != nil {
		return Started{}, fmt.Errorf("start %s: %w", s.Name, err)
	}
	peak, err := memoryKB(pid, "VmHWM")
	if err != nil {
		return Started{}, err
	}
	cpu, err := processorTime(pid)
	if err != nil {
		return Started{}, err
	}
	ms := func(d time.Duration) float64 { return d.Seconds() * 1000 }
	return Started{
		InitMS: ms(init), RSSKB: float64(resident), FirstMS: ms(result.Duration), CPUMS: ms(cpu), HighKB: float64(peak),
	}, nil
}

// medians returns the medians of each of the values.
func medians(each []Started) (median Started) {
	for _, value := range []func(*Started) *float64{
		func(s *Started) *float64 { return &s.InitMS },
		func(s *Started) *float64 { return &s.RSSKB },
		func(s *Started) *float64 { return &s.FirstMS },
		func(s *Started) *float64 { return &s.CPUMS },
		func(s *Started) *float64 { return &s.HighKB },
	} {
		var values []float64
		for _, s := range each {
			values = append(values, *value(&s))
		}
		slices.Sort(values)
		*value(&median) = (values[(len(values)-1)/2] + values[len(values)/2]) / 2
	}
	return median
}

// sizeOf measures the binary, as it is and deflated.
func sizeOf(binary string) (Size, error) {
	file, err := os.Open(binary)
	if err != nil {
		return Size{}, fmt.Errorf("measure binary: %w", err)
	}
	defer file.Close()
	var zipped counter
	deflated, _ := flate.NewWriter(&zipped, flate.DefaultCompression) // fails only for an unknown level
	size, err := io.Copy(deflated, file)
	if err == nil {
		err = deflated.Close()
	}
	if err != nil {
		return Size{}, fmt.Errorf("measure binary: %w", err)
	}
	return Size{BinaryBytes: size, ZipBytes: int64(zipped)}, nil
}

// counter counts the bytes that are written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
