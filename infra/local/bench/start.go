package bench

import (
	"cmp"
	"compress/flate"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/warder-aws/warder/functions"
	"github.com/warder-aws/warder/infra/local/lambdahost"
	"github.com/warder-aws/warder/infra/local/moto"
	"github.com/warder-aws/warder/infra/local/project"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// Floor is the name of the smallest function that there can be, which the others are measured against.
const Floor = "floor"

// Started is what the cold starts of one function took: medians of all of them. The first event is
// one that the function has something to do for, or decides that it has nothing to do for; the time
// that AWS takes for its answers is that of moto.
type Started struct {
	InitMS  float64 `json:"init_ms"`  // from the start of the process to its first request for an event
	RSSKB   float64 `json:"rss_kb"`   // resident then
	FirstMS float64 `json:"first_ms"` // from the first event to its answer
	CPUMS   float64 `json:"cpu_ms"`   // processor time from the start of the process to the first answer
	HighKB  float64 `json:"high_kb"`  // the most that was resident until then
}

// A Function is what is measured of one function.
type Function struct {
	Started
	InitRatio float64 `json:"init_ratio"` // against the floor
	RSSRatio  float64 `json:"rss_ratio"`
	Size
}

// A Size is how large the function is that is deployed, in bytes.
type Size struct {
	BinaryBytes int64 `json:"binary_bytes"`
	ZipBytes    int64 `json:"zip_bytes"` // what Lambda fetches: the binary, deflated
}

// subject is a function to be started again and again.
type subject struct {
	lambdahost.Function
	event []byte // the sweep's when empty
	each  []Started
}

// Start starts every function and the floor so many times, in turns, and measures them until their
// first event is handled. The project must be built, and the floor too.
func Start(ctx context.Context, runs int, progress func(format string, args ...any)) (floor Started, all map[string]Function, err error) {
	root, err := project.Find()
	if err != nil {
		return Started{}, nil, err
	}
	described, err := functions.Controls()
	if err != nil {
		return Started{}, nil, err
	}
	users := crowd(moto.AccountID, 10, time.Now()).Users
	for _, name := range []string{"alice", "bob", "ci-deploy", "dave"} { // who the samples are about
		users[name] = &fakeaws.User{Created: time.Now().AddDate(-1, 0, 0), Attached: []string{"arn:aws:iam::aws:policy/AdministratorAccess"}}
	}
	e, err := openEmulated(ctx, root, users)
	if err != nil {
		return Started{}, nil, err
	}
	defer e.close()
	subjects, err := e.subjects(described)
	if err != nil {
		return Started{}, nil, err
	}
	for run := range runs {
		for _, s := range subjects {
			started, err := s.start(ctx, run)
			if err != nil {
				return Started{}, nil, err
			}
			s.each = append(s.each, started)
		}
		progress("start %d of %d of %d functions", run+1, runs, len(subjects))
	}
	floor, all = medians(subjects[0].each), map[string]Function{}
	for _, s := range subjects[1:] {
		f := Function{Started: medians(s.each)}
		f.InitRatio, f.RSSRatio = f.InitMS/floor.InitMS, f.RSSKB/floor.RSSKB
		binary, err := root.Deployed(s.Name)
		if err != nil {
			return Started{}, nil, err
		}
		if f.Size, err = Measure(binary); err != nil {
			return Started{}, nil, err
		}
		all[s.Name] = f
	}
	return floor, all, nil
}

// subjects are the floor and the functions, in that order, each with the event that it is given.
func (e *emulated) subjects(described []control.Control) ([]*subject, error) {
	binary, err := e.root.Binary(Floor)
	if err != nil {
		return nil, err
	}
	events, err := e.events()
	if err != nil {
		return nil, err
	}
	all := []*subject{{event: events["detach-direct-policy"], Function: lambdahost.Function{Name: Floor, Binary: binary, Timeout: time.Minute, Env: map[string]string{
		"AWS_LAMBDA_FUNCTION_NAME": Floor, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
	}}}}
	for _, c := range described {
		// What is found stays as it is, for the next run.
		f, err := e.function(c.ID, map[string]string{"WARDER_MODE": string(control.Observe)})
		if err != nil {
			return nil, err
		}
		f.Name = c.ID
		event := events[c.ID]
		if c.Tool {
			event = []byte(cmp.Or(asked[c.ID], "{}"))
		}
		if c.ID == "delete-root-access-key" { // moto has no sessions of member accounts' root users
			f.Env["WARDER_PARAMETERS"] = strings.Replace(f.Env["WARDER_PARAMETERS"], `["444455556666"]`, "[]", 1)
		}
		all = append(all, &subject{Function: f, event: event})
	}
	return all, nil
}

// asked are requests to tools that they have an answer to: {} is refused, and ends at that.
var asked = map[string]string{
	"explain":       `{"user": "alice"}`,
	"undo":          `{"user": "alice", "since": "2026-01-01T00:00:00Z", "by": "bench", "reason": "to see how long it takes"}`,
	"post-to-slack": `{"Records": []}`,
}

// events are the events that functions are given: the first of the samples that starts them.
func (e *emulated) events() (map[string][]byte, error) {
	folder := filepath.Join(string(e.root), "events")
	routes, err := os.ReadFile(filepath.Join(folder, "routes.golden"))
	if err != nil {
		return nil, fmt.Errorf("read routes: %w", err)
	}
	events := map[string][]byte{}
	for line := range strings.Lines(string(routes)) {
		file, started, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if filepath.Base(file) == "daily-sweep.json" {
			continue // of which each control has one of its own
		}
		data, err := os.ReadFile(filepath.Join(string(e.root), file))
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

// identifier matches the beginning of what the ids of events are made of, with and without hyphens.
var identifier = regexp.MustCompile(`"[0-9a-f]{8}(-|[0-9a-f]{24}-)`)

// start starts the function once, in a process of its own. Each run has an event of its own: one that
// was handled before is not handled again.
func (s *subject) start(ctx context.Context, run int) (Started, error) {
	event := identifier.ReplaceAll(s.event, fmt.Appendf(nil, `"%08x$1`, run))
	if len(event) == 0 {
		event = sweepEvent(s.Name, moto.AccountID, time.Now())
	}
	h := lambdahost.New([]lambdahost.Function{s.Function}, silent)
	defer h.Close()
	init, err := h.Warm(ctx, s.Name)
	if err != nil {
		return Started{}, fmt.Errorf("start %s: %w", s.Name, err)
	}
	pid := h.Processes()[0]
	rss, err := resident(pid)
	if err != nil {
		return Started{}, err
	}
	result, err := h.Invoke(ctx, s.Name, event)
	if err != nil {
		return Started{}, fmt.Errorf("start %s: %w", s.Name, err)
	}
	high, err := peak(pid)
	if err != nil {
		return Started{}, err
	}
	cpu, err := processorTime(pid)
	if err != nil {
		return Started{}, err
	}
	return Started{InitMS: ms(init), RSSKB: float64(rss), FirstMS: ms(result.Duration), CPUMS: ms(cpu), HighKB: float64(high)}, nil
}

func ms(d time.Duration) float64 { return d.Seconds() * 1000 }

// processorTime is how long the process has been on a processor: the sum of its threads.
// https://docs.kernel.org/scheduler/sched-stats.html: the first field, in nanoseconds
func processorTime(pid int) (time.Duration, error) {
	files, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/schedstat")
	if err != nil || len(files) == 0 {
		return 0, fmt.Errorf("read the processor time of process %d: no threads (%w)", pid, err)
	}
	var sum time.Duration
	for _, file := range files {
		data, err := os.ReadFile(file)
		if os.IsNotExist(err) { // a thread that has ended meanwhile
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("read the processor time of process %d: %w", pid, err)
		}
		n, err := strconv.ParseInt(strings.Fields(string(data) + " 0")[0], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read the processor time of process %d: %w", pid, err)
		}
		sum += time.Duration(n)
	}
	return sum, nil
}

// medians are the medians of each of the values.
func medians(each []Started) Started {
	of := func(value func(Started) float64) float64 {
		var values []float64
		for _, s := range each {
			values = append(values, value(s))
		}
		slices.Sort(values)
		return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
	}
	return Started{
		InitMS: of(func(s Started) float64 { return s.InitMS }), RSSKB: of(func(s Started) float64 { return s.RSSKB }),
		FirstMS: of(func(s Started) float64 { return s.FirstMS }), CPUMS: of(func(s Started) float64 { return s.CPUMS }),
		HighKB: of(func(s Started) float64 { return s.HighKB }),
	}
}

// Measure is how large the binary is, as it is and in an archive.
func Measure(binary string) (Size, error) {
	file, err := os.Open(binary)
	if err != nil {
		return Size{}, fmt.Errorf("measure binary: %w", err)
	}
	defer file.Close()
	var counted counter
	deflated, err := flate.NewWriter(&counted, flate.DefaultCompression)
	if err != nil {
		return Size{}, fmt.Errorf("measure binary: %w", err)
	}
	bytes, err := io.Copy(deflated, file)
	if err != nil {
		return Size{}, fmt.Errorf("measure binary: %w", err)
	}
	if err := deflated.Close(); err != nil {
		return Size{}, fmt.Errorf("measure binary: %w", err)
	}
	return Size{BinaryBytes: bytes, ZipBytes: int64(counted)}, nil
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// Worst is the name of the function of which the value is the largest.
func Worst(all map[string]Function, value func(Function) float64) string {
	names := slices.Sorted(maps.Keys(all))
	return slices.MaxFunc(names, func(a, b string) int { return cmp.Compare(value(all[a]), value(all[b])) })
}
