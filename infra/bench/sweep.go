package main

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"time"

	"github.com/warder-aws/warder/functions"
	"github.com/warder-aws/warder/infra/local/moto"
	"github.com/warder-aws/warder/infra/local/project"
	"github.com/warder-aws/warder/infra/local/rush"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// sweepers are the controls whose sweep inspects every user. The others' sweeps inspect the account, a list
// from the settings, or the open cases.
var sweepers = []string{
	"deactivate-stale-access-key", "deactivate-unused-access-key", "detach-direct-policy",
	"require-permissions-boundary", "rotate-access-key",
}

// Where a sweep or a burst is measured.
const (
	Moto   = "moto"   // the real bootstrap, over the Runtime API
	Memory = "memory" // planner, runner and ledger in this process
)

// Swept has the figures of one control's sweep.
type Swept struct {
	Users   int    `json:"users"`
	Control string `json:"control"`
	On      string `json:"on"`
	// Calls are all calls to AWS; IAM and Ledger are those to IAM and to DynamoDB among them.
	Calls   int     `json:"calls"`
	IAM     int     `json:"iam"`
	Ledger  int     `json:"ledger"`
	Seconds float64 `json:"seconds"`
	// RSSKB is the peak memory in kB. On moto it is what was resident of the function's process, in memory
	// the growth of the heap.
	RSSKB int64 `json:"rss_kb"`
}

// sweeps measures the first sweep of each of the controls over accounts of so many users, as
// [fakeaws.Large] has them: the most expensive one, because the ledger is empty.
func sweeps(ctx context.Context, sizes []int, progress progressFunc) ([]Swept, error) {
	var all []Swept
	for _, users := range sizes {
		more, err := sweepsOf(ctx, users, progress)
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	return all, nil
}

func sweepsOf(ctx context.Context, users int, progress progressFunc) ([]Swept, error) {
	root, err := project.Find()
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC().Truncate(time.Second)
	state := crowd(users, now)
	var all []Swept
	for _, control := range sweepers { // before there is anything else on the heap
		swept, err := sweepInMemory(ctx, root, state, control, now)
		if err != nil {
			return nil, err
		}
		all = append(all, swept)
	}
	a, err := openAccount(ctx, state.Users)
	if err != nil {
		return nil, err
	}
	defer a.close()
	for _, control := range sweepers {
		swept, err := a.sweep(ctx, users, control, now)
		if err != nil {
			return nil, err
		}
		progress("%s, %d users: %d calls, %.1f s, %d kB", control, users, swept.Calls, swept.Seconds, swept.RSSKB)
		all = append(all, swept)
	}
	return all, nil
}

// crowd is an account of so many users, of whom one in a hundred has a finding for every control.
func crowd(users int, now time.Time) fakeaws.State {
	state := fakeaws.Large(users, now, now)
	state.ID, state.Halt = moto.AccountID, "no"
	arn := "arn:aws:iam::" + moto.AccountID + ":policy/" + boundary
	state.Policies[arn] = document
	for i := range users {
		one := state.Users[user(i)]
		if fakeaws.Matters(i) {
			one.Tags["warder:rotate"] = "yes"
			continue
		}
		one.Boundary = arn
	}
	return state
}

// sweep has the control's function sweep the account.
func (a *meteredAccount) sweep(ctx context.Context, users int, control string, now time.Time) (Swept, error) {
	function, err := a.function(control, func(*settings.Function) {})
	if err != nil {
		return Swept{}, err
	}
	h := newHost(function)
	defer h.Close()
	a.meter.reset()
	result, err := invoke(ctx, h, function.Name, sweepEvent(control, now))
	if err != nil {
		return Swept{}, err
	}
	swept := Swept{Users: users, Control: control, On: Moto, Seconds: result.Duration.Seconds()}
	swept.count(a.meter.counted())
	swept.RSSKB, err = memoryKB(h.Processes()[0], "VmHWM")
	return swept, err
}

// count adds calls by operation.
func (s *Swept) count(calls map[string]int) {
	for operation, n := range calls {
		s.Calls += n
		switch service, _, _ := strings.Cut(operation, ":"); service {
		case "iam":
			s.IAM += n
		case "dynamodb":
			s.Ledger += n
		}
	}
}

// sweepInMemory has the control sweep a copy of the state in this process.
func sweepInMemory(ctx context.Context, root project.Root, state fakeaws.State, id string, now time.Time,
) (Swept, error) {
	account, err := inMemory(root, state, id, 0)
	if err != nil {
		return Swept{}, err
	}
	runtime.GC()
	heapGrowth := watchHeap()
	begin := time.Now()
	answers, err := account.Deliver(ctx, now, sweepEvent(id, now))
	swept := Swept{Users: len(state.Users), Control: id, On: Memory, Seconds: time.Since(begin).Seconds()}
	swept.RSSKB = heapGrowth() / 1024
	if err == nil && (len(answers) != 1 || answers[0].Failed) {
		err = fmt.Errorf("%+v", answers)
	}
	if err != nil {
		return Swept{}, fmt.Errorf("sweep with %s in memory: %w", id, err)
	}
	swept.count(account.CallsByOperation())
	return swept, nil
}

// inMemory is an account in memory with the one control. A blast radius of 0 is that of the settings.
func inMemory(root project.Root, state fakeaws.State, id string, blastRadius int) (*rush.InMemory, error) {
	all, err := functions.Controls()
	if err != nil {
		return nil, err
	}
	set, err := root.TourSettings(all)
	if err != nil {
		return nil, err
	}
	one := slices.DeleteFunc(all, func(c control.Control) bool { return c.ID != id })
	rules, err := rush.NewRules(state.ID, one, map[string]string{id: ruleARN(id)})
	if err != nil {
		return nil, err
	}
	return rush.NewInMemory(rush.MemoryOptions{
		State: state, Settings: set, Controls: one, Rules: rules,
		BlastRadius: cmp.Or(blastRadius, set.BlastRadius), Environments: 1,
	})
}

// heap is the metric of the bytes of the objects on the heap, garbage that is not yet found included.
const heap = "/memory/classes/heap/objects:bytes"

// watchHeap reads the size of the heap every millisecond. The function that it returns ends that, and
// returns by how many bytes the heap has grown at most.
func watchHeap() func() int64 {
	read := func() int64 {
		sample := []metrics.Sample{{Name: heap}}
		metrics.Read(sample)
		return int64(sample[0].Value.Uint64())
	}
	before := read()
	end, most := make(chan struct{}), make(chan int64)
	go func() {
		highest := before
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			highest = max(highest, read())
			select {
			case <-tick.C:
			case <-end:
				most <- max(highest, read())
				return
			}
		}
	}()
	return func() int64 {
		close(end)
		return <-most - before
	}
}
