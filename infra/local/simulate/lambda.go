package simulate

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/warder-aws/warder/functions/all"
	"github.com/warder-aws/warder/functions/undo"
	"github.com/warder-aws/warder/infra/local/pattern"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
)

// A lambda is the function of one control.
type lambda struct {
	id       string
	control  control.Control
	patterns []pattern.Pattern
	settings settings.Function
	runner   *remediation.Runner

	swept   time.Time // when its last sweep began that came to its end
	misses  bool      // it gets no schedule today
	written []time.Time
}

// An invocation is one event on its way through a function, with its retries.
type invocation struct {
	*lambda
	id      string
	event   message
	sweep   bool
	subject string // the user that the event is about
	fresh   string // what it says was done to the user, as a fact
	tries   int

	faults  []*fault          // what goes wrong in this try
	calls   int               // to AWS, in this try
	cut     bool              // it was cut off
	stale   map[string]any    // answers that IAM gives for a while after a change
	lagging time.Time         // until when
	keys    map[string]string // by user: the key that was switched in this try
	told    []string          // ids of the notices that were accepted in this try
}

// deploy makes the functions.
func (w *world) deploy() error {
	cfg := w.config()
	for _, id := range slices.Sorted(maps.Keys(all.Controls)) {
		made := all.Controls[id]
		c, err := control.Parse(id+"/control.json", made.Description)
		if err != nil {
			return err
		}
		f := w.settings(c)
		l := &lambda{id: id, control: c, settings: f, runner: w.runner(c, f)}
		if err := made.Connect(l.runner, cfg, 0); err != nil {
			return fmt.Errorf("set up %s: %w", id, err)
		}
		for _, rule := range c.Rules {
			p, err := pattern.Parse(rule)
			if err != nil {
				return fmt.Errorf("%s: %w", id, err)
			}
			l.patterns = append(l.patterns, p)
		}
		w.lambdas = append(w.lambdas, l)
	}
	w.undoer = w.runner(control.Control{ID: remediation.UndoControl}, w.lambdas[0].settings)
	var err error
	w.answerUndo, err = undo.Tool.Connect(w.undoer, cfg)
	return err
}

// runner is the runner of a function, which has no clients yet.
func (w *world) runner(c control.Control, f settings.Function) *remediation.Runner {
	return &remediation.Runner{
		Control: c, Settings: f, Ledger: w.ledger, Topic: w,
		Environment: remediation.Environment{
			Now:   func() time.Time { return w.now },
			Sleep: w.sleep,
			Log:   slog.New(slog.DiscardHandler),
		},
	}
}

// settings are what the function of a control is told.
func (w *world) settings(c control.Control) settings.Function {
	parameters := map[string]any{}
	for name, p := range c.Parameters {
		parameters[name] = p.Default
	}
	maps.Copy(parameters, w.chosen.parameters(c.ID))
	mode := control.Enforce
	if w.chosen.observed[c.ID] {
		mode = control.Observe
	}
	language := settings.English
	if w.chosen.ko {
		language = settings.Korean
	}
	return settings.Function{
		Mode: mode, Parameters: object(parameters), AllowedNetworks: networks, Owners: settings.Owners{Tags: []string{"owner"}, Default: "security@example.com"},
		BlastRadius: w.chosen.blast, HoldDays: w.chosen.hold, Runbooks: "https://example.com/", Language: language, Table: "warder", Topic: topic,
		Account: number, Halt: halts, Roles: []string{"warder-self"},
		Quarantine: settings.Quarantine{Key: quarantines + change.KeyQuarantine, Outside: quarantines + change.OutsideQuarantine},
	}
}

// put puts an event on the bus: it comes to every function whose rules ask for it, in its own time,
// or it is lost on the way.
func (w *world) put(e message, f fate, subject, fresh string) {
	event, err := pattern.ParseEvent(e.json)
	if err != nil {
		panic(err) // it was made here
	}
	for _, l := range w.lambdas {
		if !slices.ContainsFunc(l.patterns, func(p pattern.Pattern) bool {
			matched, err := p.Match(event)
			if err != nil {
				panic(err) // the patterns of all controls can be matched, see the tests of package pattern
			}
			return matched
		}) {
			continue
		}
		w.count("events")
		if f.lost {
			w.count("events lost")
			w.note(subject, "the event %s is lost on its way to %s", e.name, l.id)
			continue
		}
		if f.late > time.Hour {
			w.count("events late")
		}
		w.invokeAt(w.now.Add(f.late), l, e, subject, fresh, false)
		if f.twice {
			w.count("events doubled")
			w.invokeAt(w.now.Add(f.late+f.again), l, e, subject, fresh, false)
		}
	}
}

func (w *world) invokeAt(at time.Time, l *lambda, e message, subject, fresh string, sweep bool) {
	w.asked++
	i := &invocation{lambda: l, id: fmt.Sprintf("request-%d", w.asked), event: e, sweep: sweep, subject: subject, fresh: fresh}
	w.at(at, func() { w.invoke(i) })
}

// The retries of Lambda, and when somebody sends on what was kept after them
// (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html).
var retries = []time.Duration{time.Minute, 2 * time.Minute}

// invoke runs a function once.
func (w *world) invoke(i *invocation) {
	i.tries++
	i.calls, i.cut, i.stale, i.lagging, i.keys, i.told = 0, false, map[string]any{}, time.Time{}, map[string]string{}, nil
	i.faults = w.troubles(i)
	w.count("invocations")
	begin := w.now
	w.running = i
	report, err := i.runner.Run(context.Background(), remediation.Invocation{ID: i.id, Left: 15 * time.Minute}, i.event.json)
	w.running = nil
	if i.cut && err == nil {
		err = errFault
	}
	w.ended(i, begin, report, err)
	switch {
	case err == nil:
		if i.sweep {
			i.swept = begin
		}
	case i.tries%3 != 0:
		w.count("retries")
		w.at(w.now.Add(retries[i.tries%3-1]), func() { w.invoke(i) })
	default:
		w.count("kept in a queue")
		w.note(i.subject, "%s gives up on %s after three tries: %v", i.lambda.id, i.event.id, err)
		if i.sweep {
			delete(w.open, i) // tomorrow's does its work
			return
		}
		w.at(w.now.Add(6*time.Hour+time.Duration(w.asked%40)*time.Hour), func() {
			w.count("redriven")
			i.id += "-again"
			w.invoke(i)
		})
	}
}

// Publish implements [remediation.Publisher]: SNS.
func (w *world) Publish(_ context.Context, m notice.Message) (string, error) {
	return called(w, "sns:Publish", func() (string, error) {
		body, err := m.Bodies()
		if err != nil {
			return "", err
		}
		w.told(m, body)
		return fmt.Sprintf("message-%d", len(w.notices)), nil
	})
}

// sleep lets the time go by in a function.
func (w *world) sleep(_ context.Context, d time.Duration) { w.pass(d) }

// pass lets the time go by, and what IAM has not shown yet come into sight.
func (w *world) pass(d time.Duration) {
	w.now = w.now.Add(d)
	for len(w.unseen) > 0 && !w.unseen[0].at.After(w.now) {
		first := w.unseen[0]
		w.unseen = w.unseen[1:]
		first.do()
	}
}

func (w *world) config() aws.Config {
	cfg := w.account.Config()
	cfg.APIOptions = append(cfg.APIOptions, w.middleware)
	cfg.HTTPClient = transport{w, cfg.HTTPClient}
	return cfg
}
