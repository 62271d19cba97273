package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/remediation"
)

// replays is how many times a company that broke an invariant is simulated again to shrink it, at most.
const replays = 200

// widest is a blast radius that no load reaches: the largest that there is. deployedRadius is the one of cdk.json.
const (
	widest         = 1000
	deployedRadius = 10
)

var errBroken = errors.New("an invariant did not hold")

type results struct {
	Companies []summary      `json:"companies"`
	Checks    map[string]int `json:"checks"`
	Sum       int            `json:"sum"`
	Seconds   float64        `json:"seconds"`
	Shrunk    *shrunk        `json:"shrunk,omitempty"`
	Command   string         `json:"command,omitempty"`
}

// simulateAll simulates companies, as many at a time as there are processors, and begins none after one that breaks an
// invariant.
func simulateAll(ctx context.Context, o options, n int, stderr io.Writer) (results, error) {
	all := results{Checks: map[string]int{}}
	var mu sync.Mutex
	var faults []error
	var next atomic.Int64
	var stop atomic.Bool
	var workers sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			for i := next.Add(1); i <= int64(n) && !stop.Load(); i = next.Add(1) {
				company := o
				company.seed += uint64(i - 1)
				s, err := simulate(ctx, company)
				mu.Lock()
				all.Companies = append(all.Companies, s)
				if err != nil {
					faults = append(faults, fmt.Errorf("seed %d: %w", company.seed, err))
				}
				stop.Store(stop.Load() || err != nil || s.Violation != nil)
				if done := len(all.Companies); n > 1 && done%max(n/20, 1) == 0 {
					fmt.Fprintf(stderr, "%d of %d companies\n", done, n)
				}
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	slices.SortFunc(all.Companies, func(a, b summary) int { return int(a.Seed) - int(b.Seed) })
	for _, s := range all.Companies {
		all.Sum += s.Sum
		for invariant, times := range s.Checks {
			all.Checks[invariant] += times
		}
	}
	return all, errors.Join(faults...)
}

// printMonths prints what months came to. A violation is printed before it is shrunk.
func (c command) printMonths(ctx context.Context, all results, o options, asJSON bool) error {
	i := slices.IndexFunc(all.Companies, func(s summary) bool { return s.Violation != nil })
	out := c.out
	if asJSON {
		out = io.Discard
	}
	all.print(out, o)
	if i < 0 {
		fmt.Fprintf(out, "invariants held: %d checks\n", all.Sum)
		return c.encode(asJSON, all)
	}
	v := all.Companies[i].Violation
	o.seed = all.Companies[i].Seed
	if asJSON {
		printViolation(c.errs, v)
	}
	printViolation(out, v)
	fmt.Fprintf(c.errs, "seed %d is simulated again for at most %s (-shrink), without what it does not need for that …\n",
		o.seed, o.shrink)
	least, err := shrink(ctx, o, v, effort{replays, o.shrink})
	if err != nil {
		return err
	}
	all.Shrunk, all.Command = &least, again(o, least)
	fmt.Fprintf(out, "\nwhat it takes: %d of %d occurrences, found in %d replays\n", len(least.Only), least.Of,
		least.Replays)
	for _, line := range described(o, least.Only) {
		fmt.Fprintln(out, "  "+line)
	}
	printViolation(out, least.Violation)
	fmt.Fprintf(out, "\nagain: %s\n", all.Command)
	return errors.Join(c.encode(asJSON, all), fmt.Errorf("seed %d: %w", o.seed, errBroken))
}

// encode prints JSON, if that is wanted.
func (c command) encode(wanted bool, v any) error {
	if !wanted {
		return nil
	}
	encoder := json.NewEncoder(c.out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

func printViolation(out io.Writer, v *violation) {
	fmt.Fprintf(out, "\nbroken: %s\n  %s\n\nthe story\n", v.Invariant, v.What)
	for _, line := range v.Story {
		fmt.Fprintln(out, "  "+line)
	}
}

// again is the command that simulates what is left.
func again(o options, s shrunk) string {
	command := fmt.Sprintf("go run ./infra/simulate -v -days %d -users %d -seed %d", o.days, o.users, o.seed)
	if len(s.Only) > 0 {
		command += " -only " + strings.ReplaceAll(strings.Trim(fmt.Sprint(s.Only), "[]"), " ", ",")
	}
	if s.Alone != "" {
		command += " -alone " + s.Alone
	}
	return command
}

func (r results) print(out io.Writer, o options) {
	counts := map[string]int{}
	for _, s := range r.Companies {
		for what, n := range s.Counts {
			counts[what] += n
		}
	}
	seeds := fmt.Sprint("seed ", r.Companies[0].Seed)
	if last := len(r.Companies) - 1; last > 0 {
		seeds += fmt.Sprint(" to ", r.Companies[last].Seed)
	}
	fmt.Fprintf(out, "%d days of %d users, %s: what happened and what was done\n", o.days, o.users, seeds)
	printCounts(out, counts)
	fmt.Fprintln(out, "\nchecks")
	printCounts(out, r.Checks)
	fmt.Fprintf(out, "\n%.1f seconds\n", r.Seconds)
}

func printCounts(out io.Writer, of map[string]int) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, what := range slices.Sorted(maps.Keys(of)) {
		fmt.Fprintf(t, "%d\t  %s\n", of[what], what)
	}
	_ = t.Flush() // out says so itself
}

// figures are what a load came to.
type figures struct {
	Events      int     `json:"events"`
	Started     int     `json:"started"`     // of a control by an event
	Handled     int     `json:"handled"`     // of these, for the first time
	Repeated    int     `json:"repeated"`    // had been handled before
	Own         int     `json:"own"`         // were of what Warder itself did
	Kept        int     `json:"kept"`        // could not be handled, and were later
	Undecodable int     `json:"undecodable"` // were recorded, and are not understood
	Runs        int     `json:"runs"`        // in the ledger
	Changes     int     `json:"changes"`     // made
	Held        int     `json:"held"`        // changes that the blast radius held
	Notices     int     `json:"notices"`
	Seconds     float64 `json:"seconds"`
	PerSecond   float64 `json:"eventsPerSecond"`
	Calls       int     `json:"calls"` // to AWS
	PerEvent    float64 `json:"callsPerEvent"`
	P50         float64 `json:"p50Milliseconds"` // of handling one event by one control
	P95         float64 `json:"p95Milliseconds"`

	Consequences int      `json:"consequences"` // events of Warder's own changes that were left alone
	Memory       []memory `json:"memory"`
}

func (r *runRecord) figures() figures {
	f := figures{
		Events: len(r.delivered), Kept: len(r.kept), Runs: len(r.contents.Runs), Notices: len(r.notices), Calls: r.calls,
		Memory: r.memory, Seconds: tenth(r.took.Seconds()), Consequences: len(r.consequences), Started: -len(r.redriven),
		PerSecond: tenth(float64(len(r.delivered)) / r.took.Seconds()),
		PerEvent:  tenth(float64(r.calls) / float64(len(r.delivered))),
	}
	var took []time.Duration
	made := map[string]bool{}
	for _, answer := range r.answers() {
		took = append(took, answer.Took)
		f.Started++
		switch {
		case answer.Failed: // counted as kept
		case ownChange(answer.Report):
			f.Own++
		case repeated(answer.Report):
			f.Repeated++
		default:
			f.Handled++
			if answer.Report.Outcome == remediation.Failed {
				f.Undecodable++
			}
		}
		for _, c := range answer.Report.Changes {
			if c.Status == ledger.Verified {
				made[c.ID] = true
			}
			if blasted(c) {
				f.Held++
			}
		}
	}
	f.Changes = len(made)
	slices.Sort(took)
	if n := len(took); n > 0 {
		f.P50, f.P95 = tenth(took[n/2].Seconds()*1000), tenth(took[n*95/100].Seconds()*1000)
	}
	return f
}

func tenth(x float64) float64 { return math.Round(x*10) / 10 }

func (f figures) print(out io.Writer) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(figure any, format string, args ...any) {
		if x, ok := figure.(float64); ok {
			figure = fmt.Sprintf("%.1f", x)
		}
		fmt.Fprintf(table, "%v\t  "+format+"\n", append([]any{figure}, args...)...)
	}
	line(f.Events, "events")
	line(f.Started, "times that one of them started a control")
	line(f.Handled, "of these were handled, %d of them recorded as undecodable", f.Undecodable)
	line(f.Repeated, "had been handled before")
	line(f.Kept, "failed three times, were kept, and were handled when redriven")
	line(f.Runs, "runs in the ledger")
	line(f.Changes, "changes made")
	line(f.Held, "changes held by the blast radius")
	line(f.Notices, "notices")
	line(f.Consequences, "events of Warder's own changes, left alone")
	line(f.PerSecond, "events a second, for %.0f s", f.Seconds)
	line(f.PerEvent, "AWS calls an event, %d in all", f.Calls)
	line(f.P50, "ms to handle an event by a control, at the median")
	line(f.P95, "ms at the 95th percentile")
	for _, m := range f.Memory {
		if m.Processes > 0 {
			line(float64(m.Functions)/1e6, "MB resident, in %d processes of functions after %d events", m.Processes, m.Events)
		}
	}
	for _, m := range f.Memory {
		line(float64(m.Heap)/1e6, "MB of heap here, after %d events", m.Events)
	}
	_ = table.Flush() // out says so itself
}

// runLoad runs a load on the account in memory, or on a local account.
func (c command) runLoad(ctx context.Context, o loadOptions, emulated bool) (*runRecord, error) {
	o.from = time.Now().UTC().AddDate(0, 0, -15).Truncate(24 * time.Hour)
	var on target
	var err error
	if emulated {
		e, err := openEmulator(ctx, &o, c.errs)
		if err != nil {
			return nil, err
		}
		defer e.account.Close()
		on = e
	} else if on, err = openMemory(&o); err != nil {
		return nil, err
	}
	begin, last := time.Now(), time.Now()
	o.progress = func(delivered int) {
		if time.Since(last) >= 10*time.Second || delivered == o.events {
			last = time.Now()
			rate := float64(delivered) / time.Since(begin).Seconds()
			fmt.Fprintf(c.errs, "%d of %d events, %.1f a second\n", delivered, o.events, rate)
		}
	}
	return runLoad(ctx, o, on)
}

// printLoad prints what a load came to. An error says that an invariant did not hold.
func (c command) printLoad(record *runRecord, seed uint64, asJSON bool) error {
	v, figures := record.audit(), record.figures()
	if !asJSON {
		figures.print(c.out)
		for _, broken := range v.violations {
			fmt.Fprintln(c.out, "broken:", broken)
		}
		if len(v.violations) == 0 {
			fmt.Fprintf(c.out, "nothing lost: %d checks\n", v.sum())
		}
	}
	err := c.encode(asJSON, map[string]any{
		"seed": seed, "figures": figures, "checks": v.sum(), "violations": v.violations,
	})
	if n := len(v.violations); n > 0 {
		err = errors.Join(err, fmt.Errorf("%d of %d checks fail; the same events again: -seed %d", n, v.sum(), seed))
	}
	return err
}
