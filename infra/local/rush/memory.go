package rush

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go/middleware"

	"github.com/warder-aws/warder/functions/all"
	"github.com/warder-aws/warder/infra/local/pattern"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/iamuser"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// Rules are the rules of the controls, for events of one account.
type Rules struct {
	account   string
	patterns  map[string][]pattern.Pattern // by control
	schedules map[string]string            // control by the ARN of its rule
}

// NewRules reads the rules of the controls that are given; schedules are the ARNs of the rules that
// start sweeps, by control.
func NewRules(account string, all []control.Control, schedules map[string]string) (*Rules, error) {
	r := &Rules{account: account, patterns: map[string][]pattern.Pattern{}, schedules: map[string]string{}}
	for _, c := range all {
		for _, rule := range c.Rules {
			p, err := pattern.Parse(rule)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.ID, err)
			}
			r.patterns[c.ID] = append(r.patterns[c.ID], p)
		}
	}
	for control, rule := range schedules {
		r.schedules[rule] = control
	}
	return r, nil
}

// Match names the controls whose rules match the event, sorted: each once for each rule.
func (r *Rules) Match(event []byte) ([]string, error) {
	var envelope struct {
		Account, Source string
		Resources       []string
	}
	if err := json.Unmarshal(event, &envelope); err != nil {
		return nil, fmt.Errorf("read event: %w", err)
	}
	var starts []string
	if envelope.Account != r.account {
		return nil, nil
	}
	if envelope.Source == "aws.events" && len(envelope.Resources) == 1 {
		if control := r.schedules[envelope.Resources[0]]; control != "" {
			return []string{control}, nil
		}
	}
	e, err := pattern.ParseEvent(event)
	if err != nil {
		return nil, err
	}
	for _, id := range sorted(r.patterns) {
		for _, p := range r.patterns[id] {
			matched, err := p.Match(e)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", id, err)
			}
			if matched {
				starts = append(starts, id)
			}
		}
	}
	return starts, nil
}

// InMemory carries traffic to the account in memory, where the controls run in this process: their
// planners, the runner, the ledger.
type InMemory struct {
	account *fakeaws.Account
	store   *ledger.Memory
	rules   *Rules
	// idle are the execution environments that are not at work, by control. As deployed no function has
	// a limit of its own.
	idle map[string]chan *remediation.Runner

	mu      sync.Mutex
	refused bool
	kept    []Kept
	notices []notice.Message
	invoked int
}

// MemoryOptions are what an account in memory is opened with.
type MemoryOptions struct {
	State    fakeaws.State
	Settings settings.Settings
	Controls []control.Control
	Rules    *Rules
	// BlastRadius takes the place of the settings'.
	BlastRadius int
	// Environments is how many of each function can be at work at a time.
	Environments int
}

// NewInMemory opens an account in memory with every control in enforce.
func NewInMemory(o MemoryOptions) (*InMemory, error) {
	m := &InMemory{account: fakeaws.New(o.State), store: &ledger.Memory{}, rules: o.Rules, idle: map[string]chan *remediation.Runner{}}
	m.account.Details = 100
	m.account.Now = time.Now
	var roles []string
	for _, c := range o.Controls {
		roles = append(roles, settings.FunctionName(c.ID))
	}
	arn := "arn:aws:iam::" + o.State.ID + ":policy" + change.QuarantinePath
	for _, c := range o.Controls {
		if c.Tool {
			continue
		}
		told := o.Settings.Function(c)
		told.Mode, told.EventClock, told.BlastRadius = control.Enforce, true, o.BlastRadius
		told.Account, told.Topic, told.Roles = o.State.ID, "arn:aws:sns:us-east-1:"+o.State.ID+":warder", roles
		told.Quarantine = settings.Quarantine{Key: arn + change.KeyQuarantine, Outside: arn + change.OutsideQuarantine}
		m.idle[c.ID] = make(chan *remediation.Runner, o.Environments)
		for range o.Environments {
			runner, err := m.environment(c, told)
			if err != nil {
				return nil, err
			}
			m.idle[c.ID] <- runner
		}
	}
	return m, nil
}

// environment is an execution environment of the function of a control.
func (m *InMemory) environment(c control.Control, told settings.Function) (*remediation.Runner, error) {
	cfg := m.account.Config()
	cfg.APIOptions = append([]func(*middleware.Stack) error{func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("Network", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			travel()
			return next.HandleInitialize(ctx, in)
		}), middleware.Before)
	}}, cfg.APIOptions...)
	runner := &remediation.Runner{
		Control: c, Settings: told, Ledger: ledger.New(distant{m.store}), Topic: topic{m, c.ID},
		Environment: remediation.Environment{
			Now:   time.Now,
			Sleep: func(context.Context, time.Duration) {},
			Log:   slog.New(slog.DiscardHandler),
		},
	}
	if err := all.Controls[c.ID].Connect(runner, cfg, iamuser.Concurrency); err != nil {
		return nil, fmt.Errorf("set up %s: %w", c.ID, err)
	}
	return runner, nil
}

// travel is what happens while a call is on its way: other runs come to their calls.
func travel() { runtime.Gosched() }

// distant is a store that calls travel to.
type distant struct{ ledger.Store }

func (d distant) Get(ctx context.Context, partition, sort string) (ledger.Item, error) {
	travel()
	return d.Store.Get(ctx, partition, sort)
}

func (d distant) BatchGet(ctx context.Context, keys ...ledger.Key) ([]ledger.Item, error) {
	travel()
	return d.Store.BatchGet(ctx, keys...)
}

func (d distant) Put(ctx context.Context, item ledger.Item) error {
	travel()
	return d.Store.Put(ctx, item)
}

// topic takes the notices of a control.
type topic struct {
	of      *InMemory
	control string
}

// Publish implements [remediation.Publisher].
func (t topic) Publish(_ context.Context, m notice.Message) (string, error) {
	if _, err := m.Bodies(); err != nil {
		return "", err
	}
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	if t.of.refused && t.control == Refused {
		return "", errors.New("publish: refused")
	}
	t.of.notices = append(t.of.notices, m)
	return "message-" + m.ID, nil
}

// Config implements [Carrier].
func (m *InMemory) Config() aws.Config { return m.account.Config() }

// StartSession implements [Carrier].
func (m *InMemory) StartSession(_ context.Context, s Session) error {
	m.account.Alter(fakeaws.State{Sessions: map[string]*fakeaws.Session{s.ID: {Region: s.Region, Owner: s.Owner, Target: s.Target}}})
	return nil
}

// pauses are those before the second and the third try of an event: Lambda waits one minute, then two.
var pauses = []time.Duration{25 * time.Millisecond, 250 * time.Millisecond}

// Deliver implements [Carrier].
func (m *InMemory) Deliver(ctx context.Context, _ time.Time, event []byte) ([]Answer, error) {
	starts, err := m.rules.Match(event)
	if err != nil {
		return nil, err
	}
	answers := make([]Answer, len(starts))
	var all sync.WaitGroup
	for i, control := range starts {
		all.Go(func() { answers[i] = m.invoke(ctx, control, event) })
	}
	all.Wait()
	return answers, nil
}

// invoke has a control handle an event, as Lambda does with what it is sent: up to three times.
func (m *InMemory) invoke(ctx context.Context, control string, event []byte) Answer {
	m.mu.Lock()
	m.invoked++
	id := fmt.Sprintf("invocation-%d", m.invoked)
	m.mu.Unlock()
	answer := Answer{}
	for {
		answer.Attempts++
		runner := <-m.idle[control]
		begin := time.Now()
		report, err := runner.Run(ctx, remediation.Invocation{ID: id, Left: 15 * time.Minute}, event)
		answer.Took = time.Since(begin)
		m.idle[control] <- runner
		if err == nil {
			answer.Report = report
			return answer
		}
		if answer.Attempts > len(pauses) {
			m.mu.Lock()
			m.kept = append(m.kept, Kept{control, event})
			m.mu.Unlock()
			answer.Failed, answer.Report.Control, answer.Report.Reason = true, control, err.Error()
			return answer
		}
		select {
		case <-time.After(pauses[answer.Attempts-1]):
		case <-ctx.Done():
		}
	}
}

// Refuse implements [Carrier].
func (m *InMemory) Refuse(_ context.Context, on bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refused = on
	return nil
}

// Idle implements [Carrier]: Deliver has waited.
func (m *InMemory) Idle(context.Context) error { return nil }

// TakeKept implements [Carrier].
func (m *InMemory) TakeKept(context.Context) ([]Kept, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	kept := m.kept
	m.kept = nil
	return kept, nil
}

// Again implements [Carrier].
func (m *InMemory) Again(ctx context.Context, k Kept) (Answer, error) {
	return m.invoke(ctx, k.Control, k.Event), nil
}

// Ledger implements [Carrier].
func (m *InMemory) Ledger() *ledger.Ledger { return ledger.New(m.store) }

// TakeNotices implements [Carrier].
func (m *InMemory) TakeNotices(context.Context) ([]notice.Message, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	notices := m.notices
	m.notices = nil
	return notices, nil
}

// Calls implements [Carrier]. Those of people are among them.
func (m *InMemory) Calls(context.Context) (int, error) {
	total := m.store.Calls()
	for _, n := range m.account.Calls() {
		total += n
	}
	return total, nil
}

// CallsByOperation are the calls by operation; those to the ledger are not told apart, and notices are
// those that nobody has taken.
func (m *InMemory) CallsByOperation() map[string]int {
	calls := m.account.Calls()
	calls["dynamodb:*"] = m.store.Calls()
	m.mu.Lock()
	defer m.mu.Unlock()
	calls["sns:Publish"] = len(m.notices)
	return calls
}

// Functions implements [Carrier]: there are no processes.
func (m *InMemory) Functions() (bytes int64, processes int) { return 0, 0 }

// Consequences implements [Carrier]: nothing turns what is done in memory into events.
func (m *InMemory) Consequences() []Answer { return nil }

var _ Carrier = (*InMemory)(nil)

// Scheduled names the controls that have a schedule, sorted.
func Scheduled(all []control.Control) []string {
	var names []string
	for _, c := range all {
		if c.Schedule != "" && !c.Tool {
			names = append(names, c.ID)
		}
	}
	slices.Sort(names)
	return names
}
