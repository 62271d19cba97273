package deployment

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// Answer is what a function answered to an event.
type Answer struct {
	Report remediation.Report
	Failed bool          // after all tries; the report is empty then
	Took   time.Duration // the last try
}

// Kept is an event that a function could not handle.
type Kept struct {
	Control string
	Event   []byte
}

// Memory runs functions as Lambda does, many at a time, by the wall clock: three tries, and what fails is
// kept.
type Memory struct {
	Account *fakeaws.Account
	Store   *ledger.Memory
	// Rules say which events start which functions.
	Rules *Rules
	// idle are the execution environments that are not at work, by control. As deployed no function has a
	// limit of its own.
	idle map[string]chan *Function

	refused atomic.Value // the control whose notices are refused
	invoked atomic.Int64
	mu      sync.Mutex
	kept    []Kept
	notices []notice.Message
}

// MemoryOptions say what runs in a [Memory].
type MemoryOptions struct {
	State    fakeaws.State
	Rules    *Rules
	Settings func(control.Control) settings.Function
	// Controls are those that run, all if there are none; Environments how many of each run at a time.
	Controls     []string
	Environments int
	Concurrency  int
}

// NewMemory opens an account in memory with functions in it.
func NewMemory(o MemoryOptions) (*Memory, error) {
	m := &Memory{
		Account: fakeaws.New(o.State), Store: &ledger.Memory{}, Rules: o.Rules, idle: map[string]chan *Function{},
	}
	m.Account.Details, m.Account.Now = 100, time.Now
	if len(o.Controls) == 0 {
		o.Controls = IDs()
	}
	for _, id := range o.Controls {
		m.idle[id] = make(chan *Function, o.Environments)
		for range o.Environments {
			f, err := New(id, Options{
				Account: m.Account, Store: m.Store, Topic: topic{m, id}, Settings: o.Settings, Around: travel,
				Now: time.Now, Sleep: func(context.Context, time.Duration) {}, Concurrency: o.Concurrency,
			})
			if err != nil {
				return nil, err
			}
			m.idle[id] <- f
		}
	}
	return m, nil
}

// travel lets other runs make their calls while a call is on its way.
func travel(_ context.Context, c Call) (any, error) {
	runtime.Gosched()
	return c.Do()
}

// topic takes the notices of a control.
type topic struct {
	of      *Memory
	control string
}

// Publish implements [remediation.Publisher].
func (t topic) Publish(_ context.Context, m notice.Message) (string, error) {
	if _, err := m.Bodies(); err != nil {
		return "", err
	}
	if t.of.refused.Load() == t.control {
		return "", errors.New("publish: refused")
	}
	keep(t.of, &t.of.notices, m)
	return "message-" + m.ID, nil
}

// pauses are those before the second and the third try of an event: Lambda waits one minute, then two.
var pauses = []time.Duration{25 * time.Millisecond, 250 * time.Millisecond}

// Deliver delivers an event and waits for the answers of the functions that it starts.
func (m *Memory) Deliver(ctx context.Context, event []byte) ([]Answer, error) {
	starts, err := m.Rules.Match(event)
	if err != nil {
		return nil, err
	}
	starts = slices.DeleteFunc(starts, func(id string) bool { return m.idle[id] == nil })
	answers := make([]Answer, len(starts))
	var invocations sync.WaitGroup
	for i, id := range starts {
		invocations.Go(func() { answers[i] = m.invoke(ctx, id, event) })
	}
	invocations.Wait()
	return answers, nil
}

// invoke has a function handle an event, as Lambda does with what it is sent: up to three times.
func (m *Memory) invoke(ctx context.Context, id string, event []byte) Answer {
	invocation := remediation.Invocation{ID: fmt.Sprint("invocation-", m.invoked.Add(1)), Left: 15 * time.Minute}
	for try := 0; ; try++ {
		f := <-m.idle[id]
		begin := time.Now()
		report, err := f.Runner.Run(ctx, invocation, event)
		answer := Answer{report, err != nil, time.Since(begin)}
		m.idle[id] <- f
		if err == nil {
			return answer
		}
		if try == len(pauses) {
			keep(m, &m.kept, Kept{id, event})
			answer.Report = remediation.Report{Control: id, Reason: err.Error()}
			return answer
		}
		select {
		case <-time.After(pauses[try]):
		case <-ctx.Done():
		}
	}
}

// Redrive has a function handle what was kept.
func (m *Memory) Redrive(ctx context.Context, k Kept) (Answer, error) {
	return m.invoke(ctx, k.Control, k.Event), nil
}

// Refuse refuses the notices of a control, of none if it is empty.
func (m *Memory) Refuse(_ context.Context, id string) error {
	m.refused.Store(id)
	return nil
}

// Idle waits for nothing: Deliver has waited.
func (m *Memory) Idle(context.Context) error { return nil }

// TakeKept returns what could not be handled since it was called last.
func (m *Memory) TakeKept(context.Context) ([]Kept, error) { return take(m, &m.kept), nil }

// TakeNotices returns the notices that were accepted since it was called last.
func (m *Memory) TakeNotices(context.Context) ([]notice.Message, error) {
	return take(m, &m.notices), nil
}

func keep[T any](m *Memory, in *[]T, v T) {
	m.mu.Lock()
	defer m.mu.Unlock()
	*in = append(*in, v)
}

func take[T any](m *Memory, from *[]T) []T {
	m.mu.Lock()
	defer m.mu.Unlock()
	taken := *from
	*from = nil
	return taken
}

// Snapshot is what the account holds.
func (m *Memory) Snapshot(context.Context) (fakeaws.State, error) { return m.Account.State(), nil }

// Ledger is the account's ledger.
func (m *Memory) Ledger() *ledger.Ledger { return ledger.New(m.Store) }

// Calls is how many calls were made, those of people included.
func (m *Memory) Calls(context.Context) (total int, _ error) {
	for _, n := range m.CallsByOperation() {
		total += n
	}
	return total, nil
}

// CallsByOperation are the calls by operation. Calls to the ledger are not distinguished, and notices are those that
// nobody has taken.
func (m *Memory) CallsByOperation() map[string]int {
	calls := m.Account.Calls()
	calls["dynamodb:*"] = m.Store.Calls()
	m.mu.Lock()
	defer m.mu.Unlock()
	calls["sns:Publish"] = len(m.notices)
	return calls
}

// Functions is the memory of the functions' processes, of which there are none.
func (m *Memory) Functions() (bytes int64, processes int) { return 0, 0 }

// Consequences are the answers to events of Warder's own changes: nothing turns these into events here.
func (m *Memory) Consequences() []Answer { return nil }

// Enforcing are the settings of the functions as in the account's own, but that every control enforces, by the clock of
// the events and with that blast radius.
func Enforcing(set settings.Settings, account string, blastRadius int) func(control.Control) settings.Function {
	return func(c control.Control) settings.Function {
		f := set.Function(c)
		f.Mode, f.EventClock, f.BlastRadius = control.Enforce, true, blastRadius
		f.Account, f.Topic = account, "arn:aws:sns:"+Region+":"+account+":warder"
		for _, id := range IDs() {
			f.Roles = append(f.Roles, settings.FunctionName(id))
		}
		arn := "arn:aws:iam::" + account + ":policy" + change.QuarantinePath
		f.Quarantine = settings.Quarantine{Key: arn + change.KeyQuarantine, Outside: arn + change.OutsideQuarantine}
		return f
	}
}
