package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/warder-aws/warder/infra/local/lambdahost"
	"github.com/warder-aws/warder/infra/local/moto"
	"github.com/warder-aws/warder/infra/local/project"
	"github.com/warder-aws/warder/infra/local/rush"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// unreached is a blast radius that no burst reaches: the largest that the settings allow.
const unreached = 1000

// A path is a way of events through a function.
type path struct {
	name    string
	control string
	sample  string // in events/
	// again repeats the events of the path before, which were handled.
	again bool
}

// paths are the measured ones. The first does most: it reads, changes, verifies and notifies.
var paths = []path{
	{name: "acts", control: "detach-direct-policy", sample: "direct-policy-attached.json"},
	{name: "was handled before", control: "detach-direct-policy", sample: "direct-policy-attached.json", again: true},
	{name: "notifies", control: "alert-console-login", sample: "iam-console-login-no-mfa.json"},
}

// Bursted is how many events a warm function handles.
type Bursted struct {
	Function string `json:"function"`
	Path     string `json:"path"`
	On       string `json:"on"` // moto, memory, or nothing for the floor
	Events   int    `json:"events"`
	// PerSecond is the number of events in a second of the process's own processor time, without waiting for
	// AWS. In memory it is that of planner, runner and ledger alone, without requests, signatures and answers.
	PerSecond float64 `json:"per_second_per_core"`
	// Elapsed is the number of events in a second of real time, one after the other.
	Elapsed float64 `json:"per_second"`
	// Ratio is the processor time of an event against that of the floor.
	Ratio float64 `json:"ratio"`
}

// warming is how many events a function handles before the measurement.
const warming = 20

// bursts measures how many events one warm function handles on one core, with so many events on each
// path: the real bootstrap on moto, beside our own code in memory and the floor. Events are handled one
// after the other, as by one environment of Lambda.
func bursts(ctx context.Context, events int, progress progressFunc) ([]Bursted, error) {
	state := burdened(events + warming)
	a, err := openAccount(ctx, state.Users)
	if err != nil {
		return nil, err
	}
	defer a.close()
	floor, err := a.burstFloor(ctx, events)
	if err != nil {
		return nil, err
	}
	onMoto, err := a.bursts(ctx, events, progress)
	if err != nil {
		return nil, err
	}
	inMemory, err := burstsInMemory(ctx, a.root, state, events)
	if err != nil {
		return nil, err
	}
	all := slices.Concat([]Bursted{floor}, onMoto, inMemory)
	for i := range all {
		all[i].Ratio = floor.PerSecond / all[i].PerSecond
	}
	return all, nil
}

func (a *meteredAccount) burstFloor(ctx context.Context, events int) (Bursted, error) {
	binary, err := a.root.Binary(floorName)
	if err != nil {
		return Bursted{}, err
	}
	f := floorFunction(binary)
	f.Env["GOMAXPROCS"] = "1"
	h := newHost(f)
	defer h.Close()
	p := paths[0]
	p.control, p.name = floorName, "does nothing"
	return burstOn(ctx, a.root, h, floorName, p, events)
}

// bursts sends the events of each path through the function of its control.
func (a *meteredAccount) bursts(ctx context.Context, events int, progress progressFunc) (all []Bursted, err error) {
	var h *lambdahost.Host
	defer func() {
		if h != nil {
			h.Close()
		}
	}()
	for _, p := range paths {
		function, err := a.oneCore(p.control)
		if err != nil {
			return nil, err
		}
		if !p.again {
			if h != nil {
				h.Close()
			}
			h = newHost(function)
		}
		b, err := burstOn(ctx, a.root, h, function.Name, p, events)
		if err != nil {
			return nil, err
		}
		b.On = Moto
		progress("%s, which %s: %.0f events a second and core, %.0f a second", b.Function, b.Path, b.PerSecond, b.Elapsed)
		all = append(all, b)
	}
	return all, nil
}

// oneCore is the function of a control on one core, with a blast radius that it does not reach.
func (a *meteredAccount) oneCore(control string) (lambdahost.Function, error) {
	f, err := a.function(control, func(f *settings.Function) { f.BlastRadius = unreached })
	if err != nil {
		return lambdahost.Function{}, err
	}
	f.Env["GOMAXPROCS"] = "1"
	return f, nil
}

// burstOn has a function on a host handle the events of a path, and leaves it running.
func burstOn(ctx context.Context, root project.Root, h *lambdahost.Host, name string, p path, events int,
) (Bursted, error) {
	return burst(root, p, events,
		func(event []byte) error { _, err := invoke(ctx, h, name, event); return err },
		func() (time.Duration, error) { return processorTime(h.Processes()[0]) })
}

// burstsInMemory handles the events of each path in this process, on one core.
func burstsInMemory(ctx context.Context, root project.Root, state fakeaws.State, events int) ([]Bursted, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var all []Bursted
	var account *rush.InMemory
	for _, p := range paths {
		if !p.again {
			var err error
			if account, err = inMemory(root, state, p.control, unreached); err != nil {
				return nil, err
			}
		}
		begin := time.Now()
		b, err := burst(root, p, events, func(event []byte) error {
			answers, err := account.Deliver(ctx, begin, event)
			if err == nil && (len(answers) != 1 || answers[0].Failed) {
				err = fmt.Errorf("deliver to %s in memory: %+v", p.control, answers)
			}
			return err
		}, func() (time.Duration, error) { return time.Since(begin), nil })
		if err != nil {
			return nil, err
		}
		b.On = Memory
		all = append(all, b)
	}
	return all, nil
}

// burst handles the events of a path one after the other, and compares what the processor's clock shows.
func burst(root project.Root, p path, events int, handle func([]byte) error, clock func() (time.Duration, error),
) (Bursted, error) {
	sent, err := samples(root, p.sample, events+warming)
	if err != nil {
		return Bursted{}, err
	}
	var begin time.Time
	var before time.Duration
	for i, event := range sent {
		if i == warming {
			if before, err = clock(); err != nil {
				return Bursted{}, err
			}
			begin = time.Now()
		}
		if err := handle(event); err != nil {
			return Bursted{}, err
		}
	}
	elapsed := time.Since(begin)
	after, err := clock()
	n := float64(events)
	return Bursted{
		Function: p.control, Path: p.name, Events: events,
		PerSecond: n / (after - before).Seconds(), Elapsed: n / elapsed.Seconds(),
	}, err
}

// burdened is an account of so many users, each with the direct policy of the sample.
func burdened(users int) fakeaws.State {
	const policy = "arn:aws:iam::aws:policy/AmazonS3FullAccess"
	state := fakeaws.State{
		ID: moto.AccountID, Halt: "no", Users: map[string]*fakeaws.User{},
		Policies: map[string]fakeaws.Document{policy: document},
	}
	for i := range users {
		state.Users[user(i)] = &fakeaws.User{
			Created: time.Now().AddDate(-1, 0, 0), Tags: map[string]string{"owner": "owner@example.com"},
			Attached: []string{policy},
		}
	}
	return state
}

func user(i int) string { return fmt.Sprintf("user-%04d", i) }

// sampleID matches the ids of an event and of its CloudTrail record.
var sampleID = regexp.MustCompile(`("id"|"eventID"): "[0-9a-f]{8}`)

// samples returns so many events like a sample, each about a user of its own.
func samples(root project.Root, name string, n int) ([][]byte, error) {
	sample, err := os.ReadFile(filepath.Join(string(root), "events", name))
	if err != nil {
		return nil, fmt.Errorf("read the sample: %w", err)
	}
	events := make([][]byte, n)
	for i := range n {
		text := sampleID.ReplaceAllString(string(sample), fmt.Sprintf(`$1: "%08x`, i))
		events[i] = []byte(strings.NewReplacer(
			`"bob"`, `"`+user(i)+`"`, "user/bob", "user/"+user(i), "111122223333", moto.AccountID,
		).Replace(text))
	}
	return events, nil
}
