package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
)

// replays is how many times a company that broke an invariant is simulated again, at most.
const replays = 200

// widest is a blast radius that no load reaches: the largest that there is.
const widest = 1000

// deployedRadius is the one of cdk.json.
const deployedRadius = 10

var errBroken = errors.New("an invariant did not hold")

// results are what is printed of months.
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
	next, broken := 0, false
	var workers sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			mu.Lock()
			defer mu.Unlock()
			for next < n && !broken && len(faults) == 0 {
				company := o
				company.seed += uint64(next)
				next++
				mu.Unlock()
				s, err := simulate(ctx, company)
				mu.Lock()
				all.Companies = append(all.Companies, s)
				broken = broken || s.Violation != nil
				if err != nil {
					faults = append(faults, fmt.Errorf("seed %d: %w", company.seed, err))
				}
				if done := len(all.Companies); n > 1 && done%max(n/20, 1) == 0 {
					fmt.Fprintf(stderr, "%d of %d companies\n", done, n)
				}
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
		out = c.errs
	}
	printViolation(out, v)
	fmt.Fprintf(c.errs, "seed %d is simulated again, at most %d times, without what it does not need for that …\n",
		o.seed, replays)
	least, err := shrink(ctx, o, v, replays)
	if err != nil {
		return err
	}
	all.Shrunk, all.Command = &least, again(o, least)
	if !asJSON {
		least.print(out, o, all.Command)
	}
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

// print prints what a violation takes, and how to see it again.
func (s shrunk) print(out io.Writer, o options, command string) {
	fmt.Fprintf(out, "\nwhat it takes: %d of %d occurrences, found in %d replays\n", len(s.Only), s.Of, s.Replays)
	for _, line := range described(o, s.Only) {
		fmt.Fprintln(out, "  "+line)
	}
	printViolation(out, s.Violation)
	fmt.Fprintf(out, "\nagain: %s\n", command)
}

// again is the command that simulates what is left.
func again(o options, s shrunk) string {
	command := fmt.Sprintf("go run ./infra/simulate -v -days %d -users %d -seed %d", o.days, o.users, o.seed)
	var ids []string
	for _, id := range s.Only {
		ids = append(ids, strconv.Itoa(id))
	}
	if len(ids) > 0 {
		command += " -only " + strings.Join(ids, ",")
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

// runLoad runs a load on the account in memory, or on a local account.
func (c command) runLoad(ctx context.Context, o loadOptions, emulated bool) (*runRecord, error) {
	o.from = time.Now().UTC().AddDate(0, 0, -15).Truncate(24 * time.Hour)
	var on target
	if emulated {
		e, err := openEmulator(ctx, &o, c.errs)
		if err != nil {
			return nil, err
		}
		defer e.account.Close()
		on = e
	} else {
		var err error
		if on, err = openMemory(&o); err != nil {
			return nil, err
		}
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
	err := c.encode(asJSON, map[string]any{"seed": seed, "figures": figures, "checks": v.sum(),
		"violations": v.violations})
	if n := len(v.violations); n > 0 {
		err = errors.Join(err, fmt.Errorf("%d of %d checks fail; the same events again: -seed %d", n, v.sum(), seed))
	}
	return err
}
