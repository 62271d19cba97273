// Command local runs an AWS account on this machine, with Warder in it: the synthesized template,
// the real function binaries, the event patterns as they would be deployed.
//
// The account lives in memory, listens on loopback alone and is gone when the command ends. The
// user's own AWS configuration is never read but by preview, which is asked for it.
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
  months [-months N] [-out DIR] [-language en|ko]
        play some months of a made-up company and keep their evidence in a folder (dist)
  route FILE|DIR…
        print which controls each event starts
  send FILE|DIR… [-json] [-mode observe|enforce]
        deliver events and print what came of each, to the account that AWS_ENDPOINT_URL
        names, or to a fresh one
  invoke FUNCTION JSON [-mode observe|enforce]
        start a function with a payload and print what it answers; in the same account
  preview [-json] [CONTROL…]
        show who would be told of what, and what would be changed when, in the account of
        the credentials in the environment; it reads it, and cannot do anything else
  simulate [-days N] [-users N] [-seed N] [-seeds N] [-v] [-json] [-only IDS] [-alone USER]
        play months of a made-up company in memory, faults and all, and check after each
        step what is promised; -seeds plays many companies, -v prints each day; what
        breaks a promise is shrunk, and -only and -alone play what is left of it
  cost [-json]
        play a month and price what it took: an estimate for an account
  load [-events N] [-users N] [-seed N] [-memory] [-tight] [-json]
        play the events of a busy account, and check that none is lost, that nothing is done or
        told twice, and that the ledger has what the account shows; -memory: on the account in
        memory, with the functions in one process; -tight: until the blast radius is reached
  bench [-runs N] [-warm TIME] [-users N,N…] [-events N] [-out DIR] [-json]
        measure cold starts of every function against one that does nothing, the warm path,
        sweeps of accounts of so many users, and bursts of so many events; -warm 0, -users 0
        and -events 0 leave these out; the figures are kept in a folder (dist) as bench.json,
        how sweeps grow as sweep.svg

Files are EventBridge events or bare CloudTrail records; a folder is its *.json files.
`

// errUsage is an error of the command line, exit status 2. The message has been printed.
var errUsage = errors.New("usage")

// errPart is what is returned when some of the files were wrong, exit status 2.
var errPart = errors.New("not every file is an event")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	ctx = endWithGoRun(ctx)
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
		"up": up, "demo": demo, "tour": tour, "months": months, "route": route, "send": send, "cost": cost, "load": load, "invoke": invoke, "preview": showPreview, "bench": measure, "simulate": simulation,
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
