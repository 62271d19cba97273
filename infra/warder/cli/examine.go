package cli

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/warder-aws/warder/infra/warder/account"
	"github.com/warder-aws/warder/infra/warder/doctor"
	"github.com/warder-aws/warder/infra/warder/preview"
	"github.com/warder-aws/warder/infra/warder/terminal"
)

func (a *app) doctor() *cobra.Command {
	c := a.command("doctor", "Check what Warder needs of the account, and how it is there",
		"  warder doctor\n  warder doctor --settings cdk.json", nil, func(ctx context.Context, s *session) error {
			set, err := s.readSettings(ctx)
			lines := doctor.Examine(ctx, doctor.Options{
				Settings: set, SettingsErr: err, Controls: a.controls, Config: s.cfg, Now: a.Now,
			})
			err = a.show(map[string]any{"settings": set.Source, "lines": lines}, func() {
				a.print("Settings: %s", set.Source)
				a.print("")
				doctor.Print(a.Out, lines, terminal.For(a.Out))
			})
			if err == nil && !doctor.InOrder(lines) {
				err = errIncomplete
			}
			return err
		})
	c.Long = `Check what Warder needs of the account, and how it is there. It only reads. AWS's policies SecurityAudit and
ViewOnlyAccess, and dynamodb:GetItem and dynamodb:Scan on the table warder, are enough. The lines stand in the
order in which somebody would fix them. The exit status is 0 when there is no problem and everything is known.

The settings are those that the stack warder was deployed with, or those of --settings. With --settings cdk.json
what is deployed is compared with the templates that were synthesized beside it.`
	return c
}

func (a *app) preview() *cobra.Command {
	var only []string
	c := a.command("preview", "Show whom it would notify of what, and what it would change, on the first day of enforce",
		"  warder preview\n  warder preview --settings cdk.json detach-direct-policy", nil,
		func(ctx context.Context, s *session) error {
			progress := &progress{app: a, terminal: terminal.Is(a.Err)}
			progress.begin("reading the settings")
			defer progress.end()
			set, err := s.readSettings(ctx)
			if err != nil {
				return err
			}
			result, err := preview.Run(ctx, preview.Options{
				Settings: set.Settings, Source: set.Source, Controls: a.controls, Only: only, Config: s.cfg, Now: a.Now,
				Progress: progress.update,
			})
			progress.end()
			if err != nil && !errors.Is(err, preview.ErrIncomplete) {
				return account.Cause(err)
			}
			return errors.Join(a.show(result, func() { result.Print(a.Out, terminal.For(a.Out)) }), err)
		})
	c.Use, c.ValidArgs = "preview [CONTROL...]", a.ids()
	c.Args = func(_ *cobra.Command, args []string) error {
		only = args
		for _, id := range args {
			if _, err := a.known(id); err != nil {
				return err
			}
		}
		return nil
	}
	c.Long = `Show whom Warder would notify of what, and what it would change when, on the first day of enforce. Its
controls run in this process, and read the account of the credentials; an operation that does not only read is
refused before it is sent. AWS's policy SecurityAudit is enough, but for iam:GenerateCredentialReport.

The settings are those that the stack warder was deployed with, or those of --settings, or the defaults.`
	return c
}

// A progress keeps one line on a terminal up to date; elsewhere it prints a line for each control.
type progress struct {
	*app
	terminal bool
	mu       sync.Mutex
	stop     chan struct{}
	line     func() string
}

// tick is how often the line is written anew.
const tick = 200 * time.Millisecond

func (p *progress) begin(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.line = func() string { return what }
	if !p.terminal {
		fmt.Fprintln(p.Err, what)
		return
	}
	p.stop = make(chan struct{})
	fmt.Fprint(p.Err, what)
	go p.keep(p.stop)
}

func (p *progress) update(done, total int, calls func() int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.line = func() string {
		return fmt.Sprintf("%d of %d controls, %s", done, total, terminal.Count(calls(), "call"))
	}
	if !p.terminal {
		fmt.Fprintln(p.Err, p.line())
	}
}

func (p *progress) keep(stop <-chan struct{}) {
	ticks := time.NewTicker(tick)
	defer ticks.Stop()
	for {
		select {
		case <-ticks.C:
			p.mu.Lock()
			if p.stop != nil {
				fmt.Fprintf(p.Err, "\r\x1b[K%s", p.line())
			}
			p.mu.Unlock()
		case <-stop:
			return
		}
	}
}

// end removes the line.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stop != nil {
		close(p.stop)
		p.stop = nil
		fmt.Fprint(p.Err, "\r\x1b[K")
	}
}
