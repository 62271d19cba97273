package bench

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"runtime/metrics"
	"strings"
	"time"

	"github.com/warder-aws/warder/functions"
	"github.com/warder-aws/warder/infra/local/lambdahost"
	"github.com/warder-aws/warder/infra/local/moto"
	"github.com/warder-aws/warder/infra/local/project"
	"github.com/warder-aws/warder/infra/local/rush"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// Sizes are how many users the accounts have that are swept. 5,000 is the most that IAM allows.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
var Sizes = []int{100, 1000, 5000}

// Sweepers are the controls whose sweep looks at every user. The sweeps of the others look at the
// account, at what somebody lists or at open cases.
var Sweepers = []string{
	"deactivate-stale-access-key", "deactivate-unused-access-key", "detach-direct-policy", "require-permissions-boundary", "rotate-access-key",
}

// Where a sweep is measured.
const (
	Moto   = "moto"   // the real bootstrap, over the Runtime API
	Memory = "memory" // planner, runner and ledger in this process
)

// Swept is what a sweep of one control took.
type Swept struct {
	Users   int    `json:"users"`
	Control string `json:"control"`
	On      string `json:"on"`
	// Calls are all calls to AWS; IAM and Ledger are those to IAM and to DynamoDB among them.
	Calls   int     `json:"calls"`
	IAM     int     `json:"iam"`
	Ledger  int     `json:"ledger"`
	Seconds float64 `json:"seconds"`
	// RSSKB is the most memory that there was, in kB: resident, of the function's process, on moto;
	// of objects of the heap, beyond those that were there before, in memory.
	RSSKB int64 `json:"rss_kb"`
}

// Sweep measures the first sweep of each of the controls over accounts of so many users, as
// [fakeaws.Large] has them: the most expensive one, as nothing is known yet. The project must be built.
func Sweep(ctx context.Context, sizes []int, progress func(format string, args ...any)) ([]Swept, error) {
	root, err := project.Find()
	if err != nil {
		return nil, err
	}
	var all []Swept
	for _, users := range sizes {
		now := time.Now().UTC().Truncate(time.Second)
		state := crowd(moto.AccountID, users, now)
		for _, control := range Sweepers {
			swept, err := sweepInMemory(ctx, root, state, control, now)
			if err != nil {
				return nil, err
			}
			all = append(all, swept)
		}
		e, err := openEmulated(ctx, root, state.Users)
		if err != nil {
			return nil, err
		}
		for _, control := range Sweepers {
			swept, err := e.sweep(ctx, users, control, now)
			if err != nil {
				e.close()
				return nil, err
			}
			progress("%s, %d users: %d calls, %.1f s, %d kB", control, users, swept.Calls, swept.Seconds, swept.RSSKB)
			all = append(all, swept)
		}
		e.close()
	}
	return all, nil
}

// crowd is an account of so many users, of whom one in a hundred gives every control something to do.
func crowd(id string, users int, now time.Time) fakeaws.State {
	state := fakeaws.Large(users, now, now)
	state.ID, state.Halt = id, "no"
	boundary := "arn:aws:iam::" + id + ":policy/" + rush.Boundary
	state.Policies[boundary] = rush.Document
	for i := range users {
		one := state.Users[user(i)]
		if fakeaws.Matters(i) {
			one.Tags["warder:rotate"] = "yes"
			continue
		}
		one.Boundary = boundary
	}
	return state
}

// sweep has the control sweep the account.
func (e *emulated) sweep(ctx context.Context, users int, control string, now time.Time) (Swept, error) {
	function, err := e.function(control, nil)
	if err != nil {
		return Swept{}, err
	}
	h := lambdahost.New([]lambdahost.Function{function}, silent)
	defer h.Close()
	e.meter.reset()
	result, err := h.Invoke(ctx, function.Name, sweepEvent(control, moto.AccountID, now))
	if err != nil {
		return Swept{}, fmt.Errorf("sweep with %s: %w", control, err)
	}
	if result.Failed {
		return Swept{}, fmt.Errorf("sweep with %s: %s", control, result.Payload)
	}
	swept := Swept{Users: users, Control: control, On: Moto, Seconds: result.Duration.Seconds()}
	swept.count(e.meter.counted())
	for _, pid := range h.Processes() {
		if swept.RSSKB, err = peak(pid); err != nil {
			return Swept{}, err
		}
	}
	return swept, nil
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

// sweepInMemory has the control sweep a copy of the state.
func sweepInMemory(ctx context.Context, root project.Root, state fakeaws.State, id string, now time.Time) (Swept, error) {
	carrier, err := inMemory(root, state, id, 0)
	if err != nil {
		return Swept{}, err
	}
	runtime.GC()
	watch := watchHeap()
	begin := time.Now()
	answers, err := carrier.Deliver(ctx, now, sweepEvent(id, state.ID, now))
	swept := Swept{Users: len(state.Users), Control: id, On: Memory, Seconds: time.Since(begin).Seconds(), RSSKB: watch() / 1024}
	if err != nil {
		return Swept{}, err
	}
	if len(answers) != 1 || answers[0].Failed {
		return Swept{}, fmt.Errorf("sweep with %s in memory: %+v", id, answers)
	}
	swept.count(carrier.CallsByOperation())
	return swept, nil
}

// inMemory is an account in memory with the one control, and the blast radius of the settings if none is
// given.
func inMemory(root project.Root, state fakeaws.State, id string, blastRadius int) (*rush.InMemory, error) {
	all, err := functions.Controls()
	if err != nil {
		return nil, err
	}
	set, err := root.TourSettings(all)
	if err != nil {
		return nil, err
	}
	var one []control.Control
	for _, c := range all {
		if c.ID == id {
			one = append(one, c)
		}
	}
	rules, err := rush.NewRules(state.ID, one, map[string]string{id: rule(id, state.ID)})
	if err != nil {
		return nil, err
	}
	return rush.NewInMemory(rush.MemoryOptions{State: state, Settings: set, Controls: one, Rules: rules, BlastRadius: cmp.Or(blastRadius, set.BlastRadius), Environments: 1})
}

// heap names the bytes of the objects on the heap, those that are not yet known to be garbage included.
const heap = "/memory/classes/heap/objects:bytes"

// watchHeap looks every millisecond at how large the heap is. What it returns ends that, and tells by
// how many bytes the heap has grown at most.
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
