// Command local runs an AWS account on this machine, with Warder in it: the synthesized template,
// the real function binaries, the event patterns as they would be deployed.
//
// The account lives in memory, listens on loopback alone and ends with the command. The
// user's own AWS configuration is never read.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/warder-aws/warder/infra/local/project"
)

// errUsage is an error of the command line, exit status 2.
var errUsage = errors.New("the command line was not understood")

// errPart is what is returned when some of the files were wrong, exit status 2. They have been named.
var errPart = errors.New("not every file is an event")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	ctx = project.EndWithGoRun(ctx)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case err == nil:
	case errors.Is(err, errUsage), errors.Is(err, errPart):
		os.Exit(2)
	default:
		os.Exit(1)
	}
}

// run runs the command that args name. What is wrong has been printed.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	started := false
	root := &cobra.Command{
		Use: "local", Short: "Run an AWS account on this machine, with Warder in it", SilenceErrors: true, SilenceUsage: true,
		PersistentPreRun: func(*cobra.Command, []string) { started = true },
		RunE:             func(*cobra.Command, []string) error { return fmt.Errorf("no command: %w", errUsage) },
	}
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.AddCommand(upCommand(), storyCommand("demo"), storyCommand("tour"), attacksCommand(), routeCommand(),
		sendCommand(), invokeCommand())
	root.SetArgs(args)
	command, err := root.ExecuteContextC(ctx)
	switch {
	case err == nil || errors.Is(err, errPart):
		return err
	case started && !errors.Is(err, errUsage):
		fmt.Fprintln(stderr, "local:", err)
		return err
	}
	fmt.Fprintf(stderr, "local: %v\nRun \"go run ./infra/%s --help\" for usage.\n", err, command.CommandPath())
	return errUsage
}

// modeFlag adds the flag --mode.
func modeFlag(c *cobra.Command) *mode {
	m := new(mode)
	c.Flags().Var(m, "mode", "run every control in this mode: observe or enforce (default: as the template says)")
	return m
}

// A mode is the value of --mode.
type mode string

func (m *mode) String() string { return string(*m) }
func (m *mode) Type() string   { return "mode" }
func (m *mode) Set(value string) error {
	if value != "observe" && value != "enforce" {
		return errors.New("want observe or enforce")
	}
	*m = mode(value)
	return nil
}
