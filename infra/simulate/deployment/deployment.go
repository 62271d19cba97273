// Package deployment runs the real handlers of all controls over an account in memory: their planners, the
// runner, the ledger. Every call that a function makes passes one hook, which can delay it, refuse it or lose
// its answer. The package decides nothing that Warder decides, and knows no clock but the one it is given.
package deployment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go/middleware"

	"github.com/warder-aws/warder/functions/all"
	"github.com/warder-aws/warder/functions/undo"
	"github.com/warder-aws/warder/infra/simulate/pattern"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
	"github.com/warder-aws/warder/pkg/test/fakeaws"
)

// Region is where the functions run.
const Region = "us-east-1"

// Call is one call that a function makes.
type Call struct {
	Operation string // as "iam:GetUser"
	// Input is the input of the SDK, or the [ledger.Item] of a write to the ledger.
	Input any
	Do    func() (any, error)
}

// Options say what is deployed.
type Options struct {
	Account *fakeaws.Account
	Store   ledger.Store
	Topic   remediation.Publisher
	// Around makes each call to AWS and to the ledger; nil just makes it. Publishing is up to the Topic.
	Around func(context.Context, Call) (any, error)
	// Settings are those of a function.
	Settings func(control.Control) settings.Function
	Now      func() time.Time
	Sleep    func(context.Context, time.Duration)
	// Concurrency is how many users a sweep inspects at a time.
	Concurrency int
}

// Function is the function of one control.
type Function struct {
	ID       string
	Settings settings.Function
	Runner   *remediation.Runner
}

// IDs are the ids of all controls, sorted.
func IDs() []string { return slices.Sorted(maps.Keys(all.Controls)) }

func describe(id string) (control.Control, error) {
	return control.Parse(id+"/control.json", all.Controls[id].Description)
}

// Config is the configuration whose clients go through the hook.
func (o Options) Config() aws.Config {
	cfg := o.Account.Config()
	if o.Around != nil {
		cfg.APIOptions = append(cfg.APIOptions, o.middleware)
	}
	return cfg
}

// runner is the runner of a function, which has no clients yet.
func (o Options) runner(c control.Control) *remediation.Runner {
	return &remediation.Runner{
		Control: c, Settings: o.Settings(c), Ledger: ledger.New(o.Table()).WithHolds(o.Settings(c).HoldDays), Topic: o.Topic,
		Environment: remediation.Environment{Now: o.Now, Sleep: o.Sleep, Log: slog.New(slog.DiscardHandler)},
	}
}

// New makes the function of a control.
func New(id string, o Options) (*Function, error) {
	c, err := describe(id)
	if err != nil {
		return nil, err
	}
	runner := o.runner(c)
	if err := all.Controls[id].Connect(runner, o.Config(), o.Concurrency); err != nil {
		return nil, fmt.Errorf("set up %s: %w", id, err)
	}
	return &Function{id, runner.Settings, runner}, nil
}

// Undo answers requests to undo, with a runner of its own.
type Undo struct {
	*remediation.Runner
	Answer func(context.Context, remediation.UndoRequest) (remediation.UndoAnswer, error)
}

// NewUndo makes the function undo.
func NewUndo(o Options) (u Undo, err error) {
	u.Runner = o.runner(control.Control{ID: remediation.UndoControl})
	ask, err := undo.Tool.Connect(u.Runner, o.Config())
	u.Answer = func(ctx context.Context, q remediation.UndoRequest) (remediation.UndoAnswer, error) {
		answer, err := ask(ctx, undo.Request{UndoRequest: q})
		return *answer.UndoAnswer, err
	}
	return u, err
}

// Rules are the event patterns and schedules of controls, for the events of one account.
type Rules struct {
	account   string
	patterns  map[string][]pattern.Pattern // by control
	Schedules map[string]string            // the ARNs of the rules that start sweeps, by control
}

// NewRules reads the rules of all controls. Schedules that are nil get ARNs.
func NewRules(account string, schedules map[string]string) (*Rules, error) {
	r := &Rules{account, map[string][]pattern.Pattern{}, map[string]string{}}
	for _, id := range IDs() {
		c, err := describe(id)
		if err != nil {
			return nil, err
		}
		for _, rule := range c.Rules {
			p, err := pattern.Parse(rule)
			if err != nil {
				return nil, fmt.Errorf("read the rules of %s: %w", id, err)
			}
			r.patterns[id] = append(r.patterns[id], p)
		}
		if c.Schedule != "" {
			r.Schedules[id] = ScheduleARN(account, id)
		}
	}
	if schedules != nil {
		r.Schedules = schedules
	}
	return r, nil
}

// Match names the controls that the event starts, sorted: each once for each of its rules.
func (r *Rules) Match(event []byte) (starts []string, _ error) {
	var envelope struct {
		Account, Source string
		Resources       []string
	}
	var fields pattern.Event
	if err := errors.Join(json.Unmarshal(event, &envelope), json.Unmarshal(event, &fields)); err != nil {
		return nil, fmt.Errorf("read event: %w", err)
	}
	if envelope.Account != r.account {
		return nil, nil
	}
	for _, id := range IDs() {
		if rule := r.Schedules[id]; envelope.Source == "aws.events" && slices.Equal(envelope.Resources, []string{rule}) {
			return []string{id}, nil
		}
		for _, p := range r.patterns[id] {
			if p(fields) {
				starts = append(starts, id)
			}
		}
	}
	return starts, nil
}

// ScheduleARN is the ARN of a rule that starts the sweeps of a control.
func ScheduleARN(account, id string) string {
	return "arn:aws:events:" + Region + ":" + account + ":rule/warder-" + id
}

// middleware passes the calls of SDK clients through the hook.
func (o Options) middleware(stack *middleware.Stack) error {
	around := func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
		out middleware.InitializeOutput, metadata middleware.Metadata, err error,
	) {
		of := reflect.TypeOf(in.Parameters).Elem()
		operation := path.Base(of.PkgPath()) + ":" + strings.TrimSuffix(of.Name(), "Input")
		out.Result, err = o.Around(ctx, Call{operation, in.Parameters, func() (any, error) {
			out, _, err := next.HandleInitialize(ctx, in)
			return out.Result, err
		}})
		return out, metadata, err
	}
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("Around", around), middleware.Before)
}

// Table is the ledger's table, the calls to which go through the hook.
func (o Options) Table() ledger.Store {
	if o.Around == nil {
		return o.Store
	}
	return store{o, o.Store}
}

// store passes the calls to the ledger's table through the hook.
type store struct {
	o Options
	ledger.Store
}

func through[Out any](ctx context.Context, s store, operation string, input any, do func() (Out, error)) (Out, error) {
	out, err := s.o.Around(ctx, Call{"dynamodb:" + operation, input, func() (any, error) { return do() }})
	made, _ := out.(Out)
	return made, err
}

type items = []ledger.Item

func (s store) Get(ctx context.Context, partition, sort string) (ledger.Item, error) {
	do := func() (ledger.Item, error) { return s.Store.Get(ctx, partition, sort) }
	return through(ctx, s, "GetItem", nil, do)
}

func (s store) BatchGet(ctx context.Context, keys ...ledger.Key) (items, error) {
	return through(ctx, s, "BatchGetItem", nil, func() (items, error) { return s.Store.BatchGet(ctx, keys...) })
}

func (s store) Put(ctx context.Context, item ledger.Item) error {
	_, err := through(ctx, s, "PutItem", item, func() (any, error) { return nil, s.Store.Put(ctx, item) })
	return err
}

func (s store) Query(ctx context.Context, partition string) (items, error) {
	return through(ctx, s, "Query", nil, func() (items, error) { return s.Store.Query(ctx, partition) })
}

func (s store) Index(ctx context.Context, subject string, since time.Time) (items, error) {
	return through(ctx, s, "Query", nil, func() (items, error) { return s.Store.Index(ctx, subject, since) })
}

func (s store) Scan(ctx context.Context, prefixes ...string) (items, error) {
	return through(ctx, s, "Scan", nil, func() (items, error) { return s.Store.Scan(ctx, prefixes...) })
}
