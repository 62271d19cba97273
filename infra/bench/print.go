package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
)

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
	onMoto := slices.DeleteFunc(slices.Clone(f.Fits), func(fit Fit) bool { return fit.On != Moto })
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
		printTable(w, "Growth on moto: as a power of the number of users, and as a line. The rest is in the JSON.",
			"measure\tpower\tat first\ta thousand users\tR²\t \tcontrol", onMoto, func(fit Fit) string {
				measure := map[string]string{"rss_kb": "MB"}[fit.Of]
				return fmt.Sprintf("%s\t%.2f\t%.1f\t%+.1f\t%.2f\t \t%s",
					cmp.Or(measure, fit.Of), fit.Power, fit.Base, 1000*fit.PerUser, fit.R2, fit.Control)
			}),
		printTable(w, "A burst through one warm function, one event after the other: events a second of processor time,\n"+
			"events a second of real time, and the processor time of an event against the floor's. In memory there are\n"+
			"no requests to sign and no answers to read.",
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
