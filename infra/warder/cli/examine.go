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
	return a.add(command{
		name: "doctor", short: "Check what Warder needs of the account, and how it is there",
		long: `Check what Warder needs of the account, and how it is there. It only reads. AWS's policies SecurityAudit and
ViewOnlyAccess, and dynamodb:GetItem and dynamodb:Scan on the table warder, are enough. The lines stand in the
order in which somebody would fix them. The exit status is 0 when there is no problem and everything is known.

The settings are those that the stack warder was deployed with, or those of --settings. With --settings cdk.json
what is deployed is compared with the templates that were synthesized beside it.`,
		example: "  warder doctor\n  warder doctor --settings cdk.json",
		run: func(ctx context.Context, s *session) error {
			set, err := s.readSettings(ctx)
			lines := doctor.Examine(ctx, doctor.Options{
				Settings: set, SettingsErr: err, Controls: a.controls, Config: s.cfg, Now: a.Now,
			})
			return a.show(map[string]any{"settings": set.Source, "lines": lines}, doctor.InOrder(lines), func() {
				a.print("Settings: %s", set.Source)
				a.print("")
				doctor.Print(a.Out, lines, terminal.For(a.Out))
			})
		},
	})
}

func (a *app) preview() *cobra.Command {
	var only []string
	c := a.add(command{
		name:  "preview [CONTROL...]",
		short: "Show whom it would notify of what, and what it would change, on the first day of enforce",
		long: `Show whom Warder would notify of what, and what it would change when, on the first day of enforce. Its
controls run in this process, and read the account of the credentials; an operation that does not only read is
refused before it is sent. AWS's policy SecurityAudit is enough, but for iam:GenerateCredentialReport.

The settings are those that the stack warder was deployed with, or those of --settings, or the defaults.`,
		example: "  warder preview\n  warder preview --settings cdk.json detach-direct-policy",
		run: func(ctx context.Context, s *session) error {
			update, end := a.progress()
			defer end()
			update(func() string { return "reading the settings" })
			set, err := s.readSettings(ctx)
			if err != nil {
				return err
			}
			result, err := preview.Run(ctx, preview.Options{
				Settings: set.Settings, Source: set.Source, Controls: a.controls, Only: only, Config: s.cfg, Now: a.Now,
				Progress: func(done, total int, calls func() int) {
					update(func() string {
						return fmt.Sprintf("%d of %d controls, %s", done, total, terminal.Count(calls(), "call"))
					})
				},
			})
			end()
			if err != nil && !errors.Is(err, preview.ErrIncomplete) {
				return account.Cause(err)
			}
			return a.show(result, err == nil, func() { result.Print(a.Out, terminal.For(a.Out)) })
		},
	})
	c.ValidArgs = a.ids()
	c.Args = func(_ *cobra.Command, args []string) error {
		only = args
		for _, id := range args {
			if _, err := a.known(id); err != nil {
				return err
			}
		}
		return nil
	}
	return c
}

// tick is how often the line of progress is written anew.
const tick = 200 * time.Millisecond

// progress keeps one line on a terminal up to date until its end; elsewhere it prints a line for each update.
func (a *app) progress() (update func(line func() string), end func()) {
	live, updates, ended := terminal.Is(a.Err), make(chan func() string), make(chan struct{})
	go func() {
		defer close(ended)
		ticks := time.NewTicker(tick)
		defer ticks.Stop()
		line := func() string { return "" }
		for open := true; open; {
			select {
			case line, open = <-updates:
				if open && !live {
					fmt.Fprintln(a.Err, line())
				}
			case <-ticks.C:
			}
			if open && live {
				fmt.Fprintf(a.Err, "\r\x1b[K%s", line())
			}
		}
		if live {
			fmt.Fprint(a.Err, "\r\x1b[K")
		}
	}()
	return func(line func() string) { updates <- line }, sync.OnceFunc(func() {
		close(updates)
		<-ended
	})
}
