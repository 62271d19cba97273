// Command bench measures how fast and how small the functions are, and estimates what they cost.
//
// It runs the real bootstraps on an account on this machine. It never calls AWS, and it never fails because
// a figure is worse than the target: the machine decides about times.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/warder-aws/warder/infra/local/project"
)

const usage = `go run ./infra/bench [-runs N] [-warm TIME] [-users N,N...] [-events N] [-out DIR] [-json]
        measures cold starts of every function against one that does nothing, the warm path,
        sweeps of accounts of so many users, and bursts of so many events; -warm 0, -users 0
        and -events 0 leave these out; the figures are written to bench.json in DIR (dist)
go run ./infra/bench cost [-json]
        plays a month on a local account and prices it
`

// errUsage is an error of the command line, exit status 2. The message has been printed.
var errUsage = errors.New("usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	command, args := speed, os.Args[1:]
	if len(args) > 0 && args[0] == "cost" {
		command, args = cost, args[1:]
	}
	err := command(ctx, args, os.Stdout, os.Stderr)
	stop()
	if errors.Is(err, errUsage) {
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// parse reads the arguments of a command, which have to be flags. check returns what is wrong with their values.
func parse(flags *flag.FlagSet, args []string, stderr io.Writer, check func() error) error {
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, usage) }
	if flags.Parse(args) != nil {
		return errUsage
	}
	err := check()
	if flags.NArg() > 0 {
		err = fmt.Errorf("unknown argument %q", flags.Arg(0))
	}
	if err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return errUsage
	}
	return nil
}

// figures are all measurements, as dist/bench.json has them.
type figures struct {
	Floor     Started             `json:"floor"`
	Functions map[string]Function `json:"functions"`
	Warm      []Warm              `json:"warm,omitempty"`
	Sweep     []Swept             `json:"sweep,omitempty"`
	Fits      []Fit               `json:"fits,omitempty"`
	Burst     []Bursted           `json:"burst,omitempty"`
	Queue     []Queued            `json:"queue,omitempty"`
}

// A bench measures the functions of a checkout.
type bench struct {
	root     project.Root
	progress func(format string, args ...any) // prints a line about a long measurement
}

// speed is the command that measures.
func speed(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	runs := flags.Int("runs", 30, "")
	users := flags.String("users", "100,1000,5000", "")
	warm := flags.String("warm", "500ms", "")
	events := flags.Int("events", 300, "")
	out := flags.String("out", "dist", "")
	machine := flags.Bool("json", false, "")
	var sizes []int
	err := parse(flags, args, stderr, func() (err error) {
		switch {
		case *runs < 1:
			return fmt.Errorf("-runs %d: want at least 1", *runs)
		case *events < 0:
			return fmt.Errorf("-events %d: want at least 1, or 0 for no burst", *events)
		}
		sizes, err = parseSizes(*users)
		return err
	})
	if err != nil {
		return err
	}
	last := time.Now()
	b := bench{progress: func(format string, args ...any) {
		if time.Since(last) > 5*time.Second {
			last = time.Now()
			fmt.Fprintf(stderr, format+"\n", args...)
		}
	}}
	if b.root, err = project.Find(); err != nil {
		return err
	}
	var f figures
	if f.Floor, f.Functions, err = b.coldStarts(ctx, *runs); err != nil {
		return err
	}
	if *warm != "0" {
		if f.Warm, err = b.benchmarks(ctx, *warm); err != nil {
			return err
		}
	}
	if f.Sweep, err = b.sweeps(ctx, sizes); err != nil {
		return err
	}
	f.Fits = fits(f.Sweep)
	if *events > 0 {
		if f.Burst, err = b.bursts(ctx, *events); err != nil {
			return err
		}
		if f.Queue, err = b.queues(ctx, queued); err != nil {
			return err
		}
	}
	data, err := f.write(*out)
	if err != nil {
		return err
	}
	if *machine {
		_, err = stdout.Write(data)
		return err
	}
	return f.print(stdout, *runs)
}

// parseSizes reads the numbers of users of the accounts to sweep.
func parseSizes(list string) (sizes []int, err error) {
	if list == "0" {
		return nil, nil
	}
	for word := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 || n > 5000 {
			return nil, fmt.Errorf("-users %q: want numbers from 1 to 5000 with commas between, or 0 for no sweeps", list)
		}
		sizes = append(sizes, n)
	}
	return sizes, nil
}

// write writes the figures into the folder and returns what it has written.
func (f *figures) write(folder string) ([]byte, error) {
	data, err := json.MarshalIndent(f, "", "  ")
	data = append(data, '\n')
	if err == nil {
		err = os.MkdirAll(folder, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, "bench.json"), data, 0o644)
	}
	if err != nil {
		return nil, fmt.Errorf("write figures: %w", err)
	}
	return data, nil
}

// targets are what the functions should be, against the floor of the same run.
var targets = []struct {
	name  string
	limit float64
	of    func(Function) float64
}{
	{"cold start below three times the floor", 3, func(f Function) float64 { return f.InitRatio }},
	{"memory below twice the floor", 2, func(f Function) float64 { return f.RSSRatio }},
	{"zip below 5 MB", 5, func(f Function) float64 { return float64(f.ZipBytes) / 1e6 }},
}

// printTable prints a title, a header and rows, whose columns have tabs between them.
func printTable[T any](w io.Writer, title, header string, rows []T, format func(T) string) error {
	if len(rows) == 0 {
		return nil
	}
	fmt.Fprint(w, title+"\n\n")
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, header)
	for _, row := range rows {
		fmt.Fprintln(table, format(row))
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print table: %w", err)
	}
	_, err := fmt.Fprintln(w)
	return err
}

// print prints the figures as tables.
func (f *figures) print(w io.Writer, runs int) error {
	functions := maps.Clone(f.Functions)
	functions[floorName] = Function{Started: f.Floor, InitRatio: 1, RSSRatio: 1}
	names := append([]string{floorName}, slices.Sorted(maps.Keys(f.Functions))...)
	return errors.Join(
		printTable(w,
			fmt.Sprintf("Cold starts: medians of %d, each function against the floor, which does nothing.", runs),
			"init ms\t×\tMB\t×\tfirst event ms\tCPU ms\tpeak MB\tbinary MB\tzip MB\t \tfunction",
			names, func(name string) string {
				f := functions[name]
				return fmt.Sprintf("%.1f\t%.2f\t%.1f\t%.2f\t%.1f\t%.1f\t%.1f\t%.2f\t%.2f\t \t%s", f.InitMS, f.InitRatio,
					f.RSSKB/1024, f.RSSRatio, f.FirstMS, f.CPUMS, f.HighKB/1024,
					float64(f.BinaryBytes)/1e6, float64(f.ZipBytes)/1e6, name)
			}),
		f.printTargets(w),
		printTable(w, "The warm path: our own code, each benchmark against the first of its group.",
			"µs\t×\tkB\t×\tallocations\t \tbenchmark", f.Warm, func(w Warm) string {
				return fmt.Sprintf("%.1f\t%.2f\t%.1f\t%.2f\t%.0f\t \t%s: %s",
					w.Nanoseconds/1000, w.TimeRatio, w.Bytes/1000, w.MemoryRatio, w.Allocations, w.Package, w.Name)
			}),
		printTable(w, "The first sweep of an account in which one user in a hundred has a finding.",
			"users\tcalls\tIAM\tledger\tseconds\tpeak MB\ton\t \tcontrol", f.Sweep, func(s Swept) string {
				return fmt.Sprintf("%d\t%d\t%d\t%d\t%.2f\t%.1f\t%s\t \t%s",
					s.Users, s.Calls, s.IAM, s.Ledger, s.Seconds, float64(s.RSSKB)/1024, s.On, s.Control)
			}),
		printTable(w, "A burst through one warm function, one event after the other; in memory no requests are signed.",
			"events\ta second and core\ta second\t×\ton\t \tfunction", f.Burst, func(b Bursted) string {
				return fmt.Sprintf("%d\t%.0f\t%.0f\t%.1f\t%s\t \t%s: %s",
					b.Events, b.PerSecond, b.Elapsed, b.Ratio, b.On, b.Function, b.Path)
			}),
		printTable(w, "Events that arrive at once at a function with a concurrency limit; the topic refuses two notices.",
			"limit\tevents\twaited\tovertaken\tretried\tdone\tnotified\tlost\tseconds\t", f.Queue, func(q Queued) string {
				return fmt.Sprintf("%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%.1f\t", q.Concurrency, q.Events, q.Waited,
					q.Overtaken, q.Retried, q.Done, q.Notified, q.Events-q.Done-q.Kept, q.Seconds)
			}),
	)
}

func (f *figures) printTargets(w io.Writer) error {
	for _, target := range targets {
		worst := slices.MaxFunc(slices.Sorted(maps.Keys(f.Functions)), func(a, b string) int {
			return cmp.Compare(target.of(f.Functions[a]), target.of(f.Functions[b]))
		})
		value, result := target.of(f.Functions[worst]), "met"
		if value >= target.limit {
			result = "MISSED"
		}
		fmt.Fprintf(w, "%-8s%s: at most %.2f (%s)\n", result, target.name, value, worst)
	}
	_, err := fmt.Fprintln(w)
	return err
}
