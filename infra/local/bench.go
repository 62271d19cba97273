package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/warder-aws/warder/infra/local/bench"
)

// figures are what a measurement came to, as dist/bench.json has them.
type figures struct {
	Floor     bench.Started             `json:"floor"`
	Functions map[string]bench.Function `json:"functions"`
	Warm      []bench.Warm              `json:"warm,omitempty"`
	Sweep     []bench.Swept             `json:"sweep,omitempty"`
	Fits      []bench.Fit               `json:"fits,omitempty"`
	Burst     []bench.Bursted           `json:"burst,omitempty"`
	Queue     []bench.Queued            `json:"queue,omitempty"`
}

// What the functions are to be, against the floor of the same run.
const (
	initTarget = 3.0
	rssTarget  = 2.0
	zipTarget  = 5.0 // MB
)

// queued is how many events come at once to a function that handles few at a time.
const queued = 24

// measure is the command bench: how fast and how small the functions are.
func measure(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	runs := flags.Int("runs", 30, "")
	users := flags.String("users", "100,1000,5000", "")
	warm := flags.String("warm", "500ms", "")
	events := flags.Int("events", 300, "")
	out := flags.String("out", "dist", "")
	machine := flags.Bool("json", false, "")
	others, err := parseFlags(flags, args, stderr)
	if err != nil {
		return err
	}
	sizes, fault := sizesOf(*users)
	switch {
	case len(others) > 0:
		fault = fmt.Sprintf("bench takes no %q", others[0])
	case *runs < 1:
		fault = fmt.Sprintf("-runs %d: want at least 1", *runs)
	case *events < 0:
		fault = fmt.Sprintf("-events %d: want at least 1, or 0 for no burst", *events)
	}
	if fault != "" {
		fmt.Fprintln(stderr, "local:", fault)
		return errUsage
	}
	last := time.Now()
	progress := func(format string, args ...any) {
		if time.Since(last) > 5*time.Second {
			last = time.Now()
			fmt.Fprintf(stderr, format+"\n", args...)
		}
	}
	var f figures
	if f.Floor, f.Functions, err = bench.Start(ctx, *runs, progress); err != nil {
		return err
	}
	if *warm != "0" {
		progress("running the Go benchmarks ...")
		if f.Warm, err = bench.Benchmarks(ctx, *warm); err != nil {
			return err
		}
	}
	if len(sizes) > 0 {
		if f.Sweep, err = bench.Sweep(ctx, sizes, progress); err != nil {
			return err
		}
		f.Fits = bench.Fits(f.Sweep)
	}
	if *events > 0 {
		if f.Burst, err = bench.Burst(ctx, *events, progress); err != nil {
			return err
		}
		if f.Queue, err = bench.Queue(ctx, queued); err != nil {
			return err
		}
	}
	data, err := f.keep(*out)
	if err != nil {
		return err
	}
	if *machine {
		_, err = stdout.Write(data)
		return err
	}
	return f.print(stdout, *runs)
}

// sizesOf reads numbers of users; fault says what is wrong with them.
func sizesOf(list string) (sizes []int, fault string) {
	if list == "0" {
		return nil, ""
	}
	for word := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 || n > 5000 {
			return nil, fmt.Sprintf("-users %q: want numbers from 1 to 5000 with commas between, or 0 for no sweeps", list)
		}
		sizes = append(sizes, n)
	}
	return sizes, ""
}

// keep writes the figures, and their plot, into the folder.
func (f *figures) keep(folder string) ([]byte, error) {
	data, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode figures: %w", err)
	}
	data = append(data, '\n')
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, fmt.Errorf("keep figures: %w", err)
	}
	if err := os.WriteFile(filepath.Join(folder, "bench.json"), data, 0o644); err != nil {
		return nil, fmt.Errorf("keep figures: %w", err)
	}
	if len(f.Fits) == 0 {
		return data, nil
	}
	var plot bytes.Buffer
	if err := bench.Plot(&plot, f.Sweep); err != nil {
		return nil, fmt.Errorf("plot sweeps: %w", err)
	}
	if err := os.WriteFile(filepath.Join(folder, "sweep.svg"), plot.Bytes(), 0o644); err != nil {
		return nil, fmt.Errorf("keep plot: %w", err)
	}
	return data, nil
}

// print prints the tables, and what misses its target.
func (f *figures) print(stdout io.Writer, runs int) error {
	fmt.Fprintf(stdout, "Cold starts: medians of %d, each function against the floor, which does nothing.\n\n", runs)
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "init ms\t×\tMB\t×\tfirst event ms\tCPU ms\tpeak MB\tbinary MB\tzip MB\t \tfunction")
	row := func(name string, s bench.Started, initRatio, rssRatio, binary, zip string) {
		fmt.Fprintf(table, "%.1f\t%s\t%.1f\t%s\t%.1f\t%.1f\t%.1f\t%s\t%s\t \t%s\n", s.InitMS, initRatio, s.RSSKB/1024, rssRatio, s.FirstMS, s.CPUMS, s.HighKB/1024, binary, zip, name)
	}
	row(bench.Floor, f.Floor, "1.00", "1.00", "", "")
	for _, id := range slices.Sorted(maps.Keys(f.Functions)) {
		m := f.Functions[id]
		row(id, m.Started, fmt.Sprintf("%.2f", m.InitRatio), fmt.Sprintf("%.2f", m.RSSRatio), fmt.Sprintf("%.2f", float64(m.BinaryBytes)/1e6), fmt.Sprintf("%.2f", float64(m.ZipBytes)/1e6))
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print table: %w", err)
	}
	fmt.Fprintln(stdout)
	for _, target := range []struct {
		name  string
		limit float64
		of    func(bench.Function) float64
	}{
		{"cold start below three times the floor", initTarget, func(m bench.Function) float64 { return m.InitRatio }},
		{"memory below twice the floor", rssTarget, func(m bench.Function) float64 { return m.RSSRatio }},
		{"zip below 5 MB", zipTarget, func(m bench.Function) float64 { return float64(m.ZipBytes) / 1e6 }},
	} {
		worst := bench.Worst(f.Functions, target.of)
		value, verdict := target.of(f.Functions[worst]), "met"
		if value >= target.limit {
			verdict = "MISSED"
		}
		fmt.Fprintf(stdout, "%-8s%s: at most %.2f (%s)\n", verdict, target.name, value, worst)
	}
	if len(f.Warm) > 0 {
		fmt.Fprint(stdout, "\nThe warm path: our own code, each benchmark against the first of its group.\n\n")
		table = tabwriter.NewWriter(stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(table, "µs\t×\tkB\t×\tallocations\t \tbenchmark")
		for _, w := range f.Warm {
			fmt.Fprintf(table, "%.1f\t%.2f\t%.1f\t%.2f\t%.0f\t \t%s: %s\n", w.Nanoseconds/1000, w.TimeRatio, w.Bytes/1000, w.MemoryRatio, w.Allocations, w.Package, w.Name)
		}
		if err := table.Flush(); err != nil {
			return fmt.Errorf("print table: %w", err)
		}
	}
	if err := f.printSweeps(stdout); err != nil {
		return err
	}
	return f.printBurst(stdout)
}

func (f *figures) printSweeps(stdout io.Writer) error {
	if len(f.Sweep) == 0 {
		return nil
	}
	fmt.Fprint(stdout, "\nThe first sweep of an account, in which one user in a hundred gives it something to do.\n\n")
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "users\tcalls\tIAM\tledger\tseconds\tpeak MB\ton\t \tcontrol")
	for _, s := range f.Sweep {
		fmt.Fprintf(table, "%d\t%d\t%d\t%d\t%.2f\t%.1f\t%s\t \t%s\n", s.Users, s.Calls, s.IAM, s.Ledger, s.Seconds, float64(s.RSSKB)/1024, s.On, s.Control)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print table: %w", err)
	}
	if len(f.Fits) == 0 {
		return nil
	}
	fmt.Fprint(stdout, "\nHow that grows on moto: to which power of the number of users, and as a line.\n\n")
	table = tabwriter.NewWriter(stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "what\tpower\tat first\ta thousand users\tR²\t \tcontrol")
	for _, fit := range f.Fits {
		if fit.On != bench.Moto { // the others are in the JSON
			continue
		}
		what := map[string]string{"rss_kb": "MB"}[fit.Of]
		fmt.Fprintf(table, "%s\t%.2f\t%.1f\t%+.1f\t%.2f\t \t%s\n", cmp.Or(what, fit.Of), fit.Power, fit.Base, 1000*fit.PerUser, fit.R2, fit.Control)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print table: %w", err)
	}
	return nil
}

func (f *figures) printBurst(stdout io.Writer) error {
	if len(f.Burst) == 0 {
		return nil
	}
	fmt.Fprint(stdout, "\nA burst through one warm function, one event after the other: how many one core would handle if it never waited for AWS, how many there\n"+
		"were in a second, and the own time of an event against the floor's. In memory there are no requests to sign and no answers to read.\n\n")
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "events\ta second and core\ta second\t×\ton\t \tfunction")
	for _, b := range f.Burst {
		fmt.Fprintf(table, "%d\t%.0f\t%.0f\t%.1f\t%s\t \t%s: %s\n", b.Events, b.PerSecond, b.Elapsed, b.Ratio, b.On, b.Function, b.Path)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print table: %w", err)
	}
	fmt.Fprint(stdout, "\nEvents that come at once to a function that may handle few at a time; the topic refuses two notices.\n\n")
	table = tabwriter.NewWriter(stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "at a time\tevents\twaited\tovertaken\tretried\tdone\ttold\tlost\tseconds\t")
	for _, q := range f.Queue {
		fmt.Fprintf(table, "%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%.1f\t\n", q.Concurrency, q.Events, q.Waited, q.Overtaken, q.Retried, q.Done, q.Told, q.Events-q.Done-q.Kept, q.Seconds)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print table: %w", err)
	}
	return nil
}
