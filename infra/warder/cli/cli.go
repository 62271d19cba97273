// Package cli is the command line of warder, the operator's command. It invokes Warder's functions, and
// empties the queues of what failed; it needs no right to IAM, and reads no file but the one that --settings names. It
// decides nothing: what it is asked for, the functions do and record.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/warder-aws/warder/functions"
	"github.com/warder-aws/warder/infra/warder/account"
	"github.com/warder-aws/warder/infra/warder/terminal"
	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/settings"
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
no right to IAM: the right to invoke Warder's functions.

Exit status: 0 done; 1 not done, or not all of it; 2 the command line was not understood.`

// app is one run of the command.
type app struct {
	Process
	controls []control.Control // and tools
	json     bool
	settings string // file
	started  bool   // the command line was understood
	config   func(ctx context.Context, hub string) (aws.Config, error)
}

// Run does what the arguments say and returns the exit status.
func Run(ctx context.Context, args []string, p Process) int {
	controls, err := functions.Controls()
	if err != nil {
		fmt.Fprintln(p.Err, terminal.Lines("warder: "+err.Error()))
		return failed
	}
	return (&app{Process: p, controls: controls, config: account.Config}).run(ctx, args)
}

func (a *app) run(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	command, err := root.ExecuteContextC(ctx)
	var misuse usageError
	var faults account.Faults
	switch {
	case err == nil:
		return done
	case errors.Is(err, errIncomplete): // the answer has said why
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
type usageError string

func (e usageError) Error() string { return string(e) }

func misuse(format string, args ...any) error { return usageError(fmt.Sprintf(format, args...)) }

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
	root.AddCommand(a.explain(), a.undo(), a.apply(), a.halt(), a.resume(), a.release(), a.sweep(), a.redrive(), a.drill(),
		a.report(), a.doctor(), a.preview(), a.organization())
	root.AddCommand(a.exempt(), a.snooze(), a.offboard(), a.breakGlass(), a.console())
	return root
}

// flagError names the flag that was meant.
func flagError(command *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return err
	}
	// As cobra compares names of commands.
	flags, names := &cobra.Command{SuggestionsMinimumDistance: 2}, []string{}
	command.Flags().VisitAll(func(f *pflag.Flag) {
		flags.AddCommand(&cobra.Command{Use: f.Name, Run: func(*cobra.Command, []string) {}})
	})
	if near := flags.SuggestionsFor(strings.ToLower(unknown.GetSpecifiedName())); len(near) > 0 {
		return misuse("%v: did you mean --%s?", err, near[0])
	}
	command.LocalFlags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
	return misuse("%v: %s has %s", err, command.Name(), strings.Join(names, ", "))
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

// A command is one of those of warder.
type command struct {
	name, short, long, example string
	flags                      []flag
	by                         *string      // where the name of who asks goes; nil for a command that needs not know
	check                      func() error // of the flags; nil for none
	run                        func(context.Context, *session) error
}

// add makes a command.
func (a *app) add(d command) *cobra.Command {
	c := &cobra.Command{
		Use: d.name, Short: d.short, Long: d.long, Example: d.example, Args: noArguments,
		PreRunE: func(*cobra.Command, []string) error {
			if d.check == nil {
				return nil
			}
			return d.check()
		},
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := a.connect(c.Context())
			if d.by != nil && *d.by == "" {
				*d.by = strings.TrimSpace(os.Getenv("BY"))
			}
			if err != nil {
				return err
			}
			return d.run(c.Context(), s)
		},
	}
	if d.by != nil {
		d.flags = append(d.flags, flag{"by", "for whom you ask (default: $BY); whose the credentials are is proven", d.by})
	}
	// A shell can complete the values that are known.
	known := map[string][]string{"control": a.ids(), "language": {"en", "ko"}}
	for _, f := range d.flags {
		c.Flags().StringVar(f.value, f.name, "", f.help)
		if values := known[f.name]; values != nil {
			_ = c.RegisterFlagCompletionFunc(f.name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
		}
	}
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
	all := strings.Join(names, ", ")
	switch {
	case len(given) == 0:
		return misuse("one of %s is required (with make: %s=…)", all, strings.ToUpper(flags[0].name))
	case len(given) > 1:
		return misuse("%s exclude each other: give one of %s", strings.Join(given, " and "), all)
	}
	return nil
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

// show prints an answer: as JSON if that is asked for, else as text. whole is whether it says that all was done.
func (a *app) show(answer any, whole bool, text func()) error {
	if !a.json {
		text()
	} else if err := terminal.JSON(a.Out, answer); err != nil {
		return err
	}
	if !whole {
		return errIncomplete
	}
	return nil
}

// A session is a connection to the account that Warder is deployed in.
type session struct {
	*app
	cfg  aws.Config       // of the hub's region
	file account.Settings // those that were named
}

func (a *app) connect(ctx context.Context) (s *session, err error) {
	s = &session{app: a}
	if a.settings != "" {
		if s.file, err = account.Read(a.settings, a.controls); err != nil {
			return nil, err
		}
	}
	s.cfg, err = a.config(ctx, s.file.HubRegion)
	return s, err
}

// readSettings returns the settings of the file that was named, or else reads those that were deployed.
func (s *session) readSettings(ctx context.Context) (account.Settings, error) {
	if s.settings != "" {
		return s.file, nil
	}
	return account.Deployed(ctx, s.cfg, s.controls)
}

func (s *session) caller(ctx context.Context) (*sts.GetCallerIdentityOutput, error) {
	caller, err := sts.NewFromConfig(s.cfg).GetCallerIdentity(ctx, nil)
	if err != nil {
		return &sts.GetCallerIdentityOutput{}, fmt.Errorf("find out whose the credentials are: %w", account.Cause(err))
	}
	return caller, nil
}

// functionTimeout is longer than Lambda lets a function run.
const functionTimeout = 16 * time.Minute

// ask asks the function of a control or a tool and waits for its answer.
func ask[Answer any](
	ctx context.Context, s *session, id string, request any, options ...func(*lambda.Options),
) (answer Answer, err error) {
	name := settings.FunctionName(id)
	payload, err := s.payload(ctx, name, request)
	if err != nil {
		return answer, fmt.Errorf("make request to %s: %w", name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, functionTimeout)
	defer cancel()
	out, err := lambda.NewFromConfig(s.cfg).Invoke(ctx, &lambda.InvokeInput{FunctionName: &name, Payload: payload},
		options...)
	var missing *lambdatypes.ResourceNotFoundException
	switch {
	case errors.As(err, &missing):
		return answer, fmt.Errorf("invoke %s: it is not deployed in %s of this account", name, s.cfg.Region)
	case err != nil:
		return answer, fmt.Errorf("invoke %s: %w", name, account.Cause(err))
	case out.FunctionError != nil:
		// https://docs.aws.amazon.com/lambda/latest/dg/golang-exceptions.html
		var failure struct{ ErrorMessage string }
		if json.Unmarshal(out.Payload, &failure) != nil || failure.ErrorMessage == "" {
			failure.ErrorMessage = string(out.Payload)
		}
		return answer, fmt.Errorf("%s failed: %s", name, terminal.Plain(failure.ErrorMessage))
	}
	if err := json.Unmarshal(out.Payload, &answer); err != nil {
		return answer, fmt.Errorf("read answer of %s: %w", name, err)
	}
	return answer, nil
}

// A signed request is sent with a proof of whose the credentials are.
type signed struct{ request any }

// payload is what a function is invoked with.
func (s *session) payload(ctx context.Context, function string, request any) ([]byte, error) {
	proven, prove := request.(signed)
	if prove {
		request = proven.request
	}
	payload, err := json.Marshal(request)
	if err != nil || !prove {
		return payload, err
	}
	proof, err := caller.Sign(ctx, s.cfg, function, payload, s.Now())
	if err != nil {
		return nil, account.Cause(err)
	}
	return json.Marshal(map[string]any{"signed": proof})
}

// relay is ask, and shows the answer. shown says whether all was done, and prints the answer as text.
func relay[Answer any](
	ctx context.Context, s *session, id string, request any, shown func(Answer) (whole bool, text func()),
	options ...func(*lambda.Options),
) error {
	answer, err := ask[Answer](ctx, s, id, request, options...)
	if err != nil {
		return err
	}
	whole, text := shown(answer)
	return s.show(answer, whole, text)
}
