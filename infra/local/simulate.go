package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
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

	"github.com/warder-aws/warder/infra/local/simulate"
)

// shrinking is how many times a company that broke an invariant is played again, at most.
const shrinking = 400

// simulation is the command simulate: months of a made-up company, or of many, and what Warder promises
// checked after every step.
func simulation(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("simulate", flag.ContinueOnError)
	o := simulate.Options{}
	flags.IntVar(&o.Days, "days", 400, "")
	flags.IntVar(&o.Users, "users", 200, "")
	flags.Uint64Var(&o.Seed, "seed", 1, "")
	seeds := flags.Int("seeds", 1, "")
	only := flags.String("only", "", "")
	flags.StringVar(&o.Alone, "alone", "", "")
	verbose := flags.Bool("v", false, "")
	asJSON := flags.Bool("json", false, "")
	others, err := parseFlags(flags, args, stderr)
	if err != nil {
		return err
	}
	var fault string
	switch {
	case len(others) > 0:
		fault = fmt.Sprintf("simulate takes no %q", others[0])
	case o.Days < 1 || o.Days > 5000:
		fault = fmt.Sprintf("-days %d: want 1 to 5000", o.Days)
	case o.Users < 1 || o.Users > 900:
		fault = fmt.Sprintf("-users %d: want 1 to 900", o.Users)
	case *seeds < 1:
		fault = fmt.Sprintf("-seeds %d: want at least 1", *seeds)
	case *seeds > 1 && (*verbose || *only != "" || o.Alone != ""):
		fault = "-seeds is for many companies, -v, -only and -alone are for one"
	}
	if *only != "" && fault == "" {
		o.Only = map[int]bool{}
		for word := range strings.SplitSeq(*only, ",") {
			id, err := strconv.Atoi(word)
			if err != nil {
				fault = fmt.Sprintf("-only %q: want numbers of happenings with commas between, as a violation gives them", *only)
			}
			o.Only[id] = true
		}
	}
	if fault != "" {
		fmt.Fprintln(stderr, "local:", fault)
		return errUsage
	}
	if *verbose {
		o.Day = func(day time.Time, lines []string) {
			for _, line := range lines {
				fmt.Fprintln(stdout, line)
			}
		}
	}
	began := time.Now()
	played, err := playAll(ctx, o, *seeds, stderr)
	if err != nil {
		return err
	}
	var broken *simulate.Summary
	for i := range played.Companies {
		if s := &played.Companies[i]; s.Violation != nil && broken == nil {
			broken = s
		}
	}
	played.Seconds = time.Since(began).Seconds()
	if broken != nil {
		fmt.Fprintf(stderr, "seed %d breaks an invariant; it is played again without what it does not need for that …\n", broken.Seed)
		o.Seed, o.Day = broken.Seed, nil
		shrunk, err := simulate.Shrink(ctx, o, broken.Violation, shrinking)
		if err != nil {
			return err
		}
		played.Shrunk, played.Command = &shrunk, again(o, shrunk)
	}
	if *asJSON {
		encoder := json.NewEncoder(stdout)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(played); err != nil {
			return err
		}
	} else {
		played.tell(stdout, o, styleOf(stdout))
	}
	if broken != nil {
		return fmt.Errorf("seed %d: %w", broken.Seed, errBroken)
	}
	return nil
}

var errBroken = errors.New("an invariant did not hold")

// play is what the command tells.
type play struct {
	Companies []simulate.Summary `json:"companies"`
	Checks    map[string]int     `json:"checks"`
	Sum       int                `json:"sum"`
	Seconds   float64            `json:"seconds"`
	Shrunk    *simulate.Shrunk   `json:"shrunk,omitempty"`
	Command   string             `json:"command,omitempty"`
}

// playAll plays companies, as many at a time as there are processors, and begins none after one that
// breaks an invariant.
func playAll(ctx context.Context, o simulate.Options, n int, stderr io.Writer) (play, error) {
	all := play{Companies: make([]simulate.Summary, n), Checks: map[string]int{}}
	var mu sync.Mutex
	var faults []error
	next, done, broken := 0, 0, false
	var workers sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			for {
				mu.Lock()
				i := next
				next++
				stop := i >= n || broken || len(faults) > 0
				mu.Unlock()
				if stop {
					return
				}
				company := o
				company.Seed += uint64(i)
				s, err := simulate.Run(ctx, company)
				mu.Lock()
				all.Companies[i] = s
				broken = broken || s.Violation != nil
				if err != nil {
					faults = append(faults, fmt.Errorf("seed %d: %w", company.Seed, err))
				}
				done++
				if n > 1 && done%max(n/20, 1) == 0 {
					fmt.Fprintf(stderr, "%d of %d companies\n", done, n)
				}
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	all.Companies = slices.DeleteFunc(all.Companies, func(s simulate.Summary) bool { return s.Days == 0 })
	for _, s := range all.Companies {
		all.Sum += s.Sum
		for invariant, times := range s.Checks {
			all.Checks[invariant] += times
		}
	}
	return all, errors.Join(faults...)
}

// again is the command that plays what is left.
func again(o simulate.Options, s simulate.Shrunk) string {
	var ids []string
	for _, id := range s.Only {
		ids = append(ids, strconv.Itoa(id))
	}
	command := fmt.Sprintf("go run ./infra/local simulate -v -days %d -users %d -seed %d", o.Days, o.Users, o.Seed)
	if len(ids) > 0 {
		command += " -only " + strings.Join(ids, ",")
	}
	if s.Alone != "" {
		command += " -alone " + s.Alone
	}
	return command
}

func (p play) tell(out io.Writer, o simulate.Options, style style) {
	counts := map[string]int{}
	for _, s := range p.Companies {
		for what, n := range s.Counts {
			counts[what] += n
		}
	}
	table := func(of map[string]int) {
		t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
		for _, what := range slices.Sorted(maps.Keys(of)) {
			fmt.Fprintf(t, "%d\t  %s\n", of[what], what)
		}
		_ = t.Flush() // what cannot be written here cannot be told of either
	}
	fmt.Fprintf(out, "%s\n", style.bold(fmt.Sprintf("%d days of %d users, seed %d%s: what happened, was done and was told",
		o.Days, o.Users, p.Companies[0].Seed, map[bool]string{true: fmt.Sprintf(" to %d", p.Companies[len(p.Companies)-1].Seed)}[len(p.Companies) > 1])))
	table(counts)
	fmt.Fprintf(out, "\n%s\n", style.bold("checks"))
	table(p.Checks)
	fmt.Fprintf(out, "\n%.1f seconds\n", p.Seconds)
	if p.Shrunk == nil {
		fmt.Fprintf(out, "invariants held: %d checks\n", p.Sum)
		return
	}
	v := p.Shrunk.Violation
	fmt.Fprintf(out, "\n%s\n  %s\n", style.paint("31", "broken: "+v.Invariant), v.What)
	fmt.Fprintf(out, "\n%s\n", style.bold(fmt.Sprintf("what it takes: %d of %d happenings, found in %d plays", len(p.Shrunk.Only), p.Shrunk.Of, p.Shrunk.Plays)))
	for _, line := range simulate.Told(o, p.Shrunk.Only) {
		fmt.Fprintln(out, "  "+line)
	}
	fmt.Fprintf(out, "\n%s\n", style.bold("the story"))
	for _, line := range v.Story {
		fmt.Fprintln(out, "  "+line)
	}
	fmt.Fprintf(out, "\nagain: %s\n", p.Command)
}
