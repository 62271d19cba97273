// Package cli is the command line of warder, the operator's command. It invokes Warder's functions, sets the
// halt parameter and empties the queues of what failed; it needs no right to IAM, and reads no file but the one
// that --settings names. It decides nothing: what it is asked for, the functions do and record.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/warder-aws/warder/functions"
	"github.com/warder-aws/warder/infra/warder/account"
	"github.com/warder-aws/warder/infra/warder/preview"
	"github.com/warder-aws/warder/infra/warder/terminal"
	"github.com/warder-aws/warder/pkg/control"
)

// A Process is what the command runs in.
type Process struct {
	In       io.Reader
	Out, Err io.Writer
	Now      func() time.Time
}

// The exit statuses.
const (
	done   = 0
	failed = 1
	usage  = 2
)

const long = `Warder keeps the IAM of an AWS account in order. This command is what people do to it: look, undo, stop.

It acts on the account of the credentials in the environment (AWS_PROFILE, aws sso login, AWS_ACCESS_KEY_ID…),
or on a local account at AWS_ENDPOINT_URL, in the region where IAM's events of the partition arrive. It needs
no right to IAM: the right to invoke Warder's functions, and for halt and resume to set one parameter.

Exit status: 0 done; 1 not done, or not all of it; 2 the command line was not understood.`

// app is one run of the command.
type app struct {
	Process
	controls []control.Control // and tools
	json     bool
	settings string // file
	by       string
	started  bool // the command line was understood
	connect  func(context.Context, *app) (*session, error)
}

// Run does what the arguments say and returns the exit status.
func Run(ctx context.Context, args []string, p Process) int {
	controls, err := functions.Controls()
	if err != nil {
		fmt.Fprintln(p.Err, terminal.Lines("warder: "+err.Error()))
		return failed
	}
	a := &app{Process: p, controls: controls, connect: connect}
	return a.run(ctx, args)
}

func (a *app) run(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	command, err := root.ExecuteContextC(ctx)
	var misuse *usageError
	var faults account.Faults
	switch {
	case err == nil:
		return done
	case errors.Is(err, errIncomplete), errors.Is(err, preview.ErrIncomplete): // the answer has said why
		return failed
	case errors.As(err, &faults), strings.HasPrefix(err.Error(), "unknown command "): // these have several lines
		fmt.Fprintln(a.Err, terminal.Lines("warder: "+err.Error()))
	default: // it may have words of the account
		fmt.Fprintln(a.Err, terminal.Plain("warder: "+err.Error()))
	}
	if a.started && !errors.As(err, &misuse) {
		return failed
	}
	fmt.Fprintf(a.Err, "Run %q for usage.\n", command.CommandPath()+" --help")
	return usage
}

// errIncomplete is returned when the answer says that not all was done.
var errIncomplete = errors.New("not all was done")

// A usageError is a command line that is not understood.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func misuse(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// root is the command with all its subcommands.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use: "warder", Short: "Look at, undo and stop what Warder does to an AWS account", Long: long,
		SilenceErrors: true, SilenceUsage: true,
		PersistentPreRunE: func(c *cobra.Command, _ []string) error {
			a.started = true
			return trim(c)
		},
	}
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	root.SetFlagErrorFunc(flagError)
	// make hands over NAME=value as --NAME=value.
	root.SetGlobalNormalizationFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		return pflag.NormalizedName(strings.ToLower(name))
	})
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print one JSON object")
	root.PersistentFlags().StringVar(&a.settings, "settings", "",
		"`file` of settings, such as cdk.json (default: those that were deployed)")
	root.AddCommand(a.explain(), a.undo(), a.halt(), a.resume(), a.release(), a.sweep(), a.redrive(), a.drill(),
		a.report(), a.doctor(), a.preview())
	return root
}

// flagError names the flag that was meant.
func flagError(command *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return err
	}
	if near := nearest(command, unknown.GetSpecifiedName()); near != "" {
		return misuse("%v: did you mean --%s?", err, near)
	}
	var names []string
	command.LocalFlags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
	return misuse("%v: %s has %s", err, command.Name(), strings.Join(names, ", "))
}

// nearest is the flag of a command whose name is like the given one, as cobra compares names of commands.
func nearest(command *cobra.Command, name string) string {
	flags := &cobra.Command{SuggestionsMinimumDistance: 2}
	command.Flags().VisitAll(func(f *pflag.Flag) {
		flags.AddCommand(&cobra.Command{Use: f.Name, Run: func(*cobra.Command, []string) {}})
	})
	if found := flags.SuggestionsFor(strings.ToLower(name)); len(found) > 0 {
		return found[0]
	}
	return ""
}

// noArguments refuses arguments that are no flags, and names the flag that was meant.
func noArguments(command *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	name, value, found := strings.Cut(args[0], "=")
	switch {
	case found && command.Flags().Lookup(name) != nil:
		return misuse("%q is not understood: write --%s %q", args[0], strings.ToLower(name), value)
	case command.Flags().Lookup("control") != nil:
		return misuse("%q is not understood: write --control %s", args[0], args[0])
	}
	return misuse("%q is not understood: %s takes flags alone", args[0], command.Name())
}

// A flag is one of a command, and where its value goes.
type flag struct {
	name, help string
	value      *string
}

// command makes a subcommand. run is called with a connection to the account.
func (a *app) command(
	use, short, example string, flags []flag, run func(context.Context, *session) error,
) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short, Example: example, Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := a.connect(c.Context(), a)
			if err != nil {
				return err
			}
			return run(c.Context(), s)
		},
	}
	for _, f := range flags {
		c.Flags().StringVar(f.value, f.name, "", f.help)
	}
	a.complete(c)
	return c
}

// trim removes white space around values; one that is empty then is missing.
func trim(c *cobra.Command) (err error) {
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Value.Type() != "string" || !f.Changed {
			return
		}
		value := strings.TrimSpace(f.Value.String())
		if err = errors.Join(err, f.Value.Set(value)); value == "" {
			err = errors.Join(err, required(f.Name))
		}
	})
	return err
}

// complete lets a shell complete the values that are known.
func (a *app) complete(c *cobra.Command) {
	for name, values := range map[string][]string{"control": a.ids(), "language": {"en", "ko"}} {
		if c.Flags().Lookup(name) != nil {
			_ = c.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
		}
	}
}

// required is the error of a flag without a value, in the forms of the command line and of make.
func required(name string) error {
	return misuse(`%s is required: --%s "…" (with make: %[1]s="…")`, strings.ToUpper(name), name)
}

// need returns an error that names the first flag that has no value.
func need(flags ...flag) error {
	for _, f := range flags {
		if *f.value == "" {
			return required(f.name)
		}
	}
	return nil
}

// oneOf returns an error unless exactly one of the flags has a value.
func oneOf(flags ...flag) error {
	var given, names []string
	for _, f := range flags {
		names = append(names, "--"+f.name)
		if *f.value != "" {
			given = append(given, "--"+f.name)
		}
	}
	switch all := strings.Join(names, ", "); len(given) {
	case 0:
		return misuse("one of %s is required (with make: %s=…)", all, strings.ToUpper(flags[0].name))
	case 1:
		return nil
	default:
		return misuse("%s exclude each other: give one of %s", strings.Join(given, " and "), all)
	}
}

// byFlag is the flag of who asks.
func (a *app) byFlag() flag {
	return flag{"by", "who asks (default: $BY, or whose the credentials are)", &a.by}
}

// who is who asks, if that was said.
func (a *app) who() string {
	if a.by != "" {
		return a.by
	}
	return strings.TrimSpace(os.Getenv("BY"))
}

// known is the control of an id, or an error that names those there are.
func (a *app) known(id string) (control.Control, error) {
	i := slices.IndexFunc(a.controls, func(c control.Control) bool { return c.ID == id && !c.Tool })
	if i < 0 {
		return control.Control{}, misuse("there is no control %q; there are %s", id, strings.Join(a.ids(), ", "))
	}
	return a.controls[i], nil
}

// ids are those of the controls.
func (a *app) ids() []string {
	var ids []string
	for _, c := range a.controls {
		if !c.Tool {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// print prints one line.
func (a *app) print(format string, args ...any) {
	fmt.Fprintln(a.Out, terminal.Plain(fmt.Sprintf(format, args...)))
}

// show prints an answer: as JSON if that is asked for, else as text.
func (a *app) show(answer any, text func()) error {
	if a.json {
		return terminal.JSON(a.Out, answer)
	}
	text()
	return nil
}
