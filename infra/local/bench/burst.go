package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/warder-aws/warder/infra/local/lambdahost"
	"github.com/warder-aws/warder/infra/local/moto"
	"github.com/warder-aws/warder/infra/local/project"
	"github.com/warder-aws/warder/infra/local/rush"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// wide is a blast radius that a burst does not reach: the largest that there is.
const wide = 1000

// A path is a way that events take through a function.
type path struct {
	name    string
	control string
	sample  string // in events/
	// again says that the events are those of the path before: they were handled.
	again bool
}

// paths are those that are measured. What acts does most: it reads, changes, looks again and tells.
var paths = []path{
	{name: "acts", control: "detach-direct-policy", sample: "direct-policy-attached.json"},
	{name: "was handled before", control: "detach-direct-policy", sample: "direct-policy-attached.json", again: true},
	{name: "tells", control: "alert-console-login", sample: "iam-console-login-no-mfa.json"},
}

// Bursted is how many events a warm function handles.
type Bursted struct {
	Function string `json:"function"`
	Path     string `json:"path"`
	On       string `json:"on"` // moto, memory, or nothing for the floor
	Events   int    `json:"events"`
	// PerSecond is how many events one core would handle if it had nothing else to do: those in a second
	// of the process's own time, without what it waits for AWS. In memory it is those in a second of
	// planner, runner and ledger alone, without requests, signatures and answers to read.
	PerSecond float64 `json:"per_second_per_core"`
	// Elapsed is how many there were in a second that passed, one after the other.
	Elapsed float64 `json:"per_second"`
	// Ratio is the own time of an event against that of the floor.
	Ratio float64 `json:"ratio"`
}

// warming is how many events a function has handled before it is measured.
const warming = 20

// Burst measures how many events one warm function handles on one core, with so many events on each
// path: the real bootstrap over the Runtime API, on moto, beside our own code in memory and the floor.
// Events are handled one after the other, as by one environment of Lambda.
func Burst(ctx context.Context, events int, progress func(format string, args ...any)) ([]Bursted, error) {
	root, err := project.Find()
	if err != nil {
		return nil, err
	}
	floor, err := root.Binary(Floor)
	if err != nil {
		return nil, err
	}
	state := burdened(events + warming)
	e, err := openEmulated(ctx, root, state.Users)
	if err != nil {
		return nil, err
	}
	defer e.close()
	sent, err := samples(root, paths[0].sample, events+warming)
	if err != nil {
		return nil, err
	}
	nothing := lambdahost.Function{Name: Floor, Binary: floor, Timeout: time.Minute, Env: map[string]string{"GOMAXPROCS": "1"}}
	idle := lambdahost.New([]lambdahost.Function{nothing}, silent)
	defer idle.Close()
	least, err := pour(ctx, idle, nothing.Name, sent)
	if err != nil {
		return nil, err
	}
	least.Function, least.Path, least.Ratio = Floor, "does nothing", 1
	all := []Bursted{least}
	ratio := func(b Bursted) float64 { return least.PerSecond / b.PerSecond }

	var h *lambdahost.Host
	defer func() {
		if h != nil {
			h.Close()
		}
	}()
	for _, p := range paths {
		if sent, err = samples(root, p.sample, events+warming); err != nil {
			return nil, err
		}
		function, err := e.warm(p.control)
		if err != nil {
			return nil, err
		}
		if !p.again {
			if h != nil {
				h.Close()
			}
			h = lambdahost.New([]lambdahost.Function{function}, silent)
		}
		b, err := pour(ctx, h, function.Name, sent)
		if err != nil {
			return nil, err
		}
		b.Function, b.Path, b.On, b.Ratio = p.control, p.name, Moto, ratio(b)
		progress("%s, which %s: %.0f events a second and core, %.0f in a second that passed", b.Function, b.Path, b.PerSecond, b.Elapsed)
		all = append(all, b)
	}
	inside, err := burstInMemory(ctx, root, state, events)
	for _, b := range inside {
		b.Ratio = ratio(b)
		all = append(all, b)
	}
	return all, err
}

// warm is the function of a control on one core, whose blast radius is not reached.
func (e *emulated) warm(control string) (lambdahost.Function, error) {
	function, err := e.function(control, func(f *settings.Function) { f.BlastRadius = wide })
	if err != nil {
		return lambdahost.Function{}, err
	}
	function.Env["GOMAXPROCS"] = "1"
	return function, nil
}

// pour has a function handle the events one after the other, and leaves it running.
func pour(ctx context.Context, h *lambdahost.Host, name string, events [][]byte) (Bursted, error) {
	var begin time.Time
	var before time.Duration
	for i, event := range events {
		if i == warming {
			spent, err := processorTime(h.Processes()[0])
			if err != nil {
				return Bursted{}, err
			}
			begin, before = time.Now(), spent
		}
		result, err := h.Invoke(ctx, name, event)
		if err != nil {
			return Bursted{}, fmt.Errorf("send %s an event: %w", name, err)
		}
		if result.Failed {
			return Bursted{}, fmt.Errorf("send %s an event: %s", name, result.Payload)
		}
	}
	n := float64(len(events) - warming)
	elapsed := time.Since(begin)
	spent, err := processorTime(h.Processes()[0])
	if err != nil {
		return Bursted{}, err
	}
	return Bursted{Events: len(events) - warming, PerSecond: n / (spent - before).Seconds(), Elapsed: n / elapsed.Seconds()}, nil
}

// burstInMemory handles the events of each path in this process, on one core.
func burstInMemory(ctx context.Context, root project.Root, state fakeaws.State, events int) ([]Bursted, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var all []Bursted
	var carrier *rush.InMemory
	for _, p := range paths {
		sent, err := samples(root, p.sample, events+warming)
		if err != nil {
			return nil, err
		}
		if !p.again {
			if carrier, err = inMemory(root, state, p.control, wide); err != nil {
				return nil, err
			}
		}
		var begin time.Time
		for i, event := range sent {
			if i == warming {
				begin = time.Now()
			}
			answers, err := carrier.Deliver(ctx, begin, event)
			if err != nil {
				return nil, err
			}
			if len(answers) != 1 || answers[0].Failed {
				return nil, fmt.Errorf("send %s an event in memory: %+v", p.control, answers)
			}
		}
		perSecond := float64(events) / time.Since(begin).Seconds()
		all = append(all, Bursted{Function: p.control, Path: p.name, On: Memory, Events: events, PerSecond: perSecond, Elapsed: perSecond})
	}
	return all, nil
}

// burdened is an account of so many users with a direct policy each, the one of the sample.
func burdened(users int) fakeaws.State {
	const policy = "arn:aws:iam::aws:policy/AmazonS3FullAccess"
	state := fakeaws.State{ID: moto.AccountID, Halt: "no", Users: map[string]*fakeaws.User{}, Policies: map[string]fakeaws.Document{policy: rush.Document}}
	for i := range users {
		state.Users[user(i)] = &fakeaws.User{Created: time.Now().AddDate(-1, 0, 0), Tags: map[string]string{"owner": "owner@example.com"}, Attached: []string{policy}}
	}
	return state
}

func user(i int) string { return fmt.Sprintf("user-%04d", i) }

// identifiers are the ids of an envelope and of what CloudTrail recorded.
var identifiers = regexp.MustCompile(`("id"|"eventID"): "[0-9a-f]{8}`)

// samples are so many events like a sample, each about a user of its own.
func samples(root project.Root, name string, n int) ([][]byte, error) {
	sample, err := os.ReadFile(filepath.Join(string(root), "events", name))
	if err != nil {
		return nil, fmt.Errorf("read the sample: %w", err)
	}
	events := make([][]byte, n)
	for i := range n {
		text := identifiers.ReplaceAllString(string(sample), fmt.Sprintf(`$1: "%08x`, i))
		events[i] = []byte(strings.NewReplacer(`"bob"`, `"`+user(i)+`"`, "user/bob", "user/"+user(i), "111122223333", moto.AccountID).Replace(text))
	}
	return events, nil
}

// Queued is what became of events that came at once to a function that may handle so many at a time.
type Queued struct {
	Concurrency int `json:"concurrency"`
	Events      int `json:"events"`
	// Done are those that were handled; Told are the notices, one an event; Kept are those that ended in
	// the queue of what failed.
	Done int `json:"done"`
	Told int `json:"told"`
	Kept int `json:"kept"`
	// Retried are those that took more than one attempt: the topic refuses the first two notices.
	Retried int `json:"retried"`
	// Waited are those for which there was no environment when the first was done; Overtaken those
	// that were done after one that came later.
	Waited    int     `json:"waited"`
	Overtaken int     `json:"overtaken"`
	Seconds   float64 `json:"seconds"`
}

// refusals is how many notices the topic refuses at first.
const refusals = 2

// Queue sends so many events at once to a function that may handle one at a time, two, four: what
// reserved concurrency does. The template reserves none, so that Lambda starts as many environments as
// there are events, up to the account's limit. Events beyond a limit wait in Lambda's own queue, which
// tries to start them for six hours as the template has it, keeps no order and loses none.
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
func Queue(ctx context.Context, events int) ([]Queued, error) {
	root, err := project.Find()
	if err != nil {
		return nil, err
	}
	limits := []int{1, 2, 4}
	e, err := openEmulated(ctx, root, burdened(events*len(limits)).Users)
	if err != nil {
		return nil, err
	}
	defer e.close()
	sent, err := samples(root, paths[0].sample, events*len(limits))
	if err != nil {
		return nil, err
	}
	var all []Queued
	for i, concurrency := range limits {
		q, err := e.queue(sent[i*events:(i+1)*events], concurrency)
		if err != nil {
			return nil, err
		}
		all = append(all, q)
	}
	return all, nil
}

// queue sends the events at once.
func (e *emulated) queue(sent [][]byte, concurrency int) (Queued, error) {
	function, err := e.warm(paths[0].control)
	if err != nil {
		return Queued{}, err
	}
	function.Concurrency = concurrency
	e.meter.reset()
	refused := 0
	e.meter.refuse = func(operation string) string {
		if operation != "sns:Publish" || refused == refusals {
			return ""
		}
		refused++
		return "AuthorizationError"
	}
	type done struct {
		nth    int
		result lambdahost.Result
	}
	results := make(chan done, len(sent))
	h := lambdahost.New([]lambdahost.Function{function}, silent)
	defer h.Close()
	begin := time.Now()
	for i, event := range sent {
		answer, err := h.Send(function.Name, event)
		if err != nil {
			return Queued{}, fmt.Errorf("send %s an event: %w", function.Name, err)
		}
		go func() { results <- done{i, <-answer} }()
	}
	q := Queued{Concurrency: concurrency, Events: len(sent)}
	latest := -1
	for n := range sent {
		d := <-results
		if n == 0 {
			q.Waited = len(sent) - 1 - len(h.Processes())
		}
		switch {
		case d.result.Failed:
			q.Kept++
		case d.result.Attempts > 0:
			q.Done++
		}
		if d.result.Attempts > 1 {
			q.Retried++
		}
		if d.nth < latest {
			q.Overtaken++
		}
		latest = max(latest, d.nth)
	}
	q.Seconds = time.Since(begin).Seconds()
	q.Told = e.meter.counted()["sns:Publish"] - refused
	return q, nil
}
