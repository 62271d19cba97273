// Command simulate simulates a fictional company with Warder in it: its people, its AWS account, the real handlers of
// all controls, faults of AWS and of the delivery of events. It verifies what Warder promises by what is in the
// account, in the ledger and in the notices, and never by what Warder's code says. It calls no AWS account.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/warder-aws/warder/infra/local/project"
	"github.com/warder-aws/warder/pkg/settings"
)

const usage = `usage: go run ./infra/simulate [-days N] [-users N] [-seed N] [-seeds N] [-v] [-json] [-only IDS]
               [-alone USER] [-shrink TIME]
        simulate months of a company in memory, faults and all, and verify after each step what is promised;
        -seeds simulates many companies, -v prints each day; what breaks a promise is printed, and then
        shrunk for at most -shrink (2m); -only and -alone simulate what is left of it
   or: go run ./infra/simulate -load [-target memory|emulator] [-events N] [-users N] [-seed N] [-tight] [-json]
        deliver the events of a busy company at once, and verify that none is lost, that nothing is done or
        notified twice, and that the ledger has what the account shows; in memory, or with the real binaries
        on a local account; -tight: until the blast radius is reached
   or: go run ./infra/simulate -report [-months N] [-out DIR] [-language en|ko]
        simulate some months of a company on a local account and keep their evidence in a folder (dist)
`

// errUsage is an error of the command line, exit status 2. The message has been printed.
var errUsage = errors.New("usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	ctx = project.EndWithGoRun(ctx)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case err == nil:
	case errors.Is(err, errUsage):
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "simulate:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	root, err := project.Find()
	if err != nil {
		return err
	}
	c := command{
		out: stdout, errs: stderr, samples: os.DirFS(filepath.Join(string(root), "events")),
		flags: flag.NewFlagSet("simulate", flag.ContinueOnError),
	}
	c.flags.SetOutput(stderr)
	c.flags.Usage = func() { fmt.Fprint(stderr, usage) }
	play := c.months
	for mode, of := range map[string]func(context.Context, []string) error{"load": c.load, "report": c.report} {
		if at := max(slices.Index(args, "-"+mode), slices.Index(args, "--"+mode)); at >= 0 {
			play, args = of, slices.Delete(slices.Clone(args), at, at+1)
		}
	}
	if err := play(ctx, args); !errors.Is(err, flag.ErrHelp) {
		return err
	}
	return nil
}

// command is where a command reads and prints.
type command struct {
	out, errs io.Writer
	samples   fs.FS
	flags     *flag.FlagSet
}

// limits are the least and the most of numbers, where a most of 0 is none; texts are what texts can be.
var (
	limits = map[string][2]int{
		"days": {1, 5000}, "users": {1, 900}, "seeds": {1, 0}, "events": {100, 0}, "months": {1, 12},
	}
	texts = map[string][]string{
		"target": {"memory", "emulator"}, "language": {string(settings.English), string(settings.Korean)},
	}
)

// parse reads the flags. What is wrong with them beside their limits is what check says.
func (c command) parse(args []string, check func() string) error {
	if err := c.flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return err
	} else if err != nil {
		return errUsage
	}
	wrong := ""
	c.flags.VisitAll(func(f *flag.Flag) {
		value := f.Value.String()
		if limit, ok := limits[f.Name]; ok {
			want := fmt.Sprintf("%d to %d", limit[0], limit[1])
			if limit[1] == 0 {
				want = fmt.Sprint("at least ", limit[0])
			}
			if n, _ := strconv.Atoi(value); n < limit[0] || limit[1] > 0 && n > limit[1] {
				wrong = fmt.Sprintf("-%s %s: want %s", f.Name, value, want)
			}
		}
		if want := texts[f.Name]; want != nil && value != f.DefValue && !slices.Contains(want, value) {
			wrong = fmt.Sprintf("-%s %q: want %s", f.Name, value, strings.Join(want, " or "))
		}
	})
	if c.flags.NArg() > 0 {
		wrong = fmt.Sprintf("simulate takes no %q", c.flags.Arg(0))
	}
	if wrong == "" && check != nil {
		wrong = check()
	}
	if wrong != "" {
		fmt.Fprintln(c.errs, "simulate:", wrong)
		return errUsage
	}
	return nil
}

func (c command) months(ctx context.Context, args []string) error {
	o := options{samples: c.samples}
	c.flags.IntVar(&o.days, "days", 400, "")
	c.flags.IntVar(&o.users, "users", 200, "")
	c.flags.Uint64Var(&o.seed, "seed", 1, "")
	seeds := c.flags.Int("seeds", 1, "")
	only := c.flags.String("only", "", "")
	c.flags.StringVar(&o.alone, "alone", "", "")
	c.flags.DurationVar(&o.shrink, "shrink", 2*time.Minute, "")
	verbose := c.flags.Bool("v", false, "")
	asJSON := c.flags.Bool("json", false, "")
	if err := c.parse(args, func() string {
		if *seeds > 1 && (*verbose || *only != "" || o.alone != "") {
			return "-seeds is for many companies, -v, -only and -alone are for one"
		}
		if *only == "" {
			return ""
		}
		o.only = map[int]bool{}
		for text := range strings.SplitSeq(*only, ",") {
			id, err := strconv.Atoi(text)
			if err != nil {
				const form = "-only %q: want numbers of occurrences with commas between, as a violation gives them"
				return fmt.Sprintf(form, *only)
			}
			o.only[id] = true
		}
		return ""
	}); err != nil {
		return err
	}
	if *verbose {
		o.day = func(_ time.Time, lines []string) {
			for _, line := range lines {
				fmt.Fprintln(c.out, line)
			}
		}
	}
	began := time.Now()
	all, err := simulateAll(ctx, o, *seeds, c.errs)
	if err != nil {
		return err
	}
	all.Seconds = time.Since(began).Seconds()
	return c.printMonths(ctx, all, o, *asJSON)
}

func (c command) load(ctx context.Context, args []string) error {
	o := loadOptions{samples: c.samples, blast: widest}
	c.flags.IntVar(&o.events, "events", 10_000, "")
	c.flags.IntVar(&o.users, "users", 300, "")
	c.flags.Uint64Var(&o.seed, "seed", 1, "")
	on := c.flags.String("target", "memory", "")
	c.flags.BoolVar(&o.reached, "tight", false, "")
	asJSON := c.flags.Bool("json", false, "")
	if err := c.parse(args, nil); err != nil {
		return err
	}
	if o.reached {
		o.blast = deployedRadius
	}
	record, err := c.runLoad(ctx, o, *on == "emulator")
	if err != nil {
		return err
	}
	return c.printLoad(record, o.seed, *asJSON)
}

func (c command) report(ctx context.Context, args []string) error {
	o := reportOptions{command: c}
	c.flags.IntVar(&o.months, "months", 3, "")
	c.flags.StringVar(&o.folder, "out", "dist", "")
	c.flags.StringVar((*string)(&o.language), "language", "", "")
	if err := c.parse(args, nil); err != nil {
		return err
	}
	return writeReports(ctx, o, time.Now().UTC())
}
