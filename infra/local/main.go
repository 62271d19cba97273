// Command local runs an AWS account on this machine, with Warder in it: the synthesized template,
// the real function binaries, the event patterns as they would be deployed.
//
// The account lives in memory, listens on loopback alone and is gone when the command ends. The
// user's own AWS configuration is never read.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/warder-aws/warder/infra/local/project"
)

const usage = `usage: go run ./infra/local COMMAND

  up [-addr 127.0.0.1:PORT] [-mode observe|enforce] [-tour]
        start an AWS account with Warder in it, for any AWS CLI or SDK, and stay; -tour gives
        it the settings of infra/local/tour.json, and shows what is posted to Slack
  demo [-v]
        play the story
  tour [-v] [-out DIR]
        show every control and tool at work: the longer demo; those that need settings
        have them from infra/local/tour.json
  route FILE|DIR…
        print which controls each event starts
  send FILE|DIR… [-json] [-mode observe|enforce]
        deliver events and print what came of each, to the account that AWS_ENDPOINT_URL
        names, or to a fresh one
  invoke FUNCTION JSON [-mode observe|enforce]
        start a function with a payload and print what it answers; in the same account

Files are EventBridge events or bare CloudTrail records; a folder is its *.json files.
`

// errUsage is an error of the command line, exit status 2. The message has been printed.
var errUsage = errors.New("usage")

// errPart is what is returned when some of the files were wrong, exit status 2.
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
		fmt.Fprintln(os.Stderr, "local:", err)
		os.Exit(1)
	}
}

// run runs the command that args name.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	commands := map[string]func(context.Context, []string, io.Writer, io.Writer) error{
		"up": up, "demo": demo, "tour": tour, "route": route, "send": send, "invoke": invoke,
	}
	if len(args) > 0 {
		switch args[0] {
		case "help", "-h", "-help", "--help":
			fmt.Fprint(stdout, usage)
			return nil
		}
		if command, ok := commands[args[0]]; ok {
			return command(ctx, args[1:], stdout, stderr)
		}
		fmt.Fprintf(stderr, "local: unknown command %q\n", args[0])
	}
	fmt.Fprint(stderr, usage)
	return errUsage
}

// parseFlags reads flags before and after the other arguments, which it returns.
func parseFlags(flags *flag.FlagSet, args []string, stderr io.Writer) ([]string, error) {
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, usage) }
	var others []string
	for {
		if err := flags.Parse(args); err != nil {
			return nil, errUsage
		}
		args = flags.Args()
		if len(args) == 0 {
			return others, nil
		}
		others, args = append(others, args[0]), args[1:]
	}
}

// modeFlag is the flag -mode.
func modeFlag(flags *flag.FlagSet) *string {
	mode := new(string)
	flags.Func("mode", "run every control in this mode: observe or enforce (default: as the template says)", func(value string) error {
		if value != "observe" && value != "enforce" {
			return errors.New("want observe or enforce")
		}
		*mode = value
		return nil
	})
	return mode
}
