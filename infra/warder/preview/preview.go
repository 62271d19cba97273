// Package preview shows what Warder would find in an account on the first day of enforce, and whom it would
// notify. The planners run in this process, with a ledger in memory; their notices are collected and go to
// nobody. It never writes: package readonly refuses every operation that does not only read, before it is sent.
package preview

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/warder-aws/warder/functions/all"
	"github.com/warder-aws/warder/infra/warder/account"
	"github.com/warder-aws/warder/infra/warder/readonly"
	"github.com/warder-aws/warder/infra/warder/terminal"
	"github.com/warder-aws/warder/pkg/change"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/iamuser"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/remediation"
	"github.com/warder-aws/warder/pkg/settings"
)

// A Preview is what Warder would find in an account on the first day of enforce.
type Preview struct {
	Account    string    `json:"account"`
	Caller     string    `json:"caller"` // ARN of whose credentials they are
	Region     string    `json:"region"`
	Settings   string    `json:"settings"` // where they come from
	At         time.Time `json:"at"`
	Reads      int       `json:"reads"` // calls to the account
	Lines      []Line    `json:"lines"`
	Controls   []Total   `json:"controls"`
	Off        []string  `json:"off"`        // controls that the settings turn off
	EventsOnly []string  `json:"eventsOnly"` // controls that no sweep starts: what they would do cannot be foreseen

	// BlastRadius is how many changes a control may make in an hour.
	BlastRadius int `json:"blastRadius"`
}

// A Line is one thing that somebody would be notified of, or that would be left unchanged.
type Line struct {
	Control  string    `json:"control"`
	When     string    `json:"when"`
	Due      time.Time `json:"due,omitzero"` // when it would be changed, for Due
	Owner    string    `json:"owner"`        // who would be notified; empty for the topic's subscribers alone
	Subject  string    `json:"subject"`
	Severity string    `json:"severity,omitempty"`
	Title    string    `json:"title,omitempty"`
	Text     string    `json:"text,omitempty"`
	Changes  []string  `json:"changes,omitempty"`
	Reason   string    `json:"reason,omitempty"` // why nothing is changed
}

// When a line's changes would be made, in the order of the lines.
const (
	Failed     = "failed" // it could not be evaluated
	AtOnce     = "at once"
	Due        = "due"
	NotifyOnly = "notify only"
	Never      = "never" // and nobody is notified
)

var order = []string{Failed, AtOnce, Due, NotifyOnly, Never}

// A Total is what one control would come to.
type Total struct {
	Control  string    `json:"control"`
	Findings int       `json:"findings"`
	Users    int       `json:"users"`
	Changes  int       `json:"changes"`
	First    time.Time `json:"first,omitzero"` // when the first change is made; that of the preview for at once
	Events   bool      `json:"events"`         // whether it acts on events as well, which cannot be foreseen
	Reason   string    `json:"reason,omitempty"`
	Failed   bool      `json:"failed"` // whether it could not read everything
}

// ErrIncomplete says that a control could not read everything.
var ErrIncomplete = errors.New("not everything could be read")

const (
	attempts = 10        // how often a read is tried at most: IAM throttles whoever reads a large account
	timeout  = time.Hour // how long one control may read the account
)

// Options are what a preview is made of.
type Options struct {
	Settings settings.Settings
	Source   string            // where the settings come from
	Controls []control.Control // and tools
	Only     []string          // ids of the controls to run; empty: all
	Config   aws.Config        // of the hub's region
	// Event is what the controls are given, of that account and region; nil for what their schedules give them.
	Event func(account, region string, at time.Time) json.RawMessage
	Now   func() time.Time
	// Progress is called before the first call to the account and whenever a control has finished, and says how
	// to count the calls.
	Progress func(done, total int, calls func() int)
}

// Reads are the operations that a preview makes: those of the controls' permissions that only read, and what the
// runner reads of users. None of them shows a secret.
func Reads(controls []control.Control) []string {
	reads := []string{"iam:GetUser", "sts:GetCallerIdentity"}
	for _, c := range controls {
		for _, p := range c.Permissions {
			if !c.Tool {
				reads = append(reads, slices.DeleteFunc(slices.Clone(p.Actions), func(a string) bool { return !isRead(a) })...)
			}
		}
	}
	slices.Sort(reads)
	return slices.Compact(reads)
}

func isRead(action string) bool {
	_, name, _ := strings.Cut(action, ":")
	return action == readonly.AssumeRoot || action == readonly.GenerateCredentialReport ||
		action == readonly.GenerateLastAccessed ||
		!strings.HasPrefix(name, "GetSecret") && slices.ContainsFunc([]string{"Get", "List", "Describe"},
			func(verb string) bool { return strings.HasPrefix(name, verb) })
}

// previewer is one preview in the making.
type previewer struct {
	Options
	gate      *readonly.Gate
	halt      ledger.Halt // stops every change: what is due is planned, recorded and notified, and not made
	partition string
	preview   Preview
}

// Run makes a preview. The error is ErrIncomplete if a control could not read everything.
func Run(ctx context.Context, o Options) (Preview, error) {
	p := newPreviewer(o)
	err := p.make(ctx)
	return p.preview, err
}

func newPreviewer(o Options) *previewer {
	o.Config = o.Config.Copy()
	o.Config.Retryer = func() aws.Retryer { return retry.AddWithMaxAttempts(retry.NewAdaptiveMode(), attempts) }
	return &previewer{
		Options: o, gate: readonly.New(o.Config, Reads(o.Controls)), halt: ledger.Halt{Halted: true},
		preview: Preview{
			Region: o.Settings.HubRegion, Settings: o.Source, At: o.Now().UTC().Truncate(time.Second),
			BlastRadius: o.Settings.BlastRadius,
			Lines:       []Line{}, Controls: []Total{}, Off: []string{}, EventsOnly: []string{},
		},
	}
}

func (p *previewer) make(ctx context.Context) error {
	result := &p.preview
	swept, err := p.choose()
	if err != nil {
		return err
	}
	p.Progress(0, len(swept), p.gate.Count)
	caller, err := sts.NewFromConfig(p.gate.Config(p.Config, func(string) {})).GetCallerIdentity(ctx, nil)
	if err != nil {
		return fmt.Errorf("find out whose account it is, in %s: %w", result.Region, err)
	}
	result.Account, result.Caller = aws.ToString(caller.Account), aws.ToString(caller.Arn)
	named, err := arn.Parse(result.Caller)
	if err != nil {
		return fmt.Errorf("find out whose account it is, in %s: %w", result.Region, err)
	}
	p.partition = named.Partition
	outcomes := make([]*outcome, len(swept))
	var mu sync.Mutex
	var group sync.WaitGroup
	done := 0
	for i, c := range swept {
		group.Go(func() {
			outcomes[i] = p.run(ctx, c)
			mu.Lock()
			defer mu.Unlock()
			done++
			p.Progress(done, len(swept), p.gate.Count)
		})
	}
	group.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	for i, c := range swept {
		result.add(c, outcomes[i])
	}
	result.Reads = p.gate.Count()
	day := func(l Line) time.Time { return l.Due.Truncate(24 * time.Hour) }
	slices.SortStableFunc(result.Lines, func(a, b Line) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.When), slices.Index(order, b.When)), day(a).Compare(day(b)),
			cmp.Compare(a.Owner, b.Owner), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Control, b.Control))
	})
	if slices.ContainsFunc(result.Controls, func(t Total) bool { return t.Failed }) {
		return ErrIncomplete
	}
	return nil
}

// choose returns the controls to run, and notes why others are not run.
func (p *previewer) choose() (swept []control.Control, err error) {
	unknown := slices.Clone(p.Only)
	for _, c := range p.Controls {
		if c.Tool || len(p.Only) > 0 && !slices.Contains(p.Only, c.ID) {
			continue
		}
		unknown = slices.DeleteFunc(unknown, func(id string) bool { return id == c.ID })
		switch {
		case p.Settings.Controls[c.ID].Mode == control.Off:
			p.preview.Off = append(p.preview.Off, c.ID)
		case c.Schedule == "":
			p.preview.EventsOnly = append(p.preview.EventsOnly, c.ID)
		default:
			swept = append(swept, c)
		}
	}
	if len(unknown) > 0 {
		return nil, fmt.Errorf("there is no control %q", unknown[0])
	}
	return swept, nil
}

// An outcome is what came of running one control.
type outcome struct {
	mu      sync.Mutex
	notices []notice.Message
	report  remediation.Report
	failed  string // why it could not read everything
}

// Publish implements [remediation.Publisher]: it keeps the notice, as a subscriber would get it.
func (o *outcome) Publish(_ context.Context, m notice.Message) (string, error) {
	bodies, err := m.Bodies()
	if err != nil {
		return "", err
	}
	var body struct{ SQS string }
	var received notice.Message
	if err := errors.Join(json.Unmarshal([]byte(bodies), &body), json.Unmarshal([]byte(body.SQS), &received)); err != nil {
		return "", fmt.Errorf("read notice: %w", err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.notices = append(o.notices, received)
	return "preview-" + strconv.Itoa(len(o.notices)), nil
}

// run runs one control over the account, as its schedule would.
func (p *previewer) run(ctx context.Context, c control.Control) *outcome {
	o := &outcome{}
	cfg := p.gate.Config(p.Config, func(operation string) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.failed = "it tried " + operation + ", which a preview refuses"
	})
	runner, err := p.runner(ctx, c, cfg, o)
	if err == nil {
		event := account.ScheduledEvent("preview-"+c.ID, p.preview.Account, p.preview.Region, p.preview.At)
		if p.Event != nil {
			event = p.Event(p.preview.Account, p.preview.Region, p.preview.At)
		}
		o.report, err = runner.Run(ctx, remediation.Invocation{ID: "preview", Left: timeout}, event)
	}
	switch {
	case o.failed != "":
	case err != nil:
		o.failed = notice.Redact(err.Error())
	case o.report.Outcome == remediation.Failed:
		o.failed = cmp.Or(o.report.Reason, "it failed")
	}
	return o
}

// runner makes the runner of a control as its function does, but that nothing of it lasts or leaves.
func (p *previewer) runner(
	ctx context.Context, c control.Control, cfg aws.Config, topic remediation.Publisher,
) (*remediation.Runner, error) {
	own := arn.ARN{Partition: p.partition, Service: "iam", AccountID: p.preview.Account}
	policy := func(name string) string {
		own.Resource = "policy" + change.QuarantinePath + name
		return own.String()
	}
	given := p.Settings.Function(c)
	given.Reach.All = true // whoever reads the preview
	given.Mode, given.Account = control.Enforce, p.preview.Account
	given.Topic = fmt.Sprintf("arn:%s:sns:%s:%s:preview", p.partition, p.preview.Region, p.preview.Account)
	given.Quarantine.Key = policy(change.KeyQuarantine)
	if len(given.AllowedNetworks) > 0 {
		given.Quarantine.Outside = policy(change.OutsideQuarantine)
	}
	now := func() time.Time { return p.preview.At } // a preview is of one moment
	runner := &remediation.Runner{
		Control: c, Settings: given, Ledger: ledger.New(&ledger.Memory{}), Topic: topic,
		Environment: remediation.Environment{Now: now, Sleep: sleep, Log: slog.New(slog.DiscardHandler)},
	}
	if err := all.Controls[c.ID].Connect(runner, cfg, iamuser.Concurrency); err != nil {
		return nil, fmt.Errorf("set up %s: %w", c.ID, err)
	}
	return runner, runner.Ledger.SetHalt(ctx, ledger.Halt{}, p.halt)
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// add adds what a control has come to: its notices, and the changes that nobody was notified of.
func (p *Preview) add(c control.Control, o *outcome) {
	total := Total{Control: c.ID, Events: len(c.Rules) > 0, Failed: o.failed != "", Reason: o.failed}
	if o.failed == "" && len(o.notices) == 0 && len(o.report.Changes) == 0 {
		total.Reason = o.report.Reason
	}
	users, shown := map[string]bool{}, map[string]bool{}
	changes := func(n int, at time.Time) {
		total.Changes += n
		if total.First.IsZero() || at.Before(total.First) {
			total.First = at
		}
	}
	for _, m := range o.notices {
		line := Line{
			Control: c.ID, When: NotifyOnly, Owner: m.Owner, Subject: m.Subject,
			Severity: m.Severity, Title: m.Title, Text: m.Text, Reason: m.UnchangedReason,
		}
		for _, made := range m.Changes {
			shown[made.ID] = true
			line.Changes = append(line.Changes, made.Text)
		}
		switch m.Kind {
		case notice.Warning, notice.Reminder:
			line.When, line.Due = Due, m.Due
			changes(len(m.Changes), m.Due)
		case notice.Held:
			line.When = AtOnce
			changes(len(m.Changes), p.At)
		case notice.Failure:
			line.When, total.Failed = Failed, true
		}
		total.Findings++
		users[m.Subject] = true
		p.Lines = append(p.Lines, line)
	}
	for _, made := range o.report.Changes {
		if made.Status == ledger.Skipped && !shown[made.ID] {
			p.Lines = append(p.Lines, Line{
				Control: c.ID, When: Never, Subject: made.Subject, Reason: made.Reason,
				Changes: []string{fmt.Sprintf("%s %s", made.Kind, change.Hint(made.Change))},
			})
		}
	}
	total.Users = len(users)
	p.Controls = append(p.Controls, total)
}

// Print prints the preview for people.
func (p Preview) Print(out io.Writer, style terminal.Style) {
	fmt.Fprintf(out, "Account %s in %s, as %s, %s. Nothing was changed: %s, and all of them only read.\nSettings: %s.\n\n",
		p.Account, p.Region, terminal.Plain(p.Caller), p.At.Format("2006-01-02 15:04 MST"),
		terminal.Count(p.Reads, "call"), terminal.Plain(p.Settings))
	if len(p.Lines) > 0 {
		fmt.Fprintln(out, style.Paint(terminal.Bold, "On the first day of enforce"))
		rows := [][]string{{"WHEN", "NOTIFIED", "SUBJECT", "ACTION", "CONTROL"}}
		for _, line := range p.Lines {
			rows = append(rows, line.row())
		}
		terminal.Table(out, "  ", rows)
		fmt.Fprintln(out)
	}
	fmt.Fprintln(out, style.Paint(terminal.Bold, "Summary"))
	rows := [][]string{{"CONTROL", "FINDINGS", "USERS", "CHANGES", "FIRST CHANGE", ""}}
	for _, t := range p.Controls {
		first := "-"
		switch {
		case t.First.Equal(p.At):
			first = AtOnce
		case !t.First.IsZero():
			first = t.First.UTC().Format(time.DateOnly)
		}
		note := terminal.Short(t.Reason, 120)
		if t.Failed {
			note = "INCOMPLETE: " + note
		}
		n := strconv.Itoa
		rows = append(rows, []string{t.Control, n(t.Findings), n(t.Users), n(t.Changes), first, note})
	}
	terminal.Table(out, "  ", rows)
	for _, t := range p.Controls {
		if n := p.atOnce(t.Control); p.BlastRadius > 0 && n > p.BlastRadius {
			fmt.Fprintf(out, "%s: of %d changes at once %d are made in the first hour; it stops then until "+
				"warder release --control %[1]s\n", t.Control, n, p.BlastRadius)
		}
	}
	if len(p.EventsOnly) > 0 {
		fmt.Fprintf(out, "cannot be foreseen, as they act on events alone: %s\n", strings.Join(p.EventsOnly, ", "))
	}
	if len(p.Off) > 0 {
		fmt.Fprintf(out, "off in the settings: %s\n", strings.Join(p.Off, ", "))
	}
}

// atOnce is how many changes a control would make at once.
func (p Preview) atOnce(id string) (n int) {
	for _, line := range p.Lines {
		if line.Control == id && line.When == AtOnce {
			n += len(line.Changes)
		}
	}
	return n
}

// row is the line in the table.
func (l Line) row() []string {
	when, notified := l.When, cmp.Or(l.Owner, "the topic")
	action := strings.Join(l.Changes, "; ")
	switch l.When {
	case Due:
		when = l.Due.UTC().Format(time.DateOnly)
	case NotifyOnly:
		action = l.Title
		if l.Reason != "" {
			action += " (not changed: " + l.Reason + ")"
		}
	case Never:
		notified = "nobody"
		action += ": not changed: " + l.Reason
	case Failed:
		action = cmp.Or(action, l.Title) + ": could not be evaluated: " + l.Reason
	}
	return []string{when, notified, terminal.Short(l.Subject, 40), terminal.Short(action, 160), l.Control}
}
